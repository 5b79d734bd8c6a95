"""The proof of sameness holds for the four classes, and fails for every fault."""

from functools import cache
from typing import ClassVar

import numpy as np
import pytest

from comparison.sameness import evidence
from models import MODELS, Skylark_CNN
from networks import resnet
from tests.conftest import model_params
from tests.planted_faults import FAULTS, RESNET_FAULTS, Rounded

NETWORKS = {
    "seed": {"filters": (8,)},
    "two blocks": {"filters": (4, 6), "hidden_units": (12,)},
    "linear": {"filters": (), "activation": None},
}


@pytest.fixture(scope="module")
def images():
    """90 images of 10 x 9 pixels, three channels, three classes."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (90, 10, 10, 3), dtype=np.uint8)
    return X, rng.integers(3, size=90)


def gather(Model, images, **network):
    return evidence.gather(Model, *images, network)


@pytest.fixture(scope="module")
def standard(images):
    """What all are compared with, by the name of a network, gathered once."""
    return cache(lambda name: gather(Skylark_CNN, images, **NETWORKS[name]))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("Model", model_params("keras", "torch", "tf"))
def test_the_classes_are_one_network(Model, network, images, standard):
    found = gather(Model, images, **NETWORKS[network])
    worst = evidence.deviations(found, standard(network))
    assert evidence.within_limits(worst), worst


def marked(faults, classes):
    """Return one pytest parameter a fault, marked with its framework."""
    return [
        pytest.param(
            Fault,
            id=Fault.__name__,
            marks=getattr(
                pytest.mark, next(n for n, M in classes.items() if issubclass(Fault, M))
            ),
        )
        for Fault in faults
    ]


@pytest.mark.parametrize("Fault", marked(FAULTS, MODELS))
def test_every_planted_fault_is_caught(Fault, images, standard):
    worst = evidence.deviations(gather(Fault, images), standard("seed"))
    caught = [name for name, limit in evidence.LIMITS.items() if worst[name] > limit]
    assert not evidence.within_limits(worst)
    assert caught[0] == FAULTS[Fault]
    if Fault is not Rounded:  # which is what float32 would do
        assert not evidence.within_limits(worst, "float32")


def names(*models):
    """Return one pytest parameter a name, marked with it."""
    return [pytest.param(name, marks=getattr(pytest.mark, name)) for name in models]


class TestResNet:
    """The same of a deep network, whose running statistics are compared as well."""

    SIZES: ClassVar = {"blocks": (1, 2), "width": 4}

    @pytest.fixture(scope="class")
    def reference(self, images):
        return gather(resnet.Skylark_ResNet, images, **self.SIZES)

    @pytest.mark.parametrize("name", names("keras", "torch", "tf"))
    def test_the_classes_are_one_network(self, name, reference, images):
        found = gather(resnet.MODELS[name], images, **self.SIZES)
        worst = evidence.deviations(found, reference)
        assert evidence.within_limits(worst), worst
        assert worst["state_max_rel"] < 1e-12

    @pytest.mark.parametrize("Fault", marked(RESNET_FAULTS, resnet.MODELS))
    def test_every_planted_fault_is_caught(self, Fault, reference, images):
        found = gather(Fault, images, **self.SIZES)
        worst = evidence.deviations(found, reference)
        caught = [name for name, most in evidence.LIMITS.items() if worst[name] > most]
        assert caught[0] == RESNET_FAULTS[Fault]


@pytest.mark.parametrize(
    "rescaled",
    [
        lambda X: X.astype(np.uint16) * 257,
        lambda X: X * 1e30,
        lambda X: (X - 127.5) * 1e-30,
        lambda X: X / 255,
    ],
    ids=["16 bits", "1e30", "1e-30", "1"],
)
def test_the_size_of_pixels_is_no_fault(rescaled, images):
    """Two engines of one class, on numbers on which training would diverge."""
    X, y = images
    fast, plain = (
        gather(Skylark_CNN, (rescaled(X), y), engine=engine)
        for engine in ("fast", "plain")
    )
    worst = evidence.deviations(fast, plain)
    assert evidence.within_limits(worst), worst


def test_nan_is_no_proof(standard):
    sound = standard("seed")
    broken = sound | {"loss/epochs": sound["loss/epochs"] * np.nan}
    assert not evidence.within_limits(evidence.deviations(broken, sound))
