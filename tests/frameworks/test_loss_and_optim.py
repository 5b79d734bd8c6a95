"""The loss and the optimiser against finite differences and against PyTorch."""

import numpy as np
import pytest
from scipy.special import softmax

from frameworks.layers import Dense
from frameworks.loss import cross_entropy
from frameworks.optim import SGD


@pytest.fixture
def batch():
    """Logits (k, n), classes and weights that average 1."""
    rng = np.random.default_rng(0)
    w = rng.uniform(0.1, 2, 6)
    return rng.normal(size=(4, 6)), rng.integers(4, size=6), w / w.mean()


def test_cross_entropy_is_the_weighted_mean_of_minus_log_probability(batch):
    logits, y, w = batch
    losses = -np.log(softmax(logits, axis=0)[y, np.arange(6)])
    loss, _ = cross_entropy(logits, y, w)
    assert loss == pytest.approx(np.sum(w * losses) / np.sum(w), rel=1e-12)


def test_cross_entropy_gradient(batch):
    logits, y, w = batch
    _, dlogits = cross_entropy(logits, y, w)
    for index in np.ndindex(logits.shape):
        moved = np.zeros_like(logits)
        moved[index] = 1e-6
        above, _ = cross_entropy(logits + moved, y, w)
        below, _ = cross_entropy(logits - moved, y, w)
        assert dlogits[index] == pytest.approx((above - below) / 2e-6, abs=1e-9)


def test_huge_logits_do_not_overflow():
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    loss, dlogits = cross_entropy(logits, np.array([0, 0]), np.ones(2))
    assert loss == pytest.approx(1e4)
    assert np.isfinite(dlogits).all()


@pytest.mark.torch
def test_cross_entropy_is_pytorchs(batch):
    torch = pytest.importorskip("torch")
    logits, y, w = batch
    theirs = torch.from_numpy(logits.T.copy()).requires_grad_()
    losses = torch.nn.functional.cross_entropy(
        theirs, torch.from_numpy(y), reduction="none"
    )
    expected = (losses * torch.from_numpy(w)).mean()
    expected.backward()
    loss, dlogits = cross_entropy(logits, y, w)
    assert loss == pytest.approx(expected.item(), rel=1e-13)
    np.testing.assert_allclose(dlogits.T, theirs.grad.numpy(), rtol=1e-12, atol=1e-16)


@pytest.mark.torch
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd_is_pytorchs(momentum, weight_decay):
    """Over several steps; biases do not decay."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    dense = Dense(3, 2, "float64")
    dense.kernel[:], dense.bias[:] = rng.normal(size=(3, 2)), rng.normal(size=2)
    kernel = torch.from_numpy(dense.kernel.copy())
    bias = torch.from_numpy(dense.bias.copy())
    theirs = torch.optim.SGD(
        [{"params": [kernel], "weight_decay": weight_decay}, {"params": [bias]}],
        lr=0.1,
        momentum=momentum,
    )
    ours = SGD([dense], 0.1, momentum, weight_decay)
    for _ in range(5):
        dense.dkernel, dense.dbias = rng.normal(size=(3, 2)), rng.normal(size=2)
        kernel.grad = torch.from_numpy(dense.dkernel)
        bias.grad = torch.from_numpy(dense.dbias)
        ours.step()
        theirs.step()
    np.testing.assert_allclose(dense.kernel, kernel.numpy(), rtol=1e-13)
    np.testing.assert_allclose(dense.bias, bias.numpy(), rtol=1e-13)
