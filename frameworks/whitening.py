"""A first layer made from the images: filters whose outputs do not depend on another.

Neighbouring pixels are nearly equal, so the largest part of what a first convolution
sees says little. The eigenvectors of the covariance of small patches, each divided by
the root of its eigenvalue, see every direction in which patches vary equally well
(Krizhevsky 2009, appendix A; Page 2018; Jordan 2024, section 3.2).
"""

import numpy as np

from frameworks.batches import scale

IMAGES = 5000  # as many are enough for a covariance of a few dozen numbers
AT_ONCE = 100  # images; bounds the memory
EPSILON = 5e-4  # of the mean variance: directions that hardly vary are mostly noise


def filters_of(channels: int, window: tuple[int, int]) -> int:
    """Return how many filters there are: each direction, and its opposite."""
    return 2 * int(np.prod(window)) * channels


def whitening(X: np.ndarray, window: tuple[int, int], dtype: str) -> np.ndarray:
    """Return the kernel that whitens the patches of images.

    Parameters
    ----------
    X : (n, h, w, c)
        Images as they are given to `fit`; some are taken, from all over.
    window : (kh, kw)
        The size of a patch.
    dtype : str

    Returns
    -------
    (kh, kw, c, f) array
        f = 2 kh kw c: the directions, by growing eigenvalue, and their opposites: an
        activation lets one sign pass.
    """
    some = X[:: max(1, len(X) // IMAGES)]
    size = X.shape[3] * int(np.prod(window))
    total, count = np.zeros((size, size)), 0
    for start in range(0, len(some), AT_ONCE):
        images = scale(some[start : start + AT_ONCE], "float64")
        patches = np.lib.stride_tricks.sliding_window_view(images, window, axis=(1, 2))
        rows = patches.reshape(-1, size)  # (.., c kh kw)
        total += rows.T @ rows
        count += len(rows)
    variances, directions = np.linalg.eigh(total / count)
    least = EPSILON * variances.mean() + np.finfo(dtype).tiny
    directions /= np.sqrt(np.maximum(variances, 0) + least)
    kernel = directions.reshape(X.shape[3], *window, -1).transpose(1, 2, 0, 3)
    return np.concatenate([kernel, -kernel], axis=-1).astype(dtype)
