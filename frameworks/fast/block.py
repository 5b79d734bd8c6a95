"""Convolution, activation and max pool as one layer, which works in bands of rows."""

from math import prod

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.direct import Direct
from frameworks.fast.scratch import Room, Scratch
from frameworks.fast.tournament import Tournament
from frameworks.fast.winograd import Winograd
from frameworks.layers import Conv2D

Pair = tuple[int, int]

# Bytes of a band: somewhat more than a core's own cache holds, for smaller bands make
# more calls, between which threads wait for each other.
BAND = 3 << 20


class Block:
    """The layers, their sizes, and the kernel made ready for the product."""

    def __init__(self, conv: Conv2D, relu: bool, pool: Pair, image: Pair) -> None:
        self.conv, self.relu = conv, relu
        kh, kw, _, _ = conv.kernel.shape
        self.windows = (image[0] - kh + 1) // pool[0], (image[1] - kw + 1) // pool[1]
        self.operations = 2 * conv.kernel.size * prod(self.windows) * prod(pool)
        winograd = Winograd.serves(conv, pool)
        self.product = Winograd(conv) if winograd else Direct(conv, pool)

    def bands(self, n: int) -> list[slice]:
        """Return the rows of windows of each band, for n images.

        A band is as many rows as leave what is computed for them in the cache until it
        is used: without bands 0.83 of the speed on one core (network small).
        """
        h, w = self.windows
        bytes_a_row = self.product.floats_a_window * w * n * self.conv.kernel.itemsize
        rows = max(1, BAND // bytes_a_row)
        return [slice(top, min(top + rows, h)) for top in range(0, h, rows)]


class BlockShard:
    """The block for a number of images: all its memory, and all its calls."""

    def __init__(
        self,
        block: Block,
        x: np.ndarray,
        scratch: Scratch,
        keep: bool,
    ) -> None:
        """Work on images x (H, c, W, n), wherever their values come from.

        With `keep`, the forward pass keeps what the backward pass needs, which is
        neither x nor `out`: the backward pass finds the gradient of `out` in its place,
        and writes that of x over x.
        """
        self.block, self.x = block, x
        (h, w), f, n = block.windows, block.conv.kernel.shape[3], x.shape[3]
        self.out = np.empty((h, f, w, n), x.dtype)
        self.bands = []
        for rows in block.bands(n):
            room = Room(scratch, x.dtype)
            product = block.product.band(x, rows, w, room, keep)
            ph, _, *shape = product.phases.shape
            pool = Tournament(product.phases, room.take(ph, *shape), keep)
            self.bands.append((rows, room, product, pool))
        kept = keep and block.relu
        self.positive = np.empty((h, f, w * n), bool) if kept else None
        self.forward = self._forward()
        if keep:
            self.dmatrix = np.empty_like(block.product.matrix)
            self.dbias = np.empty_like(block.conv.bias)
            self.backward = self._backward()

    def _forward(self) -> Calls:
        """Return the calls that compute `out` from `x`."""
        calls = Calls()
        out = self.out.reshape(*self.out.shape[:2], -1)
        bias = np.empty(out.shape[1:], out.dtype)
        zeros = np.zeros_like(bias)  # np.maximum with a scalar takes twice as long
        calls.add(np.copyto, bias, self.block.conv.bias[:, None])
        for rows, _, product, pool in self.bands:
            product.forward(calls)
            pool.forward(calls, out[rows])
            # After the maximum, with which both commute: a quarter of the work.
            calls.add(np.add, out[rows], bias, out=out[rows])
            if self.block.relu:
                calls.add(np.maximum, out[rows], zeros, out=out[rows])
            if self.positive is not None:
                calls.add(np.greater, out[rows], zeros, out=self.positive[rows])
        return calls

    def _backward(self) -> Calls:
        """Return the calls that compute the gradients from that of `out`.

        `dmatrix` is the gradient of what the product makes of the kernel.
        """
        calls = Calls()
        h, f, _, _ = self.out.shape
        dout = self.out.reshape(h, f, -1)
        dbiases = np.empty((h, f), dout.dtype)
        dx = self.x if self.block.conv.needs_dx else None
        if dx is not None:
            calls.add(dx.fill, 0)
        for k, (rows, room, product, pool) in enumerate(self.bands):
            d = dout[rows]
            if self.positive is not None:
                calls.add(np.multiply, d, self.positive[rows], out=d)
            calls.add(np.add.reduce, d, axis=2, out=dbiases[rows])
            pool.backward(calls, d)
            dmatrix = room.take(*self.dmatrix.shape) if k else self.dmatrix
            product.backward_kernel(calls, dmatrix)
            if k:
                calls.add(np.add, self.dmatrix, dmatrix, out=self.dmatrix)
            if dx is not None:
                product.backward_x(calls, dx)
        calls.add(np.add.reduce, dbiases, axis=0, out=self.dbias)
        return calls

    def gradients(self) -> list[np.ndarray]:
        """Return the gradients of kernel and bias that `backward` has computed."""
        return [self.block.product.gather(self.dmatrix), self.dbias]
