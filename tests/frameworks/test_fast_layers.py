"""The fast engine's convolutions other than 3x3, and norms, give plain numbers."""

import copy

import numpy as np
import pytest

from frameworks.fast import banded, channels, depthwise, pointwise
from frameworks.fast.banded import BandedConv2D
from frameworks.fast.depthwise import TiledDepthwiseConv2D
from frameworks.fast.fused import (
    ActivatedAdd,
    BandedActivation,
    NormedAdd,
    with_activations,
    with_sums,
)
from frameworks.fast.meeting import Meeting
from frameworks.fast.normed import DeferredConv2D, NormedConv2D
from frameworks.fast.norms import FAR, SharedNorm
from frameworks.fast.owned import with_overwriting
from frameworks.fast.pointwise import PointwiseConv2D
from frameworks.fast.pools import SeparableMaxPool2D
from frameworks.fast.scratch import Scratch
from frameworks.layers import (
    Add,
    BatchNorm2D,
    Conv2D,
    DepthwiseConv2D,
    Identity,
    MaxPool2D,
    ReLU,
    ReLU6,
    Sequential,
    Swish,
)


def filled(layer, rng):
    """The layer, with weights that are neither 0 nor 1."""
    for role in layer.roles:
        weight = getattr(layer, role)
        weight[:] = rng.uniform(0.5, 1.5, weight.shape)
    return layer


def check(plain, fast, x, weights, rtol=1e-12):
    """Compare output, gradients and state of two steps."""
    rng = np.random.default_rng(1)
    for _ in range(2):
        out = plain.forward(x)
        dout = rng.normal(size=out.shape)
        expected = {"out": out, "dx": plain.backward(dout)}
        found = {"out": fast.forward(x).copy(), "dx": fast.backward(dout).copy()}
        for name in weights:
            expected[name], found[name] = (getattr(k, name) for k in (plain, fast))
        for name, array in expected.items():
            assert found[name].shape == array.shape, name
            size = np.abs(array).max(initial=0)
            np.testing.assert_allclose(
                found[name], array, rtol=0, atol=rtol * size, err_msg=name
            )


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 32), (16, 24), (6, 31)])
@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [
        (3, 1, 1),
        (3, 2, 1),
        (3, 3, 1),
        (5, 1, 2),
        (5, 2, 2),
        (3, 1, 0),
        (1, 2, 0),
        (3, 2, 0),
        (2, 1, 1),
        (4, 2, 3),
    ],
)
def test_depthwise(window, stride, padding, size, monkeypatch):
    monkeypatch.setattr(depthwise, "FLOATS", 4000)  # some channels at a time
    rng = np.random.default_rng(0)
    conv = DepthwiseConv2D(
        5, (window, window), "float64", stride=stride, padding=padding
    )
    fast = TiledDepthwiseConv2D(filled(conv, rng), Scratch("float64"))
    check(conv, fast, rng.normal(size=(5, *size, 6)), ["dkernel"])
    assert fast.tiled


def test_depthwise_of_few_images_is_plain():
    rng = np.random.default_rng(0)
    conv = filled(DepthwiseConv2D(4, (3, 3), "float64", padding=1), rng)
    fast = TiledDepthwiseConv2D(conv, Scratch("float64"))
    check(conv, fast, rng.normal(size=(4, 8, 8, 5)), ["dkernel"], rtol=0)
    assert not fast.tiled


@pytest.mark.parametrize(
    ("c", "f", "shape"), [(3, 5, (4, 4, 6)), (96, 40, (7, 5, 1)), (64, 37, (8, 8, 40))]
)
@pytest.mark.parametrize("use_bias", [True, False])
def test_pointwise(c, f, shape, use_bias):
    rng = np.random.default_rng(0)
    conv = filled(Conv2D(c, f, (1, 1), "float64", use_bias=use_bias), rng)
    assert PointwiseConv2D.serves(conv)
    fast = PointwiseConv2D(conv, Scratch("float64"))
    check(conv, fast, rng.normal(size=(c, *shape)), [f"d{role}" for role in conv.roles])


def test_pointwise_whose_images_nobody_asks_for(monkeypatch):
    monkeypatch.setattr(pointwise, "DEPTH", 10)
    rng = np.random.default_rng(0)
    conv = filled(Conv2D(3, 4, (1, 1), "float64", needs_dx=False), rng)
    fast = PointwiseConv2D(conv, Scratch("float64"))
    check(conv, fast, rng.normal(size=(3, 4, 4, 6)), ["dkernel", "dbias"])


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"padding": 1}, {"groups": 2}, {"window": (3, 3)}]
)
def test_pointwise_serves_no_other(options):
    window = options.pop("window", (1, 1))
    assert not PointwiseConv2D.serves(Conv2D(4, 4, window, **options))


@pytest.mark.parametrize("size", [(8, 8), (9, 7)])
@pytest.mark.parametrize("floats", [1, 5000])
@pytest.mark.parametrize(
    ("window", "options"),
    [
        ((3, 3), {"stride": 2, "padding": 1}),
        ((1, 1), {"stride": 2}),
        ((5, 5), {"padding": 2, "groups": 2}),
        ((3, 2), {"stride": 3, "padding": 1, "groups": 4, "use_bias": False}),
        ((3, 3), {"needs_dx": False}),
    ],
)
def test_banded(window, options, floats, size, monkeypatch):
    monkeypatch.setattr(banded, "FLOATS", floats)
    rng = np.random.default_rng(0)
    conv = filled(Conv2D(4, 8, window, "float64", **options), rng)
    fast = BandedConv2D(conv, Scratch("float64"))
    weights = [f"d{role}" for role in conv.roles]
    check(conv, fast, rng.normal(size=(4, *size, 5)), weights)


@pytest.mark.parametrize("activation", [Identity, ReLU, ReLU6, Swish])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("mean", [0, 11, 1000])
def test_norm_with_its_activation(activation, scale, mean, monkeypatch):
    monkeypatch.setattr(channels, "FLOATS", 500)
    rng = np.random.default_rng(0)
    norm = filled(BatchNorm2D(7, "float64", scale=scale), rng)
    norm.beta[:] = np.arange(7)  # some values below 0, and some above 6
    plain = Sequential(inside=Sequential(norm=norm, activation=activation()))
    shared = SharedNorm(norm, Meeting(1), 0, Scratch("float64"))
    shared.mean, shared.variance = norm.mean.copy(), norm.variance.copy()
    fast = Sequential(inside=Sequential(norm=shared, activation=activation()))
    with_activations(fast)
    x = rng.normal(mean, 4, (7, 5, 4, 6))
    check(plain, fast, x, [], rtol=1e-12 * max(1, mean))
    for role in ("dgamma", "dbeta", "mean", "variance"):
        if scale or role != "dgamma":
            expected, found = (getattr(layer, role) for layer in (norm, shared))
            np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=role)


def test_a_channel_of_one_value_has_no_variance():
    """float64 loses some of a large mean, and must not go below zero."""
    norm = SharedNorm(BatchNorm2D(2), Meeting(1), 0, Scratch("float32"))
    x = np.full((2, 3, 3, 6), 12345.678, "float32")
    assert np.abs(norm.forward(x)).max() < 1
    assert (norm.variance >= 0).all()


@pytest.mark.parametrize("far", [0, 0.9 * FAR, 1.1 * FAR, 100])
def test_how_far_a_mean_is_from_0_costs_no_digits(far):
    """In float32, squares of the input itself would lose those of its variance."""
    x, dout = np.random.default_rng(0).normal(size=(2, 3, 8, 8, 64))
    x[1] += far  # the others stay where they are
    exact = BatchNorm2D(3, "float64")
    norm = SharedNorm(BatchNorm2D(3), Meeting(1), 0, Scratch("float32"))
    x32, dout32 = x.astype("float32"), dout.astype("float32")
    out = norm.forward(x32)
    np.testing.assert_allclose(out, exact.forward(x32.astype(float)), atol=1e-4)
    np.testing.assert_allclose(norm.variance, exact.variance, rtol=2e-6)
    dx = exact.backward(dout32.astype(float))
    np.testing.assert_allclose(norm.backward(dout32), dx, atol=1e-4)
    np.testing.assert_allclose(
        norm.dgamma, exact.dgamma, atol=2e-6 * np.abs(exact.dgamma).max()
    )


@pytest.mark.parametrize("activation", [Identity, ReLU])
def test_a_norm_keeps_its_output_only_for_an_activation(activation):
    """What the backward pass does not ask for is free for others."""
    rng = np.random.default_rng(0)
    norm = SharedNorm(BatchNorm2D(6, "float64"), Meeting(1), 0, Scratch("float64"))
    conv = Conv2D(6, 6, (1, 1), "float64", use_bias=False)
    deferred = DeferredConv2D(conv, norm.scratch)
    for layer in (norm, NormedConv2D(deferred, norm)):
        net = Sequential(inside=Sequential(layer, activation()))
        out = with_activations(net).forward(rng.normal(size=(6, 4, 4, 8)))
        arrays = [v for v in vars(layer).values() if isinstance(v, np.ndarray)]
        kept = any(np.shares_memory(out, array) for array in arrays)
        assert kept == (activation is ReLU)


@pytest.mark.parametrize("activation", [ReLU, ReLU6, Swish])
@pytest.mark.parametrize("floats", [1, 500, 10**6])
def test_activation_by_itself(activation, floats, monkeypatch):
    """One channel at a time, some of them, all of them."""
    monkeypatch.setattr(channels, "FLOATS", floats)

    def block():
        return Sequential(inside=Sequential(MaxPool2D((2, 2)), activation()))

    plain, fast = block(), with_activations(block())
    assert isinstance(fast.layers["inside"].layers["1"], BandedActivation)
    x = np.random.default_rng(0).normal(0, 4, (7, 10, 8, 6))
    check(plain, fast, x, [])
    assert (fast.forward(x, training=False) == fast.forward(x)).all()


@pytest.mark.parametrize("activation", [ReLU, ReLU6, Swish])
@pytest.mark.parametrize("others", [1, 2])
def test_sum_with_its_activation(activation, others, monkeypatch):
    monkeypatch.setattr(channels, "FLOATS", 500)
    rng = np.random.default_rng(0)

    def block():
        rest = [ReLU6(), Swish()][:others]
        return Sequential(inside=Sequential(Add(Identity(), *rest), activation()))

    plain, fast = block(), with_activations(block())
    assert isinstance(fast.layers["inside"].layers["0"], ActivatedAdd)
    check(plain, fast, rng.normal(0, 4, (7, 5, 4, 6)), [])


@pytest.mark.parametrize("shortcut", ["identity", "norm", "activation"])
@pytest.mark.parametrize("activation", [Identity, ReLU, ReLU6, Swish])
def test_sum_that_a_norm_computes(activation, shortcut, monkeypatch):
    monkeypatch.setattr(channels, "FLOATS", 500)
    rng = np.random.default_rng(0)
    norms = [filled(BatchNorm2D(7, "float64"), rng) for _ in range(2)]
    scratch = Scratch("float64")
    shared = [SharedNorm(copy.copy(norm), Meeting(1), 0, scratch) for norm in norms]

    def block(first, second):
        others = {"identity": Identity(), "norm": second, "activation": ReLU()}
        branch = Sequential(Swish(), Sequential(first, Identity()))
        return Sequential(Sequential(Add(branch, others[shortcut]), activation()))

    plain, fast = block(*norms), with_activations(block(*shared))
    with_sums(fast)
    assert isinstance(fast.layers["0"].layers["0"], NormedAdd)
    check(plain, fast, rng.normal(0, 4, (7, 5, 4, 6)), [])
    used = norms[: 1 + (shortcut == "norm")]
    for norm, found in zip(used, shared, strict=False):
        np.testing.assert_allclose(found.dgamma, norm.dgamma, rtol=1e-11)
        np.testing.assert_allclose(found.dbeta, norm.dbeta, rtol=1e-11)
    assert shared[0].added is shared[0].dsum is None  # memory for others


def test_which_sums_a_norm_computes():
    """Of two, whose first ends with a norm that has no activation."""

    def norm():
        return SharedNorm(BatchNorm2D(2), Meeting(1), 0, Scratch("float32"))

    def serves(*layers):
        net = Sequential(inside=Sequential(Add(*layers), ReLU()))
        return NormedAdd.serves(with_activations(net).layers["inside"].layers["0"])

    assert serves(norm(), Identity())
    assert not serves(Sequential(norm(), ReLU()), Identity())
    assert not serves(Sequential(), norm())
    assert not serves(norm())
    assert not serves(norm(), Identity(), Identity())
    assert not NormedAdd.serves(norm())


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (5, 3)])
@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [((3, 3), 1, 1), ((3, 3), 2, 1), ((3, 2), 1, 0), ((5, 3), 2, 2), ((2, 3), 1, 0)],
)
@pytest.mark.parametrize("ties", [False, True])
def test_pool(window, stride, padding, size, ties, monkeypatch):
    """After a ReLU, most windows tie at zero: the gradient goes to the first pixel."""
    monkeypatch.setattr(channels, "FLOATS", 500)
    x = np.random.default_rng(0).normal(size=(7, *size, 6))
    if ties:
        x = np.maximum(np.rint(x), 0)
    pool = MaxPool2D(window, stride, padding)
    assert SeparableMaxPool2D.serves(pool)
    fast = SeparableMaxPool2D(pool, {"<f8": Scratch("float64")})
    check(pool, fast, x, [])


def test_pools_side_by_side_are_plain():
    assert not SeparableMaxPool2D.serves(MaxPool2D((2, 2)))
    assert not SeparableMaxPool2D.serves(MaxPool2D((3, 2), 2))


def test_only_a_norm_and_what_comes_right_after_it_are_one():
    """What a network itself is a chain of keeps its outputs."""
    meeting, scratch = Meeting(1), Scratch("float32")
    first, second, third = (
        SharedNorm(BatchNorm2D(2), meeting, 0, scratch) for _ in range(3)
    )
    net = Sequential(
        norm=first, relu=ReLU(), inside=Sequential(second, Identity(), third, ReLU6())
    )
    with_activations(net)
    assert first.activation is second.activation is None
    assert third.activation.top == 6
    assert type(net.layers["relu"]) is ReLU


def test_what_a_norm_overwrites():
    """Gradients that a convolution has made for it, not those of two branches."""
    rng, scratch = np.random.default_rng(0), Scratch("float64")
    norms = [filled(BatchNorm2D(4, "float64"), rng) for _ in range(3)]
    conv = filled(Conv2D(4, 4, (1, 1), "float64", use_bias=False), rng)

    def block(first, second, third, conv):
        branches = Sequential(second, ReLU()), Sequential(third, ReLU6())
        return Sequential(inside=Sequential(first, ReLU(), conv, Add(*branches)))

    shared = [SharedNorm(copy.copy(norm), Meeting(1), 0, scratch) for norm in norms]
    plain = block(*norms, conv)
    fast = with_activations(block(*shared, copy.copy(conv)))
    with_overwriting(fast)
    assert [norm.overwrites for norm in shared] == [True, False, False]
    check(plain, fast, rng.normal(0, 4, (4, 5, 4, 6)), [])
    for norm, found in zip(norms, shared, strict=True):
        np.testing.assert_allclose(found.dgamma, norm.dgamma, rtol=1e-10)


def test_a_gradient_that_may_not_be_written_stays():
    norm = SharedNorm(BatchNorm2D(2), Meeting(1), 0, Scratch("float32"))
    norm.overwrites = True
    x = np.random.default_rng(0).normal(size=(2, 1, 1, 4)).astype("f4")
    dout = np.broadcast_to(x, x.shape)  # as a mean over pixels gives it
    norm.forward(x)
    assert not np.shares_memory(norm.backward(dout), x)


def test_numpy_has_its_own_buffer_again():
    before = np.getbufsize()
    with channels.short_rows():
        assert np.getbufsize() == channels.BUFFER
    assert np.getbufsize() == before
