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


RECIPE = {
    "schedule": ("cosine", "cosine", "schedule cosine"),
    "warmup": ("0.25", 0.25, "warm-up 0.25"),
    "nesterov": (None, True, "Nesterov"),
    "muon": (None, True, "Muon"),
    "weight_decay": ("1e-3", 0.001, "weight decay 0.001"),
    "label_smoothing": ("0.1", 0.1, "label smoothing 0.1"),
    "augment": ("flip+crop", "flip+crop", "augmented images (flip+crop)"),
    "crop_padding": ("2", 2, "crop padding 2"),
    "average_epochs": ("3", 3, "weights averaged over 3 epochs"),
    "test_augment": ("flip", "flip", "predictions averaged over views (flip)"),
}


@pytest.mark.parametrize("name", RECIPE)
def test_a_recipe_is_handed_on_where_it_is_used(name):
    """A user's own class needs to know only the parameters that a run asks for."""
    text, value, words = RECIPE[name]
    assert settings.recipe(complete({})) == {}
    chosen = complete(given(parser().parse_args([flag(name), text][: 1 + bool(text)])))
    assert settings.recipe(chosen) == {name: value}
    assert constructor(chosen)[name] == value
    assert settings.in_words(chosen, settings.RECIPE) == words


def test_a_recipe_is_left_out():
    """As a preset's has to be, to measure what a part of it is worth."""
    options = ["--no-nesterov", "--augment", "none", "--test-augment", "none"]
    chosen = given(parser().parse_args(options))
    assert chosen == {"nesterov": False, "augment": None, "test_augment": None}


def test_a_preset_brings_its_recipe_along():
    options = ["--dataset", "digits", "--network", "speedrun93", "--epochs", "3"]
    planned = plan.begin(parser().parse_args(options))
    assert planned.settings["batch_size"] == 1024
    assert planned.settings["schedule"] == "one_cycle"
    assert planned.settings["epochs"] == 3
    assert planned.network["sizes"] == {"widths": [64, 128, 128], "depth": 2}
    assert planned.network["name"] == "speedrun93"


@pytest.mark.parametrize(
    "options", [["--warmup", "2"], ["--augment", "rotate"], ["--label-smoothing", "1"]]
)
def test_a_wrong_recipe_ends_before_anything_runs(options, capsys):
    try:
        code = compare.main(["--dataset", "digits", *options])
    except SystemExit as wrong:
        code = wrong.code
    assert code == 2
    assert options[0].strip("-").replace("-", "_") in capsys.readouterr().err.replace(
        "-", "_"
    )


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


def test_a_run_from_before_recipes_is_shown(tmp_path, capsys):
    run = made_up(3)
    for name in settings.unused():
        del run["settings"][name]
    results.write(tmp_path, run)
    assert results.read(tmp_path)["settings"]["schedule"] == "constant"
    assert compare.main(["--show", str(tmp_path)]) == 0
    assert "recipe" not in capsys.readouterr().out


def test_a_run_of_schema_1_that_cannot_go_on_says_why(tmp_path, capsys):
    old(tmp_path, filters=[8], hidden_units=[])
    before = (tmp_path / results.FILE).read_bytes()
    options = ["--resume", str(tmp_path)]
    assert compare.main([*options, "--filters", "9"]) == 2
    assert "--filters [9] does not agree" in capsys.readouterr().err
    assert (tmp_path / results.FILE).read_bytes() == before
