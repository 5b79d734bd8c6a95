"""Images mirrored and moved: drawn anew in training, the same few for predictions.

An image is made of the pixels of the stored one, so nothing is computed, and bytes stay
bytes. Beyond an edge are the pixels before it, as in a mirror.
"""

from collections.abc import Iterator

import numpy as np

AUGMENT = ("flip", "crop", "flip+crop")
TEST_AUGMENT = ("flip", "shift", "flip+shift")
ONCE = 2**32 - 1  # seeds what is drawn once a fit; no epoch has this number


class Augmentation:
    """How the images of one epoch are changed.

    Parameters
    ----------
    rows : int
        How many images there are in all.
    seed : (int, int)
        Of the fit, and the number of the epoch.
    crop_padding : int
        How far an image is moved at the most, up or down and left or right, in pixels.
    flip : bool
        Whether images are mirrored: not where that makes another class of them, as of
        digits.

    Notes
    -----
    An image is mirrored in every second epoch, and which ones start is drawn. If each
    epoch drew anew, half of the images would look as they did in the epoch before
    (Jordan 2024, section 3.6).
    """

    def __init__(
        self, rows: int, seed: tuple[int, int], crop_padding: int, *, flip: bool = True
    ) -> None:
        fit, epoch = seed
        starts = np.random.default_rng((fit, ONCE)).integers(2, size=rows, dtype=bool)
        self.mirrored = (starts ^ bool(epoch % 2)) & flip
        self.seed = seed
        self.crop_padding = crop_padding

    def __call__(self, x: np.ndarray, rows: np.ndarray, batch: int) -> np.ndarray:
        """Return the images x (n, h, w, c) of a batch, changed.

        `rows` (n,) says which images they are, and `batch` is the number of the batch.
        """
        rng, most = np.random.default_rng((*self.seed, batch + 1)), self.crop_padding
        down, right = rng.integers(-most, most + 1, size=(2, len(x)))
        return moved(x, self.mirrored[rows], down, right)


def moved(
    x: np.ndarray, mirrored: np.ndarray, down: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return images, mirrored left to right where asked, then moved.

    Parameters
    ----------
    x : (n, h, w, c)
    mirrored : (n,) bool
    down, right : (n,) int
        Pixels.

    Returns
    -------
    (n, h, w, c) array
    """
    n, h, w, c = x.shape
    row = _reflected(np.arange(h) - down[:, None], h)  # (n, h): from which it comes
    column = _reflected(np.arange(w) - right[:, None], w)
    column = np.where(mirrored[:, None], w - 1 - column, column)
    row += h * np.arange(n)[:, None]
    return x.reshape(-1, c).take(w * row[:, :, None] + column[:, None, :], axis=0)


def views(
    x: np.ndarray, test_augment: str | None
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield weights, and the images (n, h, w, c) whose outputs have them in a mean.

    "flip" takes the images as they are, and mirrored. "shift" gives those as they are
    half of the weight, and as much to them moved by a pixel, to the upper left and to
    the lower right. "flip+shift" does both (Jordan 2024, section 3.5).
    """
    if test_augment is None:
        yield 1.0, x
        return
    shifts = {0: 0.5, -1: 0.25, 1: 0.25} if "shift" in test_augment else {0: 1.0}
    sides = (False, True) if "flip" in test_augment else (False,)
    for shift, weight in shifts.items():
        by = np.full(len(x), shift)
        for mirrored in sides:
            yield weight / len(sides), moved(x, np.full(len(x), mirrored), by, by)


def _reflected(index: np.ndarray, size: int) -> np.ndarray:
    """Return what a mirror at each edge shows: 1 at -1, and size - 2 at size."""
    last = size - 1
    return last - np.abs(last - np.abs(index) % max(2 * last, 1))
