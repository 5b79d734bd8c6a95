"""Recipes: rates, smoothing, augmentation and averages, the same in all four."""

from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from frameworks.augmentation import Augmentation, views
from frameworks.lazy import torch
from frameworks.loss import cross_entropy
from frameworks.muon import NUMPY, orthogonal
from frameworks.schedules import rates
from models import Skylark_CNN
from tests.conftest import model_params

RECIPE = {
    "schedule": "one_cycle",
    "nesterov": True,
    "label_smoothing": 0.2,
    "augment": "flip+crop",
    "crop_padding": 2,
    "average_epochs": 2,
    "test_augment": "flip+shift",
    "weight_decay": 1e-3,
    "learning_rate": 0.05,
}
RECIPES = {
    "everything": RECIPE,
    "cosine": {"schedule": "cosine", "warmup": 0.2, "augment": "flip"},
    "no momentum": {"schedule": "one_cycle", "nesterov": True, "momentum": 0.0},
    "warm-up": {"warmup": 0.5},
    "Muon": RECIPE | {"muon": True},
    "Muon without momentum": {"muon": True, "momentum": 0.0, "schedule": "cosine"},
}
Plain = partial(Skylark_CNN, engine="plain")


def fitted(Model, images, **recipe):
    settings = {"filters": (4,), "epochs": 4, "batch_size": 32, "random_state": 0}
    return Model(**settings | {"dtype": "float64"} | recipe).fit(*images)


class TestSameness:
    """Keras scales a gradient by its step's rate, PyTorch the velocity: not here."""

    @pytest.mark.parametrize("recipe", RECIPES)
    @pytest.mark.parametrize("Model", model_params())
    def test_recipes_train_one_network(self, Model, recipe, images):
        expected, found = (fitted(M, images, **RECIPES[recipe]) for M in (Plain, Model))
        for name, weight in expected.get_weights().items():
            np.testing.assert_allclose(found.get_weights()[name], weight, atol=1e-12)
        for name in ("loss", "accuracy"):
            np.testing.assert_allclose(found.history_[name], expected.history_[name])
        logits = [m.decision_function(images[0]) for m in (found, expected)]
        np.testing.assert_allclose(*logits, atol=1e-12)

    @pytest.mark.parametrize("Model", model_params())
    def test_partial_fit_takes_the_rate_as_it_is(self, Model, images):
        after = {"momentum": 0.0, "learning_rate": 0.05}
        scheduled, constant = (
            Model(filters=(2,), random_state=0, schedule=schedule, **after)
            .partial_fit(*images)
            .partial_fit(*images)
            .get_weights()
            for schedule in ("cosine", "constant")
        )
        for name, weight in constant.items():
            np.testing.assert_allclose(scheduled[name], weight, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("Model", model_params())
    def test_a_warm_start_runs_through_the_schedule_again(self, Model, images):
        expected, found = (
            fitted(M, images, epochs=2, warm_start=True, schedule="cosine").fit(*images)
            for M in (Plain, Model)
        )
        for name, weight in expected.get_weights().items():
            np.testing.assert_allclose(found.get_weights()[name], weight, atol=1e-12)


class TestMuon:
    """Kernels of convolutions turn along orthogonal matrices."""

    @pytest.mark.parametrize("shape", [(27, 8), (8, 27), (6, 6), (2, 40)])
    def test_singular_values_become_about_1(self, shape):
        """By the decomposition itself: the vectors stay, and the values come near."""
        values = np.geomspace(0.02, 1, min(shape))
        u, _, vh = np.linalg.svd(np.random.default_rng(0).normal(size=shape), False)
        found = u.T @ orthogonal(1e-3 * (u * values) @ vh, NUMPY) @ vh.T
        np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-12)
        assert (np.abs(np.diag(found) - 1) < 0.35).all()

    @pytest.mark.torch
    def test_the_step_is_pytorchs_own(self):
        """Of its Muon for matrices, which computes in bfloat16: within 2 %."""
        matrix = np.random.default_rng(0).normal(size=(16, 27)).astype("float32")
        weight = torch.nn.Parameter(torch.zeros(16, 27))
        weight.grad = torch.from_numpy(matrix)
        options = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
        torch.optim.Muon([weight], lr=1.0, **options).step()
        theirs, ours = -weight.detach().numpy(), orthogonal(matrix, NUMPY)
        theirs *= np.linalg.norm(ours) / np.linalg.norm(theirs)
        assert np.linalg.norm(theirs - ours) < 0.02 * np.linalg.norm(ours)

    @pytest.mark.parametrize("Model", model_params())
    def test_a_kernel_keeps_its_length(self, Model, images):
        settings = {"filters": (4, 5), "muon": True, "learning_rate": 0.1}
        start = fitted(Model, images, epochs=1, **settings | {"learning_rate": 1e-30})
        before, after = start.get_weights(), fitted(Model, images, **settings)
        for name, weight in after.get_weights().items():
            lengths = np.linalg.norm(before[name]), np.linalg.norm(weight)
            turned = name in ("conv1.kernel", "conv2.kernel")
            assert np.isclose(*lengths, rtol=1e-10, atol=0) == turned, name
            assert np.abs(weight - before[name]).max() > 1e-3

    @pytest.mark.parametrize("Model", model_params())
    def test_one_step_turns_it_by_the_learning_rate(self, Model, images):
        """The tangent is the rate, but for what the step has along the kernel."""
        X, y = images
        model = fitted(Model, images, epochs=1, muon=True, batch_size=75)
        before = model.get_weights()["conv1.kernel"].ravel()
        model.set_params(momentum=0.0, learning_rate=0.2).partial_fit(X, y)
        after = model.get_weights()["conv1.kernel"].ravel()
        cosine = before @ after / (before @ before)
        assert 0.1 < np.tan(np.arccos(cosine)) < 0.3

    @pytest.mark.parametrize("Model", model_params())
    def test_a_single_channel_moves_as_ever(self, Model, images):
        """Its kernel is no matrix of several inputs; nor is a depthwise one."""
        X, y = images
        grey = X[..., :1], y
        with_muon, without = (
            fitted(Model, grey, muon=muon).get_weights() for muon in (True, False)
        )
        for name, weight in without.items():
            np.testing.assert_array_equal(with_muon[name], weight)

    @pytest.mark.parametrize("Model", model_params())
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_no_gradient_is_no_step(self, Model, dtype, images):
        """Images of zeros move no kernel, and nothing is divided by 0."""
        X, y = images
        empty = np.zeros(X.shape), y
        settings = {"muon": True, "dtype": dtype, "learning_rate": 0.1}
        model = fitted(Model, empty, **settings)
        start = fitted(Model, empty, epochs=1, **settings)
        kernels = [m.get_weights()["conv1.kernel"] for m in (model, start)]
        np.testing.assert_allclose(*kernels, rtol=1e-5)


class TestRates:
    """One rate a step, none of them 0."""

    @pytest.mark.torch
    def test_cosine_is_pytorchs(self):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
        expected = []
        for _ in range(20):
            expected += schedule.get_last_lr()
            optimizer.step()
            schedule.step()
        np.testing.assert_allclose(rates("cosine", 0.3, 20), expected, rtol=1e-12)

    def test_one_cycle_goes_up_and_down_on_straight_lines(self):
        found = rates("one_cycle", 2.0, 8, warmup=0.5)
        np.testing.assert_allclose(found, [0.5, 1, 1.5, 2, 2, 1.5, 1, 0.5])
        assert rates("one_cycle", 1.0, 100).argmax() == 24

    def test_a_warm_up_comes_before_the_others(self):
        np.testing.assert_allclose(rates("constant", 1.0, 4, 0.5), [0.5, 1, 1, 1])
        found = rates("cosine", 1.0, 10, 0.2)
        np.testing.assert_allclose(found[2:], rates("cosine", 1.0, 8))

    @pytest.mark.parametrize("warmup", [None, 0.0, 0.3, 1.0])
    @pytest.mark.parametrize("steps", [1, 2, 3, 50])
    @pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
    def test_any_number_of_steps(self, schedule, steps, warmup):
        found = rates(schedule, 0.1, steps, warmup)
        assert found.shape == (steps,)
        assert (found > 0).all()
        assert found.max() <= 0.1


class TestAugmentation:
    """What an image becomes is a mirror image, moved: no pixel is new."""

    X = np.random.default_rng(0).integers(0, 256, (200, 5, 7, 3), dtype=np.uint8)
    rows = np.arange(200)

    def changed(self, epoch=0, batch=0, padding=0, fit=1):
        return Augmentation(200, (fit, epoch), padding)(self.X, self.rows, batch)

    def test_each_image_is_mirrored_in_every_second_epoch(self):
        epochs = [self.changed(epoch) for epoch in range(3)]
        mirrored = (epochs[0] == self.X[:, :, ::-1]).all((1, 2, 3))
        np.testing.assert_array_equal(epochs[0][~mirrored], self.X[~mirrored])
        assert 60 < mirrored.sum() < 140
        np.testing.assert_array_equal(epochs[1], epochs[0][:, :, ::-1])
        np.testing.assert_array_equal(epochs[2], epochs[0])

    def test_a_crop_is_part_of_the_image_in_mirrors(self):
        flipped, found = self.changed(), self.changed(padding=2)
        padded = np.pad(flipped, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
        seen = set()
        for image, inside in zip(found, padded, strict=True):
            places = [
                (i, j)
                for i in range(5)
                for j in range(5)
                if (inside[i : i + 5, j : j + 7] == image).all()
            ]
            assert places
            seen.update(places)
        assert len(seen) == 25

    def test_moves_differ_in_each_epoch_batch_and_fit(self):
        one = self.changed(padding=2)
        np.testing.assert_array_equal(one, self.changed(padding=2))
        for other in ({"epoch": 2}, {"batch": 1}, {"fit": 2}):
            assert (one != self.changed(padding=2, **other)).any()

    @pytest.mark.parametrize("epoch", [0, 1])
    def test_without_flip_nothing_is_mirrored(self, epoch):
        found = Augmentation(200, (1, epoch), 0, flip=False)(self.X, self.rows, 0)
        np.testing.assert_array_equal(found, self.X)

    @pytest.mark.parametrize(
        ("augment", "padding", "flip"),
        [("flip", 0, True), ("crop", 2, False), ("flip+crop", 2, True)],
    )
    def test_what_the_parameter_asks_for(self, images, augment, padding, flip):
        (X, y), seen = images, []

        def keep(model, logs):
            seen.append(model.batches(X, y, np.ones(len(y)), 1).augmentation)

        fitted(
            Plain, images, augment=augment, crop_padding=2, epochs=1, on_epoch_end=keep
        )
        (found,) = seen
        expected = Augmentation(len(X), found.seed, padding, flip=flip)
        rows = np.arange(len(X))
        np.testing.assert_array_equal(found(X, rows, 0), expected(X, rows, 0))

    @pytest.mark.parametrize("shape", [(1, 9, 1), (9, 1, 2), (1, 1, 3), (2, 3, 1)])
    def test_images_smaller_than_the_crop(self, shape):
        X = np.random.default_rng(0).random((20, *shape))
        found = Augmentation(20, (0, 0), 4)(X, np.arange(20), 0)
        assert found.shape == X.shape
        assert np.isin(found, X).all()

    def test_floats_as_bytes(self, images):
        X, y = images
        scaled = X / 255 - 0.5
        of_bytes, of_floats = (
            fitted(Plain, (kind, y), augment="flip+crop").get_weights()
            for kind in (X, scaled)
        )
        for name, weight in of_bytes.items():
            np.testing.assert_allclose(of_floats[name], weight, atol=1e-13)

    def test_stored_images_stay_as_they_are(self, images):
        X, y = images
        before = X.copy()
        fitted(Plain, (X, y), augment="flip+crop")
        np.testing.assert_array_equal(X, before)


class TestLoss:
    """Label smoothing, in the loss and in its gradient."""

    def test_gradient_by_finite_differences(self):
        rng = np.random.default_rng(0)
        logits, y, w = rng.normal(size=(5, 3)), np.array([0, 4, 2]), np.array([1, 2, 0])
        loss, found = cross_entropy(logits, y, w, 0.3)
        expected = np.empty_like(found)
        for i in np.ndindex(logits.shape):
            step = np.zeros_like(logits)
            step[i] = 1e-6
            above, below = (
                cross_entropy(logits + sign * step, y, w, 0.3)[0] for sign in (1, -1)
            )
            expected[i] = (above - below) / 2e-6
        np.testing.assert_allclose(found, expected, atol=1e-9)
        probabilities = np.exp(logits) / np.exp(logits).sum(0)
        target = 0.3 / 5 + 0.7 * (np.arange(5)[:, None] == y)
        by_hand = np.mean(w * -(target * np.log(probabilities)).sum(0))
        assert loss == pytest.approx(by_hand)

    def test_validation_has_none(self, images):
        model = fitted(Plain, images, label_smoothing=0.9, epochs=1)
        X, y = images
        model.set_params(warm_start=True, learning_rate=1e-12)
        model.fit(X, y, validation_data=(X, y))
        proba = model.predict_proba(X)[np.arange(len(y)), y]
        assert model.history_["val_loss"][-1] == pytest.approx(-np.log(proba).mean())


class TestAverages:
    """Of weights over epochs, and of predictions over views."""

    def test_the_weights_of_the_last_epochs(self, images):
        seen = []

        def keep(model, logs):
            seen.append(model.get_weights())

        model = fitted(Plain, images, average_epochs=3, on_epoch_end=keep)
        for name, weight in model.get_weights().items():
            mean = np.mean([weights[name] for weights in seen[-3:]], 0)
            np.testing.assert_allclose(weight, mean, atol=1e-15)

    def test_a_fit_that_ends_early_has_fewer(self, images):
        seen = []

        def stop(model, logs):
            seen.append(model.get_weights())
            return True

        model = fitted(Plain, images, average_epochs=3, on_epoch_end=stop)
        for name, weight in model.get_weights().items():
            np.testing.assert_array_equal(weight, seen[0][name])

    def test_predictions_are_means_of_logits(self, images):
        X, _ = images
        model = fitted(Plain, images)
        plain = model.decision_function
        mirrored = (plain(X) + plain(X[:, :, ::-1])) / 2
        model.set_params(test_augment="flip")
        np.testing.assert_allclose(model.decision_function(X), mirrored, atol=1e-14)
        labels = model.classes_[mirrored.argmax(1)]
        np.testing.assert_array_equal(model.predict(X), labels)
        features = model.transform(X)
        model.set_params(test_augment=None)
        np.testing.assert_array_equal(model.transform(X), features)

    def test_views_of_digits_are_not_mirrored(self):
        X = np.random.default_rng(0).random((2, 4, 5, 1))
        seen = list(views(X, "shift"))
        assert [weight for weight, _ in seen] == [1 / 2, 1 / 4, 1 / 4]
        np.testing.assert_array_equal(seen[0][1], X)
        np.testing.assert_array_equal(seen[1][1][:, :-1, :-1], X[:, 1:, 1:])
        np.testing.assert_array_equal(seen[2][1][:, 1:, 1:], X[:, :-1, :-1])

    def test_views_move_by_a_pixel(self):
        X = np.random.default_rng(0).random((2, 4, 5, 1))
        seen = list(views(X, "flip+shift"))
        assert [weight for weight, _ in seen] == [1 / 4] * 2 + [1 / 8] * 4
        for move, (_, found) in zip((0, 0, -1, -1, 1, 1), seen, strict=True):
            inside = slice(1 + move, 3 + move), slice(1 + move, 4 + move)
            image = found[:, *inside]
            original = X[:, 1:3, 1:4]
            mirrored = X[:, :, ::-1][:, 1:3, 1:4]
            assert any((image == one).all() for one in (original, mirrored))


class TestParameters:
    """They are strings and numbers, as scikit-learn's."""

    def test_they_survive_clones_and_files(self, images, tmp_path):
        model = fitted(Plain, images, **RECIPE)
        assert clone(model).get_params() == model.get_params()
        model.save(tmp_path / "model.safetensors")
        found = Skylark_CNN.load(tmp_path / "model.safetensors")
        assert {name: getattr(found, name) for name in RECIPE} == RECIPE
        logits = [m.decision_function(images[0]) for m in (found, model)]
        np.testing.assert_allclose(*logits, atol=1e-13)

    def test_they_are_searched(self, images):
        grid = {"augment": [None, "flip+crop"], "schedule": ["constant", "cosine"]}
        model = Plain(filters=(2,), epochs=1, random_state=0)
        assert GridSearchCV(model, grid, cv=2).fit(*images).best_params_.keys() == (
            grid.keys()
        )

    @pytest.mark.parametrize(
        "wrong",
        [
            {"augment": "rotate"},
            {"crop_padding": 0},
            {"schedule": "step"},
            {"warmup": 1.5},
            {"label_smoothing": 1.0},
            {"nesterov": "yes"},
            {"average_epochs": 0},
            {"test_augment": "flip+crop"},
        ],
    )
    def test_wrong_ones_are_refused(self, wrong, images):
        (name,) = wrong
        with pytest.raises(ValueError, match=name):
            fitted(Plain, images, **wrong)
