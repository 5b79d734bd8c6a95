"""Some channels at a time: what one step writes is in the core's cache for the next."""

from collections.abc import Iterator

import numpy as np

FLOATS = 131_072  # of a band


def as_rows(x: np.ndarray) -> np.ndarray:
    """(c, h, w, n) -> (c, h w n)."""
    return np.ascontiguousarray(x).reshape(len(x), -1)


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield some of the channels of rows of this shape at a time."""
    c, values = shape
    step = max(1, FLOATS // values)
    for start in range(0, c, step):
        yield slice(start, min(c, start + step))
