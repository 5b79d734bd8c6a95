"""Convolution 3x3 by tiles: 36 products for 16 pixels, where there were 144.

Lavin, Gray 2016, section 4.1, for tiles of 4 x 4 pixels: out = A (G k G' * B x B') A',
where x are the 6 x 6 pixels that a tile sees, and * multiplies number by number. For
all channels and filters, each of the 36 numbers is a product of two matrices. Results
differ from the direct ones by rounding, some 3e-5 of their size in float32.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from frameworks.fast.scratch import Scratch, aligned
from frameworks.fast.threads import shares
from frameworks.layers import Conv2D

A = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0]])
A = np.vstack([A, [0, 1, -1, 8, -8, 1]])
B = np.array([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]])
B = np.vstack([B, [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]])
G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]])
G = G / 24
TILE, SEEN = 4, 6  # pixels of a side: that a tile has, and that it sees
FLOATS = 800_000  # of a band: what one step writes is in the cache for the next
COLUMNS = 128  # of a product at the least: below, BLAS is slow
CHANNELS = 8  # with fewer, the transforms cost more than they save
IMAGES = 128  # of a band at the most, lying side by side in memory
WASTE = 1.6  # pixels of the tiles for each of the output, from which on it is slower

Band = tuple[Any, ...]  # an index of tiles (side, side, c, rows, columns, n)


class TiledConv2D(Conv2D):
    """A convolution 3x3 of stride 1, with the weights of a plain one."""

    def __init__(self, conv: Conv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        dtype = self.kernel.dtype
        self.scratch = scratch
        self.A, self.B = A.astype(dtype), B.astype(dtype)
        self.G = np.kron(G, G).astype(dtype)

    @staticmethod
    def serves(conv: Conv2D) -> bool:
        """Return whether a convolution can be computed by tiles, and pays."""
        *window, c, f = conv.kernel.shape
        form = conv.stride, conv.groups, conv.padding <= 2
        return window == [3, 3] and form == (1, 1, True) and min(c, f) >= CHANNELS

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = H + 2 padding - 2."""
        height, width = x.shape[1:3]
        out_shape = 1, height + 2 * self.padding - 2, width + 2 * self.padding - 2, 1
        tiled = TILE**2 * prod(_counts(out_shape)) <= WASTE * prod(out_shape)
        if training:
            self.x, self.tiled = x, tiled
        if not tiled:
            return super().forward(x, training)
        matrices = self._transformed_kernel(turned=False).swapaxes(1, 2)
        out = self._convolved(x, matrices, self.padding)
        if "bias" in self.roles:
            out += self.bias[:, None, None, None]
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        if not self.tiled:
            return super().backward(dout)
        if "bias" in self.roles:
            self.dbias = dout.sum((1, 2, 3))
        self.dkernel = self._dkernel(dout)
        if not self.needs_dx:
            return np.empty(0, dout.dtype)
        matrices = self._transformed_kernel(turned=True)
        return self._convolved(dout, matrices, 2 - self.padding)

    def _transformed_kernel(self, *, turned: bool) -> np.ndarray:
        """Return G k G' of all channels and filters: (36, c, f)."""
        taps = self.kernel.reshape(9, -1)
        out = self.scratch.take("matrices", 36, *self.kernel.shape[2:])
        np.matmul(self.G, taps[::-1] if turned else taps, out=out.reshape(36, -1))
        return out

    def _convolved(
        self, x: np.ndarray, matrices: np.ndarray, padding: int
    ) -> np.ndarray:
        """Return (f, h, w, n) for x (c, H, W, n) and a kernel (36, f, c)."""
        _, H, W, n = x.shape
        _, f, c = matrices.shape
        out = aligned((f, H + 2 * padding - 2, W + 2 * padding - 2, n), x.dtype)
        for some, bands in _bands(out.shape, c):
            seen = self._seen(x[..., some], out.shape, padding)
            target = out[..., some]
            whole = self._whole(target)
            for band in bands:
                transformed = self._transformed(seen, band)
                products = self.scratch.take("products", 36, f, transformed.shape[2])
                np.matmul(matrices, transformed, out=products)
                tiles = _tiles(whole, TILE)[band]
                tiles[:] = self._twice(self.A, products, "tiles").reshape(tiles.shape)
            if whole is not target:
                target[:] = whole[:, : out.shape[1], : out.shape[2]]
        return out

    def _dkernel(self, dout: np.ndarray) -> np.ndarray:
        """Return the gradient of the kernel, (3, 3, c, f)."""
        c, f = self.kernel.shape[2:]
        total = np.zeros((36, c, f), dout.dtype)
        part = self.scratch.take("matrices", 36, c, f)
        for some, bands in _bands(dout.shape, c):
            seen = self._seen(self.x[..., some], dout.shape, self.padding)
            source = dout[..., some]
            whole = self._whole(source)
            if whole is not source:
                _fill(whole, source, 0)
            for band in bands:
                transformed = self._transformed(seen, band)
                tiles = _tiles(whole, TILE)[band]
                pixels = self.scratch.take("tiles", *tiles.shape)
                np.copyto(pixels, tiles)
                dproducts = self._twice(self.A.T, pixels, "products")
                dproducts = dproducts.reshape(36, f, -1).swapaxes(1, 2)
                total += np.matmul(transformed, dproducts, out=part)
        return (self.G.T @ total.reshape(36, -1)).reshape(self.kernel.shape)

    def _seen(
        self, x: np.ndarray, out_shape: tuple[int, ...], padding: int
    ) -> np.ndarray:
        """Return what all tiles of the output see: x, with zeros around it."""
        sides = (TILE * count + SEEN - TILE for count in _counts(out_shape))
        seen = self.scratch.take("seen", len(x), *sides, x.shape[3])
        _fill(seen, x, padding)
        return seen

    def _whole(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels (f, h, w, n), if tiles cover them exactly, or room for more."""
        sides = tuple(TILE * count for count in _counts(pixels.shape))
        if pixels.shape[1:3] == sides:
            return pixels
        return self.scratch.take("whole", len(pixels), *sides, pixels.shape[3])

    def _transformed(self, seen: np.ndarray, band: Band) -> np.ndarray:
        """Return B x B' of the tiles of a band: (36, c, columns)."""
        tiles = _tiles(seen, SEEN)[band]
        pixels = self.scratch.take("tiles", *tiles.shape)
        np.copyto(pixels, tiles)
        return self._twice(self.B, pixels, "transformed").reshape(36, len(seen), -1)

    def _twice(self, matrix: np.ndarray, x: np.ndarray, name: str) -> np.ndarray:
        """Return matrix @ x @ matrix.T of each x of a tile: (b b ..) -> (a a ..)."""
        a, b = matrix.shape
        half = self.scratch.take("half", a, x.size // b)
        np.matmul(matrix, x.reshape(b, -1), out=half)
        out = self.scratch.take(name, a, a, x.size // b**2)
        np.matmul(matrix, half.reshape(a, b, -1), out=out)
        return out


def _counts(out_shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many tiles cover an output (f, h, w, n), along h and along w."""
    _, h, w, _ = out_shape
    return -(-h // TILE), -(-w // TILE)


def _bands(out_shape: tuple[int, ...], c: int) -> Iterator[tuple[slice, list[Band]]]:
    """Yield some of the images, and the bands of their tiles."""
    f, _, _, n = out_shape
    height, width = _counts(out_shape)
    images = min(n, IMAGES)
    tiles = max(1, max(COLUMNS, FLOATS // (36 * (2 * c + f))) // images)
    bands: list[Band] = [
        (..., rows, columns, slice(None))
        for rows in shares(height, -(-height // max(1, tiles // width)))
        for columns in shares(width, -(-width // tiles))
    ]
    for start in range(0, n, images):
        yield slice(start, start + images), bands


def _tiles(pixels: np.ndarray, side: int) -> np.ndarray:
    """(c, h, w, n) -> (side, side, c, rows, columns, n): a view of its tiles."""
    c, h, w, n = pixels.shape
    channel, row, column, image = pixels.strides
    over = side - TILE
    shape = side, side, c, (h - over) // TILE, (w - over) // TILE, n
    return as_strided(
        pixels, shape, (row, column, channel, TILE * row, TILE * column, image)
    )


def _fill(target: np.ndarray, x: np.ndarray, before: int) -> None:
    """Put x (c, h, w, n) into a larger target, at (before, before); the rest is 0."""
    _, h, w, _ = x.shape
    target[:, :before] = target[:, before + h :] = 0
    target[:, :, :before] = target[:, :, before + w :] = 0
    target[:, before : before + h, before : before + w] = x
