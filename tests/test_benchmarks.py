"""The tables in the pages are those that the benchmarks have measured."""

import importlib
import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cores, deep, ingredients, speed
from comparison.command_line import parser
from data.dataset import ABOUT
from networks.speedrun import Skylark_Speedrun

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / f"docs/{page}.md" for page in ("results", "fairness", "numpy-speed")]
FOUND = json.loads(speed.FILE.read_text("utf-8"))


@pytest.mark.parametrize(("name", "text"), speed.page(FOUND).items())
def test_tables_come_out_of_the_results(name, text):
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    assert any(block in page.read_text("utf-8") for page in PAGES)


def test_a_slow_loop_takes_part_in_one_round_only():
    first = {
        "TF_CNN": [{"train": 10}],
        "tf: a": [{"train": 5}],
        "tf: b": [{"train": 9}],
    }
    assert speed._is_slow("tf: a", first)
    assert not speed._is_slow("tf: b", first)
    assert not speed._is_slow("TF_CNN", first)
    rounds = {"TF_CNN": [{"train": 10}, {"train": 8}], "tf: a": [{"train": 5}, {}]}
    assert "| TF_CNN | a | 5 | 2.00 | 2.00 to 2.00 |" in speed.tuned(rounds)


def test_the_model_of_cores():
    """2 ms a step and 0.5 ms an image: the line finds both."""
    fixed, each = cores.fitted({n: 2e-3 + n * 5e-4 for n in cores.SIZES})
    assert (fixed, each) == (pytest.approx(2e-3), pytest.approx(5e-4))
    assert cores.model(fixed, each, 4, threads=False) == pytest.approx(10e-3)
    assert cores.model(fixed, each, 4, threads=True) == pytest.approx(10e-3)
    assert cores.model(fixed, each, 16, threads=False) == pytest.approx(4e-3)
    assert cores.model(fixed, each, 16, threads=True) == pytest.approx(32e-3)


@pytest.mark.skylark
@pytest.mark.parametrize("constants", deep.WITHOUT.values(), ids=list(deep.WITHOUT))
def test_each_step_of_the_engine_can_be_measured(constants, tmp_path, monkeypatch):
    monkeypatch.setattr(deep, "BATCHES", 1)
    monkeypatch.setattr(deep, "AT_LEAST", 1)
    for path in constants:  # which are changed for good
        name, constant = path.split(".")
        module = importlib.import_module(f"frameworks.fast.{name}")
        monkeypatch.setattr(module, constant, getattr(module, constant))
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        images = rng.integers(0, 256, (64, 8, 8, 3), np.uint8)
        np.save(tmp_path / f"x_{part}.npy", images)
        np.save(tmp_path / f"y_{part}.npy", np.arange(64) % 2)
    about = {"name": "noise", "source": "", "sha256": "", "classes": ["0", "1"]}
    (tmp_path / ABOUT).write_text(json.dumps(about), "utf-8")
    found = deep.measure(str(tmp_path), "resnet8", "skylark", {}, constants)
    assert found["rate"] > 0


CHANGED = {
    "nothing": set(),
    "smoothing": {"label_smoothing"},
    "crops": {"augment"},
    "flips": {"augment"},
    "nesterov": {"nesterov"},
    "warmup": {"warmup"},
    "schedule": {"schedule", "warmup"},
    "muon": {"muon", "learning_rate", "momentum", "weight_decay"},
    "dirac": {"models", "allow_different"},
    "whitening": {"models", "allow_different"},
}


@pytest.mark.parametrize("name", ingredients.LEFT_OUT)
def test_one_ingredient_is_left_out(name):
    """And nothing else: what is not said is the preset's, or the class's."""
    whole, without = (
        vars(parser().parse_args(ingredients.task(which, Namespace(epochs=1, seeds=1))))
        for which in ("nothing", name)
    )
    missing = object()
    every = whole.keys() | without.keys()
    differ = {k for k in every if whole.get(k, missing) != without.get(k, missing)}
    assert differ == CHANGED[name]


def test_classes_without_an_ingredient():
    """Kernels that do not pass their input on, and a first layer that is not white."""
    X = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype(np.uint8)
    y = np.arange(40) % 2
    weights = {}
    for kind in (
        Skylark_Speedrun,
        ingredients.Skylark_HeNormal,
        ingredients.Skylark_Unwhitened,
    ):
        model = kind(widths=(4, 4, 4), epochs=1, learning_rate=1e-9, random_state=0)
        weights[kind.__name__] = model.fit(X, y).get_weights()
    whole, kernels, first = weights.values()
    assert whole.keys() == kernels.keys() == first.keys()
    differ = [
        {name for name in whole if not np.allclose(whole[name], found[name], atol=1e-4)}
        for found in (kernels, first)
    ]
    blocks = {f"stage{s}.block{b}.conv.kernel" for s in (1, 2, 3) for b in (1, 2)}
    assert differ[0] >= blocks
    assert "stem.conv.whitening" not in differ[0]
    assert "stem.conv.whitening" in differ[1]
    assert not differ[1] & blocks
