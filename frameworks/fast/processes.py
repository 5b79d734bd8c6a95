"""Workers in processes of their own, which share the memory of the weights."""

import mmap
import multiprocessing
import os
import signal
import sys
import warnings
from math import prod
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

from frameworks.fast.threads import blas
from frameworks.fast.worker import Worker

SPIN = 0.001  # seconds; to be woken up four times would take 20 % of a step (seed)


def shared(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array of zeros whose memory forked processes share."""
    size = prod(shape)
    memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def why_not() -> str | None:
    """Return why this process cannot have others work for it, if that is so."""
    if sys.platform != "linux":
        return f"processes that share memory by fork are not safe on {sys.platform}"
    if multiprocessing.current_process().daemon:
        return "this process is a worker itself, and may have none of its own"
    return None


class Processes:
    """A worker in this process and others in forked ones, for the time of a fit.

    They do not wait for Python's lock: 1.2 times as fast as threads (network seed).
    """

    def __init__(self, worker: Worker, weights: list[np.ndarray]) -> None:
        """Take the worker that the others are copies of, and all weights, shared."""
        self.worker, self.weights = worker, weights
        self.children: list[Child] = []

    def call(self, name: str, arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
        """Let each worker do what `name` says with its array; return their results."""
        mine, *others = arrays
        with blas.limit(limits=1):
            while len(self.children) < len(others):
                self.children.append(self._fork(arrays))
            for child, array in zip(self.children, others, strict=False):
                child.start(name, array)
            results = [getattr(self.worker, name)(mine)]
            for child, _ in zip(self.children, others, strict=False):
                results.append(child.finish())
            return results

    def close(self) -> None:
        """End the processes."""
        while self.children:
            self.children.pop().close()

    def _fork(self, arrays: list[np.ndarray]) -> "Child":
        """Return a new child with room for a whole batch; the first is the largest."""
        logits = self.weights[-1].size * sum(map(len, arrays))
        gradients = sum(weight.size for weight in self.weights)
        rooms = {"forward": sum(a.size for a in arrays), "backward": logits}
        results = max(logits, gradients)
        return Child(self.worker, rooms, results, arrays[0].dtype)


class Child:
    """A worker in a forked process; arrays come and go through shared memory."""

    def __init__(
        self, worker: Worker, rooms: dict[str, int], results: int, dtype: np.dtype
    ) -> None:
        """Start it; `rooms` and `results` are how many numbers go in and come out."""
        self.worker = worker
        self.rooms = {name: shared((size,), dtype) for name, size in rooms.items()}
        self.results = shared((results,), dtype)
        sent = shared((2,), np.int64)
        here, there = multiprocessing.Pipe()
        self.line = Line(here, sent, 0)
        with warnings.catch_warnings():
            # Of a fork beside threads: the child needs none of them, nor their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._serve(Line(there, sent, 1))
        there.close()

    def start(self, name: str, array: np.ndarray) -> None:
        """Hand over an array, and say what to do with it."""
        self._room(name, array.shape)[:] = array
        try:
            self.line.send((name, array.shape))
        except OSError:
            raise self._gone() from None

    def finish(self) -> list[np.ndarray]:
        """Return the results of what was started last; they stay until the next."""
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
        """Return the error that says that the process has ended."""
        return RuntimeError(
            f"a process of n_jobs ended with exit code {self._wait()}, perhaps out of "
            "memory: use n_jobs=None."
        )

    def _room(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return the shared array that `name` is called with."""
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
        """Be the process: work until the other end of the line is closed, or gone."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
            self.line.connection.close()
            while True:
                name, shape = line.receive()
                line.send(self._answer(name, shape))
        finally:
            os._exit(0)  # nothing of what the parent would do at its end

    def _answer(self, name: str, shape: tuple[int, ...]) -> Any:
        """Do what was asked; return the results' shapes, or the error."""
        try:
            results = getattr(self.worker, name)(self._room(name, shape))
        except Exception as error:
            return error
        np.concatenate(
            [result.ravel() for result in results],
            out=self.results[: sum(result.size for result in results)],
        )
        return [result.shape for result in results]


class Line:
    """One end of a pipe, whose reader stays awake for a moment before it sleeps."""

    def __init__(self, connection: Connection, sent: np.ndarray, end: int) -> None:
        """Share `sent`, the number of messages of each end, with the other end."""
        self.connection, self.sent, self.end = connection, sent, end
        self.received = 0

    def send(self, message: Any) -> None:
        """Send it, then count it."""
        self.connection.send(message)
        self.sent[self.end] += 1

    def receive(self) -> Any:
        """Return the next message; EOFError where the other end is gone."""
        other = 1 - self.end
        until = perf_counter() + SPIN
        while self.sent[other] == self.received and perf_counter() < until:
            os.sched_yield()  # to the other end, should it be on the same core
        self.received += 1
        return self.connection.recv()
