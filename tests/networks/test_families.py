"""Every family keeps what a page promises: files, names, tiny images, float32."""

import numpy as np
import pytest

import networks
from frameworks import weights
from frameworks.layers import Conv2D
from frameworks.weights import is_trained
from tests.comparison.test_sameness import FAMILIES, SIZES
from tests.conftest import model_params

FRAMEWORKS = [
    pytest.param(param.id, id=param.id, marks=param.marks)
    for param in model_params("keras", "torch", "tf")
]


def images(shape=(9, 6, 2), n=20, classes=3):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return X, rng.permutation(np.arange(n) % classes)


def fitted(family, X, y, name="skylark", **params):
    settings = {"epochs": 1, "random_state": 0, "batch_size": 8, **SIZES[family]}
    return FAMILIES[family][name](**settings | params).fit(X, y)


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def written(family, tmp_path_factory):
    """Of each family a model in NumPy, and the file that it has written."""
    model = fitted(family, *images())
    path = tmp_path_factory.mktemp(family) / "model.safetensors"
    model.save(path)
    return model, path


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_others_open_what_skylark_has_written(framework, family, written):
    """In float32, as it was trained: the same names, shapes and probabilities."""
    model, path = written
    other = FAMILIES[family][framework].load(path)
    X, _ = images()
    assert other.layer_shapes() == model.layer_shapes()
    theirs, ours = other.get_weights(), model.get_weights()
    assert theirs.keys() == ours.keys()
    assert all((theirs[name] == ours[name]).all() for name in ours)
    found, expected = other.predict_proba(X), model.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 12, 1), (5, 1, 3)])
def test_no_image_is_too_small(family, shape):
    X, y = images(shape)
    model = fitted(family, X, y, epochs=2)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.transform(X).shape[0] == len(X)


@pytest.mark.torch
def test_tiny_images_in_pytorch(family):
    """Windows are larger than the image, and strides step over it."""
    X, y = images((2, 1, 2))
    ours, theirs = (
        fitted(family, X, y, name, dtype="float64", learning_rate=1e-3)
        for name in ("skylark", "torch")
    )
    found, expected = theirs.predict_proba(X), ours.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        *((name, {"blocks": ()}) for name in ("vgg", "resnet", "densenet")),
        ("shufflenet", {"blocks": ()}),
        ("regnet", {"blocks": (), "widths": ()}),
        ("dpn", {"blocks": (), "dense": ()}),
    ],
)
def test_a_network_without_blocks(name, sizes):
    """What is around them is a network, too."""
    X, y = images()
    ours, theirs = (
        fitted(name, X, y, framework, dtype="float64", **sizes)
        for framework in ("skylark", "torch")
    )
    assert ours.layer_names() == [*ours.before, *ours.after]
    found, expected = theirs.predict_proba(X), ours.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_initial_weights_are_he_normal(family):
    """A rate too small to move anything leaves those that are trained."""
    X, y = images()
    model = fitted(family, X, y, learning_rate=5e-324)
    if model.kernels == "dirac":
        pytest.skip("its convolutions start by passing their input on")
    for name, weight in model.get_weights().items():
        if name.endswith("kernel") and not name.startswith("output"):
            *window, inputs, _ = weight.shape
            fan_in = np.prod(window) * (1 if "depthwise" in name else inputs)
            z = weight / np.sqrt(2 / fan_in)
            assert np.abs(z).max() < 6
            assert 0.4 < np.sqrt((z**2).mean()) < 1.6 or weight.size < 30
        elif is_trained(name) and not name.startswith("output"):
            assert (weight == name.endswith("gamma")).all()


def test_convolutions_that_start_by_passing_their_input_on():
    """As torch.nn.init.dirac_, on small normal weights of the other filters."""
    rng = np.random.default_rng(0)
    kinds = {"a.kernel": weights.Kind((3, 3, 24, 64), np.dtype("float64"))}
    kernel = weights.draw(kinds, rng, "dirac")["a.kernel"]
    X = rng.normal(size=(24, 7, 7, 2))
    conv = Conv2D(24, 64, (3, 3), "float64", padding=1, use_bias=False)
    conv.kernel = kernel
    out = conv.forward(X)
    np.testing.assert_array_equal(out[:24], X)
    rest = kernel[..., 24:]
    assert rest.std() == pytest.approx(1 / np.sqrt(3 * 9 * 24), rel=0.03)
    narrow = {"a.kernel": weights.Kind((1, 3, 9, 4), np.dtype("float32"))}
    kernel = weights.draw(narrow, rng, "dirac")["a.kernel"]
    np.testing.assert_array_equal(kernel[0, 1], np.eye(9, 4))
    assert not kernel[0, ::2].any()


def test_weights_have_full_names(family, written):
    """Each is at a point of the chain, and its role is known."""
    model, _ = written
    points = tuple(f"{point}." for point in model.layer_shapes())
    for name in model.get_weights():
        assert name.startswith(points)
        assert name.rpartition(".")[2] in (
            *("kernel", "bias", "gamma", "beta", "mean", "variance", "whitening"),
        )
    assert not any(name.endswith("conv.bias") for name in model.get_weights())


def test_a_second_fit_gives_the_same_bits(family, written):
    model, _ = written
    again = fitted(family, *images()).get_weights()
    assert all((again[name] == w).all() for name, w in model.get_weights().items())


def test_each_page_says_what_it_is():
    for page in networks.PAGES:
        assert len(page.__doc__.split(chr(10) * 2)) >= 3, page
        assert list(page.MODELS) == ["skylark", "keras", "torch", "tf"]
