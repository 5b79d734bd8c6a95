"""The optimiser: stochastic gradient descent with momentum."""

from collections.abc import Iterable

import numpy as np

from frameworks.layers import Weighted
from frameworks.weights import decays, is_trained


class SGD:
    """v = momentum v - learning_rate g; w += v.

    With `nesterov`, w += momentum v - learning_rate g, with the new v.

    Weight decay is added to the gradient of kernels, not of biases
    (Krizhevsky, Sutskever, Hinton 2012, section 5).
    """

    def __init__(
        self,
        layers: Iterable[Weighted],
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        nesterov: bool = False,
    ) -> None:
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.nesterov = nesterov
        self.velocities = [
            (layer, role, np.zeros_like(getattr(layer, role)))
            for layer in layers
            for role in layer.roles
            if is_trained(role)
        ]

    def step(self) -> None:
        """Move every trained weight once, along its gradient and its velocity."""
        for layer, role, velocity in self.velocities:
            weight, gradient = getattr(layer, role), getattr(layer, f"d{role}")
            if self.weight_decay and decays(role):
                gradient = gradient + self.weight_decay * weight
            step = self.learning_rate * gradient
            velocity *= self.momentum
            velocity -= step
            ahead = self.momentum * velocity - step if self.nesterov else velocity
            self.move(weight, ahead)

    def move(self, weight: np.ndarray, step: np.ndarray) -> None:
        """Move one weight, in place."""
        weight += step
