"""Where a run took place: what is needed in order to believe its numbers."""

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from comparison import records
from comparison.processes.resources import cores

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


def cpu() -> str:
    """Return the name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
