"""Any network: each worker computes a share of the batch, layer by layer.

A layer treats each image by itself, but for a batch norm, whose sums are those of all
shares. So each core can have some of the images, and a BLAS of one thread; with BLAS
alone, only the products would be on all cores. The layers are the plain ones, or faster
ones that give the same numbers: see `member.py`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np

from frameworks.engines import Network
from frameworks.fast import processes, threads
from frameworks.fast.member import trained
from frameworks.fast.teams import Forked, Team
from frameworks.layers import Sequential


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
        None: as many threads as BLAS may use. 1: one thread. More: this many processes
        for training, on Linux; -1: as many processes as BLAS may use threads.
    """

    def __init__(self, net: Sequential, n_jobs: int | None) -> None:
        self.net = net
        self.weighted = list(net.weighted().values())  # once, not in each step
        self.jobs = threads.wanted(n_jobs)
        self.forks = n_jobs is not None and self.jobs > 1
        if self.forks:
            processes.share(net)
        self.teams: dict[int, Team] = {}  # on threads, by their number of workers
        self.forked: Forked | None = None

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        if self.forked and training:
            return self.forked.forward(x)
        team, shares = self._shared_out(len(x))
        outs = team.work(
            partial(member.run, x[share], layer, training)
            for member, share in zip(team.members, shares, strict=True)
        )
        if training:
            self.training = team, shares
        return np.concatenate(outs, axis=-1)

    def backward(self, dlogits: np.ndarray) -> None:
        """(classes, n): give all weights their gradients."""
        if self.forked:
            gradients = self.forked.backward(dlogits)
        else:
            team, shares = self.training
            gradients = team.work(
                partial(member.backward, dlogits[:, share])
                for member, share in zip(team.members, shares, strict=True)
            )
        first, *others = gradients
        for more in others:
            first = [a + b for a, b in zip(first, more, strict=True)]
        for layer, role in trained(self.weighted):
            setattr(layer, f"d{role}", first.pop(0))

    def _shared_out(self, n: int) -> tuple["Team", list[slice]]:
        """Return a team for n images, and the images of each worker."""
        count = min(self.jobs, n, 1 + threads.crew.grow(self.jobs - 1))
        if count not in self.teams or self.teams[count].broken:
            self.teams[count] = Team(self.net, count)
        return self.teams[count], threads.shares(n, count)

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Train with processes inside this context, if `n_jobs` asks for them."""
        reason = processes.why_not() if self.forks else None
        if reason:
            warnings.warn(
                f"n_jobs={self.jobs} takes threads, not processes: {reason}.",
                stacklevel=2,
            )
        if reason or not self.forks:
            yield
            return
        self.forked = Forked(self.net, self.jobs)
        try:
            yield
        finally:
            self.forked.team.close()
            self.forked = None
