"""Dropout: some numbers of each image are 0 in training."""

import numpy as np

from frameworks.dropout import Mask
from frameworks.layers.activations import Identity
from frameworks.layers.protocol import Layer


def dropout(mask: Mask) -> Layer:
    """Return dropout by these masks: (c, n) or (c, h, w, n)."""
    return Dropout(mask) if mask.rate else Identity()


class Dropout:
    """out = x * mask; the factors of each image are 0 or 1 / (1 - rate)."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, n) or (c, h, w, n)."""
        if not training:
            return x
        n, (start, total) = x.shape[-1], self.place(x.shape[-1])
        drawn = self.mask.draw(total, len(x))[start : start + n].T.astype(x.dtype)
        self.factors = drawn.reshape(len(drawn), *[1] * (x.ndim - 2), n)
        return x * self.factors

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout * self.factors

    def place(self, n: int) -> tuple[int, int]:
        """Return where these n images begin in the batch, and how many it has."""
        return 0, n
