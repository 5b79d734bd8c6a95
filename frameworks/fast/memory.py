"""Memory that forked processes share, and how much they have besides."""

import mmap
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from frameworks.layers import Sequential

STATUS = Path("/proc/self/status")


def shared(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array of zeros whose memory forked processes share."""
    size = prod(shape)
    memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, size).reshape(shape)


def share(net: Sequential) -> None:
    """Move the weights of a network to memory that forked processes share."""
    for layer in net.weighted().values():
        for role in layer.roles:
            weight = getattr(layer, role)
            copy = shared(weight.shape, weight.dtype)
            copy[:] = weight
            setattr(layer, role, copy)


class Growth:
    """What a forked process takes besides the memory that it began with, in bytes.

    Attributes
    ----------
    most : (1,) array
        In shared memory: at the peak so far, as far as it has been noted.
    """

    total = 0  # of all workers of a fit together, the largest of this process's fits

    def __init__(self) -> None:
        self.most = shared((1,), np.int64)
        self.calls = 0

    def begin(self) -> None:
        """Note what there is: the first thing that a forked process does."""
        self.start = _status("VmRSS:")

    def note(self) -> None:
        """Note the peak, after the first calls and then after every 64th."""
        self.calls += 1
        if self.calls < 4 or self.calls % 64 == 0:
            self.most[0] = _status("VmHWM:") - self.start


def _status(name: str) -> int:
    """Return a number of bytes that Linux says of this process."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
