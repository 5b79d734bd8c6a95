"""Convolution by tiles gives the numbers of the plain one, for any size."""

import numpy as np
import pytest

from frameworks.fast import tiles
from frameworks.fast.cover import cover, numbers_of
from frameworks.fast.scratch import Scratch
from frameworks.fast.tiles import TiledConv2D
from frameworks.fast.tiling import transforms
from frameworks.layers import Conv2D


def pair(c, f, dtype="float64", **options):
    """A plain convolution, and one by tiles that has its weights."""
    rng = np.random.default_rng(0)
    plain = Conv2D(c, f, (3, 3), dtype, **options)
    for role in plain.roles:
        getattr(plain, role)[:] = rng.normal(size=getattr(plain, role).shape)
    return plain, TiledConv2D(plain, Scratch(dtype))


def computed(conv, x, dout):
    """Output and gradients, by name."""
    found = {"out": conv.forward(x).copy(), "dx": conv.backward(dout).copy()}
    return found | {f"d{role}": getattr(conv, f"d{role}") for role in conv.roles}


def deviations(plain, tiled, n, size, dtype="float64"):
    """The largest distance of each array, relative to its standard deviation."""
    rng = np.random.default_rng(1)
    c, f = plain.kernel.shape[2:]
    c *= plain.groups
    h, w = (side + 2 * plain.padding - 2 for side in size)
    x = rng.normal(size=(c, *size, n)).astype(dtype)
    dout = rng.normal(size=(f, h, w, n)).astype(dtype)
    expected, found = (computed(conv, x, dout) for conv in (plain, tiled))
    assert {k: a.shape for k, a in found.items()} == {
        k: a.shape for k, a in expected.items()
    }
    assert all(array.dtype == dtype for array in found.values())
    return {k: np.abs(found[k] - a).max() / a.std() for k, a in expected.items()}


@pytest.mark.parametrize("size", [(4, 4), (8, 8), (7, 7), (13, 6), (5, 21), (32, 32)])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_any_image_and_padding(size, padding, monkeypatch):
    monkeypatch.setattr(tiles, "MOST", 100)
    plain, tiled = pair(3, 5, padding=padding)
    found = deviations(plain, tiled, n=7, size=size)
    assert tiled.tiled
    assert max(found.values()) < 1e-12


@pytest.mark.parametrize("n", [tiles.IMAGES, tiles.PREDICTED - 1, tiles.PREDICTED])
def test_a_prediction_takes_more_images(n, monkeypatch):
    """Of fewer, the tiles' rows are too short; what comes out is the same."""
    made = []
    plain, tiled = pair(4, 6, padding=1)
    convolved = tiled._convolved
    monkeypatch.setattr(tiled, "_convolved", lambda x: made.append(x) or convolved(x))
    x = np.random.default_rng(1).normal(size=(4, 8, 8, n))
    found, expected = (conv.forward(x, training=False) for conv in (tiled, plain))
    assert np.abs(found - expected).max() < 1e-12 * expected.std()
    assert len(made) == (n >= tiles.PREDICTED)
    tiled.forward(x)
    assert tiled.tiled


@pytest.mark.parametrize(("floats", "columns"), [(1, 1), (10**4, 8)])
def test_any_bands(floats, columns, monkeypatch):
    """Some of the tiles at a time."""
    for name, value in (("FLOATS", floats), ("COLUMNS", columns)):
        monkeypatch.setattr(tiles, name, value)
    for size in ((16, 16), (15, 14)):
        plain, tiled = pair(4, 6, padding=1, use_bias=False)
        assert max(deviations(plain, tiled, n=7, size=size).values()) < 1e-12


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_groups(padding, monkeypatch):
    monkeypatch.setattr(tiles, "FLOATS", 1)
    plain, tiled = pair(6, 9, groups=3, padding=padding)
    assert max(deviations(plain, tiled, n=7, size=(9, 8)).values()) < 1e-12
    assert tiled.tiled


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("size", [(3, 3), (6, 9), (7, 7), (15, 10), (31, 7)])
def test_tiles_of_two_sizes(size, padding, monkeypatch):
    """With many images, the last tiles of a side are smaller."""
    monkeypatch.setattr(tiles, "MOST", 100)
    plain, tiled = pair(4, 6, padding=padding, groups=2, use_bias=False)
    assert max(deviations(plain, tiled, n=tiles.COLUMNS, size=size).values()) < 1e-12


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("window", [1, 2, 4])
def test_tiles_cover_a_side_and_begin_at_windows(window, mixed):
    for size in range(window, 40):
        runs = cover(size, window, mixed)
        starts = [r.start + r.side * k for r in runs for k in range(r.tiles)]
        ends = [*starts[1:], starts[-1] + runs[-1].side]
        assert starts[0] == 0
        assert starts[-1] < size <= ends[-1]
        assert not any(start % window for start in starts)
        assert ends[-1] - starts[-1] >= window
        assert numbers_of(runs) <= 6 * -(-size // 4)  # what tiles of 4 would have


@pytest.mark.parametrize(
    ("size", "numbers"), [(3, 5), (4, 6), (6, 10), (7, 11), (15, 23), (31, 47)]
)
def test_fewest_numbers(size, numbers):
    assert numbers_of(cover(size, 1, mixed=True)) == numbers


@pytest.mark.parametrize("tile", [2, 3, 4])
def test_transforms_are_a_convolution(tile):
    rng = np.random.default_rng(0)
    kernel, pixels = rng.normal(size=3), rng.normal(size=tile + 2)
    A, B, G = transforms(tile)
    found = A @ ((G @ kernel) * (B @ pixels))
    np.testing.assert_allclose(found, np.correlate(pixels, kernel), atol=1e-14)


def test_layers_of_one_worker_share_memory_that_grows():
    """Views that are kept do not outlive it; a step is that of the plain layers.

    Between two of the steps, another layer makes the memory larger.
    """
    scratch, rng = Scratch("float64"), np.random.default_rng(0)
    sizes = [(4, 40), (40, 6), (6, 5)]
    plain = [Conv2D(c, f, (3, 3), "float64", padding=1) for c, f in sizes]
    for conv in plain:
        conv.kernel[:] = rng.normal(size=conv.kernel.shape)
    tiled = [TiledConv2D(conv, scratch) for conv in plain]
    for n in (6, 20, 7, 20):  # images
        x, dout = rng.normal(size=(4, 8, 12, n)), rng.normal(size=(5, 8, 12, n))
        outs, gradients = [x, x], [dout, dout]
        for pair in zip(plain, tiled, strict=True):
            outs = [conv.forward(x) for conv, x in zip(pair, outs, strict=True)]
        for pair in zip(plain[::-1], tiled[::-1], strict=True):
            gradients = [
                conv.backward(d) for conv, d in zip(pair, gradients, strict=True)
            ]
            np.testing.assert_allclose(pair[1].dkernel, pair[0].dkernel, rtol=1e-9)
        for expected, found in (outs, gradients):
            np.testing.assert_allclose(found, expected, atol=1e-9)
        if n == 7:
            TiledConv2D(plain[1], scratch).forward(rng.normal(size=(40, 16, 16, 60)))
    by_tiling = [parts for conv in tiled for parts in conv.kept.values()]
    reads = [calls[0] for parts in by_tiling for _, bands in parts for calls in bands]
    assert len(reads) >= 2 * len(tiled)
    half = scratch.take("half", 1)
    assert all(np.shares_memory(half, read.tiles.base) for read in reads)


def test_only_a_few_shapes_are_kept():
    plain, tiled = pair(3, 4, padding=1)
    for n in range(30, 5, -1):
        assert max(deviations(plain, tiled, n=n, size=(4, 4)).values()) < 1e-12
        assert 1 <= len(tiled.kept) <= tiles.SHAPES


def test_where_tiles_would_be_mostly_outside_it_is_plain():
    plain, tiled = pair(8, 8, padding=1)
    assert set(deviations(plain, tiled, n=6, size=(5, 5)).values()) == {0}
    assert not tiled.tiled


def test_few_images_are_plain():
    plain, tiled = pair(8, 8, padding=1)
    assert set(deviations(plain, tiled, n=5, size=(8, 8)).values()) == {0}
    assert not tiled.tiled


@pytest.mark.parametrize(("side", "n"), [(16, 6), (3, 6), (7, 128)])
def test_rounding_in_float32(side, n):
    """Some ten times that of the plain one."""
    plain, tiled = pair(64, 64, "float32", padding=1, use_bias=False)
    found = deviations(plain, tiled, n=n, size=(side, side), dtype="float32")
    assert tiled.tiled
    assert max(found.values()) < 2e-4


def test_nothing_is_computed_that_nobody_asks_for():
    plain, tiled = pair(8, 8, padding=1, use_bias=False, needs_dx=False)
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 6))
    expected, found = (computed(conv, x, np.ones_like(x)) for conv in (plain, tiled))
    assert found["dx"].size == 0
    np.testing.assert_allclose(found["dkernel"], expected["dkernel"], atol=1e-10)


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        (Conv2D(8, 8, (3, 3), padding=1), True),
        (Conv2D(2, 16, (3, 3), padding=1), False),
        (Conv2D(8, 8, (3, 3), stride=2, padding=1), False),
        (Conv2D(16, 24, (3, 3), groups=2, padding=1), True),
        (Conv2D(4, 16, (3, 3), groups=2, padding=1), False),
        (Conv2D(8, 8, (1, 1)), False),
        (Conv2D(8, 8, (3, 3), padding=3), False),
    ],
)
def test_which_convolutions_it_serves(conv, expected):
    assert TiledConv2D.serves(conv) == expected
