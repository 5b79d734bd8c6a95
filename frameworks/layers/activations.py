"""Activations: what acts on each number by itself."""

import numpy as np


class ReLU:
    """out = max(x, 0)."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape."""
        if training:
            self.positive = x > 0
        return np.maximum(x, 0)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout * self.positive


class ReLU6:
    """out = min(max(x, 0), 6)."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape."""
        out = np.clip(x, 0, 6)
        if training:
            self.inside = (x > 0) & (x < 6)
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout * self.inside


class Sigmoid:
    """out = 1 / (1 + exp(-x))."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape."""
        out = sigmoid(x)
        if training:
            self.out = out
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout * self.out * (1 - self.out)


class Swish:
    """out = x sigmoid(x), also called SiLU (Ramachandran, Zoph, Le 2017)."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape."""
        gate = sigmoid(x)
        if training:
            self.x, self.gate = x, gate
        return x * gate

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape: the slope is gate (1 + x (1 - gate))."""
        slope = 1 - self.gate
        slope *= self.x
        slope += 1
        slope *= self.gate
        slope *= dout
        return slope


class Identity:
    """out = x: takes the place of a layer that is left out."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape."""
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)); by tanh, since exp(-x) overflows."""
    out = np.tanh(x / 2)
    out += 1
    out /= 2
    return out
