"""Convolution as one matrix product a pixel of the pool's window: for any kernel."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from frameworks.fast.calls import Calls
from frameworks.fast.products import by_rows
from frameworks.fast.scratch import Room
from frameworks.layers import Conv2D

Pair = tuple[int, int]


class Direct:
    """The columns of im2col, for a band of rows, in the order that the pool wants.

    A row of windows needs th = kh + ph - 1 rows of pixels. They are copied once for
    each column b of the window and j of the kernel, as (h, pw, th, kw, c, q); the
    columns for row a of the window are then a view, the rows a .. a + kh of the copies.
    For 3x3 and 2x2 that is 24 copies a window instead of 36, and the pixels of a
    window come out as four contiguous arrays. What the pool drops is never computed.
    """

    def __init__(self, conv: Conv2D, pool: Pair) -> None:
        self.conv, self.pool = conv, pool
        kh, kw, c, f = conv.kernel.shape
        ph, pw = pool
        self.matrix = np.empty((f, kh * kw * c), conv.kernel.dtype)
        self.floats_a_window = pw * (kh + ph - 1) * kw * c + ph * pw * f

    def prepare(self) -> None:
        """Take in the kernel's present values."""
        self.matrix[:] = self.conv.kernel.reshape(-1, len(self.matrix)).T

    def band(
        self, x: np.ndarray, rows: slice, w: int, room: Room, keep: bool
    ) -> "DirectBand":
        """Return the product for some rows of windows of the images x."""
        return DirectBand(self, x, rows, w, room, keep)

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel from what the bands computed."""
        return dmatrix.T.reshape(self.conv.kernel.shape)


class DirectBand:
    """One band: the copies are kept, the phases (ph, pw, h, f, q) are not."""

    def __init__(
        self,
        shared: Direct,
        x: np.ndarray,
        rows: slice,
        w: int,
        room: Room,
        keep: bool,
    ) -> None:
        self.shared, self.rows, self.room = shared, rows, room
        (kh, kw, c, f), (ph, pw) = shared.conv.kernel.shape, shared.pool
        h, th, n = rows.stop - rows.start, kh + ph - 1, x.shape[3]
        row, channel, column, image = x.strides
        self.source = as_strided(
            x[ph * rows.start :],
            (h, pw, th, kw, c, w, n),
            (ph * row, column, row, column, channel, pw * column, image),
        )
        shape = self.source.shape
        self.copies = np.empty(shape, x.dtype) if keep else room.take(*shape)
        each_row, each_b, each_pixel_row = self.copies.strides[:3]
        self.columns = as_strided(
            self.copies,
            (ph, pw, h, kh * kw * c, w * n),
            (each_pixel_row, each_b, each_row, w * n * x.itemsize, x.itemsize),
        )
        self.phases = room.take(ph, pw, h, f, w * n)

    def forward(self, calls: Calls) -> None:
        """Compute the phases, without bias."""
        calls.add(np.copyto, self.copies, self.source)
        calls.add(np.matmul, self.shared.matrix, self.columns, out=self.phases)

    def backward_kernel(self, calls: Calls, dmatrix: np.ndarray) -> None:
        """Compute the gradient of the matrix from that of the phases."""
        each = self.room.take(*self.phases.shape[:3], *dmatrix.shape)
        a, b, out = by_rows(self.phases, self.columns, each)
        calls.add(np.matmul, a, b, out=out)
        each = each.reshape(-1, *dmatrix.shape)
        calls.add(np.add.reduce, each, axis=0, out=dmatrix)

    def backward_x(self, calls: Calls, dx: np.ndarray) -> None:
        """Add the gradient of the images, from that of the phases, to dx."""
        h, pw, _, kw, c, w, n = self.source.shape
        ph, kh = len(self.phases), self.shared.conv.kernel.shape[0]
        dcolumns = self.room.take(*self.columns.shape)
        calls.add(np.matmul, self.shared.matrix.T, self.phases, out=dcolumns)
        dcolumns = dcolumns.reshape(ph, pw, h, kh, kw, c, w, n)
        for i, j in np.ndindex(kh, kw):  # all windows' pixels, moved by (i, j)
            top = ph * self.rows.start + i
            pixels = dx[top : top + ph * h, :, j : j + pw * w]
            pixels = pixels.reshape(h, ph, c, w, pw, n).transpose(1, 4, 0, 2, 3, 5)
            calls.add(np.add, pixels, dcolumns[:, :, :, i, j], out=pixels)
