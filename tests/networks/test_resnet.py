"""ResNet: what a page and its four classes promise, by the example of one family."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone

import networks
from comparison.counting.code_length import ROOT
from frameworks.weights import is_trained
from networks import resnet
from tests.conftest import model_params

SIZES = {"blocks": (1, 2), "width": 4}
MODELS = [
    pytest.param(resnet.MODELS[param.id], id=param.id, marks=param.marks)
    for param in model_params()
]


@pytest.fixture(params=MODELS)
def Model(request):  # noqa: N802, it is a class
    """Each of the four classes in turn."""
    return request.param


def images(shape=(8, 7, 3), n=30, classes=3):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return X, rng.permutation(np.arange(n) % classes)


def fitted(Model, X, y, **params):
    settings = {"epochs": 1, "random_state": 0, "batch_size": 16, **SIZES}
    return Model(**settings | params).fit(X, y)


def test_layers_and_shapes():
    """The proof holds those of the others to Skylark's."""
    X, y = images((9, 32, 1))
    model = fitted(resnet.Skylark_ResNet, X, y, blocks=(1, 2, 1))
    assert model.layer_shapes() == {
        "stem": (9, 32, 4),
        "stage1.block1": (9, 32, 4),
        "stage2.block1": (5, 16, 8),
        "stage2.block2": (5, 16, 8),
        "stage3.block1": (3, 8, 16),
        "pool": (16,),
        "output": (3,),
    }
    assert model.transform(X).shape == (30, 16)
    features = model.transform(X, "stage3.block1").reshape(30, 24, 16)
    np.testing.assert_allclose(features.mean(1), model.transform(X), rtol=1e-5)


def test_names_of_weights():
    """The proof holds those of the others to Skylark's."""
    X, y = images()
    weights = fitted(resnet.Skylark_ResNet, X, y).get_weights()
    conv, norm = ["kernel"], ["gamma", "beta", "mean", "variance"]
    block = {"conv1": conv, "norm1": norm, "conv2": conv, "norm2": norm}
    around = {"shortcut.conv": conv, "shortcut.norm": norm}
    layers = {
        "stem": {"conv": conv, "norm": norm},
        "stage1.block1": block,
        "stage2.block1": block | around,
        "stage2.block2": block,
    }
    expected = {
        f"{where}.{layer}.{role}"
        for where, inside in layers.items()
        for layer, roles in inside.items()
        for role in roles
    }
    assert set(weights) == expected | {"output.kernel", "output.bias"}
    assert weights["stage2.block1.shortcut.conv.kernel"].shape == (1, 1, 4, 8)
    assert weights["stage2.block2.conv1.kernel"].shape == (3, 3, 8, 8)


@pytest.mark.keras
def test_keras_names_suit_every_backend():
    """A dot in a layer's name is an error where Keras computes with PyTorch."""
    model = resnet.Keras_ResNet(blocks=(1, 1), width=2)
    model.image_shape_, model.classes_ = (8, 8, 3), range(4)
    names = [layer.name for layer in model.network().layers]
    assert "stage2-block1-shortcut-conv" in names
    assert not [name for name in names if "." in name]


def test_sizes_of_its_own_family_alone(Model):
    params = Model().get_params()
    assert params["blocks"] == (1, 1, 1)
    assert params["width"] == 16
    assert not {"filters", "hidden_units", "activation"} & params.keys()
    with pytest.raises(TypeError, match="'filters': its sizes are blocks, width"):
        Model(filters=(8,))
    assert clone(Model(blocks=[2, 1])).get_params()["blocks"] == [2, 1]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"blocks": (1, 0)}, "blocks must be whole numbers of at least 1"),
        ({"blocks": 3}, "The 'blocks' parameter"),
        ({"width": 0}, "The 'width' parameter"),
        ({"width": 2.5}, "The 'width' parameter"),
    ],
)
def test_sizes_are_checked_by_fit(sizes, message):
    X, y = images()
    with pytest.raises(ValueError, match=message):
        resnet.Skylark_ResNet(**sizes).fit(X, y)


def test_initial_weights_are_equal_to_the_bit(Model):
    """A rate too small to move anything leaves those that are trained."""
    X, y = images()
    settings = {"learning_rate": 5e-324, "random_state": 3}
    ours = fitted(resnet.Skylark_ResNet, X, y, **settings).get_weights()
    theirs = fitted(Model, X, y, **settings).get_weights()
    for name, weight in filter(lambda item: is_trained(item[0]), ours.items()):
        assert (theirs[name] == weight).all()
        assert weight.any() != name.endswith(("beta", "bias"))
    kernel = ours["stage2.block2.conv1.kernel"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 8)), rel=0.1)


@pytest.mark.parametrize("shape", [(1, 12, 1), (1, 1, 2)])
def test_no_image_is_too_small(Model, shape):
    X, y = images(shape)
    models = [
        fitted(M, X, y, dtype="float64", epochs=2)
        for M in (resnet.Skylark_ResNet, Model)
    ]
    ours, theirs = (model.predict_proba(X) for model in models)
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(theirs, ours, atol=1e-9)


def test_a_step_on_one_pixel(Model):
    """A norm of one value is its beta, and its running variance falls towards 0."""
    X, y = images((1, 1, 2), n=2, classes=2)
    model = fitted(Model, X, y, batch_size=1)
    assert np.isfinite(model.predict_proba(X)).all()
    variance = model.get_weights()["stem.norm.variance"]
    np.testing.assert_allclose(variance, 0.9**2, rtol=1e-6)


def test_prediction_takes_running_statistics(Model):
    """One image is predicted as it is among many; a fit and a prediction differ."""
    X, y = images()
    model = fitted(Model, X, y)
    np.testing.assert_allclose(
        model.predict_proba(X[:1]), model.predict_proba(X)[:1], atol=1e-6
    )
    before = model.get_weights()
    model.predict(X)
    for name, weight in model.get_weights().items():
        assert (weight == before[name]).all(), name


def test_it_goes_on_where_it_stopped(Model):
    """Momentum and running statistics included."""
    X, y = images()
    whole = fitted(Model, X, y, epochs=2, dtype="float64")
    pieces = fitted(Model, X, y, dtype="float64").partial_fit(X, y)
    for name, weight in whole.get_weights().items():
        np.testing.assert_allclose(pieces.get_weights()[name], weight, 1e-9, 1e-12)


@pytest.mark.torch
def test_skylark_opens_what_pytorch_has_written(tmp_path):
    """Of every family, the others open what Skylark has written: test_families.py."""
    X, y = images()
    model = fitted(resnet.Torch_ResNet, X, y)
    model.save(tmp_path / "model.safetensors")
    other = resnet.Skylark_ResNet.load(tmp_path / "model.safetensors")
    assert other.get_params()["blocks"] == SIZES["blocks"]
    found, expected = other.predict_proba(X), model.predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_file_of_another_family_is_refused(tmp_path):
    X, y = images()
    fitted(resnet.Skylark_ResNet, X, y).save(tmp_path / "model.safetensors")
    classes, _ = networks.load("seed")
    with pytest.raises(
        ValueError, match="family 'resnet', but Skylark_CNN is of 'cnn'"
    ):
        classes["skylark"].load(tmp_path / "model.safetensors")


@pytest.mark.torch
def test_narrow_networks_train_in_float32():
    """PyTorch's convolution 1x1 at stride 2 of 4 channels corrupted its memory here.

    In a process of its own, which would crash, or give other numbers.
    """
    code = (
        "import numpy as np; from networks import resnet\n"
        "rng = np.random.default_rng(0)\n"
        "X = rng.integers(0, 256, (700, 8, 8, 1), dtype=np.uint8)\n"
        "y = np.arange(700) % 10\n"
        "settings = {'blocks': (1, 1), 'width': 4, 'epochs': 2, 'random_state': 0}\n"
        "for name in ('skylark', 'torch'):\n"
        "    print(*resnet.MODELS[name](**settings).fit(X, y).history_['loss'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ours, theirs = (line.split() for line in done.stdout.splitlines())
    assert [float(loss) for loss in theirs] == pytest.approx(
        [float(loss) for loss in ours], rel=1e-3
    )
