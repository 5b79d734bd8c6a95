"""Convolution with 16 products for the four pixels of a window, where there were 36."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from frameworks.fast.calls import Calls
from frameworks.fast.products import by_columns, by_rows
from frameworks.fast.scratch import Arrays, Plan, aligned
from frameworks.layers import Conv2D

# Lavin and Gray 2016, section 4.1: out = A (G k G' * B t B') A'. Here tiles and kernels
# are columns of 16 and 9 numbers, so that A x A' is one product with kron(A, A).
A = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
CHANNELS = 16  # with fewer, the transforms cost more than they save


class Winograd:
    """F(2x2, 3x3), where a window of the pool is the 2x2, and its tile 4x4 pixels.

    The transforms of a tile are shared by all filters, and those of the products by all
    channels. Results differ from the direct ones by rounding.
    """

    def __init__(self, conv: Conv2D) -> None:
        self.conv = conv
        _, _, c, f = conv.kernel.shape
        dtype = conv.kernel.dtype
        self.A, self.B, self.G = (np.kron(m, m).astype(dtype) for m in (A, B, G))
        self.taken = np.full_like(conv.kernel, np.nan)  # equal to nothing
        self.kernel = aligned((16, c, f), dtype)
        self.matrix = aligned((16, f, c), dtype)
        self.floats_a_window = 16 * (c + f)

    @staticmethod
    def serves(conv: Conv2D, pool: tuple[int, int]) -> bool:
        """Return whether it can be used, and pays."""
        *window, c, f = conv.kernel.shape
        return window == [3, 3] and pool == (2, 2) and min(c, f) >= CHANNELS

    def prepare(self) -> None:
        """Transform the kernel, unless it has not changed: comparing is cheaper."""
        if np.array_equal(self.conv.kernel, self.taken):
            return
        self.taken[:] = self.conv.kernel
        kernel = self.taken.reshape(9, -1)
        np.matmul(self.G, kernel, out=self.kernel.reshape(16, -1))
        self.matrix[:] = self.kernel.swapaxes(1, 2)

    def plan(self, rows: slice, w: int, n: int, keep: bool) -> Plan:
        """Return the plan of a band: `rows` of w windows each, for n images."""
        _, f, c = self.matrix.shape
        h = rows.stop - rows.start
        plan = Plan(self.matrix.dtype)
        plan.add("transformed", 16, h, c, w * n, kept=keep)
        plan.add("products", 16, h, f, w * n)
        plan.add("tiles", 4, 4, h, c, w, n)
        # The rest lies over the tiles: forwards, it is written when they are used up;
        # backwards, it is used up when they are written.
        plan.overwrite("tiles")
        plan.add("phases", 2, 2, h, f, w * n)
        if keep:
            plan.add("dmatrices", 16, h, f, c)
        return plan

    def band(self, x: np.ndarray, rows: slice, arrays: Arrays) -> "WinogradBand":
        """Return the band for images x (H, c, W, n), in the arrays of its plan."""
        return WinogradBand(self, x, rows, arrays)

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel from what the bands computed."""
        dkernel = dmatrix.swapaxes(1, 2).reshape(16, -1)
        return (self.G.T @ dkernel).reshape(self.conv.kernel.shape)


class WinogradBand:
    """One band: the transformed tiles are kept, the phases are not."""

    def __init__(
        self, shared: Winograd, x: np.ndarray, rows: slice, arrays: Arrays
    ) -> None:
        self.shared, self.rows, self.arrays = shared, rows, arrays
        self.tiles, self.transformed = arrays["tiles"], arrays["transformed"]
        self.products, self.phases = arrays["products"], arrays["phases"]
        row, channel, column, image = x.strides
        self.source = as_strided(
            x[2 * rows.start :],
            self.tiles.shape,
            (row, column, 2 * row, channel, 2 * column, image),
        )

    def forward(self, calls: Calls) -> None:
        """Compute the phases, without bias."""
        calls.add(np.copyto, self.tiles, self.source)
        self._transform(calls, self.shared.B, self.tiles, self.transformed)
        matrix = self.shared.matrix[:, None]
        calls.add(np.matmul, matrix, self.transformed, out=self.products)
        self._transform(calls, self.shared.A, self.products, self.phases)

    def backward_kernel(self, calls: Calls, dmatrix: np.ndarray) -> None:
        """Compute the gradient of the transformed kernel from that of the phases."""
        self._transform(calls, self.shared.A.T, self.phases, self.products)
        dmatrices = self.arrays["dmatrices"]  # of each row
        a, b, out = by_rows(self.products, self.transformed, dmatrices)
        calls.add(np.matmul, a, b, out=out)
        calls.add(np.add.reduce, dmatrices, axis=1, out=dmatrix)

    def backward_x(self, calls: Calls, dx: np.ndarray) -> None:
        """Add the gradient of the images to dx; after `backward_kernel`."""
        kernel = self.shared.kernel[:, None]
        calls.add(np.matmul, kernel, self.products, out=self.transformed)
        self._transform(calls, self.shared.B.T, self.transformed, self.tiles)
        _, _, h, c, w, n = self.tiles.shape
        for i, j in np.ndindex(2, 2):  # a quarter of each tile: pixels of one window
            top = 2 * (self.rows.start + i)
            pixels = dx[top : top + 2 * h, :, 2 * j : 2 * (j + w)]
            pixels = pixels.reshape(h, 2, c, w, 2, n).transpose(1, 4, 0, 2, 3, 5)
            quarter = self.tiles[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            calls.add(np.add, pixels, quarter, out=pixels)

    @staticmethod
    def _transform(
        calls: Calls, matrix: np.ndarray, x: np.ndarray, out: np.ndarray
    ) -> None:
        """Compute out = matrix @ x, whose columns are all that is not transformed."""
        rows, inner = matrix.shape
        stack = by_columns(matrix, x.reshape(inner, -1), out.reshape(rows, -1))
        calls.add(np.matmul, *stack[:2], out=stack[2])
