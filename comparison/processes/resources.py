"""What a process has and uses: cores, memory, threads."""

import os
import sys
from pathlib import Path


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
    """Return the number of threads that each loaded library says it uses."""
    from threadpoolctl import threadpool_info

    from frameworks.libraries import loaded

    threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    for library in loaded():
        threads |= library.threads()
    return threads
