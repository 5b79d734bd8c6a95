"""Where a run took place: what is needed in order to believe its numbers."""

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from comparison import records
from comparison.processes.resources import cores

VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX"}  # of x86, widest first
PACKAGES = ("numpy", "scikit-learn", "tensorflow", "keras", "torch", "jax")


def describe(threads: int) -> records.Environment:
    """Return python, os, cpu, cores, threads, gpu and package versions."""
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": cpu(),
        "cores": cores(),
        "threads": threads,
        "gpu": _gpu(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    """Return the graphics cards that NVIDIA's driver sees, and its version."""
    if shutil.which("nvidia-smi") is None:
        return None
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    cards = answer.stdout.strip().splitlines()
    return "; ".join(card.replace(", ", " driver ") for card in cards) or None


def cpu(info: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name, and the widest vectors that it computes with.

    A virtual machine may say "AMD EPYC" alone, with AVX-512 and without.
    """
    text = info.read_text() if info.exists() else ""
    lines = (line.partition(":") for line in text.splitlines())
    told = {name.strip(): value.strip() for name, _, value in lines}
    name = told.get("model name") or platform.processor() or platform.machine()
    flags = told.get("flags", "").split()
    widest = next((title for flag, title in VECTORS.items() if flag in flags), None)
    return f"{name}, {widest}" if widest else name
