"""What a process has and uses: cores, memory, threads."""

import contextlib
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
    """Return the number of threads that each loaded library says it uses.

    TensorFlow says 0 where it takes a number from the environment, which is then that
    one. The threads that run its operations side by side can be counted in the system,
    but those that feed Keras with batches have the same name: only fewer than the
    number tell anything.
    """
    from threadpoolctl import threadpool_info

    threads = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
    if torch := sys.modules.get("torch"):
        threads["torch"] = torch.get_num_threads()
    if tensorflow := sys.modules.get("tensorflow"):
        says = tensorflow.config.threading
        inside = says.get_intra_op_parallelism_threads()
        beside = says.get_inter_op_parallelism_threads()
        threads["tensorflow"] = inside or _variable("TF_NUM_INTRAOP_THREADS")
        beside = beside or _variable("TF_NUM_INTEROP_THREADS")
        counted = thread_names().count("tf_Compute")
        threads["tensorflow inter-op"] = min(beside, counted or beside)
    return threads


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
