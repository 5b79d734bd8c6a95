"""The loss: softmax cross-entropy, from logits."""

import numpy as np


def cross_entropy(
    logits: np.ndarray, y: np.ndarray, w: np.ndarray
) -> tuple[np.floating, np.ndarray]:
    """Return the weighted mean loss of a batch, and its gradient.

    Parameters
    ----------
    logits : (k, n)
        One column an image.
    y : (n,) int
        The class of each image, 0 to k - 1.
    w : (n,)
        The weight of each image; they average 1.

    Returns
    -------
    loss : scalar
        mean(w * l), l = log(sum(exp(logits))) - logits[y].
    dlogits : (k, n)
        (softmax(logits) - one_hot(y)) * w / n.
    """
    images = np.arange(len(y))
    shifted = logits - logits.max(0)
    exp = np.exp(shifted)
    total = exp.sum(0)
    loss = np.mean(w * (np.log(total) - shifted[y, images]))
    dlogits = exp / total
    dlogits[y, images] -= 1
    dlogits *= w / len(y)
    return loss, dlogits
