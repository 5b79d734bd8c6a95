"""Whitening: a first convolution that is computed from the images, and not trained."""

import numpy as np

from frameworks.layers.convolution import Conv2D


class Whitening(Conv2D):
    """Convolution without padding whose kernel, `whitening`, stays as it is.

    See `frameworks/whitening.py` for what the kernel is.
    """

    def __init__(
        self, c: int, f: int, window: tuple[int, int], dtype: str = "float32"
    ) -> None:
        super().__init__(c, f, window, dtype, use_bias=False)
        self.roles = ("whitening",)

    @property
    def whitening(self) -> np.ndarray:
        """The kernel, (kh, kw, c, f)."""
        return self.kernel

    @whitening.setter
    def whitening(self, kernel: np.ndarray) -> None:
        self.kernel = kernel

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = H - kh + 1."""
        return super().forward(x, training=False)  # nothing is kept for `backward`

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Nobody asks for the gradient of the images."""
        return np.empty(0, dout.dtype)
