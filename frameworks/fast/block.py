"""Convolution, activation and max pool as one layer, which works in bands of rows."""

from math import prod

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.direct import Direct
from frameworks.fast.protocols import Product
from frameworks.fast.scratch import Plan, aligned
from frameworks.fast.tournament import Tournament
from frameworks.fast.winograd import Winograd
from frameworks.layers import Conv2D

Pair = tuple[int, int]

# Bytes of a band: somewhat more than a core's own cache. Smaller bands make more calls,
# and between calls, threads wait for each other.
BAND = 3 << 20


class FusedBlock:
    """The fused layers, their sizes, and the kernel ready for the product."""

    def __init__(self, conv: Conv2D, relu: bool, pool: Pair, image: Pair) -> None:
        self.conv, self.relu, self.pool = conv, relu, pool
        kh, kw, _, _ = conv.kernel.shape
        self.windows = (image[0] - kh + 1) // pool[0], (image[1] - kw + 1) // pool[1]
        self.operations = 2 * conv.kernel.size * prod(self.windows) * prod(pool)
        winograd = Winograd.serves(conv, pool)
        self.product: Product = Winograd(conv) if winograd else Direct(conv, pool)

    def bands(self, n: int) -> list[slice]:
        """Return the rows of windows of each band, for n images.

        A band has so few rows that what is computed for them is still in the cache when
        it is used: without bands, 0.83 of the speed on one core (network small).
        """
        h, w = self.windows
        bytes_a_row = self.product.floats_a_window * w * n * self.conv.kernel.itemsize
        rows = max(1, BAND // bytes_a_row)
        return [slice(top, min(top + rows, h)) for top in range(0, h, rows)]

    def plan(self, rows: slice, n: int, keep: bool) -> Plan:
        """Return the plan of one band, for n images; with `keep`, backwards too."""
        w, f = self.windows[1], self.conv.kernel.shape[3]
        plan = self.product.plan(rows, w, n, keep)
        plan.add("winners", self.pool[0], rows.stop - rows.start, f, w * n)
        if keep and rows.start > 0:  # the first band has the block's own
            plan.add("dmatrix", *self.product.matrix.shape)
        return plan


class BlockShard:
    """The block for a fixed number of images: all its memory, and all its calls."""

    def __init__(
        self, block: FusedBlock, x: np.ndarray, buffer: np.ndarray, keep: bool
    ) -> None:
        """Work on images x (H, c, W, n), in a buffer with room for every band's plan.

        With `keep`, the forward pass keeps what the backward pass needs, which is
        neither x nor `out`: the backward pass finds the gradient of `out` in its place,
        and writes that of x over x.
        """
        self.block, self.x = block, x
        (h, w), f, n = block.windows, block.conv.kernel.shape[3], x.shape[3]
        self.out = aligned((h, f, w, n), x.dtype)
        self.bands = []
        for rows in block.bands(n):
            arrays = block.plan(rows, n, keep).bind(buffer)
            product = block.product.band(x, rows, arrays)
            pool = Tournament(product.phases, arrays["winners"], keep)
            self.bands.append((rows, arrays, product, pool))
        kept = keep and block.relu
        self.positive = aligned((h, f, w * n), bool) if kept else None
        self.forward = self._forward()
        if keep:
            self.dmatrix = aligned(block.product.matrix.shape, x.dtype)
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
            # Bias and ReLU commute with the maximum: after it, a quarter of the work.
            calls.add(np.add, out[rows], bias, out=out[rows])
            if self.block.relu:
                calls.add(np.maximum, out[rows], zeros, out=out[rows])
            if self.positive is not None:
                calls.add(np.greater, out[rows], zeros, out=self.positive[rows])
        return calls

    def _backward(self) -> Calls:
        """Return the calls that compute the gradients from that of `out`.

        The first band writes its gradient of the product's matrix to `dmatrix`; those
        of the other bands are added to it.
        """
        calls = Calls()
        h, f, _, _ = self.out.shape
        dout = self.out.reshape(h, f, -1)
        dbiases = np.empty((h, f), dout.dtype)
        dx = self.x if self.block.conv.needs_dx else None
        if dx is not None:
            calls.add(dx.fill, 0)
        for rows, arrays, product, pool in self.bands:
            d = dout[rows]
            if self.positive is not None:
                calls.add(np.multiply, d, self.positive[rows], out=d)
            calls.add(np.add.reduce, d, axis=2, out=dbiases[rows])
            pool.backward(calls, d)
            dmatrix = arrays.get("dmatrix", self.dmatrix)
            product.backward_kernel(calls, dmatrix)
            if dmatrix is not self.dmatrix:
                calls.add(np.add, self.dmatrix, dmatrix, out=self.dmatrix)
            if dx is not None:
                product.backward_x(calls, dx)
        calls.add(np.add.reduce, dbiases, axis=0, out=self.dbias)
        return calls

    def gradients(self) -> list[np.ndarray]:
        """Return the gradients of kernel and bias that `backward` has computed."""
        return [self.block.product.gather(self.dmatrix), self.dbias]
