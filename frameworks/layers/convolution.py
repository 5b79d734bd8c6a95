"""Convolutions: over all channels, over groups of them, or over each by itself."""

from collections.abc import Iterator

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
    which are slow. Instead, the kernel of a channel becomes a matrix (w, kh W), with
    each row of the kernel along a diagonal, which maps kh rows of pixels to one row of
    the output: the products with zeros cost less than what they save.
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
        if training:
            self.padded = padded
        kh, W = len(self.kernel), padded.shape[2]
        return diagonal(self.kernel, W, self.stride) @ _rows(padded, kh, self.stride)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        kh, kw, c, _ = self.kernel.shape
        _, h, w, n = dout.shape
        _, H, W, _ = self.padded.shape
        s, p = self.stride, self.padding

        self.dkernel = np.empty_like(self.kernel)
        sums, rows = self.dkernel.reshape(kh * kw, c), dout.reshape(c, h, -1)
        for k, pixels in enumerate(windows(self.padded, (kh, kw), (s, s))):
            sums[k] = np.vecdot(pixels.reshape(c, h, -1), rows).sum(1)

        # Each pixel of dout goes to a window of x: the same convolution, turned round,
        # of dout with its pixels `stride` apart
        spread = np.zeros((c, H - 2 * p + kh - 1, W - 2 * p + kw - 1, n), dout.dtype)
        top, left = kh - 1 - p, kw - 1 - p
        spread[:, top : top + s * h : s, left : left + s * w : s] = dout
        turned = self.kernel[::-1, ::-1]
        return diagonal(turned, spread.shape[2], 1) @ _rows(spread, kh, 1)


def diagonal(kernel: np.ndarray, W: int, stride: int) -> np.ndarray:
    """Return the matrix of each channel: (c, 1, w, kh W)."""
    kh, kw, c, _ = kernel.shape
    w = (W - kw) // stride + 1
    matrix = np.zeros((c, w, kh, W), kernel.dtype)
    for j, (out, pixel) in enumerate(_diagonals(kw, w, stride)):
        matrix[:, out, :, pixel] = kernel[:, j, :, 0].T
    return matrix.reshape(c, 1, w, kh * W)


def _diagonals(kw: int, w: int, stride: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each column of a kernel, the outputs and the pixels that it joins."""
    out = np.arange(w)
    for j in range(kw):
        yield out, out * stride + j


def _rows(x: np.ndarray, kh: int, stride: int) -> np.ndarray:
    """(c, H, W, n) -> (c, h, kh W, n): kh rows for each row of the output, a view."""
    c, _, W, n = x.shape
    rows = np.lib.stride_tricks.sliding_window_view(x, kh, axis=1)[:, ::stride]
    return np.moveaxis(rows, -1, 2).reshape(c, -1, kh * W, n)
