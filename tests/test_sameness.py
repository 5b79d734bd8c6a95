"""The four classes are one network: the same numbers, step after step."""

from functools import cache, partial

import numpy as np
import pytest

from frameworks import lazy
from frameworks.loss import cross_entropy
from models import MODELS, Skylark_CNN
from tests.conftest import model_params

Plain = partial(Skylark_CNN, engine="plain")  # the reference
FRAMEWORKS = model_params("keras", "torch", "tf")
FAST, PROCESSES, LOOPS = (
    pytest.param(partial(Skylark_CNN, **how), id=name, marks=pytest.mark.skylark)
    for name, how in {
        "fast": {"engine": "fast"},
        "processes": {"engine": "fast", "n_jobs": 2},
        "loops": {"engine": "loops"},
    }.items()
)
OTHERS = [*FRAMEWORKS, FAST]
NETWORKS = {
    "seed": {},
    "small": {"filters": (32, 64), "hidden_units": (128,)},
    "three blocks": {"filters": (3, 4, 5), "hidden_units": (7, 6)},
    "dense only": {"filters": (), "hidden_units": (9,)},
    "no activation": {"filters": (4,), "activation": None},
}
SIZES = {"grey": (8, 8, 1), "odd": (11, 7, 3), "wide": (1, 12, 2), "pixel": (1, 1, 3)}
TRAINING = {
    "plain": {"momentum": 0.0},
    "momentum": {"momentum": 0.9},
    "decay": {"weight_decay": 0.01},
    "class weights": {"class_weight": {0: 0.2, 1: 3.0, 2: 1.0}},
    "balanced": {"class_weight": "balanced"},
    "two blocks, hidden, decay": {
        "filters": (4, 6),
        "hidden_units": (12, 8),
        "weight_decay": 0.01,
        "class_weight": {0: 0.0, 1: 3.0, 2: 1.0},
    },
}


def images(shape, n=50, classes=3):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    return X, rng.permutation(np.arange(n) % classes)


def fitted(Model, X, y, **settings):
    """A fitted model with weights of both signs, the same in every class."""
    model = Model(epochs=1, random_state=0, batch_size=16, **settings).fit(X, y)
    rng = np.random.default_rng(1)
    model.set_weights(
        {
            name: rng.normal(0, 0.3, weight.shape).astype(weight.dtype)
            for name, weight in model.get_weights().items()
        }
    )
    return model


@pytest.fixture(scope="module")
def steps(cifar10):
    """The losses of the first 100 steps on real images, once for each model."""
    X, y = cifar10

    @cache
    def losses(Model, dtype):
        """Each call of partial_fit is four steps; its loss is their mean."""
        model = Model(dtype=dtype, random_state=0, batch_size=64)
        for start in range(0, 6400, 256):
            four = slice(start, start + 256)
            model.partial_fit(X[four], y[four], classes=range(10))
        return model.history_["loss"]

    return losses


@pytest.fixture(scope="module")
def epoch(cifar10):
    """The weights after an epoch on real images, once for each model."""
    settings = {"filters": (8, 8), "hidden_units": (16,), "dtype": "float64"}

    @cache
    def weights(Model):
        return Model(epochs=1, random_state=0, **settings).fit(*cifar10).get_weights()

    return weights


def relative(found, expected):
    return np.linalg.norm(found - expected) / (np.linalg.norm(expected) or 1)


class TestFunction:
    """Point for point, the same outputs from the same weights."""

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("network", NETWORKS)
    @pytest.mark.parametrize("Model", [*OTHERS, PROCESSES, LOOPS])
    def test_outputs(self, Model, network, dtype):
        X, y = images((10, 9, 3))
        settings = NETWORKS[network] | {"dtype": dtype}
        expected, found = (fitted(M, X, y, **settings) for M in (Plain, Model))
        limit = 1e-5 if dtype == "float32" else 1e-10
        scale = np.abs(expected.decision_function(X)).max()
        for call in ("decision_function", "predict_proba", "transform"):
            ours, theirs = (getattr(m, call)(X) for m in (expected, found))
            assert theirs.dtype == dtype
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=limit * max(scale, 1))

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("Model", [*OTHERS, PROCESSES, LOOPS])
    def test_every_layer_of_every_size(self, Model, size):
        X, y = images(SIZES[size])
        settings = {"filters": (3, 4), "hidden_units": (5,), "dtype": "float64"}
        expected, found = (fitted(M, X, y, **settings) for M in (Plain, Model))
        assert found.layer_shapes() == expected.layer_shapes()
        for layer in expected.layer_shapes():
            ours, theirs = (m.transform(X, layer) for m in (expected, found))
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12, err_msg=layer)


def input_gradient(model, x, y):
    """The gradient of the mean loss by the images, by each framework's own means."""
    if model.framework == "numpy":
        net = model.net_.net
        net.layers["conv1"].layers["0"].needs_dx = True
        _, dlogits = cross_entropy(model.forward(x, training=True), y, np.ones(len(y)))
        return np.moveaxis(net.backward(dlogits), (0, -1), (-1, 0))
    keras, tf, torch = lazy.keras, lazy.tf, lazy.torch  # inspected, they'd be imported
    if model.framework == "torch":
        x = torch.from_numpy(x).requires_grad_()
        torch.nn.functional.cross_entropy(
            model.forward(x), torch.from_numpy(y)
        ).backward()
        return x.grad.numpy()
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        if model.framework == "keras":
            losses = keras.ops.sparse_categorical_crossentropy(
                y, model.forward(x), from_logits=True
            )
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model.forward(x))
        loss = tf.reduce_mean(losses)
    return tape.gradient(loss, x).numpy()


class TestGradients:
    """The same gradients of every weight and of the images."""

    @pytest.mark.parametrize("network", NETWORKS)
    @pytest.mark.parametrize("Model", [*OTHERS, PROCESSES, LOOPS])
    def test_weights(self, Model, network):
        """One step of rate 1 without momentum moves a weight by its gradient."""
        X, y = images((10, 9, 3))
        step = {"learning_rate": 1.0, "momentum": 0.0, "dtype": "float64"}
        moved = []
        for M in (Plain, Model):
            model = fitted(M, X, y, **NETWORKS[network] | step)
            before = model.get_weights()
            after = model.set_params(batch_size=len(X)).partial_fit(X, y).get_weights()
            moved.append({name: before[name] - after[name] for name in before})
        for name, expected in moved[0].items():
            assert np.linalg.norm(expected) > 0
            assert relative(moved[1][name], expected) < 1e-8, name

    @pytest.mark.parametrize("Model", FRAMEWORKS)
    def test_images(self, Model):
        X, y = images((10, 9, 3))
        settings = {"filters": (4, 6), "hidden_units": (12,), "dtype": "float64"}
        x = X[:20] / 255 - 0.5
        found, expected = (
            input_gradient(fitted(M, X, y, **settings), x, y[:20].astype("int64"))
            for M in (Model, Plain)
        )
        assert np.linalg.norm(expected) > 0
        assert relative(found, expected) < 1e-8


class TestTraining:
    """The same losses and weights, from the same random state alone."""

    @pytest.mark.parametrize("init", ["shared"])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("Model", OTHERS)
    def test_initial_weights_are_equal_to_the_bit(self, Model, dtype, init):
        """A rate too small to move anything leaves them as they were drawn."""
        X, y = images((8, 8, 1))
        settings = {"learning_rate": 5e-324, "dtype": dtype, "random_state": 3}
        ours, theirs = (
            M(epochs=1, hidden_units=(5,), init=init, **settings).fit(X, y)
            for M in (Plain, Model)
        )
        theirs = theirs.get_weights()
        for name, weight in ours.get_weights().items():
            assert theirs[name].dtype == dtype
            assert (theirs[name] == weight).all()
            assert weight.any() == name.endswith(".kernel")

    @pytest.mark.parametrize("size", ["grey", "odd"])
    @pytest.mark.parametrize("training", TRAINING)
    @pytest.mark.parametrize("Model", [*OTHERS, PROCESSES, LOOPS])
    def test_epochs(self, Model, training, size):
        """Three epochs with a last, short batch, in float64."""
        X, y = images(SIZES[size])
        settings = {"epochs": 3, "batch_size": 16, "dtype": "float64"}
        ours, theirs = (
            M(random_state=0, **settings | TRAINING[training]).fit(X, y)
            for M in (Plain, Model)
        )
        for name in ("loss", "accuracy"):
            np.testing.assert_allclose(
                theirs.history_[name], ours.history_[name], rtol=1e-9
            )
        theirs = theirs.get_weights()
        for name, weight in ours.get_weights().items():
            assert relative(theirs[name], weight) < 1e-6, name

    @pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-4), ("float64", 1e-9)])
    @pytest.mark.parametrize("Model", OTHERS)
    def test_the_first_100_steps_on_real_images(self, Model, dtype, limit, steps):
        ours, theirs = steps(Plain, dtype), steps(Model, dtype)
        assert len(ours) == 100 / 4
        np.testing.assert_allclose(theirs, ours, rtol=limit)

    @pytest.mark.parametrize("Model", OTHERS)
    def test_an_epoch_on_real_images(self, Model, epoch):
        ours, theirs = epoch(Plain), epoch(Model)
        for name, weight in ours.items():
            assert relative(theirs[name], weight) < 1e-6, name


class TestExchange:
    """Weights move freely between the four classes."""

    @pytest.mark.keras
    @pytest.mark.torch
    @pytest.mark.tf
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("network", NETWORKS)
    def test_names_and_shapes_are_one(self, network, dtype):
        X, y = images((10, 9, 3))
        layouts = [
            {
                name: (weight.shape, weight.dtype)
                for name, weight in M(epochs=1, dtype=dtype, **NETWORKS[network])
                .fit(X, y)
                .get_weights()
                .items()
            }
            for M in MODELS.values()
        ]
        assert all(
            list(layout.items()) == list(layouts[0].items()) for layout in layouts
        )

    @pytest.mark.parametrize("Model", model_params())
    def test_weights_come_back_as_they_went_in(self, Model):
        X, y = images((10, 9, 3))
        model = Model(epochs=1, filters=(3, 4), hidden_units=(5,)).fit(X, y)
        rng = np.random.default_rng(0)
        weights = {
            name: rng.normal(size=weight.shape).astype(weight.dtype)
            for name, weight in model.get_weights().items()
        }
        model.set_weights(weights)
        for name, weight in model.get_weights().items():
            assert (weight == weights[name]).all()

    @pytest.mark.parametrize("Model", model_params())
    def test_get_weights_returns_copies(self, Model):
        X, y = images((8, 8, 1))
        model = Model(epochs=1).fit(X, y)
        before = model.predict_proba(X)
        for weight in model.get_weights().values():
            weight += 1
        assert (model.predict_proba(X) == before).all()

    @pytest.mark.parametrize("Model", model_params())
    def test_wrong_weights_are_named(self, Model):
        X, y = images((8, 8, 1))
        model = Model(epochs=1).fit(X, y)
        good = model.get_weights()
        kernel = good["output.kernel"]
        for wrong, message in [
            ({"output.kernel": kernel.T}, "'output.kernel' has shape"),
            ({"output.kernel": kernel.astype("f8")}, "'output.kernel' has dtype"),
            ({"conv9.kernel": kernel}, r"unknown \['conv9.kernel'\]"),
        ]:
            with pytest.raises(ValueError, match=message):
                model.set_weights(good | wrong)
        del good["conv1.bias"]
        with pytest.raises(ValueError, match=r"missing \['conv1.bias'\]"):
            model.set_weights(good)
