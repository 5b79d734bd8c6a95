"""What a block asks of a convolution: `direct` and `winograd` are the two answers.

A `Product` belongs to the layer, and knows its kernel; it gives out a `Band` for some
rows of windows of one shard's images. The letters are those of the package.
"""

from typing import Protocol

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.scratch import Arrays, Plan


class Product(Protocol):
    """A convolution as products with one matrix, which is made of the kernel.

    Attributes
    ----------
    matrix : ndarray
        The kernel, ready for the products; the shape is the product's own affair.
    floats_a_window : int
        How many numbers a band holds for each window of each image.
    """

    matrix: np.ndarray
    floats_a_window: int

    def prepare(self) -> None:
        """Make `matrix` of the kernel's present values; before a forward pass."""

    def plan(self, rows: slice, w: int, n: int, keep: bool) -> Plan:
        """Return the arrays of a band: `rows` of w windows each, for n images.

        One of them is "phases", (ph, pw, h, f, q). With `keep`, the arrays serve the
        backward pass too, and what it needs of the forward pass is kept.
        """

    def band(self, x: np.ndarray, rows: slice, arrays: Arrays) -> "Band":
        """Return the band for images x (H, c, W, n) in the arrays of its plan."""

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel (kh, kw, c, f) from that of `matrix`."""


class Band(Protocol):
    """The convolution for some rows of windows: it adds its calls to lists of them.

    Attributes
    ----------
    phases : ndarray of shape (ph, pw, h, f, q)
        The output, as one array for each pixel of the pool's window; when the backward
        pass begins, its gradient is there.
    """

    phases: np.ndarray

    def forward(self, calls: Calls) -> None:
        """Compute the phases from the images, without bias."""

    def backward_kernel(self, calls: Calls, dmatrix: np.ndarray) -> None:
        """Compute the gradient of `matrix`, dmatrix, from that of the phases."""

    def backward_x(self, calls: Calls, dx: np.ndarray) -> None:
        """Add the gradient of the images to dx (H, c, W, n), last of all."""
