"""Where a run took place: what is needed in order to believe its numbers."""

import contextlib
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scikit-learn", "tensorflow", "keras", "torch", "jax")


def describe(threads: int) -> dict[str, Any]:
    """Return python, os, cpu, cores, threads, gpu and package versions."""
    return {
        "python": platform.python_version(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": _cpu(),
        "cores": cores(),
        "threads": threads,
        "gpu": _gpu(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_bytes() -> int:
    """Return the high-water mark of this process's own memory.

    On Linux from VmHWM: `ru_maxrss` also counts what the parent had before the exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def threads_in_use() -> dict[str, int]:
    """Return the number of threads that each loaded library says it uses.

    TensorFlow says 0 where it takes a number from the environment, which is then that
    one. The threads that run its operations side by side can be counted in the system,
    but those that feed Keras with batches have the same name: only fewer than the
    number tell anything.
    """
    from threadpoolctl import threadpool_info

    found = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    if torch := sys.modules.get("torch"):
        found["torch"] = torch.get_num_threads()
    if tensorflow := sys.modules.get("tensorflow"):
        says = tensorflow.config.threading
        inside = says.get_intra_op_parallelism_threads()
        beside = says.get_inter_op_parallelism_threads()
        found["tensorflow"] = inside or _variable("TF_NUM_INTRAOP_THREADS")
        beside = beside or _variable("TF_NUM_INTEROP_THREADS")
        counted = thread_names().count("tf_Compute")
        found["tensorflow inter-op"] = min(beside, counted or beside)
    return found


def _variable(name: str) -> int:
    """Return the number in an environment variable, or 0."""
    return int(os.environ.get(name, 0))


def thread_names() -> list[str]:
    """Return the names of this process's threads, where the system tells them."""
    names = []
    for task in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # one that has just ended
            names.append(task.read_text().strip())
    return names


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


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
