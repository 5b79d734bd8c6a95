"""Convolutions: over all channels, over groups of them, or over each by itself."""

from collections.abc import Iterator
from functools import reduce

import numpy as np

from frameworks.layers.windows import crop, pad, windows


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
        padded = pad(x, self.padding)
        c, g, size = len(x), self.groups, self.kernel.shape[:2]
        grouped = padded.reshape(g, c // g, *padded.shape[1:])
        pixels = list(windows(grouped, size, (self.stride, self.stride)))
        *_, h, w, n = pixels[0].shape
        # A window of one pixel needs no copy, unless it steps over others
        columns = np.stack(pixels, axis=1) if len(pixels) > 1 else pixels[0]
        columns = columns.reshape(g, -1, h * w * n)
        if training:
            self.padded_shape, self.columns = padded.shape, columns
        out = self._matrices().swapaxes(1, 2) @ columns  # (g, f / g, h w n)
        out = out.reshape(-1, h * w * n)
        if "bias" in self.roles:
            out += self.bias[:, None]
        return out.reshape(-1, h, w, n)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        c, *image = self.padded_shape
        g, size = self.groups, self.kernel.shape[:2]
        _, h, w, n = dout.shape
        if "bias" in self.roles:
            self.dbias = dout.reshape(len(dout), -1).sum(1)
        dout = dout.reshape(g, -1, h * w * n)
        dmatrices = self.columns @ dout.swapaxes(1, 2)  # (g, kh kw c / g, f / g)
        self.dkernel = dmatrices.swapaxes(0, 1).reshape(self.kernel.shape)
        if not self.needs_dx:
            return np.empty(0, dout.dtype)
        dcolumns = (self._matrices() @ dout).reshape(g, -1, c // g, h, w, n)
        if size == (1, 1) and self.stride == 1:  # the columns are the pixels
            return crop(dcolumns.reshape(self.padded_shape), self.padding)
        dpadded = np.zeros((g, c // g, *image), dout.dtype)
        steps = windows(dpadded, size, (self.stride, self.stride))
        for k, dpixels in enumerate(steps):
            dpixels += dcolumns[:, k]
        return crop(dpadded.reshape(self.padded_shape), self.padding)

    def _matrices(self) -> np.ndarray:
        """Return the kernel as one matrix a group: (g, kh kw c / g, f / g)."""
        g, f = self.groups, self.kernel.shape[-1]
        return self.kernel.reshape(-1, g, f // g).swapaxes(0, 1)


class DepthwiseConv2D:
    """Convolution of each channel by itself: out[c, y, x] = sum kernel[c] * window.

    Channels are never summed, so im2col would make products of a vector and a matrix,
    which are slow. Instead, each row of the kernel becomes a band in a matrix (w, W)
    that maps a row of pixels to a row of the output: the products with zeros cost less
    than what they save.
    """

    roles = ("kernel",)

    def __init__(
        self,
        c: int,
        window: tuple[int, int],
        dtype: str = "float32",
        *,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        self.stride, self.padding = stride, padding
        self.kernel = np.zeros((*window, c, 1), dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        padded = pad(x, self.padding)
        bands = self._bands(padded.shape[2])
        if training:
            self.padded, self.bands = padded, bands
        products = map(np.matmul, bands, self._rows(padded))  # (c, h, w, n), kh times
        return reduce(np.add, products)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        self.dkernel = np.empty_like(self.kernel)
        dpadded = np.zeros_like(self.padded)
        steps = zip(self._rows(self.padded), self._rows(dpadded), strict=True)
        for i, (rows, drows) in enumerate(steps):
            dband = (dout @ rows.swapaxes(2, 3)).sum(1)  # (c, w, W)
            for j, pixels in enumerate(self._diagonals(*dband.shape[1:])):
                self.dkernel[i, j, :, 0] = dband[:, *pixels].sum(1)
            drows += self.bands[i].swapaxes(2, 3) @ dout
        return crop(dpadded, self.padding)

    def _bands(self, W: int) -> np.ndarray:
        """Return a matrix for each row and channel of the kernel: (kh, c, 1, w, W)."""
        kh, kw, c, _ = self.kernel.shape
        w = (W - kw) // self.stride + 1
        bands = np.zeros((kh, c, 1, w, W), self.kernel.dtype)
        for j, (out, pixel) in enumerate(self._diagonals(w, W)):
            bands[:, :, 0, out, pixel] = self.kernel[:, j]
        return bands

    def _diagonals(self, w: int, W: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield, for each column of the kernel, where it is in a matrix (w, W)."""
        out = np.arange(w)
        for j in range(self.kernel.shape[1]):
            yield out, out * self.stride + j

    def _rows(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, for each row of the kernel, the rows that it meets: (c, h, W, n)."""
        kh, H = len(self.kernel), x.shape[1]
        for i in range(kh):
            yield x[:, i : i + H - kh + 1 : self.stride]
