"""Convolution 1x1: a product for each pixel, cut to where BLAS is fastest."""

import numpy as np

from frameworks.fast.channels import as_rows
from frameworks.fast.products import by_blocks, equal_parts, multiply, times
from frameworks.fast.scratch import Scratch
from frameworks.layers import Conv2D

DEPTH = 512  # numbers of a dot product in the gradient of a kernel


class PointwiseConv2D(Conv2D):
    """A convolution 1x1 of stride 1, with the weights of a plain one."""

    def __init__(self, conv: Conv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        self.scratch = scratch

    @staticmethod
    def serves(conv: Conv2D) -> bool:
        """Return whether each pixel is by itself, and sees all channels."""
        form = *conv.kernel.shape[:2], conv.stride, conv.groups, conv.padding
        return form == (1, 1, 1, 1, 0)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, h, w, n) -> (f, h, w, n)."""
        columns = as_rows(x)
        if training:
            self.columns = columns
        out = times(self.kernel[0, 0].T, columns)
        if "bias" in self.roles:
            out += self.bias[:, None]
        return out.reshape(-1, *x.shape[1:])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, h, w, n)."""
        dcolumns = as_rows(dout)
        if "bias" in self.roles:
            self.dbias = dcolumns.sum(1)
        dkernel = over_pixels(self.columns, dcolumns, self.scratch)
        self.dkernel = dkernel.reshape(self.kernel.shape)
        if not self.needs_dx:
            return np.empty(0, dout.dtype)
        return times(self.kernel[0, 0], dcolumns).reshape(-1, *dout.shape[1:])


def over_pixels(a: np.ndarray, b: np.ndarray, scratch: Scratch) -> np.ndarray:
    """(c, pixels), (f, pixels) -> a @ b.T, from a part of the pixels at a time."""
    pixels = a.shape[1]
    count = equal_parts(pixels, -(-pixels // DEPTH), least=DEPTH // 8)
    out = scratch.take("part", count, len(a), len(b))
    a, b = (x.reshape(len(x), count, -1).swapaxes(0, 1) for x in (a, b))
    total: np.ndarray = multiply(by_blocks, a, b, out).sum(0)
    return total
