"""From images to transformed tiles, and back, some tiles at a time.

A transform is two products of many small matrices: some rows of an image, then some
pixels of each row. BLAS reads them as views, and writes where the next product reads,
so no tile is ever copied. The views of scratch memory are made once, for images of one
shape: there are some 400 transforms in a step of ResNet-20, and their views took a
twentieth of it.
"""

import numpy as np

from frameworks.fast.cover import Band
from frameworks.fast.tiling import Tiling

Shape = tuple[int, int, int, int]


class TileReader:
    """What two matrices make of each tile of a band.

    Matrices (a, t), (b, u) take tiles of as many pixels, and the next tile begins
    `tiling.tile` pixels on, from images (c, H, W, n) with zeros around them.

    Attributes
    ----------
    out : ndarray of shape (a b, g, c / g, tiles n)
        Scratch memory `name`.
    """

    def __init__(
        self,
        tiling: Tiling,
        matrices: list[np.ndarray],
        shape: Shape,
        band: Band,
        padding: int,
        name: str = "seen",
    ) -> None:
        c, H, W, n = shape
        scratch = tiling.scratch
        down, right = tiling.tile
        (a, high), (b, wide) = (matrix.shape for matrix in matrices)
        start = band.left - padding  # of the pixels of a row that are seen
        width = right * (band.columns - 1) + wide
        before, after = max(0, -start), min(width, W - start)
        half = scratch.take("half", a, c, band.rows, width * n)
        edges = half[..., : before * n], half[..., after * n :]
        self.edges = [edge for edge in edges if edge.size]
        self.columns = slice((start + before) * n, (start + after) * n)
        inside = half[..., before * n : after * n].transpose(2, 1, 0, 3)
        self.rows = []
        for row in range(band.rows):
            first = band.top + down * row - padding
            above, below = max(0, first), min(H, first + high)  # the others are zeros
            taps = matrices[0][:, above - first : below - first]
            self.rows.append((taps, slice(above, below), inside[row]))
        out = scratch.take(name, a, b, c, band.rows, band.columns, n)
        *steps, number = half.strides
        steps += [right * n * number, n * number, number]
        view = a, c, band.rows, band.columns, wide, n
        self.tiles = np.ndarray(view, half.dtype, half, 0, steps)  # they overlap
        self.matrix, self.places = matrices[1], out.transpose(0, 2, 3, 4, 1, 5)
        self.out = out.reshape(a * b, tiling.groups, c // tiling.groups, -1)

    def __call__(self, x: np.ndarray) -> None:
        """(c, H, W, n): write `out`."""
        for edge in self.edges:
            edge[...] = 0
        pixels = x.reshape(*x.shape[:2], -1)
        for taps, rows, place in self.rows:
            np.matmul(taps, pixels[:, rows, self.columns], out=place)
        np.matmul(self.matrix, self.tiles, out=self.places)


class TileWriter:
    """Puts A @ tile @ A' of each tile of a band into its place in images (f, h, w, n).

    Attributes
    ----------
    tiles : ndarray of shape (numbers, g, f / g, tiles n)
        Scratch memory `products`.
    """

    def __init__(self, tiling: Tiling, shape: Shape, band: Band) -> None:
        f, h, w, n = shape
        scratch = tiling.scratch
        down, right = tiling.tile
        (_, a), (_, b) = (matrix.shape for matrix in tiling.A)
        tiles = scratch.take("products", a, b, f, band.rows, band.columns, n)
        self.tiles = tiles.reshape(a * b, tiling.groups, f // tiling.groups, -1)
        self.matrix, self.columns_of = tiling.A[1], tiles.transpose(0, 2, 3, 4, 1, 5)
        self.half = scratch.take("half", a, f, band.rows, band.columns, right, n)
        start, stop = band.left * n, min(w, band.left + right * band.columns) * n
        self.columns = slice(start, stop)
        source = self.half.reshape(a, f, band.rows, -1)[..., : stop - start]
        source = source.transpose(2, 1, 0, 3)
        self.rows = []
        for row in range(band.rows):
            top = band.top + down * row
            rows = slice(top, min(h, top + down))
            self.rows.append((tiling.A[0][: rows.stop - top], source[row], rows))

    def __call__(self, out: np.ndarray) -> None:
        """(f, h, w, n): write the pixels of the band."""
        np.matmul(self.matrix, self.columns_of, out=self.half)
        pixels = out.reshape(*out.shape[:2], -1)
        for matrix, source, rows in self.rows:
            np.matmul(matrix, source, out=pixels[:, rows, self.columns])
