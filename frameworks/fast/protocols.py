"""What is needed of a convolution: in any network, and in a block of the small CNN.

`tiles`, `pointwise`, `banded` and `depthwise` offer a `FastConvolution`, which takes
the place of a plain layer.

`direct` and `winograd` offer a `Product`. It belongs to one layer, whose kernel it
prepares. It makes a `Band` for each band of rows of a shard's images. The letters are
those of the package.
"""

from typing import Any, Protocol

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.scratch import Arrays, Plan, Scratch


class FastConvolution(Protocol):
    """A plain convolution's faster twin, for one worker: the same weights and numbers.

    It derives from the plain class, and has all its attributes; `forward` and
    `backward` are a layer's, in the plain layout (c, h, w, n). What it returns, and
    what it keeps for the backward pass, is not in `scratch`: the next layer overwrites
    that.
    """

    def __init__(self, conv: Any, scratch: Scratch) -> None: ...

    @staticmethod
    def serves(conv: Any) -> bool:
        """Return whether a layer of the plain class can be computed so, and pays."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n)."""

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n), and the gradients of the weights."""


class Product(Protocol):
    """A convolution as products with a matrix that is made from the kernel.

    Attributes
    ----------
    matrix : ndarray
        The kernel, ready for the products; each class has its own shape for it.
    floats_a_window : int
        How many numbers a band holds for each window of each image.
    """

    matrix: np.ndarray
    floats_a_window: int

    def prepare(self) -> None:
        """Make `matrix` from the kernel's present values, before a forward pass."""

    def plan(self, rows: slice, w: int, n: int, keep: bool) -> Plan:
        """Return the plan of a band: `rows` of w windows each, for n images.

        With `keep`, there are arrays for the backward pass too, and what it needs from
        the forward pass has memory of its own.
        """

    def band(self, x: np.ndarray, rows: slice, arrays: Arrays) -> "Band":
        """Return the band for images x (H, c, W, n), in the arrays of its plan."""

    def gather(self, dmatrix: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel (kh, kw, c, f) from that of `matrix`."""


class Band(Protocol):
    """The convolution for one band of rows; each method appends its work to `calls`.

    Attributes
    ----------
    phases : ndarray of shape (ph, pw, h, f, q)
        The output, one array for each pixel of the pool's window; in the backward pass,
        its gradient.
    """

    phases: np.ndarray

    def forward(self, calls: Calls) -> None:
        """Compute the phases from the images, without bias."""

    def backward_kernel(self, calls: Calls, dmatrix: np.ndarray) -> None:
        """Compute dmatrix, the gradient of `matrix`, from that of the phases."""

    def backward_x(self, calls: Calls, dx: np.ndarray) -> None:
        """Add the gradient of the images to dx (H, c, W, n), after the kernel's."""
