"""Dense layers, and the way to them."""

import numpy as np


class Flatten:
    """Pixels in the order h, w, c: one column an image."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (H * W * c, n)."""
        if training:
            self.x_shape = x.shape
        return x.transpose(1, 2, 0, 3).reshape(-1, x.shape[-1])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(H * W * c, n) -> (c, H, W, n)."""
        c, H, W, n = self.x_shape
        return np.ascontiguousarray(dout.reshape(H, W, c, n).transpose(2, 0, 1, 3))


class Dense:
    """out = kernel.T x + bias, for each column x."""

    roles = ("kernel", "bias")

    def __init__(self, inputs: int, units: int, dtype: str = "float32") -> None:
        self.kernel = np.zeros((inputs, units), dtype)
        self.bias = np.zeros(units, dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(inputs, n) -> (units, n)."""
        if training:
            self.x = x
        return self.kernel.T @ x + self.bias[:, None]

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(units, n) -> (inputs, n)."""
        self.dkernel = self.x @ dout.T
        self.dbias = dout.sum(1)
        return self.kernel @ dout
