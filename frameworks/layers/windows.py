"""Windows over images: the pixels that convolutions and pools look at."""

from collections.abc import Iterator

import numpy as np


def windows(
    x: np.ndarray, size: tuple[int, int], stride: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yield, for each (i, j) in the window, that pixel of every window.

    Each is a view: (.., H, W, n) -> (.., h, w, n), h = (H - kh) // stride + 1.
    """
    (kh, kw), (down, right) = size, stride
    *_, H, W, _ = x.shape
    for i, j in np.ndindex(kh, kw):
        yield x[..., i : i + H - kh + 1 : down, j : j + W - kw + 1 : right, :]


def pad(x: np.ndarray, padding: int, value: float = 0.0) -> np.ndarray:
    """Return images (c, H, W, n) with `padding` pixels of a value on every side."""
    if not padding:
        return np.ascontiguousarray(x)
    c, H, W, n = x.shape
    padded = np.full((c, H + 2 * padding, W + 2 * padding, n), value, x.dtype)
    crop(padded, padding)[:] = x
    return padded


def crop(x: np.ndarray, padding: int) -> np.ndarray:
    """Return a view of images without the `padding` pixels on every side."""
    *_, H, W, _ = x.shape
    return x[..., padding : H - padding, padding : W - padding, :]
