"""The fast engine's network, which shares each batch among workers."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from frameworks.engines import Network, PlainNet
from frameworks.fast import processes, threads
from frameworks.fast.memory import share
from frameworks.fast.worker import Worker, add
from frameworks.held import ForkSafeLock
from frameworks.layers import Sequential

WORK = 20e6  # floating-point operations; waking a worker for fewer does not pay


def start(
    net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Network:
    """Return the fast network for these layers."""
    return FastNet(net, image_shape, n_jobs)


class FastNet:
    """The layers of a `Sequential`, computed by workers; they keep the weights.

    Parameters
    ----------
    net : Sequential
        Blocks of convolution, activation and max pool, then any layers that treat each
        image by itself.
    image_shape : (h, w, c)
    n_jobs : int or None
        None: as many threads as BLAS may use. 1: one thread. More: this many processes
        for training, on Linux; -1: as many processes as BLAS may use threads.
    """

    def __init__(
        self, net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
    ) -> None:
        self.net = net
        self.weighted = list(net.weighted().values())  # once, not in each step
        self.jobs = threads.wanted(n_jobs)
        self.forks = n_jobs is not None and self.jobs > 1
        if self.forks:
            share(net)
        workers = [Worker(net, image_shape[:2]) for _ in range(self.jobs)]
        self.threads = threads.Threads(workers)
        self.team: threads.Threads | processes.Processes = self.threads
        self.lock = ForkSafeLock()  # the workers' memory is for one batch at a time

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        if layer != list(self.net.layers)[-1]:
            return PlainNet(self.net).forward(x, layer)
        shares = self._shares(len(x), training)
        arrays = [x[share] for share in shares]
        with self.lock:
            if training:
                self.shares = shares
                results = self.team.call("forward", arrays)
            else:
                results = self.threads.call("predict", arrays)
            return np.concatenate([logits for (logits,) in results], axis=1)

    def backward(self, dlogits: np.ndarray) -> None:
        """(classes, n): give all weights their gradients."""
        arrays = [dlogits[:, share] for share in self.shares]
        with self.lock:
            gradients, *others = self.team.call("backward", arrays)
        for more in others:
            add(gradients, more)
        for layer in self.weighted:
            for role in layer.roles:
                setattr(layer, f"d{role}", gradients.pop(0))

    def _shares(self, n: int, training: bool) -> list[slice]:
        """Return the images of each worker; a small batch takes fewer workers."""
        work = n * self.threads.workers[0].operations * (3 if training else 1)
        count = max(1, min(self.jobs, n, int(work // WORK)))
        return threads.shares(n, count)

    @contextmanager
    def processes(self, images: int) -> Iterator[None]:
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
        weights = list(self.net.weights().values())
        self.team = processes.Processes(self.threads.workers, weights)
        try:
            yield
        finally:
            self.team.close()
            self.team = self.threads
