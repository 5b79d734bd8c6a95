"""Dropout and drop-connect: the same numbers are dropped in all four frameworks."""

import warnings

import numpy as np
import pytest

from frameworks.dropout import Mask, Masks
from frameworks.layers import Dropout
from networks import efficientnet, googlenet, mobilenet
from networks.efficientnet import Skylark_EfficientNet
from tests.test_checkpoints import assert_equal, stopped

NAMES = [pytest.param(n, marks=getattr(pytest.mark, n)) for n in efficientnet.MODELS]
DROPS = {
    "blocks": (1, 1, 2),
    "width": 4,
    "expansion": 2,
    "head": 16,
    "dropout": 0.4,
    "drop_connect": 0.8,
    "batch_size": 32,
    "random_state": 0,
    "dtype": "float64",
}


def fitted(Model, images, **params):
    return Model(**DROPS | {"epochs": 3} | params).fit(*images)


def mask(rate=0.3, name="pool", whole=False, seed=1):
    masks = Masks()
    masks.begin(seed, first=0)
    return Mask(masks, name, rate, whole)


class TestMasks:
    def test_so_many_are_dropped_and_the_others_scaled(self):
        factors = mask(0.3).draw(1000, 50)
        assert set(np.unique(factors)) == {0, 1 / 0.7}
        assert (factors == 0).mean() == pytest.approx(0.3, abs=0.01)
        assert factors.mean() == pytest.approx(1, abs=0.01)

    def test_of_whole_images(self):
        assert mask(whole=True).draw(20, 50).shape == (20, 1)

    def test_they_follow_from_seed_name_and_step(self):
        first = mask()
        same = mask().draw(9, 9)
        np.testing.assert_array_equal(first.draw(9, 9), same)
        for other in (mask(name="block"), mask(seed=2)):
            assert (other.draw(9, 9) != same).any()
        first.masks.step[0] = 1
        assert (first.draw(9, 9) != same).any()

    def test_those_that_are_counted_are_those_of_the_steps(self):
        """As Keras has them, from the first step of each fit."""
        counted, stepped = mask(), mask()
        for first in (0, 7):
            counted.masks.begin(1, first)
            for step in range(first, first + 3):
                stepped.masks.step[0] = step
                found, expected = counted.draw_next(4, 5), stepped.draw(4, 5)
                np.testing.assert_array_equal(found, expected)


class TestLayer:
    def test_what_is_dropped_has_no_gradient(self):
        layer, x = Dropout(mask(0.5)), np.ones((6, 2, 3, 40))
        out = layer.forward(x)
        assert set(np.unique(out)) == {0, 2}
        assert (out == out[:, :1, :1]).all(), "a channel is dropped, not its pixels"
        np.testing.assert_array_equal(layer.backward(x), out)

    def test_nothing_is_dropped_in_prediction(self):
        x = np.ones((6, 40))
        assert Dropout(mask(0.9)).forward(x, training=False) is x


class TestFits:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_fit_that_was_stopped_goes_on_to_the_same_bits(
        self, name, images, tmp_path
    ):
        Model, path = efficientnet.MODELS[name], tmp_path / "fit"
        expected = fitted(Model, images)
        stopped(Model, path, 1, images, **DROPS | {"epochs": 3})
        assert_equal(fitted(Model, images, checkpoint=path), expected)

    @pytest.mark.parametrize("n_jobs", [1, 2, 3])
    @pytest.mark.parametrize("forked", [False, True], ids=["threads", "processes"])
    def test_each_worker_has_its_rows_of_the_mask(
        self, n_jobs, forked, images, monkeypatch
    ):
        if not forked:
            monkeypatch.setattr("frameworks.fast.processes.why_not", lambda: "a test")
        expected = fitted(Skylark_EfficientNet, images, engine="plain")
        with warnings.catch_warnings(record=True):  # that it takes threads
            found = fitted(Skylark_EfficientNet, images, n_jobs=n_jobs)
        np.testing.assert_allclose(
            found.history_["loss"], expected.history_["loss"], rtol=1e-12
        )

    def test_it_is_off_unless_asked_for(self, images):
        asked, off = (
            fitted(Skylark_EfficientNet, images, dropout=rate, drop_connect=rate)
            for rate in (0.1, 0.0)
        )
        assert asked.history_["loss"][0] != off.history_["loss"][0]
        default = Skylark_EfficientNet()
        assert (default.dropout, default.drop_connect) == (0, 0)

    @pytest.mark.parametrize("page", [mobilenet, googlenet, efficientnet])
    @pytest.mark.parametrize("rate", [1.0, -0.1, "much"])
    def test_a_share_is_below_1(self, page, rate, images):
        with pytest.raises(ValueError, match="dropout"):
            page.MODELS["skylark"](dropout=rate).fit(*images)
