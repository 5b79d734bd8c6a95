"""The workers of any network: on threads, or in processes of their own."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from frameworks.fast import processes, threads
from frameworks.fast.meeting import ForkedMeeting, Meeting
from frameworks.fast.member import Member
from frameworks.fast.norms import NUMBERS
from frameworks.held import ForkSafeLock
from frameworks.layers import BatchNorm2D, Sequential

# For all networks of this process: workers wait for each other, so all of one network's
# must have a thread.
lock = ForkSafeLock()


class Team:
    """The workers of a network on threads: with the same weights, each its images.

    Attributes
    ----------
    broken : bool
        Whether a worker has failed, and left others at a meeting.
    """

    def __init__(self, net: Sequential, workers: int) -> None:
        self.meeting = Meeting(workers)
        self.members = [Member(net, self.meeting, k) for k in range(workers)]
        self.broken = False

    def work(self, calls: Iterable[Callable[[], Any]]) -> list[Any]:
        """Make the calls, one for each worker; return what they return."""
        todo = list(calls)
        if len(todo) == 1:
            return [todo[0]()]
        with lock, threads.one_thread:
            try:
                return threads.crew.run(todo)
            except BaseException as error:
                self.broken = True
                self.meeting.barrier.abort()  # whoever waits there goes on, and fails
                if isinstance(error, threading.BrokenBarrierError):
                    raise self.meeting.error or error from None
                raise


class Forked:
    """The workers of a network in processes, this one among them, for one fit."""

    def __init__(self, net: Sequential, workers: int) -> None:
        norms = [layer for _, layer in net.leaves() if isinstance(layer, BatchNorm2D)]
        most = max([workers, *(NUMBERS * len(norm.beta) for norm in norms)])
        self.meeting = ForkedMeeting(workers, most)
        members = [Member(net, self.meeting, k) for k in range(workers)]
        self.team = processes.Processes(members, list(net.weights().values()))
        self.meeting.children = self.team.children

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, h, w, c) -> (classes, n)."""
        self.shares = threads.shares(len(x), min(len(self.team.workers), len(x)))
        self.meeting.open(len(self.shares))
        outs = self.team.call("forward", [x[share] for share in self.shares])
        return np.concatenate([logits for (logits,) in outs], axis=1)

    def backward(self, dlogits: np.ndarray) -> list[list[np.ndarray]]:
        """(classes, n) -> the gradients of each worker."""
        return self.team.call("backward", [dlogits[:, share] for share in self.shares])

    def close(self) -> None:
        """End the processes; one may wait at a meeting to which nobody else comes."""
        self.meeting.give_up()
        self.team.close()
