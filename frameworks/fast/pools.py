"""Max pools whose windows overlap: the maximum along rows, then along columns.

The plain layer looks at every pixel of a window. Here a window 3x3 takes two maxima
along its rows, and two of what they leave. The winner is the same: the first row that
has the maximum, and the first pixel of it that has. Pools take half of the time: they
were nearly half of a step of GoogLeNet.
"""

import numpy as np

from frameworks.fast.channels import bands
from frameworks.fast.scratch import Scratch, aligned
from frameworks.layers import MaxPool2D
from frameworks.layers.windows import crop, pad, windows

Axis = tuple[tuple[int, int], tuple[int, int]]  # size and stride of its windows


class SeparableMaxPool2D(MaxPool2D):
    """A max pool, one axis at a time; `scratch` is by the type of its numbers."""

    def __init__(self, pool: MaxPool2D, scratch: dict[str, Scratch]) -> None:
        vars(self).update(vars(pool))
        self.scratch = scratch
        (kh, kw), (down, right) = self.window, self.stride
        self.rows, self.columns = ((1, kw), (1, right)), ((kh, 1), (down, 1))

    @staticmethod
    def serves(pool: MaxPool2D) -> bool:
        """Return whether windows overlap; side by side, the plain layer is as fast."""
        (kh, kw), (down, right) = pool.window, pool.stride
        return kh > down and kw > right

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        c, *sides, n = x.shape
        H, W = (side + 2 * self.padding for side in sides)
        (kh, kw), (down, right) = self.window, self.stride
        h, w = (H - kh) // down + 1, (W - kw) // right + 1
        out = aligned((c, h, w, n), x.dtype)
        larger = []
        for band in bands((c, H * W * n)):
            padded = pad(x[band], self.padding, -np.inf)
            half = self._take("half", x, len(padded), H, w, n)
            found = _maximum(padded, self.rows, half)
            larger.append((found, _maximum(half, self.columns, out[band])))
        if training:
            self.padded_shape, self.larger = (c, H, W, n), larger
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        c, H, W, n = self.padded_shape
        w = dout.shape[2]
        dx = aligned((c, H - 2 * self.padding, W - 2 * self.padding, n), dout.dtype)
        for band in bands((c, H * W * n)):
            along_rows, along_columns = self.larger.pop(0)
            rest = dout[band].copy()
            dhalf = self._take("half", dout, len(rest), H, w, n)
            _give_back(rest, along_columns, self.columns, dhalf)
            dpadded = self._take("padded", dout, len(rest), H, W, n)
            _give_back(dhalf, along_rows, self.rows, dpadded)
            dx[band] = crop(dpadded, self.padding)
        return dx

    def _take(self, name: str, like: np.ndarray, *shape: int) -> np.ndarray:
        return self.scratch[like.dtype.str].take(name, *shape)


def _maximum(x: np.ndarray, axis: Axis, out: np.ndarray) -> list[np.ndarray]:
    """Put the maximum of each window into `out`.

    Return, for each pixel of the windows but the first, where it is larger than those
    before it.
    """
    first, *others = windows(x, *axis)
    np.copyto(out, first)
    larger = []
    for pixel in others:
        larger.append(pixel > out)
        np.maximum(out, pixel, out=out)
    return larger


def _give_back(
    rest: np.ndarray, larger: list[np.ndarray], axis: Axis, dx: np.ndarray
) -> None:
    """Put the gradient of x into dx: that of each window goes to its last `larger`.

    The gradients of the windows are used up.
    """
    dx.fill(0)
    first, *others = windows(dx, *axis)
    for dpixel, won in zip(reversed(others), reversed(larger), strict=True):
        part = won.astype(rest.dtype)  # faster than a product with truth values
        part *= rest
        rest -= part
        dpixel += part
    first += rest
