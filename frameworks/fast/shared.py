"""Any network: each worker computes a share of the batch with the plain layers.

A layer treats each image by itself, but for a batch norm, whose sums are those of all
shares. So the plain layers can run on every core, each core with some of the images and
a BLAS of one thread; with BLAS alone, only the products would. On two cores that is 1.2
to 1.5 times as fast as the plain engine.
"""

import copy
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from frameworks.engines import Network, PlainNet
from frameworks.fast import threads
from frameworks.fast.meeting import Meeting
from frameworks.fast.twins import twin
from frameworks.held import ForkSafeLock
from frameworks.layers import BatchNorm2D, Layer, Sequential

# For all networks of this process: workers wait for each other, so all of one network's
# must have a thread.
lock = ForkSafeLock()


def start(
    net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Network:
    """Return the shared network for these layers."""
    return SharedNet(net, n_jobs)


class SharedNet:
    """The layers of a `Sequential`, computed by workers; they keep the weights.

    Parameters
    ----------
    net : Sequential
        Layers that treat each image by itself, and batch norms.
    n_jobs : int or None
        How many threads; None and -1: as many as BLAS may use.
    """

    def __init__(self, net: Sequential, n_jobs: int | None) -> None:
        self.net, self.n_jobs = net, n_jobs
        self.weighted = list(net.weighted().values())  # once, not in each step
        self.jobs = threads.wanted(n_jobs)
        self.teams: dict[int, Team] = {}  # by their number of workers

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        team, shares = self._shared_out(len(x))
        outs = team.work(
            partial(PlainNet(net).forward, x[share], layer, training)
            for net, share in zip(team.nets, shares, strict=True)
        )
        if training:
            self.training = team, shares
        return np.concatenate(outs, axis=-1)

    def backward(self, dlogits: np.ndarray) -> None:
        """(classes, n): give all weights their gradients."""
        team, shares = self.training
        team.work(
            partial(net.backward, dlogits[:, share])
            for net, share in zip(team.nets, shares, strict=True)
        )
        for whole, *twins in zip(self.weighted, *team.weighted, strict=True):
            for role in whole.roles:
                if hasattr(twins[0], f"d{role}"):
                    first, *others = (getattr(layer, f"d{role}") for layer in twins)
                    setattr(whole, f"d{role}", sum(others, first))

    def _shared_out(self, n: int) -> tuple["Team", list[slice]]:
        """Return a team for n images, and the images of each worker."""
        count = min(self.jobs, n, 1 + threads.crew.grow(self.jobs - 1))
        if count not in self.teams or self.teams[count].broken:
            self.teams[count] = Team(self.net, count)
        return self.teams[count], threads.shares(n, count)

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Train with processes inside this context: not yet, and a warning says so."""
        if self.n_jobs is not None and self.jobs > 1:
            warnings.warn(
                f"n_jobs={self.jobs} takes threads, not processes: for this network's "
                "layers there are none.",
                stacklevel=2,
            )
        yield


class Team:
    """The workers of a network: each has the same weights, and a share of the images.

    Attributes
    ----------
    broken : bool
        Whether a worker has failed, and left others at a meeting.
    """

    def __init__(self, net: Sequential, workers: int) -> None:
        self.meeting = Meeting(workers)
        self.nets = [
            twin(net, partial(_with_meeting, self.meeting, worker))
            for worker in range(workers)
        ]
        self.weighted = [list(net.weighted().values()) for net in self.nets]
        self.broken = False

    def work(self, calls: Iterator[Callable[[], Any]]) -> list[Any]:
        """Make the calls, one for each worker; return what they return."""
        todo = [partial(self.meeting.attend, call) for call in calls]
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


class SharedNorm(BatchNorm2D):
    """One worker's part of a batch norm, with the weights of the whole one."""

    def __init__(self, norm: BatchNorm2D, meeting: Meeting, worker: int) -> None:
        vars(self).update(vars(norm))
        self.meeting, self.worker = meeting, worker

    def total(self, sums: Any) -> Any:
        """Return the sums over all workers."""
        return self.meeting.total(self.worker, sums)

    def follow(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Let the running statistics follow: once, not once a worker."""
        if self.worker == 0:
            super().follow(mean, variance)


def _with_meeting(meeting: Meeting, worker: int, layer: Layer) -> Layer:
    """Return the twin of a layer; a norm's goes to the meeting."""
    if isinstance(layer, BatchNorm2D):
        return SharedNorm(layer, meeting, worker)
    return copy.copy(layer)
