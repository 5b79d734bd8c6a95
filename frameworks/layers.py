"""The layers of Skylark: NumPy, a whole batch at a time.

Every layer has `forward(x, training)`, which returns its output, and in training keeps
what `backward` needs; and `backward(dout)`, which keeps the gradients of its weights
and returns the gradient of its input. A gradient is named d + name. The letters,
everywhere in this file:

    n       images in the batch
    c, f    channels of the input, filters (channels of the output)
    g       groups of channels
    H, W    height and width of the input
    h, w    height and width of the output
    kh, kw  height and width of the window; i, j a position in it

Images are (c, H, W, n). With the batch innermost, a window shifted by (i, j), and every
second row or column, are long contiguous runs: fast to copy, to add and to compare.
Kernels are (kh, kw, c / g, f), as everywhere in the project.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any, Protocol

import numpy as np

from frameworks.weights import full_name, unique


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


class Conv2D:
    """Convolution: out[f, y, x] = sum kernel * window at (stride y, stride x) + bias.

    The windows become the columns of one matrix (im2col; Chellapilla, Puri, Simard
    2006), so the sums over c, i and j, for all pixels and images, are one matrix
    product, or one for each group of channels. The loop is over the kh * kw positions
    in the window, never over pixels. `padding` zeros are added on every side.
    """

    def __init__(
        self,
        c: int,
        f: int,
        window: tuple[int, int],
        dtype: str = "float32",
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        use_bias: bool = True,
        needs_dx: bool = True,
    ) -> None:
        self.stride, self.padding, self.groups = stride, padding, groups
        self.kernel = np.zeros((*window, c // groups, f), dtype)
        self.roles: tuple[str, ...] = ("kernel",)
        if use_bias:
            self.bias = np.zeros(f, dtype)
            self.roles += ("bias",)
        self.needs_dx = needs_dx  # False: nobody asks for the gradient of the images

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        c, H, W, n = x.shape
        g, p = self.groups, self.padding
        if p:
            padded = np.zeros((c, H + 2 * p, W + 2 * p, n), x.dtype)
            padded[:, p : p + H, p : p + W] = x
        else:
            padded = np.ascontiguousarray(x)
        windows = list(self._windows(padded.reshape(g, c // g, *padded.shape[1:])))
        h, w = windows[0].shape[2:4]
        columns = np.stack(windows, axis=1).reshape(g, -1, h * w * n)
        if training:
            self.x_shape, self.columns = x.shape, columns
        out = self._matrices().swapaxes(1, 2) @ columns  # (g, f / g, h w n)
        out = out.reshape(-1, h * w * n)
        if "bias" in self.roles:
            out += self.bias[:, None]
        return out.reshape(-1, h, w, n)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        c, H, W, n = self.x_shape
        g, p = self.groups, self.padding
        _, h, w, _ = dout.shape
        if "bias" in self.roles:
            self.dbias = dout.reshape(len(dout), -1).sum(1)
        dout = dout.reshape(g, -1, h * w * n)
        dmatrices = self.columns @ dout.swapaxes(1, 2)  # (g, kh kw c / g, f / g)
        self.dkernel = dmatrices.swapaxes(0, 1).reshape(self.kernel.shape)
        if not self.needs_dx:
            return np.empty(0, dout.dtype)
        dcolumns = (self._matrices() @ dout).reshape(g, -1, c // g, h, w, n)
        dpadded = np.zeros((g, c // g, H + 2 * p, W + 2 * p, n), dout.dtype)
        for k, dpixels in enumerate(self._windows(dpadded)):
            dpixels += dcolumns[:, k]
        return dpadded.reshape(c, *dpadded.shape[2:])[:, p : p + H, p : p + W]

    def _matrices(self) -> np.ndarray:
        """Return the kernel as one matrix a group: (g, kh kw c / g, f / g)."""
        g, f = self.groups, self.kernel.shape[-1]
        return self.kernel.reshape(-1, g, f // g).swapaxes(0, 1)

    def _windows(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, for each (i, j) in the window, that pixel of every window: a view."""
        kh, kw, _, _ = self.kernel.shape
        *_, H, W, _ = x.shape
        s = self.stride
        for i, j in np.ndindex(kh, kw):
            yield x[..., i : i + H - kh + 1 : s, j : j + W - kw + 1 : s, :]


class BatchNorm2D:
    """out = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    In training, mean and variance are those of the batch, over pixels and images; the
    running ones follow, 0.9 running + 0.1 batch, and serve prediction (Ioffe, Szegedy
    2015). Every variance is divided by the number of values, not by one less.
    """

    EPSILON, MOMENTUM = 1e-5, 0.9
    roles = ("gamma", "beta", "mean", "variance")

    def __init__(self, c: int, dtype: str = "float32") -> None:
        self.gamma, self.beta = np.ones(c, dtype), np.zeros(c, dtype)
        self.mean, self.variance = np.zeros(c, dtype), np.ones(c, dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, h, w, n) -> the same shape."""
        rows = x.reshape(len(x), -1)
        if training:
            mean = rows.mean(1)
            centred = rows - mean[:, None]
            variance = np.vecdot(centred, centred) / rows.shape[1]
            self._follow(self.mean, mean)
            self._follow(self.variance, variance)
        else:
            centred, variance = rows - self.mean[:, None], self.variance
        std = np.sqrt(variance + self.EPSILON)
        centred /= std[:, None]
        if training:
            self.std, self.normed = std, centred
        out = self.gamma[:, None] * centred
        out += self.beta[:, None]
        return out.reshape(x.shape)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape: the batch's mean and variance depend on x as well."""
        rows = dout.reshape(len(dout), -1)
        self.dgamma, self.dbeta = np.vecdot(rows, self.normed), rows.sum(1)
        dx = self.normed * (self.dgamma / -rows.shape[1])[:, None]
        dx += rows
        dx -= (self.dbeta / rows.shape[1])[:, None]
        dx *= (self.gamma / self.std)[:, None]
        return dx.reshape(dout.shape)

    def _follow(self, running: np.ndarray, batch: np.ndarray) -> None:
        running *= self.MOMENTUM
        running += (1 - self.MOMENTUM) * batch


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


class Identity:
    """out = x: takes the place of an activation that is left out."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
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

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, H // kh, W // kw, n)."""
        first, *others = self.positions(x)
        out = first.copy()
        for pixel in others:
            np.maximum(out, pixel, out=out)
        if training:
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


class Container:
    """A layer that is made of layers, which have a name or else a number.

    A weight is called by the names on the way to it, and numbers are left out: in
    Sequential(conv1=Sequential(Conv2D(...), ReLU())) it is `conv1.kernel`.
    """

    def __init__(self, *layers: Layer, **named: Layer) -> None:
        self.layers = {str(i): layer for i, layer in enumerate(layers)} | named
        for name, layer in self.layers.items():
            if not isinstance(layer, Container) and not hasattr(layer, "roles"):
                _check_has_no_weights(name, layer)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Yield the path to each layer that is not made of others, and the layer."""
        for name, layer in self.layers.items():
            if isinstance(layer, Container):
                for path, leaf in layer.leaves():
                    yield f"{name}.{path}", leaf
            else:
                yield name, layer

    def weighted(self) -> dict[str, Any]:
        """Return the layers that have weights (`Weighted`), by name.

        Raises
        ------
        ValueError
            Two of them have one name.
        """
        return unique(
            (full_name(path), layer)
            for path, layer in self.leaves()
            if hasattr(layer, "roles")
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights themselves, by name: `conv1.kernel`."""
        return {
            f"{name}.{role}": getattr(layer, role)
            for name, layer in self.weighted().items()
            for role in layer.roles
        }


def _check_has_no_weights(name: str, layer: Layer) -> None:
    """Raise ValueError where a layer without roles keeps weights: they would be lost.

    A layer is asked before it has seen any images, which it may keep as well.
    """
    for attribute, value in vars(layer).items():
        if isinstance(value, np.ndarray | Container) or hasattr(value, "roles"):
            raise ValueError(
                f"layer {name!r} keeps {attribute!r}, and its class "
                f"{type(layer).__name__} does not say what it is: name its weights in "
                "`roles`, or derive it from a layer that is made of layers."
            )


class Sequential(Container):
    """Layers, one after the other."""

    def forward(
        self, x: np.ndarray, training: bool = True, last: str | None = None
    ) -> np.ndarray:
        """Run every layer, or those up to and including the one named `last`."""
        for name, layer in self.layers.items():
            x = layer.forward(x, training=training)
            if name == last:
                break
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Run every layer backwards."""
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return dout


class Add(Container):
    """The sum of what several layers make of the same input."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape, the same from each layer."""
        outs = [layer.forward(x, training=training) for layer in self.layers.values()]
        return reduce(np.add, outs)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the sum of the gradients of x."""
        dxs = [layer.backward(dout) for layer in self.layers.values()]
        return reduce(np.add, dxs)
