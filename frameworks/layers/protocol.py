"""What every layer does."""

from typing import Protocol

import numpy as np


class Layer(Protocol):
    """What every layer does."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Return the output for the input x."""

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the gradient of x from the gradient of the output."""


class Weighted(Layer, Protocol):
    """A layer with weights, the attributes that `roles` names.

    Each that is trained has its gradient beside it after `backward`.
    """

    roles: tuple[str, ...]
