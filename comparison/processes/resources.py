"""What a process has and uses: cores, memory, threads."""

import sys
from pathlib import Path

import joblib

from frameworks.fast.memory import Growth


def cores() -> int:
    """Return how many cores this process may use, by its share of time as well.

    A container of half a core on a host of 64 may use one.
    """
    return joblib.cpu_count()


def peak_memory_bytes() -> int:
    """Return the high-water mark of this process's memory, and of its workers'.

    On Linux from VmHWM: `ru_maxrss` also counts what the parent had before the exec.
    Workers of Skylark's in forked processes count with what they took besides.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 + Growth.total
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def blas_kernel() -> str | None:
    """Return which of OpenBLAS's kernels NumPy computes with: "SkylakeX"."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if "numpy" in pool["filepath"]]
    return next((pool.get("architecture") for pool in pools), None)


def threads_in_use() -> dict[str, int]:
    """Return the number of threads that each loaded library says it uses."""
    from threadpoolctl import threadpool_info

    from frameworks.libraries import loaded

    threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    for library in loaded():
        threads |= library.threads()
    return threads
