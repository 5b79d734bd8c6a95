"""Convolution with 16 products for the four pixels of a window, where there were 36."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from frameworks.fast.calls import Calls
from frameworks.fast.products import by_columns, by_rows
from frameworks.fast.scratch import Room
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
        self.kernel = np.empty((16, c, f), dtype)
        self.matrix = np.empty((16, f, c), dtype)
        self.floats_a_window = 16 * (c + f)

    @staticmethod
    def serves(conv: Conv2D, pool: tuple[int, int]) -> bool:
        """Return whether it can be used, and pays."""
        *window, c, f = conv.kernel.shape
        return window == [3, 3] and pool == (2, 2) and min(c, f) >= CHANNELS

    def prepare(self) -> None:
        """Take in the kernel's present values; to see that they stayed is faster."""
        if np.array_equal(self.conv.kernel, self.taken):
            return
        self.taken[:] = self.conv.kernel
        kernel = self.taken.reshape(9, -1)
        np.matmul(self.G, kernel, out=self.kernel.reshape(16, -1))
        self.matrix[:] = self.kernel.swapaxes(1, 2)

    def band(
        self, x: np.ndarray, rows: slice, w: int, room: Room, keep: bool
    ) -> "WinogradBand":
        """Return the product for some rows of windows of the images x."""
        return WinogradBand(self, x, rows, w, room, keep)

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel from what the bands computed."""
        dkernel = dmatrix.swapaxes(1, 2).reshape(16, -1)
        return (self.G.T @ dkernel).reshape(self.conv.kernel.shape)


class WinogradBand:
    """One band: the transformed tiles are kept, the phases (2, 2, h, f, q) are not."""

    def __init__(
        self,
        shared: Winograd,
        x: np.ndarray,
        rows: slice,
        w: int,
        room: Room,
        keep: bool,
    ) -> None:
        self.shared, self.rows, self.room = shared, rows, room
        _, _, c, f = shared.conv.kernel.shape
        h, n = rows.stop - rows.start, x.shape[3]
        row, channel, column, image = x.strides
        self.source = as_strided(
            x[2 * rows.start :],
            (4, 4, h, c, w, n),
            (row, column, 2 * row, channel, 2 * column, image),
        )
        shape = 16, h, c, w * n
        self.transformed = np.empty(shape, x.dtype) if keep else room.take(*shape)
        self.products = room.take(16, h, f, w * n)
        self.tiles = room.take(*self.source.shape)
        # Used up before the phases are written, and backwards written after they were.
        room.share(self.tiles)
        self.phases = room.take(2, 2, h, f, w * n)

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
        each = self.room.take(*self.products.shape[:3], dmatrix.shape[2])
        a, b, out = by_rows(self.products, self.transformed, each)
        calls.add(np.matmul, a, b, out=out)
        calls.add(np.add.reduce, each, axis=1, out=dmatrix)

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
