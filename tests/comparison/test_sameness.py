"""The proof of sameness holds for the four classes, and fails for every fault."""

from functools import cache

import numpy as np
import pytest

import networks
from comparison import network
from comparison.contestants import find_all
from comparison.sameness import evidence
from comparison.sameness.proof import prove
from models import MODELS, Skylark_CNN
from tests.conftest import model_params
from tests.planted_faults import (
    FAMILY_FAULTS,
    FAULTS,
    MUON_FAULTS,
    RECIPE_FAULTS,
    RESNET_FAULTS,
    Rounded,
)

NETWORKS = {
    "seed": {"filters": (8,)},
    "two blocks": {"filters": (4, 6), "hidden_units": (12,)},
    "linear": {"filters": (), "activation": None},
    "recipe": {
        "filters": (8,),
        "schedule": "one_cycle",
        "nesterov": True,
        "label_smoothing": 0.1,
        "augment": "flip+crop",
    },
    "muon": {
        "filters": (4, 6),
        "muon": True,
        "nesterov": True,
        "schedule": "one_cycle",
    },
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


@pytest.mark.parametrize("Fault", marked(RECIPE_FAULTS, MODELS))
def test_every_fault_in_a_recipe_is_caught(Fault, images, standard):
    assert caught(Fault, "recipe", images, standard) == RECIPE_FAULTS[Fault]


@pytest.mark.parametrize("Fault", marked(MUON_FAULTS, MODELS))
def test_every_fault_in_muon_is_caught(Fault, images, standard):
    assert caught(Fault, "muon", images, standard) == MUON_FAULTS[Fault]


def caught(Fault, network, images, standard):
    """Return the first check that catches a fault, which no rounding would hide."""
    found = gather(Fault, images, **NETWORKS[network])
    worst = evidence.deviations(found, standard(network))
    assert not evidence.within_limits(worst, "float32")
    return next(name for name, most in evidence.LIMITS.items() if worst[name] > most)


def names(*models):
    """Return one pytest parameter a name, marked with it."""
    return [pytest.param(name, marks=getattr(pytest.mark, name)) for name in models]


# A small network of each family, with every kind of its blocks.
SIZES = {
    "vgg": {"blocks": (1, 2), "width": 4},
    "googlenet": {"blocks": (1, 1), "width": 4},
    "resnet": {"blocks": (1, 2), "width": 4},
    "densenet": {"blocks": (1, 2), "growth": 3},
    "dpn": {
        "blocks": (1, 2),
        "dense": (2, 3),
        "width": 4,
        "residual": 4,
        "groups": 2,
        "stem": 4,
    },
    "mobilenet": {"blocks": (1, 1, 2), "width": 4, "expansion": 2, "head": 8},
    "shufflenet": {"blocks": (2, 1), "width": 8, "stem": 4, "head": 8},
    "efficientnet": {
        "blocks": (1, 1, 2),
        "width": 4,
        "expansion": 2,
        "head": 8,
        "dropout": 0.3,
        "drop_connect": 0.5,
    },
    "regnet": {
        "blocks": (1, 1, 2),
        "widths": (4, 6, 8),
        "group_width": 2,
        "stem": 4,
        "squeeze_excite": True,
    },
    "speedrun": {"widths": (4, 6), "depth": 2},
}
FAMILIES = {page.MODELS["skylark"].family: page.MODELS for page in networks.PAGES}


@pytest.fixture(scope="module")
def reference(images):
    """What all classes of a family are compared with, gathered once."""
    return cache(
        lambda family: gather(FAMILIES[family]["skylark"], images, **SIZES[family])
    )


class TestFamilies:
    """The same of deep networks, whose running statistics are compared as well."""

    @pytest.mark.parametrize("name", names("keras", "torch", "tf"))
    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_classes_are_one_network(self, family, name, reference, images):
        found = gather(FAMILIES[family][name], images, **SIZES[family])
        worst = evidence.deviations(found, reference(family))
        assert evidence.within_limits(worst), worst
        print(family, name, *(f"{key} {worst[key]:.0e}" for key in evidence.LIMITS))

    @pytest.mark.parametrize("Fault", marked(RESNET_FAULTS, FAMILIES["resnet"]))
    def test_every_planted_fault_is_caught(self, Fault, reference, images):
        found = gather(Fault, images, **SIZES["resnet"])
        worst = evidence.deviations(found, reference("resnet"))
        caught = [name for name, most in evidence.LIMITS.items() if worst[name] > most]
        assert caught[0] == RESNET_FAULTS[Fault]

    @pytest.mark.parametrize("Fault", marked(FAMILY_FAULTS, MODELS))
    def test_faults_that_a_family_invites_are_caught(self, Fault, reference, images):
        found = gather(Fault, images, **SIZES[Fault.family])
        worst = evidence.deviations(found, reference(Fault.family))
        assert not evidence.within_limits(worst, "float32"), worst


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


def test_flat_margins_are_no_fault():
    """Two engines of one class, on images from which Dirac kernels pass on nothing."""
    rng = np.random.default_rng(0)
    X, y = np.zeros((90, 16, 16, 1), np.uint8), rng.integers(3, size=90)
    X[:, 2:7, 3:8] = rng.integers(0, 256, (90, 5, 5, 1))
    size = {"widths": (8, 16, 16)}
    fast, plain = (
        gather(FAMILIES["speedrun"]["skylark"], (X, y), **size, engine=engine)
        for engine in ("fast", "plain")
    )
    worst = evidence.deviations(fast, plain)
    assert evidence.within_limits(worst), worst


def test_without_the_standard_there_is_no_proof(tmp_path):
    """Its images are not there."""
    resnet8, _ = network.preset("resnet8")
    contestants = find_all(["skylark"], FAMILIES["resnet"])
    with pytest.raises(RuntimeError, match="reference could not be run: FileNotFound"):
        prove(contestants, tmp_path / "nowhere", resnet8, threads=1)


def test_nan_is_no_proof(standard):
    sound = standard("seed")
    broken = sound | {"loss/epochs": sound["loss/epochs"] * np.nan}
    assert not evidence.within_limits(evidence.deviations(broken, sound))
