"""The proof of sameness holds for the four classes, and fails for every fault."""

import numpy as np
import pytest

from comparison.sameness import evidence
from models import MODELS, Skylark_CNN
from tests.conftest import model_params
from tests.planted_faults import FAULTS, Rounded

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


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("Model", model_params("keras", "torch", "tf"))
def test_the_classes_are_one_network(Model, network, images):
    settings = NETWORKS[network]
    found = gather(Model, images, **settings)
    worst = evidence.deviations(found, gather(Skylark_CNN, images, **settings))
    assert evidence.within_limits(worst), worst


@pytest.mark.parametrize(
    "Fault",
    [
        pytest.param(
            Fault,
            id=Fault.__name__,
            marks=getattr(
                pytest.mark,
                next(n for n, M in MODELS.items() if issubclass(Fault, M)),
            ),
        )
        for Fault in FAULTS
    ],
)
def test_every_planted_fault_is_caught(Fault, images):
    reference = gather(Skylark_CNN, images)
    worst = evidence.deviations(gather(Fault, images), reference)
    caught = [name for name, limit in evidence.LIMITS.items() if worst[name] > limit]
    assert not evidence.within_limits(worst)
    assert caught[0] == FAULTS[Fault]
    if Fault is not Rounded:  # which is what float32 would do
        assert not evidence.within_limits(worst, "float32")


def test_nan_is_no_proof(images):
    reference = gather(Skylark_CNN, images)
    broken = reference | {"loss/epochs": reference["loss/epochs"] * np.nan}
    assert not evidence.within_limits(evidence.deviations(broken, reference))
