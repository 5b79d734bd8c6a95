"""Convolution 3x3 by tiles: 36 products for 16 pixels, where there were 144.

Lavin, Gray 2016, section 4.1, for tiles of 4 x 4 pixels: out = A (G k G' * B x B') A',
where x are the 6 x 6 pixels that a tile sees, and * multiplies number by number. For
all channels and filters, each of the 36 numbers is a product of two matrices. Results
differ from the direct ones by rounding, some 3e-5 of their size in float32. That trains
ResNet-20 1.2 times as fast, and speedrun93.

An image whose sides are no multiple of 4 has tiles of 3 pixels too, or alone: 25
numbers for all of 3 x 3 pixels, and 121 for 7 x 7, where tiles of 4 would have 144.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import product

import numpy as np

from frameworks.fast.cover import TAPS, TILES, Band, Runs, bands, cover, numbers_of
from frameworks.fast.products import by_blocks, by_few_rows, multiply
from frameworks.fast.scratch import Scratch, aligned
from frameworks.fast.tiling import Tiling
from frameworks.layers import Conv2D

FLOATS = 800_000  # of a band: what one step writes is in the cache for the next
COLUMNS = 128  # of a product at the least: below, BLAS is slow
CHANNELS = 3  # with fewer, the transforms cost more than they save
IMAGES = 6  # with fewer, the small products are too small
MOST = 0.4  # of the plain layer's products; with more, it is slower

Tiles = tuple[Tiling, np.ndarray, np.ndarray]  # (numbers, g, c, tiles n), (..., f, ...)


class TiledConv2D(Conv2D):
    """A convolution 3x3 of stride 1, with the weights of a plain one."""

    window: tuple[int, int] = 1, 1  # of pixels that are never in two tiles

    def __init__(self, conv: Conv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        self.scratch = scratch
        self.tilings = {
            (t, u): Tiling((t, u), self.groups, scratch) for t in TILES for u in TILES
        }

    @staticmethod
    def serves(conv: Conv2D) -> bool:
        """Return whether a convolution can be computed by tiles, and pays."""
        *window, c, f = conv.kernel.shape
        form = *window, conv.stride, conv.padding <= 2
        return form == (TAPS, TAPS, 1, True) and min(c, f // conv.groups) >= CHANNELS

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = H + 2 padding - 2."""
        x = np.ascontiguousarray(x)
        _, h, w, n = shape = self._out_shape(x)
        high, wide = map(numbers_of, self._covers(shape))
        tiled = high * wide <= MOST * TAPS**2 * h * w and n >= IMAGES
        if training:
            self.x, self.tiled = x, tiled
        if not tiled:
            return super().forward(x, training)
        out = self._convolved(x)
        if "bias" in self.roles:
            out += self.bias[:, None, None, None]
        return out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, H, W, n)."""
        if not self.tiled:
            return super().backward(dout)
        dout = np.ascontiguousarray(dout)
        if "bias" in self.roles:
            self.dbias = dout.sum((1, 2, 3))
        dx = aligned(self.x.shape if self.needs_dx else (0,), dout.dtype)
        self.dkernel = self._dkernel(self._derived(dout, dx), turned=True)
        return dx

    def _out_shape(self, x: np.ndarray) -> tuple[int, int, int, int]:
        """Return (f, h, w, n) of what comes out for x."""
        _, H, W, n = x.shape
        less = 2 - 2 * self.padding
        return self.kernel.shape[-1], H - less, W - less, n

    def _convolved(self, x: np.ndarray) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n)."""
        out = aligned(self._out_shape(x), x.dtype)
        for tiling, parts in self._bands(out.shape, len(x)):
            matrices = tiling.kernel(self.kernel).swapaxes(-1, -2)
            for band in parts:
                seen = tiling.transformed(tiling.B, x, band, self.padding)
                tiling.put(self._products(matrices, seen), out, band)
        return out

    def _derived(self, dout: np.ndarray, dx: np.ndarray) -> Iterator[Tiles]:
        """Write dx, if it is asked for; yield what dkernel is made of.

        Both are convolutions of dout, by the turned kernel and by the input; so what a
        tile sees of dout is transformed once.
        """
        for tiling, parts in self._bands(self.x.shape, len(dout)):
            matrices = tiling.kernel(self.kernel, turned=True)
            for band in parts:
                seen = tiling.transformed(tiling.B, dout, band, 2 - self.padding)
                if self.needs_dx:
                    tiling.put(self._products(matrices, seen), dx, band)
                own = tiling.transformed(tiling.A_turned, self.x, band, 0, "products")
                yield tiling, own, seen

    def _dkernel(self, tiles: Iterator[Tiles], turned: bool = False) -> np.ndarray:
        """Return the gradient of the kernel, or of a turned one, from all bands."""
        g, (c, f) = self.groups, self.kernel.shape[2:]
        totals: dict[Tiling, np.ndarray] = {}
        for tiling, before, after in tiles:
            name = "part" if tiling in totals else "total"
            sums = multiply(by_blocks, before, after, tiling.memory(name, g, c, f // g))
            if tiling in totals:
                totals[tiling] += sums
            else:
                totals[tiling] = sums
        dkernels = (tiling.dkernel(sums, turned) for tiling, sums in totals.items())
        return reduce(np.add, dkernels)

    def _products(self, matrices: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Return (numbers, g, f, tiles n) for matrices (numbers, g, f, c)."""
        shape = *matrices.shape[:3], seen.shape[-1]
        out = self.scratch.take("products", *shape)
        return multiply(by_few_rows, matrices, seen, out)

    def _bands(
        self, out_shape: tuple[int, ...], c: int
    ) -> Iterator[tuple[Tiling, list[Band]]]:
        """Yield the tilings of an output (f, h, w, n) of c channels, and the bands."""
        f, _, _, n = out_shape
        for high, wide in product(*self._covers(out_shape)):
            tiling = self.tilings[high.side, wide.side]
            floats = tiling.numbers * (2 * c + f)
            tiles = max(COLUMNS, FLOATS // floats) // n
            yield tiling, bands(high, wide, max(1, tiles))

    def _covers(self, out_shape: tuple[int, ...]) -> tuple[Runs, Runs]:
        """Return the tiles along h and w of an output (f, h, w, n).

        With few images, all are alike: bands of few tiles make products too small.
        """
        _, h, w, n = out_shape
        (kh, kw), mixed = self.window, n >= COLUMNS
        return cover(h, kh, mixed), cover(w, kw, mixed)
