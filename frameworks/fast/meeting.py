"""Where workers on threads add up what each of them has of a batch."""

import threading
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np


class Meeting:
    """Sums over all workers; each of them asks for the same sums, in the same order."""

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
