"""Memory that is used again and again, for what need not be kept.

What a core wrote a moment ago is still in its cache, and memory that is allocated anew
for each call is not. So one buffer serves the bands of all blocks, which come one after
the other. A band's arrays are planned first, from sizes alone; then the buffer is made
as large as the largest plan; then each plan is bound to it.
"""

from math import prod

import numpy as np
from numpy.typing import DTypeLike

Arrays = dict[str, np.ndarray]

LINE = 64  # bytes of a line of the cache
BEHIND = 0  # bytes behind a line, where arrays begin


class Scratch:
    """Arrays by name, which whoever asks next may overwrite; for one thread.

    Parameters
    ----------
    dtype : str or dtype
        Of all arrays.

    Attributes
    ----------
    version : int
        How often an array was made anew: views of those before are out of date.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.version = 0
        self._arrays: dict[str, np.ndarray] = {}

    def take(self, name: str, *shape: int) -> np.ndarray:
        """Return an array of this shape, on the lines of the cache; not zeroed."""
        size = prod(shape)
        if name not in self._arrays or self._arrays[name].size < size:
            self._arrays.pop(name, None)  # frees it first
            self._arrays[name] = aligned((size,), self.dtype)
            self.version += 1
        return self._arrays[name][:size].reshape(shape)


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array that begins on a line of the cache; not zeroed.

    NumPy's own begin 16 bytes behind one, so a vector of 64 bytes lies on two lines.
    """
    size = prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + LINE, np.uint8)
    start = (BEHIND - raw.ctypes.data) % LINE
    return raw[start : start + size].view(dtype).reshape(shape)


class Plan:
    """Which arrays a band has, and where they lie in the buffer.

    Attributes
    ----------
    size : int
        How many bytes of the buffer the arrays take.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._end = 0  # where the next array begins
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._kept: dict[str, tuple[int, ...]] = {}

    def add(self, name: str, *shape: int, kept: bool = False) -> None:
        """Add an array after the last, or a `kept` one, with memory of its own."""
        if kept:
            self._kept[name] = shape
            return
        self._places[name] = self._end, shape
        self._end += -(-self._bytes(shape) // LINE) * LINE
        self.size = max(self.size, self._end)

    def overwrite(self, name: str) -> None:
        """Place what is added from here on over the array `name`."""
        self._end, _ = self._places[name]

    def bind(self, buffer: np.ndarray) -> Arrays:
        """Return the arrays by name, in a buffer of bytes (uint8).

        Raises
        ------
        ValueError
            If the buffer is too small.
        """
        arrays = {
            name: aligned(shape, self.dtype) for name, shape in self._kept.items()
        }
        for name, (start, shape) in self._places.items():
            flat = buffer[start : start + self._bytes(shape)].view(self.dtype)
            arrays[name] = flat.reshape(shape)
        return arrays

    def _bytes(self, shape: tuple[int, ...]) -> int:
        return prod(shape) * self.dtype.itemsize
