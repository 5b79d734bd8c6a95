"""Memory that is used again and again, for what need not be kept."""

from math import prod

import numpy as np
from numpy.typing import DTypeLike

LINE = 64  # bytes of a line of the cache


class Scratch:
    """One buffer for the bands of all blocks, which come one after the other.

    What a core wrote a moment ago is still in its cache, and memory that is allocated
    anew for each call is not.
    """

    def __init__(self) -> None:
        self.buffer = np.empty(0, np.uint8)
        self.needed = 0  # bytes, by the band that takes most

    def fits(self) -> bool:
        """Return whether all that was taken was in the buffer."""
        return self.needed <= len(self.buffer)

    def enlarge(self) -> None:
        """Make the buffer as large as what was taken; arrays of the old one stay."""
        self.buffer = np.empty(self.needed, np.uint8)


class Room:
    """The buffer as one band sees it: what others have there is not its concern."""

    def __init__(self, scratch: Scratch, dtype: DTypeLike) -> None:
        self.scratch, self.dtype = scratch, np.dtype(dtype)
        self.taken = 0

    def take(self, *shape: int) -> np.ndarray:
        """Return an array of that shape, beside those that the band has taken."""
        start, size = self.taken, prod(shape) * self.dtype.itemsize
        self.taken += _lines(size)
        self.scratch.needed = max(self.scratch.needed, self.taken)
        if self.taken > len(self.scratch.buffer):
            return np.empty(shape, self.dtype)
        return self.scratch.buffer[start : start + size].view(self.dtype).reshape(shape)

    def share(self, last: np.ndarray) -> None:
        """Let what is taken next lie where the array lies that was taken last."""
        self.taken -= _lines(last.nbytes)


def _lines(size: int) -> int:
    """Return the bytes of all lines that `size` bytes touch."""
    return -(-size // LINE) * LINE
