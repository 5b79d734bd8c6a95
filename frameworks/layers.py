"""The layers of Skylark: NumPy, a whole batch at a time.

Every layer has `forward(x)`, which returns its output and keeps what `backward` needs,
and `backward(dout)`, which keeps the gradients of its weights and returns the gradient
of its input. A gradient is named d + name. The letters, everywhere in this file:

    n       images in the batch
    c, f    channels of the input, filters (channels of the output)
    H, W    height and width of the input
    h, w    height and width of the output
    kh, kw  height and width of the window; i, j a position in it

Images are (c, H, W, n). With the batch innermost, a window shifted by (i, j), and every
second row or column, are long contiguous runs: fast to copy, to add and to compare.
Kernels are (kh, kw, c, f), as everywhere in the project.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np


class Layer(Protocol):
    """What every layer does."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the output for the input x."""

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the gradient of x from the gradient of the output."""


class Conv2D:
    """Convolution without padding: out[f, y, x] = sum kernel * window at (y, x) + bias.

    The windows become the columns of one matrix (im2col; Chellapilla, Puri, Simard
    2006), so that the sums over c, i and j, for all pixels and images, are one matrix
    product. The loop is over the kh * kw positions in the window, never over pixels.
    """

    def __init__(
        self, c: int, f: int, window: tuple[int, int], dtype: str, needs_dx: bool = True
    ) -> None:
        self.kernel = np.zeros((*window, c, f), dtype)
        self.bias = np.zeros(f, dtype)
        self.needs_dx = needs_dx  # nobody asks for the gradient of the images

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(c, H, W, n) -> (f, H - kh + 1, W - kw + 1, n)."""
        kh, kw, c, f = self.kernel.shape
        _, H, W, n = self.x_shape = x.shape
        x = np.ascontiguousarray(x)
        h, w = H - kh + 1, W - kw + 1
        windows = [x[:, i : i + h, j : j + w] for i, j in np.ndindex(kh, kw)]
        self.columns = np.stack(windows).reshape(kh * kw * c, h * w * n)
        out = self.kernel.reshape(-1, f).T @ self.columns
        out += self.bias[:, None]
        return out.reshape(f, h, w, n)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        kh, kw, c, f = self.kernel.shape
        _, h, w, n = dout.shape
        dout = dout.reshape(f, h * w * n)
        self.dkernel = (self.columns @ dout.T).reshape(self.kernel.shape)
        self.dbias = dout.sum(1)
        if not self.needs_dx:
            return np.empty(0, dout.dtype)
        dcolumns = (self.kernel.reshape(-1, f) @ dout).reshape(kh, kw, c, h, w, n)
        dx = np.zeros(self.x_shape, dout.dtype)
        for i, j in np.ndindex(kh, kw):
            dx[:, i : i + h, j : j + w] += dcolumns[i, j]
        return dx


class ReLU:
    """out = max(x, 0)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Any shape."""
        self.positive = x > 0
        return np.maximum(x, 0)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout * self.positive


class Identity:
    """out = x: stands where an activation is left out."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Any shape."""
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape."""
        return dout


class MaxPool2D:
    """The maximum of each window; an odd edge is dropped.

    Where pixels of a window tie, the gradient goes to the first in row-major order,
    and to that one alone: after a ReLU, most windows tie at zero.
    """

    def __init__(self, window: tuple[int, int]) -> None:
        self.window = window

    def positions(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, for each (i, j) in the window, that pixel of every window: a view."""
        kh, kw = self.window
        _, H, W, _ = x.shape
        for i, j in np.ndindex(kh, kw):
            yield x[:, i : H - H % kh : kh, j : W - W % kw : kw]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(c, H, W, n) -> (c, H // kh, W // kw, n)."""
        first, *others = self.positions(x)
        out = first.copy()
        for pixel in others:
            np.maximum(out, pixel, out=out)
        self.x, self.out = x, out
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        dx = np.zeros_like(self.x)
        open_windows = np.ones(dout.shape, bool)  # those whose maximum is not yet found
        for pixel, dpixel in zip(
            self.positions(self.x), self.positions(dx), strict=True
        ):
            winners = (pixel == self.out) & open_windows
            open_windows ^= winners
            np.multiply(dout, winners, out=dpixel)
        return dx


class Flatten:
    """Pixels in the order h, w, c: one column an image."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(c, H, W, n) -> (H * W * c, n)."""
        self.x_shape = x.shape
        return x.transpose(1, 2, 0, 3).reshape(-1, x.shape[-1])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(H * W * c, n) -> (c, H, W, n)."""
        c, H, W, n = self.x_shape
        return np.ascontiguousarray(dout.reshape(H, W, c, n).transpose(2, 0, 1, 3))


class Dense:
    """out = kernel.T x + bias, for each column x."""

    def __init__(self, inputs: int, units: int, dtype: str) -> None:
        self.kernel = np.zeros((inputs, units), dtype)
        self.bias = np.zeros(units, dtype)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(inputs, n) -> (units, n)."""
        self.x = x
        return self.kernel.T @ x + self.bias[:, None]

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(units, n) -> (inputs, n)."""
        self.dkernel = self.x @ dout.T
        self.dbias = dout.sum(1)
        return self.kernel @ dout


class Sequential:
    """Layers, one after the other, by name or else by number; itself a layer."""

    def __init__(self, *layers: Layer, **named: Layer) -> None:
        self.layers = {str(i): layer for i, layer in enumerate(layers)} | named

    def forward(
        self, x: np.ndarray, last: str | None = None, training: bool = False
    ) -> np.ndarray:
        """Run every layer, or those up to and including the one named `last`.

        These layers do the same whether `training` or not; other engines keep less.
        """
        for name, layer in self.layers.items():
            x = layer.forward(x)
            if name == last:
                break
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Run every layer backwards."""
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return dout

    def weighted(self) -> dict[str, Conv2D | Dense]:
        """Return the layers that have weights, by their names at this level."""
        found: dict[str, Conv2D | Dense] = {}
        for name, layer in self.layers.items():
            if isinstance(layer, Sequential):
                found |= dict.fromkeys([name], *layer.weighted().values())
            elif isinstance(layer, Conv2D | Dense):
                found[name] = layer
        return found
