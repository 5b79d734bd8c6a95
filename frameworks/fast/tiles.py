"""Convolution 3x3 by tiles: 36 products for 16 pixels, where there were 144.

Lavin, Gray 2016, section 4.1, for tiles of 4 x 4 pixels: out = A (G k G' * B x B') A',
where x are the 6 x 6 pixels that a tile sees, and * multiplies number by number. For
all channels and filters, each of the 36 numbers is a product of two matrices. Results
differ from the direct ones by rounding, some 3e-5 of their size in float32. That trains
ResNet-20 1.2 times as fast, and speedrun93.

An image whose sides are no multiple of 4 has tiles of 3 pixels too, or alone: 25
numbers for all of 3 x 3 pixels, and 121 for 7 x 7, where tiles of 4 would have 144.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import product
from typing import Any

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.cover import TAPS, Band, Runs, bands, cover, numbers_of
from frameworks.fast.products import bind, by_blocks, by_few_rows
from frameworks.fast.scratch import Scratch, aligned
from frameworks.fast.tile_views import Shape, TileReader, TileWriter
from frameworks.fast.tiling import Tiling
from frameworks.layers import Conv2D

FLOATS = 800_000  # of a band: what one step writes is in the cache for the next
COLUMNS = 128  # of a product at the least: below, BLAS is slow
CHANNELS = 3  # with fewer, the transforms cost more than they save
IMAGES = 6  # with fewer, the small products are too small
PREDICTED = 16  # in predictions; without, 8 images of ResNet-20 take 0.65 of the time
MOST = 0.4  # of the plain layer's products; with more, it is slower
SHAPES = 8  # of images whose calls are kept

Bound = list[tuple[Tiling, list[Any]]]  # the calls of each band


class TiledConv2D(Conv2D):
    """A convolution 3x3 of stride 1, with the weights of a plain one."""

    window: tuple[int, int] = 1, 1  # of pixels that are never in two tiles

    def __init__(self, conv: Conv2D, scratch: Scratch) -> None:
        vars(self).update(vars(conv))
        self.scratch = scratch
        self.tilings: dict[tuple[int, int], Tiling] = {}  # those that were needed
        self.kept: dict[tuple[str, Shape], Bound] = {}
        self.version = scratch.version

    @staticmethod
    def serves(conv: Conv2D) -> bool:
        """Return whether a convolution can be computed by tiles, and pays."""
        *window, c, f = conv.kernel.shape
        form = *window, conv.stride, conv.padding <= 2
        return form == (TAPS, TAPS, 1, True) and min(c, f // conv.groups) >= CHANNELS

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n), h = H + 2 padding - 2."""
        x = np.ascontiguousarray(x)
        _, h, w, n = shape = self._out_shape(x.shape)
        high, wide = map(numbers_of, self._covers(shape))
        enough = n >= (IMAGES if training else PREDICTED)
        tiled = high * wide <= MOST * TAPS**2 * h * w and enough
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
        by_tiling = self._calls(self._backward, self.x.shape)
        for tiling, calls in by_tiling:
            tiling.kernel(self.kernel, turned=True)
            for read, multiply, write, read_own, add_up in calls:
                read(dout)
                if self.needs_dx:
                    multiply()
                    write(dx)
                read_own(self.x)
                add_up()
        self.dkernel = self._dkernel(by_tiling, turned=True)
        return dx

    def _out_shape(self, shape: Shape) -> Shape:
        """Return (f, h, w, n) of what comes out for images (c, H, W, n)."""
        _, H, W, n = shape
        less = 2 - 2 * self.padding
        return self.kernel.shape[-1], H - less, W - less, n

    def _convolved(self, x: np.ndarray) -> np.ndarray:
        """(c, H, W, n) -> (f, h, w, n)."""
        out = aligned(self._out_shape(x.shape), x.dtype)
        for tiling, calls in self._calls(self._forward, x.shape):
            tiling.kernel(self.kernel)
            for read, multiply, write in calls:
                read(x)
                multiply()
                write(out)
        return out

    def _calls(self, made: Callable[[Shape], Iterator], shape: Shape) -> Bound:
        """Return the calls for images of a shape, bound to the present scratch memory.

        Binding may make it larger, which leaves calls that are bound already behind.
        """
        key = made.__name__, shape
        while key not in self.kept or self.version != self.scratch.version:
            if self.version != self.scratch.version or len(self.kept) == SHAPES:
                self.kept.clear()
            self.version = self.scratch.version
            self.kept[key] = list(made(shape))
        return self.kept[key]

    def _forward(self, shape: Shape) -> Iterator[tuple[Tiling, list[Any]]]:
        """Yield the calls of each band of images (c, H, W, n)."""
        out_shape = self._out_shape(shape)
        for tiling, parts in self._bands(out_shape, shape[0]):
            matrices = tiling.matrices(self.kernel.shape).swapaxes(-1, -2)
            calls: list[Any] = []
            for band in parts:
                read = TileReader(tiling, tiling.B, shape, band, self.padding)
                write = TileWriter(tiling, out_shape, band)
                multiply = bind(by_few_rows, matrices, read.out, write.tiles)
                calls.append((read, multiply, write))
            yield tiling, calls

    def _backward(self, shape: Shape) -> Iterator[tuple[Tiling, list[Any]]]:
        """Yield the calls of each band of the gradient of images (c, H, W, n).

        It and the gradient of the kernel are convolutions of dout, by the turned kernel
        and by the input; so what a tile sees of dout is transformed once.
        """
        dout_shape, padding = self._out_shape(shape), 2 - self.padding
        for tiling, parts in self._bands(shape, dout_shape[0]):
            matrices = tiling.matrices(self.kernel.shape)
            calls: list[Any] = []
            for band in parts:
                read = TileReader(tiling, tiling.B, dout_shape, band, padding)
                write = TileWriter(tiling, shape, band)
                multiply = bind(by_few_rows, matrices, read.out, write.tiles)
                own = TileReader(tiling, tiling.A_turned, shape, band, 0, "products")
                add_up = self._add_up(tiling, own.out, read.out, first=not calls)
                calls.append((read, multiply, write, own, add_up))
            yield tiling, calls

    def _add_up(
        self, tiling: Tiling, before: np.ndarray, after: np.ndarray, first: bool
    ) -> Callable[[], None]:
        """Return a call that adds a band's part to the gradient of the kernel."""
        total, calls = self._total(tiling), Calls()
        part = total if first else tiling.memory("part", *total.shape[1:])
        calls.add(bind(by_blocks, before, after, part))
        if not first:
            calls.add(np.add, total, part, out=total)
        return calls.run

    def _total(self, tiling: Tiling) -> np.ndarray:
        """Return the memory for the gradient of the matrices."""
        c, f = self.kernel.shape[2:]
        return tiling.memory("total", self.groups, c, f // self.groups)

    def _dkernel(self, by_tiling: Bound, turned: bool = False) -> np.ndarray:
        """Return the gradient of the kernel, or of a turned one."""
        parts = (tiling.dkernel(self._total(tiling), turned) for tiling, _ in by_tiling)
        return reduce(np.add, parts)

    def _bands(
        self, out_shape: tuple[int, ...], c: int
    ) -> Iterator[tuple[Tiling, list[Band]]]:
        """Yield the tilings of an output (f, h, w, n) of c channels, and the bands."""
        f, _, _, n = out_shape
        for high, wide in product(*self._covers(out_shape)):
            tile = high.side, wide.side
            if tile not in self.tilings:
                self.tilings[tile] = Tiling(tile, self.groups, self.scratch)
            tiling = self.tilings[tile]
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
