"""One body for all four classes: what a user of any of them relies on."""

import copy
import gc
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.class_weight import compute_sample_weight

from models import MODELS, Skylark_CNN

SHAPES = [(8, 8, 1), (9, 6, 3), (1, 7, 2), (1, 1, 1), (5, 1, 4)]


def images(shape=(8, 8, 1), n=40, classes=3):
    """Images whose brightness tells the class."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % classes)
    X = rng.integers(0, 60, (n, *shape)) + 180 * y.reshape(-1, 1, 1, 1) // classes
    return X.astype(np.uint8), y


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("classes", [2, 5])
def test_shapes_of_answers(Model, shape, classes):
    X, y = images(shape, classes=classes)
    model = Model(filters=(3, 4), hidden_units=(6,), epochs=1, random_state=0).fit(X, y)
    assert model.predict(X).shape == (40,)
    proba = model.predict_proba(X)
    assert proba.shape == (40, classes)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    decision = model.decision_function(X)
    assert decision.shape == ((40,) if classes == 2 else (40, classes))
    chosen = decision > 0 if classes == 2 else decision.argmax(1)
    assert (model.predict(X) == model.classes_[chosen.astype(int)]).all()
    assert model.score(X, y) == np.mean(model.predict(X) == y)
    assert model.n_features_in_ == np.prod(shape)


def test_the_originals_shapes(Model):
    """32x32x1 -> 30x30x8 -> 15x15x8 -> 10."""
    X, y = images((32, 32, 1), classes=10)
    model = Model(epochs=1).fit(X[:, :, :, 0], y)
    assert list(model.layer_shapes().items()) == [
        ("conv1", (30, 30, 8)),
        ("pool1", (15, 15, 8)),
        ("output", (10,)),
    ]
    assert model.transform(X).shape == (40, 15 * 15 * 8)


def test_it_learns(Model):
    digits = load_digits()
    X, y = digits.images * 255 / 16, digits.target
    X = X.astype(np.uint8)
    model = Model(filters=(16,), epochs=8, learning_rate=0.05, random_state=0)
    assert model.fit(X[:1400], y[:1400]).score(X[1400:], y[1400:]) > 0.88


def test_three_ways_to_pass_the_same_images(Model):
    X, y = images((6, 5, 1))
    model = Model(epochs=2, random_state=0)
    expected = model.fit(X, y).predict_proba(X)
    assert (model.fit(X[..., 0], y).predict_proba(X[..., 0]) == expected).all()
    table = X.reshape(40, -1)
    rows = clone(model).set_params(image_shape=(6, 5, 1)).fit(table, y)
    assert (rows.predict_proba(table) == expected).all()
    wide = clone(model).fit(table, y)
    assert wide.layer_shapes()["conv1"] == (1, 28, 8)


def test_labels_of_any_kind(Model):
    X, y = images()
    expected = Model(epochs=1, random_state=0).fit(X, y).predict(X)
    for names in (["cat", "dog", "owl"], [-5, 7, 1000], [0.0, 1.0, 2.0]):
        labels = np.array(names)
        model = Model(epochs=1, random_state=0).fit(X, labels[y])
        assert model.classes_.tolist() == names
        assert (model.predict(X) == labels[expected]).all()


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
def test_any_batch_size(Model, batch_size):
    X, y = images(n=15)
    model = Model(batch_size=batch_size, epochs=1, random_state=0, learning_rate=1e-3)
    history = model.fit(X, y).history_
    assert np.isfinite(history["loss"][0])
    assert history["accuracy"][0] * 15 == pytest.approx(
        round(history["accuracy"][0] * 15), abs=1e-4
    )


def test_equal_bits_for_an_equal_seed(Model):
    X, y = images((12, 12, 3))
    first, second, other = (
        Model(epochs=2, random_state=seed).fit(X, y) for seed in (5, 5, 6)
    )
    assert first.history_["loss"] == second.history_["loss"]
    for name, weight in first.get_weights().items():
        assert (weight == second.get_weights()[name]).all()
    assert first.history_["loss"] != other.history_["loss"]


def test_fit_forgets_unless_warm_start(Model):
    X, y = images()
    model = Model(epochs=2, random_state=0)
    once = model.fit(X, y).history_["loss"]
    assert model.fit(X, y).history_["loss"] == once
    model.set_params(warm_start=True).fit(X, y)
    assert model.n_iter_ == 4
    assert model.history_["loss"][:2] == once
    assert model.history_["loss"][2] < once[1]


def test_partial_fit_is_fit_in_pieces(Model):
    """Momentum and the random order go on."""
    X, y = images()
    whole = Model(epochs=3, random_state=0, dtype="float64").fit(X, y)
    pieces = Model(random_state=0, dtype="float64")
    for _ in range(3):
        pieces.partial_fit(X, y, classes=[0, 1, 2])
    np.testing.assert_allclose(pieces.history_["loss"], whole.history_["loss"], 1e-12)
    for name, weight in whole.get_weights().items():
        np.testing.assert_allclose(pieces.get_weights()[name], weight, 1e-9, 1e-12)


def test_partial_fit_learns_classes_that_come_later(Model):
    X, y = images()
    model = Model(random_state=0).partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.partial_fit(X[y == 2], y[y == 2]).predict_proba(X).shape == (40, 3)


def test_sample_weight_and_class_weight(Model):
    X, y = images()
    balanced = Model(epochs=2, random_state=0, class_weight="balanced").fit(X, y)
    weights = compute_sample_weight("balanced", y)
    by_hand = Model(epochs=2, random_state=0).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(
        by_hand.history_["loss"], balanced.history_["loss"], 1e-5
    )


def test_weight_zero_is_absence(Model):
    X, y = images()
    kept = y < 2
    one = Model(epochs=2, random_state=0, batch_size=8, dtype="float64")
    two = clone(one).fit(X[kept], y[kept])
    one.fit(X, y, sample_weight=kept.astype(float))
    assert len(one.classes_) == 3
    assert len(two.classes_) == 2
    # A class that never occurs is learned to be improbable, and the rest is alike.
    assert set(one.set_params(epochs=30).fit(X, y, kept).predict(X)) <= {0, 1}


def test_history(Model):
    X, y = images()
    X_val, y_val = images(n=20)
    model = Model(epochs=3, random_state=0)
    model.fit(X, y, validation_data=(X_val, y_val))
    assert set(model.history_) == {
        "loss",
        "accuracy",
        "seconds",
        "val_loss",
        "val_accuracy",
    }
    assert {len(values) for values in model.history_.values()} == {3}
    proba = model.predict_proba(X_val)[np.arange(20), y_val]
    assert model.history_["val_loss"][-1] == pytest.approx(-np.log(proba).mean(), 1e-4)
    assert model.history_["val_accuracy"][-1] == model.score(X_val, y_val)
    assert all(isinstance(value, float) for value in model.history_["loss"])


def test_early_stopping_takes_the_best_weights_back(Model):
    """Labels by chance: what is learned from some images misleads on others."""
    X, y = images(n=60)
    y = np.random.default_rng(0).permutation(y)
    X_val, y_val = images(n=30)
    y_val = y_val[::-1]
    settings = {"early_stopping": True, "patience": 2, "random_state": 0}
    model = Model(epochs=60, learning_rate=0.1, **settings)
    model.fit(X, y, validation_data=(X_val, y_val))
    losses = model.history_["val_loss"]
    assert model.n_iter_ == len(losses) < 60
    assert np.argmin(losses) == len(losses) - 3
    proba = model.predict_proba(X_val)[np.arange(30), y_val]
    assert -np.log(proba).mean() == pytest.approx(min(losses), rel=1e-5)


def test_early_stopping_holds_out_images_of_every_class(Model):
    """Their weight is 0 in training: 48 of 60 images are trained on."""
    X, y = images(n=60)
    seen = []
    model = Model(
        epochs=1,
        early_stopping=True,
        validation_fraction=0.2,
        on_epoch_end=lambda _, logs: seen.append(logs["images"]),
    ).fit(X, y)
    assert seen == [48]
    assert len(model.history_["val_loss"]) == 1


def test_a_callback_sees_each_epoch_and_may_stop(Model):
    X, y = images()
    seen = []

    def stop_at_two(estimator, logs):
        assert estimator.history_["loss"][-1] == logs["loss"]
        seen.append((logs["epoch"], logs["images"]))
        return logs["epoch"] == 2

    model = Model(epochs=5, on_epoch_end=stop_at_two).fit(X, y)
    assert seen == [(1, 40), (2, 40)]
    assert model.n_iter_ == 2


def test_nothing_keeps_an_estimator_or_its_images(Model):
    """A search fits hundreds of them in one process."""
    X, y = images()
    pixels = X.copy()
    model = Model(epochs=2, random_state=0).fit(pixels, y)
    model.transform(X)
    left = [weakref.ref(model), weakref.ref(pixels)]
    del model, pixels
    gc.collect()
    assert [kept() is None for kept in left] == [True, True]


@pytest.mark.parametrize("copied", ["pickle", "deepcopy", "file"])
def test_copies_predict_the_same(Model, copied, tmp_path):
    X, y = images()
    names = np.array(["cat", "dog", "owl"])
    model = Model(hidden_units=(5,), epochs=1, class_weight={"cat": 2.0, "dog": 1.0})
    model.fit(X, names[y])
    if copied == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif copied == "deepcopy":
        other = copy.deepcopy(model)
    else:
        model.save(tmp_path / "model.safetensors")
        other = Model.load(tmp_path / "model.safetensors")
    assert (other.predict_proba(X) == model.predict_proba(X)).all()
    assert (other.predict(X) == model.predict(X)).all()
    assert other.history_ == model.history_
    assert other.get_params() == model.get_params()
    other.partial_fit(X, names[y])
    assert other.n_iter_ == model.n_iter_ + 1


@pytest.mark.keras
@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("writer", MODELS)
def test_a_file_is_opened_by_all_four(writer, tmp_path):
    """No pickle on the way: the file is safetensors and JSON."""
    X, y = images((9, 8, 3))
    model = MODELS[writer](filters=(3, 4), hidden_units=(5,), epochs=1).fit(X, y)
    path = tmp_path / "model.safetensors"
    model.save(path)
    assert int.from_bytes(path.read_bytes()[:8], "little") < 10_000
    assert path.read_bytes()[8:9] == b"{"
    for reader in MODELS.values():
        found = reader.load(path).predict_proba(X)
        np.testing.assert_allclose(found, model.predict_proba(X), atol=1e-6)


def test_clone_and_parameters(Model):
    model = Model(filters=[4, 4], epochs=3, weight_decay=0.1)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert not hasattr(copied, "classes_")
    with pytest.raises(NotFittedError, match="not fitted yet: call fit first"):
        copied.get_weights()


def test_a_class_may_add_parameters():
    class Deeper(Skylark_CNN):
        def __init__(self, *, depth=3, **params):
            super().__init__(**params)
            self.depth = depth

    model = clone(Deeper(depth=4, engine="plain", epochs=2))
    assert repr(model) == "Deeper(depth=4, engine='plain', epochs=2)"
    assert set(model.get_params()) == {"depth", *Skylark_CNN().get_params()}
    with pytest.raises(TypeError, match="unexpected keyword argument 'dept'"):
        Deeper(dept=4)


def test_mapped_images_are_never_floats_all_at_once(tmp_path):
    """4,000 images: 12 MB as bytes, 49 MB as floats; a fit allocates less than 8."""
    rng = np.random.default_rng(0)
    path = tmp_path / "x.npy"
    np.save(path, rng.integers(0, 256, (4000, 32, 32, 3), dtype=np.uint8))
    X, y = np.load(path, mmap_mode="r"), rng.integers(10, size=4000)
    model = Skylark_CNN(epochs=1, batch_size=8)
    tracemalloc.start()
    model.fit(X, y)
    _, fitting = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert fitting < 8e6


def test_no_random_state_follows_numpys_seed():
    """As everywhere in scikit-learn; a second fit goes on from there."""
    X, y = images()
    fits = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002
        fits += [Skylark_CNN(epochs=1).fit(X, y).predict_proba(X) for _ in range(2)]
    assert (fits[0] == fits[2]).all()
    assert (fits[1] == fits[3]).all()
    assert (fits[0] != fits[1]).any()


def test_names_of_features():
    X, y = images()
    model = Skylark_CNN(hidden_units=(5,), epochs=1).fit(X, y)
    names = [f"skylark_cnn{i}" for i in range(5)]
    assert list(model.get_feature_names_out()) == names
    model.set_output(transform="pandas")
    assert list(model.transform(X).columns) == names
    with pytest.raises(ValueError, match="names the features of layer 'dense1' alone"):
        model.transform(X, "conv1")
    model.set_output(transform="default")
    assert isinstance(model.transform(X, "conv1"), np.ndarray)
