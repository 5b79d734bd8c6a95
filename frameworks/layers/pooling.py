"""Pools: one number for each window of a channel, or for all of it."""

import numpy as np

from frameworks.layers.windows import crop, pad, windows


class MaxPool2D:
    """The maximum of each window; what is left of a whole window is dropped.

    Without `stride`, windows lie side by side. `padding` pixels on every side are minus
    infinity. Where pixels of a window tie, the gradient goes to the first in row-major
    order, and to that one alone: after a ReLU, most windows tie at zero.
    """

    def __init__(
        self, window: tuple[int, int], stride: int | None = None, padding: int = 0
    ) -> None:
        self.window, self.padding = window, padding
        self.stride = (stride, stride) if stride else window

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        padded = pad(x, self.padding, -np.inf) if self.padding else x
        first, *others = windows(padded, self.window, self.stride)
        out = first.copy()
        if training:
            self.padded_shape, self.winner = padded.shape, np.zeros(out.shape, np.uint8)
        for k, pixel in enumerate(others, 1):
            if training:  # the largest k whose pixel is larger than those before it
                larger = (pixel > out).view(np.uint8)
                np.maximum(self.winner, k * larger, out=self.winner)
            np.maximum(out, pixel, out=out)
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        if self.stride == self.window:  # a pixel is in one window alone
            dpadded = _side_by_side(self.padded_shape, dout, self.window)
            for k, dpixel in enumerate(windows(dpadded, self.window, self.stride)):
                np.multiply(dout, self.winner == k, out=dpixel)
            return crop(dpadded, self.padding)
        dpadded = np.zeros(self.padded_shape, dout.dtype)
        for k, dpixel in enumerate(windows(dpadded, self.window, self.stride)):
            dpixel += dout * (self.winner == k)
        return crop(dpadded, self.padding)


class AvgPool2D:
    """The mean of each window; windows lie side by side, and the rest is dropped."""

    def __init__(self, window: tuple[int, int]) -> None:
        self.window = window

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, H // kh, W // kw, n)."""
        if training:
            self.x_shape = x.shape
        first, *others = windows(x, self.window, self.window)
        out = first.copy()
        for pixel in others:
            out += pixel
        out /= len(others) + 1
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        dx = _side_by_side(self.x_shape, dout, self.window)
        share = dout / np.prod(self.window, dtype=dout.dtype)
        for dpixel in windows(dx, self.window, self.window):
            dpixel[:] = share
        return dx


class GlobalAvgPool2D:
    """The mean of each channel over all pixels: one column an image."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, n)."""
        if training:
            self.x_shape = x.shape
        return x.mean((1, 2))

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, n) -> (c, H, W, n)."""
        c, H, W, n = self.x_shape
        dpixel = (dout / (H * W)).reshape(c, 1, 1, n)
        return np.broadcast_to(dpixel, self.x_shape)


def _side_by_side(
    shape: tuple[int, ...], dout: np.ndarray, window: tuple[int, int]
) -> np.ndarray:
    """Return an array for windows (c, h, w, n) side by side, with zeros behind them.

    To fill all of it with zeros first would take as long as the pool itself.
    """
    dx = np.empty(shape, dout.dtype)
    dx[:, dout.shape[1] * window[0] :] = 0
    dx[:, :, dout.shape[2] * window[1] :] = 0
    return dx
