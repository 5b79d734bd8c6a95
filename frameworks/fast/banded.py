"""Any other convolution: the columns of some rows at a time, in the core's cache.

The plain layer writes all columns to memory, several times as many numbers as there are
in the images, and keeps them. Here they are written again in the backward pass, and
products are cut to where BLAS is fastest.
"""

from collections.abc import Iterator

import numpy as np

from frameworks.fast.products import by_blocks, by_columns, multiply
from frameworks.fast.scratch import Scratch, aligned
from frameworks.layers import Conv2D
from frameworks.layers.windows import crop, pad, windows

FLOATS = 200_000  # of the columns of a band


class BandedConv2D(Conv2D):
    """A convolution of any kind, with the weights of a plain one."""

    def __init__(self, conv: Conv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        self.scratch = scratch

    @staticmethod
    def serves(conv: Conv2D) -> bool:
        """Return whether a convolution can be computed so: any can."""
        return True

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = (H + 2 padding - kh) // stride + 1."""
        padded = pad(x, self.padding)
        if training:
            self.padded = padded
        g, f = self.groups, self.kernel.shape[-1]
        h, w, n = self._out_shape(padded)
        out = aligned((f, h, w, n), x.dtype)
        pixels = out.reshape(g, f // g, -1)
        matrices = self._matrices().swapaxes(1, 2)
        for rows, columns in self._bands(padded):
            target = pixels[..., rows.start * w * n : rows.stop * w * n]
            multiply(by_columns, matrices, columns, target)
        if "bias" in self.roles:
            out += self.bias[:, None, None, None]
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        f, _, w, n = dout.shape
        g, (kh, kw) = self.groups, self.kernel.shape[:2]
        dpixels = np.ascontiguousarray(dout).reshape(g, f // g, -1)
        if "bias" in self.roles:
            self.dbias = dout.reshape(f, -1).sum(1)
        matrices = self._matrices()  # (g, kh kw c / g, f / g)
        total = np.zeros(matrices.shape, dout.dtype)
        part = self.scratch.take("matrices", *total.shape)
        dpadded = np.zeros(self.padded.shape if self.needs_dx else 0, dout.dtype)
        for rows, columns in self._bands(self.padded):
            source = dpixels[..., rows.start * w * n : rows.stop * w * n]
            total += multiply(by_blocks, columns, source, part)
            if not self.needs_dx:
                continue
            multiply(by_columns, matrices, source, columns)  # which are used up
            seen = self._seen(dpadded, rows)
            dwindows = columns.reshape(g, kh * kw, -1, *seen[0].shape[2:])
            for k, place in enumerate(seen):
                place += dwindows[:, k]
        self.dkernel = total.swapaxes(0, 1).reshape(self.kernel.shape)
        return crop(dpadded, self.padding) if self.needs_dx else dpadded

    def _out_shape(self, padded: np.ndarray) -> tuple[int, int, int]:
        _, H, W, n = padded.shape
        kh, kw = self.kernel.shape[:2]
        return (H - kh) // self.stride + 1, (W - kw) // self.stride + 1, n

    def _bands(self, padded: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows of the output, and their columns (g, kh kw c / g, rows w n)."""
        h, w, n = self._out_shape(padded)
        kh, kw, c, _ = self.kernel.shape
        depth = kh * kw * c
        step = max(1, FLOATS // (self.groups * depth * w * n))
        for start in range(0, h, step):
            rows = slice(start, min(h, start + step))
            count = rows.stop - rows.start
            columns = self.scratch.take("seen", self.groups, depth, count * w * n)
            into = columns.reshape(self.groups, kh * kw, c, count, w, n)
            for k, pixels in enumerate(self._seen(padded, rows)):
                into[:, k] = pixels
            yield rows, columns

    def _seen(self, padded: np.ndarray, rows: slice) -> list[np.ndarray]:
        """Return the pixels of some rows' windows: views (g, c / g, rows, w, n)."""
        s, (kh, kw) = self.stride, self.kernel.shape[:2]
        some = padded[:, s * rows.start : s * (rows.stop - 1) + kh]
        grouped = some.reshape(self.groups, -1, *some.shape[1:])
        return list(windows(grouped, (kh, kw), (s, s)))
