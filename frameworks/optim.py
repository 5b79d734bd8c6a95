"""The optimiser: stochastic gradient descent with momentum."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np


class Weighted(Protocol):
    """A layer with weights, and their gradients after `backward`."""

    kernel: np.ndarray
    bias: np.ndarray
    dkernel: np.ndarray
    dbias: np.ndarray


class SGD:
    """v = momentum v - learning_rate g; w += v.

    Weight decay is added to the gradient of kernels, not of biases
    (Krizhevsky, Sutskever, Hinton 2012, section 5).
    """

    def __init__(
        self,
        layers: Iterable[Weighted],
        learning_rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.state = [
            (layer, np.zeros_like(layer.kernel), np.zeros_like(layer.bias))
            for layer in layers
        ]

    def step(self) -> None:
        """Move every weight once, along its gradient and its velocity."""
        for layer, kernel_velocity, bias_velocity in self.state:
            dkernel = layer.dkernel
            if self.weight_decay:
                dkernel = dkernel + self.weight_decay * layer.kernel
            self._move(layer.kernel, dkernel, kernel_velocity)
            self._move(layer.bias, layer.dbias, bias_velocity)

    def _move(
        self, weight: np.ndarray, gradient: np.ndarray, velocity: np.ndarray
    ) -> None:
        velocity *= self.momentum
        velocity -= self.learning_rate * gradient
        weight += velocity
