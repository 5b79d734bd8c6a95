"""A convolution by tiles with the pool after it: the plain layers' numbers."""

import numpy as np
import pytest

from frameworks.fast import tiles
from frameworks.fast.member import ways
from frameworks.fast.pooled import with_pools_first
from frameworks.fast.pooled_tiles import PooledConv2D
from frameworks.fast.scratch import Scratch
from frameworks.fast.tiles import TiledConv2D
from frameworks.layers import Conv2D, MaxPool2D, ReLU, Sequential
from tests.frameworks.test_shared import network


def pair(c, f, window, dtype="float64", **options):
    """Plain layers, and what the fast engine makes of them; both have one kernel."""
    conv = Conv2D(c, f, (3, 3), dtype, use_bias=False, **options)
    conv.kernel[:] = np.random.default_rng(0).normal(size=conv.kernel.shape)
    plain = Sequential(conv=conv, pool=MaxPool2D(window))
    tiled = Sequential(conv=TiledConv2D(conv, Scratch(dtype)), pool=MaxPool2D(window))
    fast = with_pools_first(tiled)
    assert type(fast.layers["conv"]) is PooledConv2D
    return plain, fast


def computed(net, x, dout):
    """Output and gradients, by name; no gradient of the input where none is asked."""
    out = net.forward(x).copy()
    dx = net.backward(dout[:, : out.shape[1], : out.shape[2]])
    conv = net.layers["conv"]
    found = {"out": out, "dkernel": conv.dkernel}
    return found | ({"dx": dx} if conv.needs_dx else {})


def assert_alike(plain, fast, c, size, n, *, ties=False):
    rng = np.random.default_rng(1)
    filters = fast.layers["conv"].kernel.shape[-1]
    x = rng.normal(size=(c, *size, n))
    if ties:  # at 0 exactly: all that the tiles of the first rows see
        x[:, :5] = 0
    dout = rng.normal(size=(filters, *size, n))
    expected, found = (computed(net, x, dout) for net in (plain, fast))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape
        np.testing.assert_allclose(found[name], array, atol=1e-11 * array.std())


@pytest.mark.parametrize("needs_dx", [True, False])
@pytest.mark.parametrize("window", [(2, 2), (1, 2), (4, 1), (4, 4)])
@pytest.mark.parametrize("size", [(8, 8), (7, 7), (31, 30), (13, 6), (4, 5)])
def test_it_is_plain(size, window, needs_dx, monkeypatch):
    """With windows that the image does not fill, and tiles that it does not."""
    monkeypatch.setattr(tiles, "MOST", 100)
    plain, fast = pair(3, 5, window, padding=1, needs_dx=needs_dx)
    assert_alike(plain, fast, 3, size, n=7)
    assert fast.layers["conv"].tiled


@pytest.mark.parametrize("needs_dx", [True, False])
@pytest.mark.parametrize("size", [(7, 15), (31, 6), (3, 3)])
def test_tiles_of_two_sizes(size, needs_dx, monkeypatch):
    """With many images, the last tiles of a side are smaller."""
    monkeypatch.setattr(tiles, "MOST", 100)
    plain, fast = pair(3, 5, (2, 2), padding=1, needs_dx=needs_dx)
    assert_alike(plain, fast, 3, size, n=tiles.COLUMNS)
    assert fast.layers["conv"].tiled


@pytest.mark.parametrize("needs_dx", [True, False])
@pytest.mark.parametrize(
    "options", [{"padding": 0}, {"padding": 2}, {"padding": 1, "groups": 2}]
)
def test_any_padding_and_groups(options, needs_dx):
    plain, fast = pair(6, 8, (2, 2), needs_dx=needs_dx, **options)
    assert_alike(plain, fast, 6, (15, 16), n=9)
    assert fast.layers["conv"].tiled


@pytest.mark.parametrize("needs_dx", [True, False])
@pytest.mark.parametrize(("floats", "columns"), [(1, 1), (10**4, 8), (10**9, 128)])
def test_any_bands(floats, columns, needs_dx, monkeypatch):
    """One tile at a time, some of them, all of them."""
    for name, value in (("FLOATS", floats), ("COLUMNS", columns)):
        monkeypatch.setattr(tiles, name, value)
    plain, fast = pair(4, 6, (2, 2), padding=1, needs_dx=needs_dx)
    for size in ((16, 16), (15, 14)):
        assert_alike(plain, fast, 4, size, n=7)


@pytest.mark.parametrize("needs_dx", [True, False])
def test_of_equal_pixels_the_first_has_the_gradient(needs_dx):
    plain, fast = pair(3, 4, (2, 2), padding=1, needs_dx=needs_dx)
    assert_alike(plain, fast, 3, (12, 11), n=8, ties=True)
    winners = plain.layers["pool"].winner
    assert (winners == 0).mean() > 0.4  # a quarter, if there were no ties


@pytest.mark.parametrize("needs_dx", [True, False])
def test_few_images_are_computed_plainly(needs_dx):
    plain, fast = pair(3, 4, (2, 2), padding=1, needs_dx=needs_dx)
    assert_alike(plain, fast, 3, (8, 8), n=tiles.IMAGES - 1)
    assert not fast.layers["conv"].tiled
    assert_alike(plain, fast, 3, (8, 8), n=tiles.IMAGES)  # and the next batch by tiles
    assert fast.layers["conv"].tiled


def test_in_float32_the_pool_is_of_the_same_bits():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 31, 31, 16)).astype("float32")
    plain, fast = pair(3, 8, (2, 2), "float32", padding=1)
    conv = TiledConv2D(plain.layers["conv"], Scratch("float32"))
    apart = Sequential(conv=conv, pool=MaxPool2D((2, 2)))
    out = fast.forward(x)
    assert (out == apart.forward(x)).all()
    dout = rng.normal(size=out.shape).astype("float32")
    assert (fast.backward(dout) == apart.backward(dout)).all()
    assert (fast.layers["conv"].dkernel == conv.dkernel).all()


@pytest.mark.parametrize(
    "pool",
    [
        MaxPool2D((3, 3)),  # tiles are not made of such windows
        MaxPool2D((2, 2), 1),
        MaxPool2D((2, 2), padding=1),
    ],
)
def test_other_pools_are_left_alone(pool):
    conv = TiledConv2D(Conv2D(4, 6, (3, 3), use_bias=False), Scratch("float32"))
    net = with_pools_first(Sequential(conv=conv, pool=pool))
    assert [type(leaf) for _, leaf in net.leaves()] == [TiledConv2D, MaxPool2D]


def test_so_is_what_does_not_come_right_after():
    def tiled(**options):
        return TiledConv2D(Conv2D(4, 6, (3, 3), **options), Scratch("float32"))

    for net in (
        Sequential(tiled(), MaxPool2D((2, 2))),  # rounding with a bias may make ties
        Sequential(tiled(use_bias=False), ReLU(), MaxPool2D((2, 2))),
        Sequential(MaxPool2D((2, 2)), tiled(use_bias=False)),
    ):
        kinds = [type(leaf) for _, leaf in with_pools_first(net).leaves()]
        assert PooledConv2D not in kinds


def test_speedrun_has_one_a_stage():
    counts = ways(network("speedrun"))
    assert counts["by tiles that are pooled at once"] == 2
