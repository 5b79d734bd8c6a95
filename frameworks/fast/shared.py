"""Any network: each worker computes a share of the batch, layer by layer.

A layer treats each image by itself, but for a batch norm, whose sums are those of all
shares. So each core can have some of the images, and a BLAS of one thread; with BLAS
alone, only the products would be on all cores. The layers are the plain ones, or faster
ones that give the same numbers: see `member.py`.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial

import numpy as np

from frameworks.engines import Network
from frameworks.fast import processes, threads
from frameworks.fast.member import trained
from frameworks.fast.memory import share
from frameworks.fast.teams import Forked, Team
from frameworks.fast.work import multiply_adds
from frameworks.layers import Sequential

LARGE = 10e9  # multiply-adds of the forward passes of a fit: about a second
# Of a worker's images in a prediction. With fewer, threads wait longer for Python's
# lock than they save: one predicts 8 images of ResNet-20 1.2 times as fast as two.
PIXELS = 20_000


def start(
    net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Network:
    """Return the shared network for these layers."""
    return SharedNet(net, n_jobs, image_shape)


class SharedNet:
    """The layers of a `Sequential`, computed by workers; they keep the weights.

    Parameters
    ----------
    net : Sequential
        Layers that treat each image by itself, and batch norms.
    n_jobs : int or None
        How many workers; None and -1: as many as BLAS may use threads. They are threads
        of this process; for training, they are processes on Linux, where a number above
        1 asks for them, or where None leaves it open and the fit is large.
    image_shape : (h, w, c)
    """

    def __init__(
        self,
        net: Sequential,
        n_jobs: int | None,
        image_shape: tuple[int, int, int] = (32, 32, 3),
    ) -> None:
        self.net, self.image_shape = net, image_shape
        self.weighted = list(net.weighted().values())  # once, not in each step
        self.jobs = threads.wanted(n_jobs)
        self.asked = n_jobs is not None and self.jobs > 1  # for processes
        self.open = n_jobs is None and self.jobs > 1
        self.in_shared_memory = False
        self.teams: dict[int, Team] = {}  # on threads, by their number of workers
        self.forked: Forked | None = None

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        if self.forked and training:
            return self.forked.forward(x)
        team, shares = self._shared_out(len(x), training)
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

    def _shared_out(self, n: int, training: bool) -> tuple["Team", list[slice]]:
        """Return a team for n images, and the images of each worker.

        In training, threads have the shares that processes would have.
        """
        count = min(self.jobs, n, 1 + threads.crew.grow(self.jobs - 1))
        if not training:
            h, w, _ = self.image_shape
            count = min(count, max(1, n * h * w // PIXELS))
        if count not in self.teams or self.teams[count].broken:
            self.teams[count] = Team(self.net, count)
        return self.teams[count], threads.shares(n, count)

    @contextmanager
    def processes(self, images: int) -> Iterator[None]:
        """Train on so many images with processes, if they are asked for or pay."""
        reason = processes.why_not()
        if reason and self.asked:
            warnings.warn(
                f"n_jobs={self.jobs} takes threads, not processes: {reason}.",
                stacklevel=2,
            )
        if reason or not (self.asked or (self.open and self._is_large(images))):
            yield
            return
        if not self.in_shared_memory:
            share(self.net)
            self.in_shared_memory = True
            self.teams.clear()  # they have the weights from before
        self.forked = Forked(self.net, self.jobs)
        try:
            yield
        finally:
            self.forked.close()
            self.forked = None

    def _is_large(self, images: int) -> bool:
        """Return whether processes gain more than it takes to start them."""
        return images * self._multiply_adds >= LARGE

    @cached_property
    def _multiply_adds(self) -> int:
        return multiply_adds(self.net, self.image_shape)
