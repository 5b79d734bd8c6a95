"""One epoch of mini-batches: the one place that shuffles, scales and casts."""

from collections.abc import Sequence

import numpy as np

from frameworks.augmentation import Augmentation

Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def scale(x: np.ndarray, dtype: str, out: np.ndarray | None = None) -> np.ndarray:
    """Return images as floats: bytes as x / 255 - 0.5, floats as they are."""
    scaled = np.empty(x.shape, dtype) if out is None else out
    if x.dtype == np.uint8:
        np.divide(x, 255, out=scaled, dtype=dtype)
        scaled -= 0.5
    else:
        scaled[...] = x
    return scaled


class Lease:
    """A buffer that is lent to one batch, and returns to its owner after that batch.

    An array made of a lease keeps it alive, and so does whatever views that array: the
    slice of another library as well. Nobody has to say when a batch has been used, and
    no buffer is written to while one is in use.
    """

    def __init__(self, owner: list[np.ndarray], size: int, like: np.ndarray) -> None:
        """Take one of the owner's buffers, or a new one like `like`; its first rows."""
        self.owner = owner
        try:
            self.buffer = owner.pop()
        except IndexError:
            self.buffer = np.empty_like(like)
        self.__array_interface__ = self.buffer[:size].__array_interface__

    def __del__(self) -> None:
        self.owner.append(self.buffer)


class Batches(Sequence[Batch]):
    """The batches x (n, h, w, c), y (n,), w (n,) of one epoch, made when asked for.

    The last, short batch is kept. The weights of a batch average 1, so mean(w * l) is
    the weighted mean of the losses l, whichever way a framework reduces.

    Parameters
    ----------
    X, y, w : (N, h, w, c), (N,), (N,)
        All training images, their classes and weights.
    seed : (int, int)
        Of the fit, and the number of the epoch: the order depends on nothing else, so
        a framework may read ahead, with one thread at a time.
    batch_size : int
    dtype : str
        Of x and w.
    rows : (n,), optional
        The images to train on; by default those of a weight above 0, for a batch
        without any weight has no mean loss.
    augmentation : Augmentation, optional
        What changes the images, before they are scaled.

    Notes
    -----
    The memory of x is used again as soon as nobody has it: if it were allocated for
    each batch, it might come from the system page by page, which takes longer than the
    rest of this file. (tf.data, which feeds Keras, tells malloc to get it there.)
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
        rows: np.ndarray | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        rows = np.flatnonzero(w) if rows is None else rows
        self.X = np.asarray(X)  # np.memmap takes longer to index
        self.order = np.random.default_rng(seed).permutation(rows)
        self.y, self.w = y[self.order], w[self.order]
        self.starts = range(0, len(self.order), batch_size)
        self.batch_size = batch_size
        self.dtype = dtype
        self.augmentation = augmentation
        most = min(batch_size, len(self.order)), *self.X.shape[1:]
        self.gathered = np.empty(most, self.X.dtype)
        self.floats = np.empty(most, dtype)
        self.free = [self.floats]
        sizes = np.diff([*self.starts, len(self.order)])
        means = np.add.reduceat(self.w, self.starts) / sizes
        self.w /= np.repeat(means, sizes).astype(dtype)

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.starts)

    def __getitem__(self, index) -> Batch:  # type: ignore[no-untyped-def, override]
        """Return the batch number `index`."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = self.starts[index]
        some = slice(start, start + self.batch_size)
        rows = self.order[some]
        x = self.gathered[: len(rows)]
        self.X.take(rows, axis=0, out=x, mode="clip")  # "raise" would copy once more
        if self.augmentation:
            x = self.augmentation(x, rows, index)
        lent = np.asarray(Lease(self.free, len(rows), self.floats))
        return scale(x, self.dtype, lent), self.y[some], self.w[some]
