"""Checkpoints: training that was stopped goes on as if it had not been."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from models import Skylark_CNN
from tests.conftest import few_images, model_params

FIT = """
import sys
import numpy as np
from models import Skylark_CNN
from tests.conftest import few_images
from tests.test_checkpoints import settings

Skylark_CNN(**settings(), checkpoint=sys.argv[1]).fit(*few_images()).save(sys.argv[2])
"""
ROOT = Path(__file__).parents[1]


def settings(**others):
    """A recipe whose every step depends on all that came before."""
    return {
        "filters": (4,),
        "epochs": 6,
        "batch_size": 32,
        "random_state": 0,
        "schedule": "one_cycle",
        "nesterov": True,
        "augment": "flip+crop",
        "average_epochs": 3,
        "learning_rate": 0.05,
    } | others


class Stop(Exception):  # noqa: N818, it is no error
    """A fit is stopped from outside."""


def stop_after(epochs):
    def on_epoch_end(model, logs):
        if logs["epoch"] > epochs:
            raise Stop

    return on_epoch_end


def stopped(Model, path, after, data=None, **params):
    """Leave the checkpoint of a fit that was stopped after some epochs."""
    model = Model(**params, checkpoint=path, on_epoch_end=stop_after(after))
    with pytest.raises(Stop):
        model.fit(*(data or few_images()))


def assert_equal(found, expected):
    for name, weight in expected.get_weights().items():
        np.testing.assert_array_equal(found.get_weights()[name], weight, name)
    for name in ("loss", "accuracy"):
        assert found.history_[name] == expected.history_[name]
    assert found.n_iter_ == expected.n_iter_


class TestGoingOn:
    @pytest.mark.parametrize("Model", model_params())
    @pytest.mark.parametrize(
        "optimiser", [{"momentum": 0.9}, {"momentum": 0.0}, {"muon": True}]
    )
    def test_to_the_same_bits(self, Model, optimiser, tmp_path):
        params = settings(**optimiser)
        expected = Model(**params).fit(*few_images())
        stopped(Model, tmp_path / "fit", 2, **params)
        stopped(Model, tmp_path / "fit", 4, **params)
        found = Model(**params, checkpoint=tmp_path / "fit").fit(*few_images())
        assert_equal(found, expected)

    def test_without_a_seed_it_keeps_the_one_that_was_drawn(self, tmp_path):
        params = settings(random_state=None)
        path = tmp_path / "fit"
        stopped(Skylark_CNN, path, 2, **params)
        once = path.read_bytes()
        first = Skylark_CNN(**params, checkpoint=path).fit(*few_images())
        path.write_bytes(once)
        assert_equal(Skylark_CNN(**params, checkpoint=path).fit(*few_images()), first)

    def test_with_early_stopping(self, tmp_path):
        params = settings(early_stopping=True, patience=2, average_epochs=1, epochs=20)
        params |= {"schedule": "constant", "learning_rate": 0.2}
        expected = Skylark_CNN(**params).fit(*few_images())
        assert 2 < expected.n_iter_ < 20, "it must have stopped early"
        path = tmp_path / "fit"
        stopped(Skylark_CNN, path, expected.n_iter_ - 1, **params)
        found = Skylark_CNN(**params, checkpoint=path).fit(*few_images())
        assert_equal(found, expected)
        assert_equal(
            Skylark_CNN(**params, checkpoint=path).fit(*few_images()), expected
        )

    def test_a_finished_fit_is_not_trained_again(self, tmp_path):
        params = settings(checkpoint=str(tmp_path / "fit"))
        expected = Skylark_CNN(**params).fit(*few_images())

        def never(model, logs):
            raise AssertionError("it trains")

        found = Skylark_CNN(**params, on_epoch_end=never).fit(*few_images())
        assert_equal(found, expected)

    def test_deep_networks_and_processes(self, tmp_path):
        from networks.resnet import Skylark_ResNet

        params = settings(blocks=(1,), width=4, n_jobs=2)
        del params["filters"]
        expected = Skylark_ResNet(**params).fit(*few_images())
        stopped(Skylark_ResNet, tmp_path / "fit", 3, **params)
        found = Skylark_ResNet(**params, checkpoint=tmp_path / "fit").fit(*few_images())
        assert_equal(found, expected)

    def test_partial_fit_has_none(self, tmp_path):
        model = Skylark_CNN(**settings(checkpoint=tmp_path / "fit"))
        model.partial_fit(*few_images())
        assert not (tmp_path / "fit").exists()


class TestKilled:
    def test_at_any_moment_nothing_but_the_last_epoch_is_lost(self, tmp_path):
        expected = Skylark_CNN(**settings()).fit(*few_images())
        fit = [sys.executable, "-c", FIT, tmp_path / "fit", tmp_path / "model"]
        rng = np.random.default_rng(1)
        for _ in range(4):
            process = subprocess.Popen(fit, cwd=ROOT)
            while process.poll() is None and not (tmp_path / "fit").exists():
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(fit, cwd=ROOT, check=True)
        assert_equal(Skylark_CNN.load(tmp_path / "model"), expected)


class TestOtherFits:
    @pytest.mark.parametrize(
        "change", [{"epochs": 7}, {"learning_rate": 0.01}, {"random_state": 1}]
    )
    def test_are_refused(self, change, tmp_path):
        path = tmp_path / "fit"
        stopped(Skylark_CNN, path, 1, **settings())
        before = path.read_bytes()
        model = Skylark_CNN(**settings(checkpoint=path, **change))
        with pytest.raises(ValueError, match=r"checkpoint of another fit.*delete it"):
            model.fit(*few_images())
        assert path.read_bytes() == before
        assert not hasattr(model, "classes_")

    def test_other_images_are_refused(self, tmp_path):
        stopped(Skylark_CNN, tmp_path / "fit", 1, **settings())
        X, y = few_images()
        X[0, 0, 0, 0] ^= 1
        with pytest.raises(ValueError, match="another fit"):
            Skylark_CNN(**settings(checkpoint=tmp_path / "fit")).fit(X, y)

    def test_other_files_are_refused(self, tmp_path):
        (tmp_path / "notes.txt").write_text("buy milk")
        with pytest.raises(ValueError, match=r"notes.txt is not a checkpoint"):
            Skylark_CNN(**settings(checkpoint=tmp_path / "notes.txt")).fit(
                *few_images()
            )
        assert (tmp_path / "notes.txt").read_text() == "buy milk"
        Skylark_CNN(**settings()).fit(*few_images()).save(tmp_path / "model")
        with pytest.raises(ValueError, match="is not a checkpoint"):
            Skylark_CNN(**settings(checkpoint=tmp_path / "model")).fit(*few_images())


def test_a_file_that_cannot_be_written_stops_no_training(tmp_path):
    model = Skylark_CNN(**settings(checkpoint=tmp_path / "nowhere" / "fit"))
    with pytest.warns(RuntimeWarning, match=r"No such file.*training goes on"):
        model.fit(*few_images())
    assert_equal(model, Skylark_CNN(**settings()).fit(*few_images()))


def test_a_saved_model_does_not_name_it(tmp_path):
    model = Skylark_CNN(**settings(checkpoint=tmp_path / "fit")).fit(*few_images())
    model.save(tmp_path / "model")
    assert Skylark_CNN.load(tmp_path / "model").checkpoint is None
