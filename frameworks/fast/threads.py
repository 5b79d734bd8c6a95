"""Workers on threads: NumPy does not hold Python's lock while it computes."""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from joblib import cpu_count
from threadpoolctl import ThreadpoolController

from frameworks.fast.worker import Worker
from frameworks.held import Held

blas = ThreadpoolController().select(user_api="blas")


class OneThread(Held):
    """The context in which BLAS takes one thread; `allowed` is how many it had."""

    def __init__(self) -> None:
        super().__init__(self._limit)

    def _limit(self) -> Callable[[], object]:
        self.allowed = _allowed()
        before = [library.get_num_threads() for library in blas.lib_controllers]
        _set_threads([1] * len(before))
        return partial(_set_threads, before)


def _set_threads(numbers: list[int]) -> None:
    """Give each BLAS a number of threads, whichever thread asks for it.

    threadpoolctl lets the first thread alone change it, and ignores others. They share
    the change here, so that any of them may be the one that makes or undoes it.
    """
    for library, number in zip(blas.lib_controllers, numbers, strict=True):
        release = getattr(library, "clear_controlling_thread", None)
        if release:
            release(force=True)
        library.set_num_threads(number)
        if release:
            release(force=True)


def _allowed() -> int:
    limits = [library["num_threads"] for library in blas.info()]
    return max(limits, default=os.cpu_count() or 1)


one_thread = OneThread()


class Threads:
    """Workers that compute at the same time, each with a BLAS of one thread."""

    def __init__(self, workers: list[Worker]) -> None:
        self.workers = workers

    def call(self, name: str, arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Call the method `name` of each worker with its array; return the results."""
        calls = [
            partial(getattr(worker, name), array)
            for worker, array in zip(self.workers, arrays, strict=False)
        ]
        with one_thread:
            return crew.run(calls) if len(calls) > 1 else [calls[0]()]


class Crew:
    """The threads of this process, for all models; started when first needed."""

    def __init__(self) -> None:
        self.tasks: queue.SimpleQueue = queue.SimpleQueue()
        self.threads = 0

    def run(self, work: Sequence[Callable[[], Any]]) -> list[Any]:
        """Make all the calls, the first on this thread; return what they return.

        Raises
        ------
        BaseException
            The first error, in the order of the calls, after all of them have ended.
        """
        if not self.grow(len(work) - 1):  # those that started do more
            return [call() for call in work]
        done: queue.SimpleQueue = queue.SimpleQueue()
        for task in list(enumerate(work))[1:]:
            self.tasks.put((*task, done))
        _do(0, work[0], done)
        outcomes = sorted((done.get() for _ in work), key=lambda outcome: outcome[0])
        for _, _, error in outcomes:
            if error is not None:
                raise error
        return [result for _, result, _ in outcomes]

    def grow(self, wanted: int) -> int:
        """Start threads until there are as many as wanted; return how many there are.

        They are fewer where the system has no more.
        """
        try:
            while self.threads < wanted:
                threading.Thread(target=self._serve, daemon=True).start()
                self.threads += 1
        except RuntimeError:
            pass
        return self.threads

    def _serve(self) -> None:
        while True:
            _do(*self.tasks.get())


def _do(number: int, call: Callable[[], Any], done: queue.SimpleQueue) -> None:
    """Make a call; put its number, and its result or its error, into `done`."""
    result = error = None
    try:
        result = call()
    except BaseException as problem:  # KeyboardInterrupt too: others still compute
        error = problem
    done.put((number, result, error))


def count() -> int:
    """Return how many threads BLAS may use: the default number of workers.

    Where nobody has said how many, BLAS takes one a core that it sees; the share of
    them that a container may use, it does not see.
    """
    with one_thread.lock:
        allowed = one_thread.allowed if one_thread.holders else _allowed()
    return min(allowed, cpu_count()) if allowed == _cores_seen() else allowed


def wanted(n_jobs: int | None) -> int:
    """Return how many workers `n_jobs` asks for: None and -1 take the default."""
    return count() if n_jobs in (None, -1) else n_jobs


def shares(n: int, workers: int) -> list[slice]:
    """Return the images of each worker, of n images."""
    edges = [n * k // workers for k in range(workers + 1)]
    return list(map(slice, edges, edges[1:]))


def _cores_seen() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


crew = Crew()
if hasattr(os, "register_at_fork"):  # a forked process has none of the threads

    def _forget() -> None:
        global crew
        crew = Crew()

    os.register_at_fork(after_in_child=_forget)
