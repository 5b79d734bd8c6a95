"""Convolution as one matrix product a pixel of the pool's window: for any kernel."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from frameworks.fast.calls import Calls
from frameworks.fast.products import by_rows
from frameworks.fast.scratch import Arrays, Plan, aligned
from frameworks.layers import Conv2D

Pair = tuple[int, int]


class Direct:
    """The columns of im2col, for a band of rows, in the order that the pool wants.

    A row of windows needs th = kh + ph - 1 rows of pixels. They are copied once for
    each column b of the window and j of the kernel, as (h, pw, th, kw, c, q); the
    columns for row a of the window are then a view, the rows a .. a + kh of the copies.
    For 3x3 and 2x2 that is 24 copies a window instead of 36, and the pixels of a
    window come out as four contiguous arrays. Pixels that the pool drops are never
    computed.
    """

    def __init__(self, conv: Conv2D, pool: Pair) -> None:
        self.conv, self.pool = conv, pool
        kh, kw, c, f = conv.kernel.shape
        ph, pw = pool
        self.matrix = aligned((f, kh * kw * c), conv.kernel.dtype)
        self.floats_a_window = pw * (kh + ph - 1) * kw * c + ph * pw * f

    def prepare(self) -> None:
        """Make `matrix` from the kernel's present values: a transposed copy."""
        self.matrix[:] = self.conv.kernel.reshape(-1, len(self.matrix)).T

    def plan(self, rows: slice, w: int, n: int, keep: bool) -> Plan:
        """Return the plan of a band: `rows` of w windows each, for n images."""
        (kh, kw, c, f), (ph, pw) = self.conv.kernel.shape, self.pool
        h, th = rows.stop - rows.start, kh + ph - 1
        plan = Plan(self.matrix.dtype)
        plan.add("copies", h, pw, th, kw, c, w, n, kept=keep)
        plan.add("phases", ph, pw, h, f, w * n)
        if keep:
            plan.add("dmatrices", ph, pw, h, *self.matrix.shape)
        if keep and self.conv.needs_dx:
            plan.add("dcolumns", ph, pw, h, kh * kw * c, w * n)
        return plan

    def band(self, x: np.ndarray, rows: slice, arrays: Arrays) -> "DirectBand":
        """Return the band for images x (H, c, W, n), in the arrays of its plan."""
        return DirectBand(self, x, rows, arrays)

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel from what the bands computed."""
        return dmatrix.T.reshape(self.conv.kernel.shape)


class DirectBand:
    """One band: the copies are kept, the phases are not."""

    def __init__(
        self, shared: Direct, x: np.ndarray, rows: slice, arrays: Arrays
    ) -> None:
        self.shared, self.rows, self.arrays = shared, rows, arrays
        self.copies, self.phases = arrays["copies"], arrays["phases"]
        row, channel, column, image = x.strides
        ph, pw, h, _, q = self.phases.shape
        self.source = as_strided(
            x[ph * rows.start :],
            self.copies.shape,
            (ph * row, column, row, column, channel, pw * column, image),
        )
        each_row, each_b, each_pixel_row, _, each_channel = self.copies.strides[:5]
        self.columns = as_strided(
            self.copies,
            (ph, pw, h, shared.matrix.shape[1], q),
            (each_pixel_row, each_b, each_row, each_channel, self.copies.itemsize),
        )

    def forward(self, calls: Calls) -> None:
        """Compute the phases, without bias."""
        calls.add(np.copyto, self.copies, self.source)
        calls.add(np.matmul, self.shared.matrix, self.columns, out=self.phases)

    def backward_kernel(self, calls: Calls, dmatrix: np.ndarray) -> None:
        """Compute the gradient of the matrix from that of the phases."""
        dmatrices = self.arrays["dmatrices"]  # of each pixel of the window, and row
        a, b, out = by_rows(self.phases, self.columns, dmatrices)
        calls.add(np.matmul, a, b, out=out)
        dmatrices = dmatrices.reshape(-1, *dmatrix.shape)
        calls.add(np.add.reduce, dmatrices, axis=0, out=dmatrix)

    def backward_x(self, calls: Calls, dx: np.ndarray) -> None:
        """Add the gradient of the images to dx."""
        h, pw, _, kw, c, w, n = self.source.shape
        ph, kh = len(self.phases), self.shared.conv.kernel.shape[0]
        dcolumns = self.arrays["dcolumns"]
        calls.add(np.matmul, self.shared.matrix.T, self.phases, out=dcolumns)
        dcolumns = dcolumns.reshape(ph, pw, h, kh, kw, c, w, n)
        for i, j in np.ndindex(kh, kw):  # all windows' pixels, moved by (i, j)
            top = ph * self.rows.start + i
            pixels = dx[top : top + ph * h, :, j : j + pw * w]
            pixels = pixels.reshape(h, ph, c, w, pw, n).transpose(1, 4, 0, 2, 3, 5)
            calls.add(np.add, pixels, dcolumns[:, :, :, i, j], out=pixels)
