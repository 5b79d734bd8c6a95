"""The loss: softmax cross-entropy, from logits."""

import numpy as np


def cross_entropy(
    logits: np.ndarray, y: np.ndarray, w: np.ndarray, label_smoothing: float = 0.0
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
    label_smoothing : float
        Share of each label that is spread evenly over all classes
        (Szegedy et al. 2016, section 7).

    Returns
    -------
    loss : scalar
        mean(w * l), l = log(sum(exp(logits))) - sum(target * logits); the target is
        one_hot(y) where nothing is spread.
    dlogits : (k, n)
        (softmax(logits) - target) * w / n.
    """
    images = np.arange(len(y))
    shifted = logits - logits.max(0)
    exp = np.exp(shifted)
    total = exp.sum(0)
    even = label_smoothing / len(logits)
    of_label = shifted[y, images] * (1 - label_smoothing) + even * shifted.sum(0)
    loss = np.mean(w * (np.log(total) - of_label))
    dlogits = exp / total - even
    dlogits[y, images] -= 1 - label_smoothing
    dlogits *= w / len(y)
    return loss, dlogits
