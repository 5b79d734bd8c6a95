"""The transforms of a convolution by tiles, for tiles of some size: F(t x u, 3 x 3).

`tile_views` has the products of these matrices with images.
"""

from functools import cache

import numpy as np
from numpy.polynomial.polynomial import polyfromroots

from frameworks.fast.cover import TAPS
from frameworks.fast.products import by_columns, multiply
from frameworks.fast.scratch import Scratch

# Where polynomials are evaluated, and at infinity: a convolution is the product of two.
POINTS = 0, 1, -1, 2, -2


class Tiling:
    """Tiles of t x u pixels, which see two pixels more each way.

    Letters are those of Lavin, Gray 2016; A and B are pairs, for columns and for rows.

    Parameters
    ----------
    tile : (t, u)
    groups : int
        Of the convolution.
    scratch : Scratch
    """

    def __init__(self, tile: tuple[int, int], groups: int, scratch: Scratch) -> None:
        self.tile, self.groups, self.scratch = tile, groups, scratch
        both = [transforms(pixels) for pixels in tile]
        self.A, self.B, G = (
            [matrix.astype(scratch.dtype) for matrix in pair]
            for pair in zip(*both, strict=True)
        )
        self.A_turned = [matrix.T for matrix in self.A]
        self.G = np.kron(*G)
        self.turned_G = self.G[:, ::-1].copy()  # for a kernel that is turned round
        self.numbers = len(self.G)

    def matrices(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return where `kernel` writes those of a shape (3, 3, c, f).

        It is a view of scratch memory: (numbers, g, c, f / g).
        """
        out = self.memory("matrices", *shape[2:])
        return out.reshape(*out.shape[:2], self.groups, -1).swapaxes(1, 2)

    def kernel(self, kernel: np.ndarray, turned: bool = False) -> None:
        """(3, 3, c, f): write the matrices of a kernel, or of a turned one."""
        out = self.memory("matrices", *kernel.shape[2:])
        matrix, taps = self.turned_G if turned else self.G, kernel.reshape(TAPS**2, -1)
        multiply(by_columns, matrix, taps, out.reshape(self.numbers, -1))

    def dkernel(self, sums: np.ndarray, turned: bool = False) -> np.ndarray:
        """Return the gradient of a kernel from that of its matrices."""
        numbers, g, c, f = sums.shape
        out = np.empty((TAPS, TAPS, c, g * f), sums.dtype)
        matrix = self.turned_G if turned else self.G
        sums = sums.swapaxes(1, 2).reshape(numbers, -1)
        multiply(by_columns, matrix.T, sums, out.reshape(TAPS**2, -1))
        return out

    def memory(self, name: str, *shape: int) -> np.ndarray:
        """Return scratch memory for each number, which no other size of tile uses."""
        return self.scratch.take(f"{name} {self.tile}", self.numbers, *shape)


@cache
def transforms(tile: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A (t, t + 2), B (t + 2, t + 2) and G (t + 2, 3) for t pixels of a row.

    Toom and Cook's: A (G k * B x), number by number, is x convolved with k. Row i of G
    gives a kernel's polynomial at point i, divided by what the polynomial that is 0 at
    all other points has there. Row i of B has the coefficients of that polynomial, and
    column i of A the powers of the point. The last of each are for infinity.
    """
    points = np.array(POINTS[: tile + 1], float)
    others = [np.delete(points, i) for i in range(len(points))]
    A = np.vander(points, tile, increasing=True).T
    B = [np.append(polyfromroots(roots), 0) for roots in others]
    G = [
        point ** np.arange(TAPS) / np.prod(point - roots)
        for point, roots in zip(points, others, strict=True)
    ]
    return (
        np.column_stack([A, np.eye(tile)[-1]]),
        np.vstack([*B, polyfromroots(points)]),
        np.vstack([*G, np.eye(TAPS)[-1]]),
    )
