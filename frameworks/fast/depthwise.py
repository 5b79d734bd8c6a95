"""Depthwise convolution in narrow tiles: fewer products with zeros.

As in the plain layer, a kernel becomes a matrix that maps rows of pixels to a row of
the output. It has a row for each pixel of the output and a column for each that the row
sees, and most of them are zeros: so tiles of some eight pixels take a third of the
products that whole rows of 32 do. With a stride, the gradient of x falls into phases,
each a convolution with some of the kernel's taps, where the plain layer puts zeros
between the pixels.
"""

import numpy as np

from frameworks.fast.products import equal_parts
from frameworks.fast.scratch import Scratch, aligned
from frameworks.layers import DepthwiseConv2D
from frameworks.layers.convolution import diagonal

TILE, LEAST = 8, 4  # pixels of a tile along a row: at the most, and at the least
FLOATS = 200_000  # of the tiles that are filled at once
IMAGES = 6  # with fewer, the small products are too small


class TiledDepthwiseConv2D(DepthwiseConv2D):
    """A depthwise convolution, with the weights of a plain one."""

    def __init__(self, conv: DepthwiseConv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        self.scratch = scratch

    @staticmethod
    def serves(conv: DepthwiseConv2D) -> bool:
        """Return whether a convolution can be computed so: any can."""
        return True

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        c, *sides, n = x.shape
        tiled = n >= IMAGES
        if training:
            self.x, self.tiled = x, tiled
        if not tiled:
            return super().forward(x, training)
        window, twice = self.kernel.shape, 2 * self.padding
        h, w = (
            (side + twice - k) // self.stride + 1
            for side, k in zip(sides, window, strict=False)
        )
        out = aligned((c, h, w, n), x.dtype)
        self._convolve(x, self.kernel, self.stride, (self.padding, self.padding), out)
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        if not self.tiled:
            return super().backward(dout)
        self.dkernel = self._dkernel(np.ascontiguousarray(dout))
        s, p = self.stride, self.padding
        dx = aligned(self.x.shape, dout.dtype)
        for phase in np.ndindex(s, s):  # pixels of padded images at phase + s k
            taps = self.kernel[phase[0] :: s, phase[1] :: s][::-1, ::-1]
            first = [-(-(p - a) // s) for a in phase]  # the first k that is kept
            top, left = (s * k + a - p for k, a in zip(first, phase, strict=True))
            part = dx[:, top::s, left::s]
            before = taps.shape[0] - 1 - first[0], taps.shape[1] - 1 - first[1]
            if not taps.size:
                part[:] = 0
            elif part.size:
                self._convolve(dout, taps, 1, before, part)
        return dx

    def _convolve(
        self,
        x: np.ndarray,
        kernel: np.ndarray,
        stride: int,
        before: tuple[int, int],
        out: np.ndarray,
    ) -> None:
        """Convolve images with zeros around them, so many `before` them, into `out`."""
        c, h, w, n = out.shape
        kh, kw = kernel.shape[:2]
        count = equal_parts(w, -(-w // TILE), LEAST)
        tile = w // count
        side, rows = stride * (tile - 1) + kw, stride * (h - 1) + kh
        matrices = diagonal(kernel, side, stride)[:, None]  # (c, 1, 1, tile, kh side)
        step = max(1, FLOATS // (count * rows * side * n))
        for start in range(0, c, step):
            part = slice(start, start + step)
            seen = self.scratch.take("seen", len(x[part]), count, rows, side, n)
            for k, target in enumerate(seen.swapaxes(0, 1)):
                top, left = before
                _fill(target, x[part], (top, left - stride * tile * k))
            *outer, row, _, image = seen.strides
            shape = len(seen), count, h, kh * side, n
            strides = *outer, stride * row, n * image, image
            seen_rows = np.ndarray(shape, x.dtype, seen, 0, strides)  # they overlap
            target = out[part].reshape(len(seen), h, count, tile, n).swapaxes(1, 2)
            np.matmul(matrices[part], seen_rows, out=target)

    def _dkernel(self, dout: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel, (kh, kw, c, 1)."""
        kh, kw, c, _ = self.kernel.shape
        _, h, w, n = dout.shape
        s, p = self.stride, self.padding
        dkernel = np.empty_like(self.kernel)
        height, width = s * (h - 1) + kh, w + (kw - 1) // s
        step = max(1, FLOATS // (s * height * width * n))
        for start in range(0, c, step):
            part = slice(start, start + step)
            x, drows = self.x[part], dout[part].reshape(-1, h, 1, w * n)
            phases = self.scratch.take("seen", s, len(x), height, width, n)
            for a in range(s):  # of columns: windows of a phase lie side by side
                _fill(phases[a], x[:, :, (a - p) % s :: s], (p, -((a - p) // s)))
            for j in range(kw):
                pixels = phases[j % s, :, :, j // s : j // s + w]
                channel, row, _, image = pixels.strides
                shape = len(x), h, kh, w * n
                strides = channel, s * row, row, image
                windows = np.lib.stride_tricks.as_strided(pixels, shape, strides)
                dkernel[:, j, part, 0] = np.vecdot(windows, drows).sum(1).T
        return dkernel


def _fill(target: np.ndarray, x: np.ndarray, before: tuple[int, int]) -> None:
    """Put x (c, H, W, n) at `before` in (c, h, w, n), as far as it fits; else zeros."""
    inside = []
    for place, side, room in zip(before, x.shape[1:], target.shape[1:], strict=False):
        start = min(max(0, place), room)
        inside.append((start, max(start, min(room, place + side))))
    (top, bottom), (left, right) = inside
    target[:, :top] = target[:, bottom:] = 0
    target[:, top:bottom, :left] = target[:, top:bottom, right:] = 0
    up, aside = before
    target[:, top:bottom, left:right] = x[:, top - up : bottom - up][
        :, :, left - aside : right - aside
    ]
