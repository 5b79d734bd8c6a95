"""Where workers add up what each of them has of a batch."""

import os
import threading
from collections.abc import Callable
from functools import reduce
from time import sleep
from typing import Any

import numpy as np

from frameworks.fast.memory import shared
from frameworks.fast.processes import Child

TRIES = 2000  # before a process that waits lets others have its core for longer
NAP = 50e-6  # seconds
LOOK = 100  # naps between two looks at whether the others are alive


class Meeting:
    """Sums over workers on threads; each asks for the same sums, in the same order."""

    def __init__(self, workers: int) -> None:
        self.barrier = threading.Barrier(workers)
        # Two rooms in turns: nobody can be two sums ahead of another.
        self.rooms: tuple[list[Any], list[Any]] = [None] * workers, [None] * workers
        self.asked = [0] * workers
        self.error: BaseException | None = None

    def total(self, worker: int, part: Any) -> Any:
        """Return the sum of all workers' parts, in the order of the workers."""
        room = self.rooms[self.asked[worker] % 2]
        self.asked[worker] += 1
        room[worker] = part
        self.barrier.wait()
        return reduce(np.add, room)

    def attend(self, call: Callable[[], Any]) -> Any:
        """Make a call of a worker; if it fails, the others do not wait for it."""
        try:
            return call()
        except BaseException as error:
            if not isinstance(error, threading.BrokenBarrierError):
                self.error = self.error or error
            self.barrier.abort()
            raise


class ForkedMeeting:
    """The same in forked processes, which see each other's numbers in shared memory.

    Parameters
    ----------
    workers : int
    most : int
        How many numbers a part has at the most.
    """

    def __init__(self, workers: int, most: int) -> None:
        self.rooms = shared((2, workers, most), float)
        self.asked = shared((workers,), np.int64)
        self.failed = shared((1,), np.int64)
        self.present = shared((1,), np.int64)  # the first so many workers take part
        self.parent = os.getpid()
        self.fence = threading.Lock()
        self.children: list[Child] = []  # of the parent, which alone knows them

    def open(self, workers: int) -> None:
        """Let the first so many workers begin; nobody is in a meeting now."""
        self.asked[:] = 0
        self.failed[0] = 0
        self.present[0] = workers

    def total(self, worker: int, part: Any) -> Any:
        """Return the sum of all workers' parts, in the order of the workers."""
        number, count = int(self.asked[worker]), int(self.present[0])
        part = np.asarray(part)
        room = self.rooms[number % 2, :, : part.size]
        room[worker] = part.ravel()
        with self.fence:  # no processor may count the part before it has written it
            self.asked[worker] = number + 1
        self._wait(number, count)
        parts = room[:count].astype(part.dtype)
        return reduce(np.add, parts).reshape(part.shape)

    def attend(self, call: Callable[[], Any]) -> Any:
        """Make a call of a worker; if it fails, the others do not wait for it."""
        try:
            return call()
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Let nobody wait any longer."""
        self.failed[0] = 1

    def _wait(self, number: int, count: int) -> None:
        """Return when all have asked for more sums than `number`."""
        tries = 0
        while self.asked[:count].min() <= number:
            if self.failed[0]:
                raise threading.BrokenBarrierError
            tries += 1
            if tries < TRIES:
                os.sched_yield()  # the others may be on the same core
                continue
            sleep(NAP)
            if tries % LOOK == 0 and self._somebody_is_gone():
                raise threading.BrokenBarrierError

    def _somebody_is_gone(self) -> bool:
        if os.getpid() != self.parent:
            return os.getppid() != self.parent
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return any(os.waitid(os.P_PID, child.pid, how) for child in self.children)
