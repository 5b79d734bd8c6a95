"""Copies and files: what the network was built with, and files that are wrong."""

import copy
import json
import os
import pickle
import stat
import threading
from fractions import Fraction

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from models import Skylark_CNN
from networks.resnet import Skylark_ResNet

X = np.random.default_rng(0).normal(size=(12, 6, 6, 1))
Y = np.arange(12) % 3


def through_file(model, folder):
    model.save(folder / "model.safetensors")
    return type(model).load(folder / "model.safetensors")


@pytest.mark.parametrize(
    "changed",
    [
        {"activation": None},
        {"filters": (4,)},
        {"hidden_units": ()},
        {"dtype": "float64"},
    ],
    ids=str,
)
def test_a_parameter_changed_after_fit_acts_in_the_next(Model, changed, tmp_path):
    """Predictions, features, copies and files are those of the network there is."""
    model = Model(hidden_units=(5,), epochs=1, random_state=0).fit(X, Y)
    asked = [
        lambda model: model.predict_proba(X[:5]),  # another size: TensorFlow traces
        lambda model: model.transform(X),
        lambda model: model.transform(X, "conv1"),
    ]
    before = [ask(model) for ask in asked]
    shapes = model.layer_shapes()
    model.set_params(**changed)
    copies = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for made in (model, *copies, through_file(model, tmp_path)):
        assert made.layer_shapes() == shapes
        for ask, expected in zip(asked, before, strict=True):
            np.testing.assert_array_equal(ask(made), expected)
    (name,) = changed
    for made in (model, *copies):
        assert getattr(made, name) == changed[name]
    anew = model.fit(X, Y)
    assert list(anew.get_weights()) == list(
        Model(hidden_units=(5,), epochs=1).set_params(**changed).fit(X, Y).get_weights()
    )


def test_a_deep_network_is_copied_as_it_was_built(tmp_path):
    model = Skylark_ResNet(blocks=(1, 1), width=2, epochs=1).fit(X, Y)
    before = model.predict_proba(X)
    model.set_params(blocks=(1,), width=3)
    for made in (copy.deepcopy(model), through_file(model, tmp_path)):
        np.testing.assert_array_equal(made.predict_proba(X), before)
    assert list(model.layer_shapes()) == model.layer_names()


def test_other_sizes_under_warm_start_are_refused_and_lose_nothing(Model):
    model = Model(epochs=1, warm_start=True, random_state=0).fit(X, Y)
    before = model.predict_proba(X)
    model.set_params(filters=(4,))
    with pytest.raises(ValueError, match="use fit with warm_start=False"):
        model.fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_params(filters=(8,), learning_rate=0.5).fit(X, Y)
    assert model.n_iter_ == 2


def test_a_fit_that_cannot_start_loses_nothing():
    model = Skylark_CNN(epochs=1).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="no CUDA device"):
        model.set_params(device="cuda").fit(X[:, :4], np.arange(12) % 4)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "params",
    [
        {"filters": np.array([2, 3])},
        {"filters": range(2, 4)},
        {"learning_rate": np.float32(0.25), "epochs": np.int64(1)},
        {"learning_rate": np.longdouble(0.25)},
        {"image_shape": np.array([6, 6, 1])},
        {"class_weight": {np.int64(0): np.float64(2), 1: 1, 2: 1}},
    ],
    ids=str,
)
def test_parameters_of_any_kind_are_saved(params, tmp_path):
    model = Skylark_CNN(**{"epochs": 1} | params).fit(X, Y)
    other = through_file(model, tmp_path)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert other.fit(X, Y).n_iter_ == 1


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["2026-01-01", "2026-02-01", "2026-03-01"], "M8[D]"),
        np.array(["a", "\udcff", "ö"]),
        np.array([True, False, True]),
        np.array([1, 2, -3], np.float16),
        np.array([1, 2, 3], np.longdouble),
        np.array(["x", "yy", "zzz"], object),
        np.array([2**63, 2**64 - 1, 0], np.uint64),
    ],
    ids=lambda labels: f"{labels.dtype}",
)
def test_labels_of_any_kind_are_saved(labels, tmp_path):
    model = Skylark_CNN(epochs=1).fit(X, labels[Y])
    other = through_file(model, tmp_path)
    assert other.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_what_a_file_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    model = Skylark_CNN(epochs=1, class_weight={0: Fraction(2), 1: 1, 2: 1}).fit(X, Y)
    with pytest.raises(ValueError, match="a file cannot hold Fraction"):
        model.save(path)
    model = Skylark_CNN(epochs=1).fit(X, Y).set_params(epochs="many")
    with pytest.raises(ValueError, match="'epochs' parameter"):
        model.save(path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def saved(tmp_path):
    """A file, and a function that writes another one with something else in it."""
    model = Skylark_CNN(epochs=1).fit(X, Y)
    path = tmp_path / "model.safetensors"
    model.save(path)
    with safe_open(path, "numpy") as file:
        text = file.metadata()["skylark"]

    def write(change, arrays=None):
        about = change(json.loads(text))
        new = about if isinstance(about, str) else json.dumps(about)
        save_file(arrays or model.get_weights(), path, {"skylark": new})
        return path

    return write


def test_the_file_is_opened_when_nothing_is_changed(saved):
    assert Skylark_CNN.load(saved(lambda about: about)).n_iter_ == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda about: [],
        lambda about: None,
        lambda about: {},
        lambda about: "{",
        lambda about: "[" * 100_000 + "]" * 100_000,
        lambda about: about | {"params": []},
        lambda about: about | {"params": about["params"] | {"engine": "warp"}},
        lambda about: about | {"params": about["params"] | {"filters": [10**9]}},
        lambda about: about | {"params": about["params"] | {"filters": [[8]]}},
        lambda about: about | {"params": about["params"] | {"filters": 8}},
        lambda about: (
            about | {"params": about["params"] | {"hidden_units": [10**6] * 9}}
        ),
        lambda about: about | {"params": about["params"] | {"n_jobs": 10**6}},
        lambda about: about | {"params": about["params"] | {"class_weight": [[[], 1]]}},
        lambda about: about | {"params": about["params"] | {"dtype": "float64"}},
        lambda about: about | {"params": about["params"] | {"epochs": "1"}},
        lambda about: about | {"classes_dtype": "<U400000000"},
        lambda about: about | {"classes_dtype": "nonsense"},
        lambda about: about | {"classes_dtype": "(1000000000,)i8"},
        lambda about: about | {"classes": [[0], [1], [2]]},
        lambda about: about | {"classes": ["a", "b", "c"]},
        lambda about: about | {"classes": [0, 1, 2, 3]},
        lambda about: about | {"classes": []},
        lambda about: about | {"image_shape": [10**9, 10**9, 1]},
        lambda about: about | {"image_shape": [6, 6]},
        lambda about: about | {"image_shape": [6, 6, "1"]},
        lambda about: about | {"n_iter_": "1"},
        lambda about: about | {"history_": []},
        lambda about: about | {"_shuffle_seed": -1},
        lambda about: about | {"feature_names": "ab"},
        lambda about: about | {"family": ["cnn"]},
    ],
)
def test_a_file_that_says_something_wrong(saved, change):
    with pytest.raises(ValueError, match=r"model\.safetensors "):
        Skylark_CNN.load(saved(change))


def test_weights_that_do_not_belong_together(saved):
    arrays = {"conv1.kernel": np.zeros((3, 3, 1, 8), np.float32)}
    with pytest.raises(ValueError, match=r"missing \['conv1.bias'"):
        Skylark_CNN.load(saved(lambda about: about, arrays))


def test_a_network_that_fits_nowhere_is_refused_before_it_is_built(Model, saved):
    """0.3 TB of weights, of which the file has none."""

    def change(about):
        return about | {"params": about["params"] | {"filters": [90_000, 90_000]}}

    with pytest.raises(ValueError, match="the network"):
        Model.load(saved(change))


def test_a_users_own_network_is_saved_too(tmp_path):
    """The layers of the class above are not its own."""

    class Bare(Skylark_CNN):
        def network(self):
            net = super().network()
            del net.layers["conv1"], net.layers["pool1"]
            net.layers["output"] = type(net.layers["output"])(36, 3, self.dtype_)
            return net

        def layer_names(self):
            return ["flatten", "output"]

    model = Bare(epochs=1).fit(X, Y)
    other = through_file(model, tmp_path)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_a_file_has_the_rights_of_a_new_file(saved, tmp_path):
    before = os.umask(0o027)
    try:
        Skylark_CNN(epochs=1).fit(X, Y).save(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_link_or_a_device_is_not_replaced(tmp_path):
    model = Skylark_CNN(epochs=1).fit(X, Y)
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    assert Skylark_CNN.load(target).n_iter_ == 1
    model.save(os.devnull)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


def test_four_threads_save_to_one_path(tmp_path):
    model, path, errors = Skylark_CNN(epochs=1).fit(X, Y), tmp_path / "model", []

    def save():
        try:
            for _ in range(20):
                model.save(path)
                Skylark_CNN.load(path)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert os.listdir(tmp_path) == ["model"]
