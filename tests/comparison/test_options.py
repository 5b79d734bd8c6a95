"""The options of compare.py are the settings' declarations, and are only read."""

import copy
import json

import pytest

import compare
import data
from comparison import plan, results, settings
from comparison.command_line import parser
from comparison.network import choose
from comparison.settings import OPTIONS, Settings, complete, constructor, flag, given
from tests.comparison.test_outputs import made_up

TRAINING = {
    "epochs": ("7", 7, "7 epochs"),
    "batch_size": ("9", 9, "batch 9"),
    "learning_rate": ("0.125", 0.125, "learning rate 0.125"),
    "momentum": ("0.5", 0.5, "momentum 0.5"),
    "init": ("native", "native", "native initial weights"),
}


@pytest.mark.parametrize("name", TRAINING)
def test_a_setting_is_declared_once(name):
    """Its option, its words in captions and the constructor's parameter follow."""
    text, value, words = TRAINING[name]
    chosen = given(parser().parse_args([flag(name), text]))
    assert chosen == {name: value}
    chosen = complete(chosen)
    assert constructor(chosen)[name] == value
    assert words in settings.in_words(chosen, "training").split(", ")
    assert f"{flag(name)} " in parser().format_help()


def test_one_epoch_is_no_plural():
    words = settings.in_words(complete({"epochs": 1}), "training")
    assert words.startswith("1 epoch, ")


def test_the_default_run_takes_a_share_of_the_images(monkeypatch):
    """Of CIFAR-10, where no data set is named, and of no other."""
    digits = data.load("digits")
    monkeypatch.setattr(data, "load", lambda name, **where: digits)
    for options, size in (
        ([], settings.QUICK),
        (["--train-size", "100"], 100),
        (["--dataset", "cifar10"], None),
    ):
        planned = plan.begin(parser().parse_args(options))
        assert planned.settings["train_size"] == size


def test_every_setting_has_an_option():
    help_text = " ".join(parser().format_help().split())
    assert OPTIONS.keys() == Settings.__annotations__.keys()
    for name, option in OPTIONS.items():
        assert flag(name) in help_text
        assert f"(default: {option.otherwise or option.default})" in help_text or (
            option.default is False
        )


def test_what_is_not_given_is_left_to_the_defaults():
    options = parser().parse_args([])
    assert given(options) == {}
    assert complete(given(options))["epochs"] == 5
    assert choose(options)["sizes"] == {"filters": [8], "hidden_units": []}


def test_a_plan_only_reads_the_options():
    options = parser().parse_args(["--dataset", "digits", "--models", "tf", "skylark"])
    before = copy.deepcopy(vars(options))
    planned = plan.begin(options)
    assert vars(options) == before
    assert planned.settings["reference"] == "tf"
    assert OPTIONS["reference"].default is None
    assert plan.begin(parser().parse_args(["--dataset", "digits"])).settings[
        "models"
    ] == ["skylark", "keras", "torch", "tf"]


def test_the_command_only_reads_its_arguments(capsys):
    arguments = ["--count-only", "--models", "tf"]
    assert compare.main(arguments) == 0
    assert arguments == ["--count-only", "--models", "tf"]
    assert "TF_CNN" in capsys.readouterr().out


def old(folder, **sizes):
    """Write a run as schema 1 had it, and return the run."""
    run = made_up(8)
    run["network"] = {"name": None, "family": "cnn", "sizes": sizes}
    settings = run["settings"] | sizes
    older = {k: v for k, v in run.items() if k != "network"}
    for verdict in run["sameness"]["models"].values():
        verdict["logits_max_abs"] = verdict.pop("outputs_max_rel", 1e-12)
    text = json.dumps(older | {"schema": 1, "settings": settings})
    (folder / results.FILE).write_text(text, "utf-8")
    return run


@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        ({"filters": [8], "hidden_units": []}, "seed"),
        ({"filters": [32, 64], "hidden_units": [128]}, "small"),
        ({"filters": [4], "hidden_units": [2]}, None),
    ],
)
def test_a_run_of_schema_1_is_shown(tmp_path, capsys, sizes, name):
    run = old(tmp_path, **sizes)
    read = results.read(tmp_path)
    assert read["network"] == {"name": name, "family": "cnn", "sizes": sizes}
    assert not sizes.keys() & read["settings"].keys()
    assert compare.main(["--show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    results.write(tmp_path, run)
    assert compare.main(["--show", str(tmp_path)]) == 0
    assert shown == capsys.readouterr().out


def test_a_run_of_schema_1_that_cannot_go_on_says_why(tmp_path, capsys):
    old(tmp_path, filters=[8], hidden_units=[])
    before = (tmp_path / results.FILE).read_bytes()
    options = ["--resume", str(tmp_path)]
    assert compare.main([*options, "--filters", "9"]) == 2
    assert "--filters [9] does not agree" in capsys.readouterr().err
    assert (tmp_path / results.FILE).read_bytes() == before
