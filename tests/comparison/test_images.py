"""Which images a run takes, and what it says of them."""

import numpy as np
import pytest
from PIL import Image

import compare
from comparison import command_line, plan, runner
from comparison.report import sentences


@pytest.fixture
def folder(tmp_path, empty_cache):
    """Three classes of ten images, stored class by class."""
    for number, name in enumerate(("ant", "bee", "cat")):
        for part in "train", "test":
            (tmp_path / "pets" / part / name).mkdir(parents=True)
            for i in range(10):
                pixels = np.full(
                    (4, 4), 80 * number + 2 * i + (part == "test"), np.uint8
                )
                path = tmp_path / "pets" / part / name / f"{i}.png"
                Image.fromarray(pixels).save(path)
    return tmp_path / "pets"


def begun(*arguments):
    options = command_line.parser().parse_args(["--models", "skylark", *arguments])
    return runner.start(plan.begin(options))


def test_what_is_drawn_is_kept_and_said(folder):
    run = begun("--dataset", str(folder), "--train-size", "9", "--test-size", "3")
    assert (run["dataset"]["train"], run["dataset"]["test"]) == (9, 3)
    said = "9 images 4x4x1 for training, 3 for testing (of 30 and 30, from each class"
    assert said in sentences.conditions(run)["images"]
    whole = begun("--dataset", str(folder), "--train-size", "30")
    assert "drawn" not in whole["dataset"]
    first = run | {"dataset": {k: v for k, v in run["dataset"].items() if k != "drawn"}}
    with pytest.raises(ValueError, match="the data set is not what this run was begun"):
        runner.go_on(first, run)


def test_every_class_is_trained_and_tested(folder, tmp_path):
    """Of three images for testing, one of each class: with the first, all are ants."""
    out = tmp_path / "run"
    options = ["--dataset", str(folder), "--test-size", "3", "--epochs", "1"]
    options += ["--models", "skylark", "--seeds", "1", "--learning-rate", "1e-9"]
    assert compare.main([*options, "--out", str(out), "--quiet"]) == 0
    trial = runner.results.read(out)["trials"][0]
    assert trial["test_accuracy"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--train-size", "2"], "--train-size 2: 2 images cannot be of all 3 classes."),
        (["--test-size", "1"], "--test-size 1: 1 image cannot be of all 3 classes."),
    ],
)
def test_fewer_images_than_classes_are_wrong_use(folder, capsys, options, sentence):
    assert compare.main(["--dataset", str(folder), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_one_class_is_wrong_use(folder, tmp_path, capsys, monkeypatch):
    np.savez(tmp_path / "one.npz", x=np.arange(160).reshape(10, 4, 4), y=np.ones(10))
    assert compare.main(["--dataset", str(tmp_path / "one.npz")]) == 2
    assert "one.npz has one class, 1: two are needed." in capsys.readouterr().err
