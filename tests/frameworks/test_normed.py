"""A convolution 1x1 and its norm as one product: the numbers of both, one by one."""

import numpy as np
import pytest

from frameworks.fast import channels
from frameworks.fast.fused import with_activations
from frameworks.fast.meeting import Meeting
from frameworks.fast.member import ways
from frameworks.fast.normed import NormedConv2D, with_normed_convolutions
from frameworks.fast.norms import SharedNorm
from frameworks.fast.pointwise import PointwiseConv2D
from frameworks.fast.scratch import Scratch
from frameworks.layers import (
    BatchNorm2D,
    Conv2D,
    Identity,
    ReLU6,
    Sequential,
    Swish,
)
from tests.frameworks.test_fast_layers import filled
from tests.frameworks.test_shared import in_shares, network

C, F, N = 5, 12, 14


def plain_layers(dtype="float64", **options):
    rng = np.random.default_rng(0)
    conv = filled(Conv2D(C, F, (1, 1), dtype, use_bias=False, **options), rng)
    return conv, filled(BatchNorm2D(F, dtype), rng)


def chain(conv, norm, activation):
    return Sequential(inside=Sequential(conv=conv, norm=norm, activation=activation))


def normed(conv, norm, activation, meeting=None, worker=0):
    """The fast twin of a chain, for one worker, with running statistics of its own."""
    scratch = Scratch(conv.kernel.dtype)
    shared = SharedNorm(norm, meeting or Meeting(1), worker, scratch)
    shared.mean, shared.variance = norm.mean.copy(), norm.variance.copy()
    net = chain(PointwiseConv2D(conv, scratch), shared, activation)
    with_activations(with_normed_convolutions(net))
    assert isinstance(net.layers["inside"].layers["norm"], NormedConv2D)
    return net


def gradients(net):
    """Those of the weights, and the statistics."""
    conv, norm, _ = net.layers["inside"].layers.values()
    found = {"kernel": conv.dkernel, "gamma": norm.dgamma, "beta": norm.dbeta}
    return found | {"mean": norm.mean, "variance": norm.variance}


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("mean", [0, 11, 1000])
@pytest.mark.parametrize("activation", [Identity, ReLU6, Swish])
@pytest.mark.parametrize("needs_dx", [True, False])
def test_it_is_plain(activation, mean, workers, needs_dx, monkeypatch):
    monkeypatch.setattr(channels, "FLOATS", 500)
    conv, norm = plain_layers(needs_dx=needs_dx)
    meeting = Meeting(workers)
    nets = [normed(conv, norm, activation(), meeting, k) for k in range(workers)]
    plain = chain(conv, norm, activation())
    rng = np.random.default_rng(1)
    x, dout = rng.normal(mean, 3, (C, 3, 4, N)), rng.normal(size=(F, 3, 4, N))

    out, dx = plain.forward(x, training=True), plain.backward(dout)
    cut = [0, 5, N] if workers == 2 else np.linspace(0, N, workers + 1).astype(int)
    size = 1e-11 * max(1, mean)  # of rounding
    both = in_shares(nets, cut, x, dout)
    for expected, found in zip((out, dx), both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=size, atol=size)
    found = [gradients(net) for net in nets]
    for name, expected in gradients(plain).items():
        all_of_it = name not in ("mean", "variance")  # which one worker has
        array = sum(one[name] for one in found) if all_of_it else found[0][name]
        np.testing.assert_allclose(array, expected, rtol=size, atol=size, err_msg=name)


@pytest.mark.parametrize("far", [0, 10, 100])
@pytest.mark.parametrize("alike", [1, 0.1, 1e-3])
def test_float32_loses_no_digits(far, alike):
    """Where channels are alike, and a kernel sees how they differ, products cancel."""
    conv, norm = plain_layers("float32")
    conv.kernel -= conv.kernel.mean(2, keepdims=True)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1, 8, 8, 64)) + alike * rng.normal(far, 1, (C, 8, 8, 64))
    x = x.astype("float32")
    net = normed(conv, norm, Identity())
    out = net.forward(x, training=True)
    exact = BatchNorm2D(F, "float64")
    exact.gamma, exact.beta = norm.gamma.astype(float), norm.beta.astype(float)
    y = np.tensordot(conv.kernel[0, 0].T.astype(float), x.astype(float), 1)
    np.testing.assert_allclose(out, exact.forward(y), atol=1e-4 * max(1, 0.01 / alike))
    found = net.layers["inside"].layers["norm"]
    np.testing.assert_allclose(found.std**2, y.var((1, 2, 3)) + 1e-5, rtol=2e-5)


def test_rounding_makes_no_variance_negative():
    """Channels are multiples of one, and the kernel sees none of it: y is 0."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        conv, norm = plain_layers()
        multiples, kernel = rng.normal(size=C), rng.normal(size=(C, F))
        seen = multiples @ kernel / (multiples @ multiples)
        conv.kernel[:] = kernel - np.outer(multiples, seen)
        x = multiples[:, None, None, None] * rng.normal(0, 1e9, (1, 4, 4, N))
        net = normed(conv, norm, Identity())
        assert np.isfinite(net.forward(x)).all()
        assert (net.layers["inside"].layers["norm"].variance >= 0).all()


@pytest.mark.parametrize(
    ("c", "f", "use_bias", "serves"),
    [
        (4, 8, False, True),
        (4, 8, True, False),
        (5, 8, False, False),
        (65, 256, False, False),
    ],
)
def test_which_layers_it_serves(c, f, use_bias, serves):
    scratch = Scratch("float32")
    conv = PointwiseConv2D(Conv2D(c, f, (1, 1), use_bias=use_bias), scratch)
    norm = SharedNorm(BatchNorm2D(f), Meeting(1), 0, scratch)
    assert NormedConv2D.serves(conv, norm) == serves
    assert not NormedConv2D.serves(norm, conv)


def test_a_mobilenet_has_some():
    counts = ways(network("mobilenet"))
    convolutions, norms = "in the norm after them", "with the convolution before them"
    assert counts[convolutions] == counts[norms] > 0
