"""The transforms of a convolution by tiles, for tiles of some size: F(t x u, 3 x 3).

They are products of many small matrices: some rows of an image, then some pixels of
each row. BLAS reads them as views, and writes where the next product reads, so no tile
is ever copied.
"""

from functools import cache

import numpy as np
from numpy.polynomial.polynomial import polyfromroots

from frameworks.fast.cover import TAPS, Band
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

    def kernel(self, kernel: np.ndarray, turned: bool = False) -> np.ndarray:
        """(3, 3, c, f) -> (numbers, g, c, f / g), of a kernel or of a turned one."""
        *_, c, f = kernel.shape
        out = self.memory("matrices", c, f)
        matrix, taps = self.turned_G if turned else self.G, kernel.reshape(TAPS**2, -1)
        multiply(by_columns, matrix, taps, out.reshape(self.numbers, -1))
        return out.reshape(self.numbers, c, self.groups, -1).swapaxes(1, 2)

    def dkernel(self, sums: np.ndarray, turned: bool = False) -> np.ndarray:
        """Return the gradient of a kernel from that of what `kernel` returns."""
        numbers, g, c, f = sums.shape
        out = np.empty((TAPS, TAPS, c, g * f), sums.dtype)
        matrix = self.turned_G if turned else self.G
        sums = sums.swapaxes(1, 2).reshape(numbers, -1)
        multiply(by_columns, matrix.T, sums, out.reshape(TAPS**2, -1))
        return out

    def transformed(
        self,
        matrices: list[np.ndarray],
        x: np.ndarray,
        band: Band,
        padding: int,
        name: str = "seen",
    ) -> np.ndarray:
        """Return what two matrices make of each tile: (numbers, g, c, tiles n).

        Matrices (a, t), (b, u) take tiles of as many pixels, and the next tile begins
        `tile` pixels on, from images (c, H, W, n) with zeros around them.
        """
        c, H, W, n = x.shape
        down, right = self.tile
        (a, high), (b, wide) = (matrix.shape for matrix in matrices)
        start = band.left - padding  # of the pixels of a row that are seen
        width = right * (band.columns - 1) + wide
        before, after = max(0, -start), min(width, W - start)
        half = self.scratch.take("half", a, c, band.rows, width * n)
        half[..., : before * n] = half[..., after * n :] = 0
        inside = half[..., before * n : after * n].transpose(2, 1, 0, 3)
        pixels = x.reshape(c, H, -1)[..., (start + before) * n : (start + after) * n]
        for row in range(band.rows):
            first = band.top + down * row - padding
            above, below = max(0, first), min(H, first + high)  # the others are zeros
            taps = matrices[0][:, above - first : below - first]
            np.matmul(taps, pixels[:, above:below], out=inside[row])
        out = self.scratch.take(name, a, b, c, band.rows, band.columns, n)
        *steps, number = half.strides
        steps += [right * n * number, n * number, number]
        shape = a, c, band.rows, band.columns, wide, n
        tiles = np.ndarray(shape, x.dtype, half, 0, steps)  # a view: they overlap
        np.matmul(matrices[1], tiles, out=out.transpose(0, 2, 3, 4, 1, 5))
        return out.reshape(a * b, self.groups, c // self.groups, -1)

    def put(self, products: np.ndarray, out: np.ndarray, band: Band) -> None:
        """Put A @ tile @ A' of each tile (numbers, f, tiles n) into its place."""
        f, h, w, n = out.shape
        down, right = self.tile
        (_, a), (_, b) = (matrix.shape for matrix in self.A)
        tiles = products.reshape(a, b, f, band.rows, band.columns, n)
        half = self.scratch.take("half", a, f, band.rows, band.columns, right, n)
        np.matmul(self.A[1], tiles.transpose(0, 2, 3, 4, 1, 5), out=half)
        start, stop = band.left * n, min(w, band.left + right * band.columns) * n
        source = half.reshape(a, f, band.rows, -1)[..., : stop - start]
        source = source.transpose(2, 1, 0, 3)
        pixels = out.reshape(f, h, -1)[..., start:stop]
        for row in range(band.rows):
            top = band.top + down * row
            place = pixels[:, top : top + down]
            np.matmul(self.A[0][: place.shape[1]], source[row], out=place)

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
