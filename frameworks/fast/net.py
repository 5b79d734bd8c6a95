"""A network that shares each batch among workers: it looks like the plain one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np

from frameworks.fast import processes, threads
from frameworks.fast.worker import Worker, add
from frameworks.layers import (
    Conv2D,
    Dense,
    Flatten,
    Identity,
    MaxPool2D,
    ReLU,
    Sequential,
)

WORK = 20e6  # floating-point operations; for fewer, waking a worker costs more
KNOWN = (Conv2D, Dense, Flatten, Identity, MaxPool2D, ReLU)  # treat each image alone


def start(
    net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> "FastNet | Sequential":
    """Return a fast network, or `net` itself where a layer must see all of a batch."""
    if all(isinstance(layer, KNOWN) for _, layer in net.leaves()):
        return FastNet(net, image_shape, n_jobs)
    return net


class FastNet:
    """What `Sequential` does, by workers; its layers keep the weights.

    Parameters
    ----------
    net : Sequential
        Blocks of convolution, activation and max pool, then any layers that treat each
        image by itself.
    image_shape : (h, w, c)
    n_jobs : int or None
        None: one thread for each that BLAS may use. 1: one thread. More: for training,
        so many processes, on Linux; -1 is one for each thread that BLAS may use.
    """

    def __init__(
        self, net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
    ) -> None:
        self.net = net
        self.jobs = threads.count() if n_jobs in (None, -1) else n_jobs
        self.forks = n_jobs is not None and self.jobs > 1
        if self.forks:
            _share(net)
        workers = [Worker(net, image_shape[:2]) for _ in range(self.jobs)]
        self.threads = threads.Threads(workers)
        self.team: threads.Threads | processes.Processes = self.threads
        self.lock = Lock()  # the workers' memory is for one batch at a time

    def weighted(self) -> dict[str, Any]:
        """Return the layers that have weights, by name."""
        return self.net.weighted()

    def forward(
        self, x: np.ndarray, last: str = "output", training: bool = False
    ) -> np.ndarray:
        """(c, H, W, n) -> (classes, n), or the output of the layer named `last`."""
        if last != list(self.net.layers)[-1]:
            return self.net.forward(x, training=False, last=last)
        x = x.transpose(3, 1, 2, 0)
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
        """(classes, n): leave the gradients of all weights with their layers."""
        arrays = [dlogits[:, share] for share in self.shares]
        with self.lock:
            gradients, *others = self.team.call("backward", arrays)
        for more in others:
            add(gradients, more)
        for layer in self.weighted().values():
            for role in layer.roles:
                setattr(layer, f"d{role}", gradients.pop(0))

    def _shares(self, n: int, training: bool) -> list[slice]:
        """Return which images each worker has; workers with little to do have none."""
        work = n * self.threads.workers[0].operations * (3 if training else 1)
        count = max(1, min(self.jobs, n, int(work // WORK)))
        edges = [n * k // count for k in range(count + 1)]
        return list(map(slice, edges, edges[1:]))

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Train by processes meanwhile, where `n_jobs` asks for them."""
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
        self.team = processes.Processes(self.threads.workers[0], weights)
        try:
            yield
        finally:
            self.team.close()
            self.team = self.threads


def _share(net: Sequential) -> None:
    """Move the weights to memory that forked processes share."""
    for layer in net.weighted().values():
        for role in layer.roles:
            weight = getattr(layer, role)
            copy = processes.shared(weight.shape, weight.dtype)
            copy[:] = weight
            setattr(layer, role, copy)
