"""One epoch of mini-batches: the one place that shuffles, scales and casts."""

from collections.abc import Sequence

import numpy as np

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def scale(x: np.ndarray, dtype: str) -> np.ndarray:
    """Return images as floats: bytes as x / 255 - 0.5, floats as they are."""
    scaled = x.astype(dtype)
    if x.dtype == np.uint8:
        scaled /= 255
        scaled -= 0.5
    return scaled


class Batches(Sequence[Batch]):
    """The batches x (n, h, w, c), y (n,), w (n,) of one epoch, made when asked for.

    The last, short batch is kept. Images of weight 0 are left out, for a batch without
    any weight has no mean loss. The weights of a batch average 1, so that mean(w * l)
    is the weighted mean of the losses l, whichever way a framework reduces.

    Parameters
    ----------
    X, y, w : (N, h, w, c), (N,), (N,)
        All training images, their classes and weights.
    seed : (int, int)
        Of the fit, and the number of the epoch: the order depends on nothing else, so
        that a framework may read ahead.
    batch_size : int
    dtype : str
        Of x and w.
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        w: np.ndarray,
        *,
        seed: tuple[int, int],
        batch_size: int,
        dtype: str,
    ) -> None:
        self.X, self.y, self.w = X, y, w
        self.order = np.random.default_rng(seed).permutation(np.flatnonzero(w))
        self.batch_size = batch_size
        self.dtype = dtype

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index) -> Batch:  # type: ignore[no-untyped-def, override]
        """Return the batch number `index`."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = index * self.batch_size
        rows = self.order[start : start + self.batch_size]
        w = self.w[rows]
        w *= len(rows) / w.sum()
        return scale(self.X[rows], self.dtype), self.y[rows], w
