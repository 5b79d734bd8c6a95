"""Memory that is used again and again, for what need not be kept."""

from math import prod

import numpy as np
from numpy.typing import DTypeLike


class Scratch:
    """Buffers by name; whoever takes a name last overwrites what was there.

    What a core wrote a moment ago is still in its cache, and memory that is allocated
    anew for each call is not.
    """

    def __init__(self, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self._buffers: dict[tuple[str, np.dtype], np.ndarray] = {}

    def take(
        self, name: str, *shape: int, dtype: DTypeLike | None = None
    ) -> np.ndarray:
        """Return an array of that shape: the start of the buffer `name`."""
        key = name, np.dtype(dtype or self.dtype)
        size = prod(shape)
        if key not in self._buffers or self._buffers[key].size < size:
            self._buffers[key] = np.empty(size, key[1])
        return self._buffers[key][:size].reshape(shape)
