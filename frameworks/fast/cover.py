"""Which tiles cover an image, and which of them are computed at a time."""

from functools import cache
from typing import NamedTuple

from frameworks.fast.threads import shares

TAPS = 3  # of a kernel, along a side
TILES = 4, 3  # pixels of a tile, along a side


class Band(NamedTuple):
    """Some tiles of an image: where they begin, in pixels, and how many there are."""

    top: int
    rows: int
    left: int
    columns: int


class Run(NamedTuple):
    """Tiles of one size, one behind the other along a side; `start` is in pixels."""

    start: int
    side: int
    tiles: int


Runs = tuple[Run, ...]


@cache
def cover(size: int, window: int, mixed: bool) -> Runs:
    """Return the tiles that cover so many pixels with the fewest numbers.

    Each begins where a window does, and has one. With `mixed`, the last may be smaller.
    """
    found: list[Runs] = [(Run(0, side, -(-size // side)),) for side in TILES]
    large, small = TILES
    if mixed and size > small:
        count = -(-(size - small) // large)
        found.append((Run(0, large, count), Run(large * count, small, 1)))
    return min((each for each in found if _whole(each, window)), key=numbers_of)


def bands(high: Run, wide: Run, tiles: int) -> list[Band]:
    """Return bands of at most so many of the tiles: whole rows, where they can be."""
    rows = shares(high.tiles, -(-high.tiles // max(1, tiles // wide.tiles)))
    columns = shares(wide.tiles, -(-wide.tiles // tiles))
    return [
        Band(*_from(high, some), *_from(wide, few)) for some in rows for few in columns
    ]


def _from(run: Run, some: slice) -> tuple[int, int]:
    """Return where some tiles of a run begin, and how many they are."""
    return run.start + run.side * some.start, some.stop - some.start


def numbers_of(runs: Runs) -> int:
    """Return how many numbers take the place of the pixels along a side."""
    return sum(run.tiles * (run.side + TAPS - 1) for run in runs)


def _whole(runs: Runs, window: int) -> bool:
    """Return whether each tile begins where a window does, and has one."""
    sides = [run.side for run in runs for _ in range(run.tiles)]
    return sides[-1] >= window and not any(side % window for side in sides[:-1])
