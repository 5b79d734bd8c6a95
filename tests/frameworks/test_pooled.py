"""A norm with the max pool after it computed first: the plain layers' numbers."""

import numpy as np
import pytest

from frameworks.fast import channels
from frameworks.fast.fused import with_activations
from frameworks.fast.meeting import Meeting
from frameworks.fast.member import ways
from frameworks.fast.norms import SharedNorm
from frameworks.fast.pooled import PooledNorm, with_pools_first
from frameworks.fast.pools import SeparableMaxPool2D
from frameworks.fast.scratch import Scratch
from frameworks.layers import (
    Add,
    BatchNorm2D,
    Identity,
    MaxPool2D,
    ReLU,
    ReLU6,
    Sequential,
    Swish,
)
from tests.frameworks.test_fast_layers import filled
from tests.frameworks.test_shared import in_shares, network

C, N = 6, 10
WINDOWS = {
    "2x2": ((2, 2), None, 0),
    "3x2": ((3, 2), None, 0),
    "overlap": ((3, 3), 2, 1),
}


def plain_norm(dtype="float64"):
    return filled(BatchNorm2D(C, dtype), np.random.default_rng(0))


def chain(norm, activation, pool):
    """Norm and activation in a block, as VGG has them, and the pool behind it."""
    return Sequential(block=Sequential(norm=norm, activation=activation), pool=pool)


def pooled(norm, activation, window, meeting=None, worker=0):
    """The fast twin of a chain, for one worker, with running statistics of its own."""
    scratch = Scratch(norm.beta.dtype)
    shared = SharedNorm(norm, meeting or Meeting(1), worker, scratch)
    shared.mean, shared.variance = norm.mean.copy(), norm.variance.copy()
    pool = MaxPool2D(*window)
    if SeparableMaxPool2D.serves(pool):
        pool = SeparableMaxPool2D(pool, {scratch.dtype.str: scratch})
    net = with_pools_first(with_activations(chain(shared, activation, pool)))
    assert isinstance(net.layers["block"].layers["norm"], PooledNorm)
    assert isinstance(net.layers["pool"], Identity)
    return net


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("mean", [0, 100])
@pytest.mark.parametrize("gamma", ["positive", "one negative", "one zero"])
@pytest.mark.parametrize("activation", [Identity, ReLU, ReLU6])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("ties", [False, True])
def test_it_is_plain(window, activation, gamma, mean, workers, ties, monkeypatch):
    """With sizes that leave pixels over; where pixels tie, the first one wins."""
    monkeypatch.setattr(channels, "FLOATS", 500)
    norm, window = plain_norm(), WINDOWS[window]
    norm.gamma[2] = {"positive": 1, "one negative": -1, "one zero": 0}[gamma]
    plain = chain(norm, activation(), MaxPool2D(*window))
    meeting = Meeting(workers)
    nets = [pooled(norm, activation(), window, meeting, k) for k in range(workers)]
    rng = np.random.default_rng(1)
    x = rng.normal(mean, 3, (C, 7, 9, N))
    if ties:
        x = np.rint(x)
    out = plain.forward(x)
    dout = rng.normal(size=out.shape)
    dx = plain.backward(dout)

    cut = np.linspace(0, N, workers + 1).astype(int)
    size = 1e-12 * max(1, mean)  # of rounding
    both = in_shares(nets, cut, x, dout)
    for expected, found in zip((out, dx), both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=size, atol=size)
    norms = [net.layers["block"].layers["norm"] for net in nets]
    for role in ("beta", "gamma"):
        total = sum(getattr(one, f"d{role}") for one in norms)
        expected = getattr(norm, f"d{role}")
        np.testing.assert_allclose(total, expected, rtol=100 * size, atol=100 * size)
    for role in ("mean", "variance"):  # which one worker has
        found, expected = getattr(norms[0], role), getattr(norm, role)
        np.testing.assert_allclose(found, expected, rtol=size)


@pytest.mark.parametrize("activation", [Identity, ReLU, ReLU6])
def test_in_float32_outputs_are_the_same_to_the_bit(activation):
    """Rounding keeps the order, so the largest pixel stays the largest."""
    x = np.random.default_rng(1).normal(1, 3, (C, 8, 8, 64)).astype("float32")
    window = WINDOWS["2x2"]
    fast = pooled(plain_norm("float32"), activation(), window)
    shared = SharedNorm(plain_norm("float32"), Meeting(1), 0, Scratch("float32"))
    plain = with_activations(chain(shared, activation(), MaxPool2D(*window)))
    assert (fast.forward(x) == plain.forward(x)).all()
    assert fast.layers["block"].layers["norm"].pool_first


def test_the_pool_is_first_only_where_that_keeps_the_order():
    norm = plain_norm()
    net = pooled(norm, ReLU(), WINDOWS["2x2"])
    x = np.random.default_rng(1).normal(size=(C, 4, 4, N))
    for gamma, first in ((1, True), (-1, False), (0, False), (1e-3, True)):
        norm.gamma[1] = gamma  # in place, as steps change it
        net.forward(x)
        assert net.layers["block"].layers["norm"].pool_first == first


def test_only_what_comes_one_after_the_other_is_one():
    def shared():
        return SharedNorm(plain_norm(), Meeting(1), 0, Scratch("float64"))

    pool = MaxPool2D((2, 2))
    for net in (
        chain(shared(), Swish(), pool),  # which falls, left of its minimum
        chain(Add(shared(), Identity()), ReLU(), pool),
        Sequential(Add(Sequential(shared()), Identity()), pool),
        Sequential(pool, shared()),
    ):
        kinds = [type(leaf) for _, leaf in net.leaves()]
        changed = with_pools_first(with_activations(net)).leaves()
        assert PooledNorm not in [type(leaf) for _, leaf in changed]
        assert kinds.count(MaxPool2D) == 1


def test_a_vgg_has_some():
    counts = ways(network("vgg"))
    assert counts["after the pool that follows them"] > 0
