"""Wrong input: the exception that scikit-learn would give, and one clear sentence."""

import os
import subprocess
import sys
import warnings
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from comparison.counting.code_length import ROOT
from frameworks import lazy
from frameworks.layers import Conv2D, Dense, Flatten, Sequential
from frameworks.libraries import LIBRARIES
from frameworks.variables import dense
from models import MODELS, TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN

X = np.random.default_rng(0).uniform(-1, 1, (12, 6, 5, 3))
Y = np.arange(12) % 3
BYTES = (X * 100 + 128).astype(np.uint8)


def with_value(value):
    wrong = X.copy()
    wrong[0, 0, 0, 0] = value
    return wrong


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (with_value(np.nan), Y, "contains NaN"),
        (with_value(np.inf), Y, "contains infinity"),
        (X[:0], Y[:0], r"0 sample\(s\)"),
        (X[:, :0], Y, "at least one pixel"),
        (X[0, 0, 0], Y[:3], "Expected 2D array, got 1D array"),
        (X[..., None], Y, "expects images"),
        (X, Y[:5], "inconsistent numbers of samples"),
        (X, None, "requires y to be passed"),
        (X, np.linspace(0, 1, 12), "Unknown label type"),
        (X, np.zeros(12), "only one class"),
        (X, np.where(Y == 0, np.nan, Y), "contains NaN"),
        (X, np.stack([Y, Y], 1), "should be a 1d array"),
        (X + 1j, Y, "Complex data not supported"),
        (X, ["a", None, "b"] * 4, r"no label for 4 of 12 images, .* number 1 \(None"),
        (X, pd.Series(["a", pd.NA, "b"] * 4), "no label for 4 of 12 images"),
    ],
)
def test_fit_refuses(Model, images, labels, message):
    with pytest.raises(ValueError, match=message):
        Model(epochs=1).fit(images, labels)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"epochs": 0}, "The 'epochs' parameter of .* must be"),
        ({"batch_size": 2.5}, "The 'batch_size' parameter"),
        ({"learning_rate": -1}, "The 'learning_rate' parameter"),
        ({"activation": "tanh"}, "The 'activation' parameter"),
        ({"device": "tpu"}, "The 'device' parameter"),
        ({"dtype": "float16"}, "The 'dtype' parameter"),
        ({"filters": (0,)}, "filters must be whole numbers of at least 1"),
        ({"hidden_units": (2.5,)}, "hidden_units must be whole numbers of at least 1"),
        ({"filters": 8}, "The 'filters' parameter"),
        ({"image_shape": (5, 5, 3)}, r"has image_shape \(5, 5, 3\)"),
        ({"image_shape": (6, 15)}, r"\(h, w, c\), .*: for grey images, \(6, 15, 1\)"),
        ({"image_shape": (6, 5, 3.0)}, r"image_shape must be \(h, w, c\)"),
        ({"class_weight": {7: 1.0}}, "class_weight"),
    ],
)
def test_parameters_are_checked_by_fit(Model, params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Model(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(12), "Negative values"),
        (np.ones(5), "sample_weight"),
        (np.zeros(12), "zero"),
        (np.full(12, np.nan), "NaN"),
    ],
)
def test_sample_weights_are_checked(Model, weights, message):
    with pytest.raises(ValueError, match=message):
        Model(epochs=1).fit(X, Y, sample_weight=weights)


def test_validation_data_is_a_pair():
    for data, said in [((X, Y, np.ones(12)), "a tuple of 3"), (X, "of type ndarray")]:
        with pytest.raises(ValueError, match=rf"must be \(X, y\), .* but is {said}"):
            Skylark_CNN(epochs=1).fit(X, Y, validation_data=data)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.where(np.arange(12) == 5, "rare", "often"), "'rare'.* has one image alone"),
        (Y, "12 images are too few for 3 labels"),
    ],
)
def test_early_stopping_needs_images_of_each_label(labels, reason):
    model = Skylark_CNN(epochs=1, early_stopping=True)
    with pytest.raises(ValueError, match=f"{reason}: pass validation_data"):
        model.fit(X, labels)
    assert model.fit(X, labels, validation_data=(X, labels)).n_iter_ == 1


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (BYTES.astype("float32"), "go up to 227"),
        (BYTES.astype(int), "pass pixels of 0 to 255 as uint8"),
        (BYTES.astype(np.uint16) * 257, "scale others to 0 to 1"),
        (np.moveaxis(BYTES, 3, 1), r"\(3, 6, 5\).*: if the channels come first"),
        (BYTES[:, None, :5, :, 0], r"\(1, 5, 5\)"),
    ],
)
def test_fit_warns_of_odd_pixels(images, said):
    """And it names the line that calls it."""
    model = Skylark_CNN(epochs=1, learning_rate=1e-9)
    with pytest.warns(UserWarning, match=said) as warned:
        model.fit(images, Y)
    assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(images)


@pytest.mark.parametrize("images", [BYTES, X, X[:, :1], X * 9, X[..., 0]])
def test_fit_does_not_warn_of_others(images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Skylark_CNN(epochs=1, learning_rate=1e-3).fit(images, Y)


class TestFitted:
    """What a fitted model refuses."""

    @pytest.fixture(scope="class")
    def model(self):
        return Skylark_CNN(epochs=1).fit(X, Y)

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (X[:, :5], r"images of shape \(5, 5, 3\), but .* fitted on images of"),
            (X[..., :1], r"images of shape \(6, 5, 1\)"),
            (X.reshape(12, -1)[:, :7], "7 features, but .* is expecting 90"),
            (BYTES, "holds uint8, but Skylark_CNN was fitted on floats"),
            (with_value(np.nan), "contains NaN"),
        ],
    )
    def test_predict(self, model, images, message):
        with pytest.raises(ValueError, match=message):
            model.predict(images)

    def test_floats_after_bytes(self):
        model = Skylark_CNN(epochs=1).fit(BYTES, Y)
        with pytest.raises(ValueError, match=r"holds floats, but .* fitted on uint8"):
            model.predict(BYTES / 255)

    def test_unknown_labels(self, model):
        with pytest.raises(ValueError, match=r"not among the classes .*: \[7\]"):
            model.partial_fit(X, np.where(Y == 0, 7, Y))
        with pytest.raises(ValueError, match="not among the classes"):
            Skylark_CNN(epochs=1).fit(X, Y, validation_data=(X, Y + 1))

    def test_other_classes(self, model):
        with pytest.raises(ValueError, match="are not those of the first call"):
            model.partial_fit(X, Y, classes=[0, 1, 2, 3])

    def test_unknown_layer(self, model):
        with pytest.raises(ValueError, match="no layer 'conv2': choose one of"):
            model.transform(X, "conv2")


class SkylarkTwice(Skylark_CNN):
    def network(self):
        pair = Dense(90, 3, self.dtype), Dense(3, 3, self.dtype)
        return Sequential(output=Sequential(Flatten(), *pair))


class KerasTwice(Keras_CNN):
    def network(self):
        x = inputs = lazy.keras.Input(self.image_shape_)
        for _ in range(2):
            x = lazy.keras.layers.Dense(3, name="output")(x)
        return lazy.keras.Model(inputs, x)


class TorchTwice(Torch_CNN):
    def network(self):
        pair = lazy.nn.Linear(90, 3), lazy.nn.Linear(3, 3)
        output = lazy.nn.Sequential(lazy.nn.Flatten(), *pair)
        return lazy.nn.Sequential(OrderedDict(output=output))


class TFTwice(TF_CNN):
    def network(self, x, training):
        x = lazy.tf.reshape(x, (-1, 90))
        for _ in range(2):
            x = dense(self.variables_, x, "output", 3)
        yield "output", x


class Holder:
    """A layer of a user's own, with weights that nobody is told of."""

    def __init__(self):
        self.conv = Conv2D(3, 4, (3, 3))


class SkylarkHolds(Skylark_CNN):
    def network(self):
        return Sequential(conv1=Holder(), output=Sequential(Flatten()))


class KerasPReLU(Keras_CNN):
    def network(self):
        x = inputs = lazy.keras.Input(self.image_shape_)
        x = lazy.keras.layers.Flatten()(lazy.keras.layers.PReLU()(x))
        return lazy.keras.Model(inputs, lazy.keras.layers.Dense(3, name="output")(x))


class TorchPReLU(Torch_CNN):
    def network(self):
        output = lazy.nn.Sequential(lazy.nn.Flatten(), lazy.nn.Linear(90, 3))
        return lazy.nn.Sequential(OrderedDict(act=lazy.nn.PReLU(), output=output))


class TorchAttention(Torch_CNN):
    def network(self):
        output = lazy.nn.MultiheadAttention(4, 2)
        return lazy.nn.Sequential(OrderedDict(output=output))


@pytest.mark.parametrize(
    ("Model", "said"),
    [
        pytest.param(
            SkylarkHolds, "layer 'conv1' keeps 'conv'", marks=[pytest.mark.skylark]
        ),
        pytest.param(KerasPReLU, r"the weight '.*alpha'", marks=[pytest.mark.keras]),
        pytest.param(
            TorchPReLU, "the weight 'act.kernel' of shape", marks=[pytest.mark.torch]
        ),
        pytest.param(
            TorchAttention, "'output.in_proj_weight'", marks=[pytest.mark.torch]
        ),
    ],
)
def test_weights_that_would_be_lost_or_renamed(Model, said):
    with pytest.raises(ValueError, match=said):
        Model(epochs=1).fit(X, Y)


@pytest.mark.parametrize(
    "Twice",
    [
        pytest.param(Twice, marks=getattr(pytest.mark, name))
        for name, Twice in zip(
            MODELS, (SkylarkTwice, KerasTwice, TorchTwice, TFTwice), strict=True
        )
    ],
)
def test_two_weights_of_one_name(Twice):
    """One of them would be lost to get_weights, silently."""
    with pytest.raises(ValueError, match=r"named 'output|\"output\" is used 2 times"):
        Twice(epochs=1).fit(X, Y)


def test_not_fitted(Model):
    for call in ("predict", "predict_proba", "decision_function", "transform"):
        with pytest.raises(NotFittedError, match="fit"):
            getattr(Model(), call)(X)
    for call in ("get_weights", "layer_shapes"):
        with pytest.raises(NotFittedError, match="fit"):
            getattr(Model(), call)()
    with pytest.raises(NotFittedError, match="fit"):
        Model().save("nowhere.safetensors")


def test_no_such_device(Model):
    if LIBRARIES[Model.framework].sees_cuda():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="sees no CUDA device here: use device='auto'"):
        Model(device="cuda").fit(X, Y)


def test_divergence_is_said(Model):
    with pytest.warns(ConvergenceWarning, match="lower learning_rate"):
        model = Model(epochs=50, learning_rate=1e30, batch_size=4).fit(X, Y)
    assert model.n_iter_ < 50


def test_files_that_are_none_of_ours(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Skylark_CNN.load(tmp_path / "missing")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not at all")
    with pytest.raises(ValueError, match=r"was not written by save\(\)"):
        Skylark_CNN.load(broken)


def run(code, **environment):
    """Run code in a process of its own, and return its last line of output."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stderr + done.stdout).strip().splitlines()[-1]


FIT = "import numpy as np; from models import *; fit = lambda C: C(epochs=1).fit({})\n"
FIT = FIT.format("np.ones((4, 3, 3, 1)), [0, 1, 0, 1]")


def test_importing_a_class_imports_no_framework():
    code = (
        "import sys; from models import Skylark_CNN; import sklearn.ensemble\n"
        "print({'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    )
    assert run(code) == "set()"


@pytest.mark.torch
@pytest.mark.tf
def test_pytorch_then_tensorflow():
    assert run(f"{FIT}fit(Torch_CNN); fit(TF_CNN); fit(Torch_CNN); print('ok')") == "ok"


@pytest.mark.torch
@pytest.mark.tf
def test_tensorflow_then_pytorch_is_refused():
    last = run(f"{FIT}fit(TF_CNN); fit(Torch_CNN)")
    assert last.startswith("RuntimeError: PyTorch would crash in this process")


@pytest.mark.parametrize(
    ("Class", "missing", "name"),
    [
        ("Torch_CNN", "torch", "PyTorch"),
        ("TF_CNN", "tensorflow", "TensorFlow"),
        ("Keras_CNN", "keras", "Keras"),
    ],
)
def test_a_framework_that_is_not_installed(Class, missing, name, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {missing!r}:\n"
        "            raise ModuleNotFoundError('not here', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    last = run(f"{FIT}fit({Class})", PYTHONPATH=str(tmp_path))
    assert last.startswith(f"ModuleNotFoundError: {name} is not installed: pip install")
