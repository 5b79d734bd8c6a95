"""Workers in processes of their own, which share the memory of the weights."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NoReturn, Protocol

import numpy as np

from frameworks.fast.line import Line
from frameworks.fast.memory import Growth, shared
from frameworks.fast.threads import one_thread


class Worker(Protocol):
    """Computes a share of each batch; it has the weights, in shared memory."""

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """(n, H, W, c) -> [logits (classes, n)]."""

    def backward(self, dlogits: np.ndarray) -> list[np.ndarray]:
        """(classes, n) -> the gradient of each weight, in order."""


def why_not() -> str | None:
    """Return why this process cannot start workers, or None if it can."""
    if sys.platform != "linux":
        return f"processes that share memory by fork are not safe on {sys.platform}"
    if multiprocessing.current_process().daemon:
        return "this process is itself a worker, and may not start others"
    return None


class Processes:
    """One worker in this process and the others in forked ones, for one fit.

    They do not wait for Python's lock: 1.2 times as fast as threads (network seed).
    """

    def __init__(self, workers: Sequence[Worker], weights: list[np.ndarray]) -> None:
        """Fork all workers but the first; the weights are in shared memory."""
        self.workers, self.weights = workers, weights
        self.children: list[Child] = []

    def call(self, name: str, arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Call the method `name` of each worker with its array; return the results."""
        mine, *others = arrays
        with one_thread:
            if not self.children:
                self._fork(arrays)
            for child, array in zip(self.children, others, strict=False):
                child.start(name, array)
            children = self.children[: len(others)]
            return _results(
                [partial(getattr(self.workers[0], name), mine)]
                + [child.finish for child in children]
            )

    def close(self) -> None:
        """End the processes."""
        growth = sum(int(child.growth.most[0]) for child in self.children)
        Growth.total = max(Growth.total, growth)
        while self.children:
            self.children.pop().close()

    def _fork(self, arrays: list[np.ndarray]) -> None:
        """Start the children, with room for a first batch whole: none is larger."""
        logits = self.weights[-1].size * sum(map(len, arrays))
        gradients = sum(weight.size for weight in self.weights)
        rooms = {"forward": sum(a.size for a in arrays), "backward": logits}
        results = max(logits, gradients)
        for worker in self.workers[1:]:
            self.children.append(Child(worker, rooms, results, arrays[0].dtype))


def _results(work: Sequence[Callable[[], list[np.ndarray]]]) -> list[list[np.ndarray]]:
    """Make all calls, and return what they return.

    If some fail, the first error is raised, but for those of workers that waited in
    vain for another.
    """
    results, errors = [], []
    for call in work:
        try:
            results.append(call())
        except Exception as error:
            errors.append(error)
    errors.sort(key=lambda error: isinstance(error, threading.BrokenBarrierError))
    if errors:
        raise errors[0]
    return results


class Child:
    """A worker in a forked process; arrays come and go through shared memory."""

    def __init__(
        self, worker: Worker, rooms: dict[str, int], results: int, dtype: np.dtype
    ) -> None:
        """Fork; `rooms` and `results` are how many numbers go in and come out."""
        self.worker = worker
        self.rooms = {name: shared((size,), dtype) for name, size in rooms.items()}
        self.results = shared((results,), dtype)
        self.growth = Growth()
        sent = shared((2,), np.int64)
        here, there = multiprocessing.Pipe()
        self.line = Line(here, sent, 0)
        with warnings.catch_warnings():
            # Python warns of forking beside threads; the child uses none of them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._serve(Line(there, sent, 1))
        there.close()

    def start(self, name: str, array: np.ndarray) -> None:
        """Call the worker's method `name` with a copy of the array; do not wait."""
        self._room(name, array.shape)[:] = array
        try:
            self.line.send((name, array.shape))
        except OSError:
            raise self._gone() from None

    def finish(self) -> list[np.ndarray]:
        """Wait, and return the results; they are valid until the next call starts."""
        try:
            answer = self.line.receive()
        except (EOFError, OSError):
            raise self._gone() from None
        if isinstance(answer, BaseException):
            raise answer
        ends = np.cumsum([prod(shape) for shape in answer])
        parts = np.split(self.results[: ends[-1]], ends[:-1])
        return [part.reshape(s) for part, s in zip(parts, answer, strict=True)]

    def _gone(self) -> RuntimeError:
        """Return the error for a process that has ended."""
        return RuntimeError(
            f"a process of n_jobs ended with exit code {self._wait()}, perhaps out of "
            "memory: use n_jobs=None."
        )

    def _room(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the shared array that the method `name` is called with."""
        return self.rooms[name][: prod(shape)].reshape(shape)

    def close(self) -> None:
        """End the process, if it has not ended."""
        self.line.connection.close()
        if self.pid:
            self._wait()

    def _wait(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _serve(self, line: "Line") -> NoReturn:
        """Serve the parent until it closes its end of the line, or dies."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
            self.line.connection.close()
            self.growth.begin()
            while True:
                name, shape = line.receive()
                answer = self._answer(name, shape)
                self.growth.note()
                line.send(answer)
        finally:
            os._exit(0)  # without the parent's exit handlers

    def _answer(self, name: str, shape: tuple[int, ...]) -> Any:
        """Call the worker's method; return the shapes of its results, or its error."""
        try:
            results = getattr(self.worker, name)(self._room(name, shape))
        except Exception as error:
            return error
        np.concatenate(
            [result.ravel() for result in results],
            out=self.results[: sum(result.size for result in results)],
        )
        return [result.shape for result in results]
