"""compare.py as a user runs it: real trials, its output, its exit code."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compare as compare_py
from comparison import results
from comparison.counting.code_length import ROOT
from comparison.report import readme, sentences

QUICK = ["--dataset", "digits", "--epochs", "2", "--seeds", "1", "--threads", "1"]
SKYLARK = [*QUICK, "--models", "skylark"]
TRIAL = {
    "model",
    "seed",
    "status",
    "error",
    "test_accuracy",
    "train_accuracy",
    "parameters",
    "history",
    "seconds",
    "images_per_second",
    "peak_memory_bytes",
}


def compare(*options, **environment):
    """Run compare.py in this process, and its trials in theirs.

    A process of its own would take seconds to import what is here already.
    """
    command = ["compare.py", *map(str, options)]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        patch.chdir(ROOT)
        for name, value in ({"COLUMNS": "80"} | environment).items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = compare_py.main(command[1:])
            except SystemExit as end:
                code = end.code
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def test_as_a_program():
    """What the others call, called as a user does."""
    done = subprocess.run(
        [sys.executable, "compare.py", "--count-only"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == compare("--count-only").stdout


@pytest.fixture(scope="module")
def skylark_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "out"
    return compare(*SKYLARK, "--out", folder), folder


def test_one_model(skylark_run):
    done, folder = skylark_run
    assert done.returncode == 0, done.stderr
    assert "Skylark_CNN" in done.stdout
    assert "skylark seed 0 epoch 2" in done.stdout
    run = results.read(folder)
    assert set(run) >= {
        "schema",
        "command",
        "environment",
        "dataset",
        "settings",
        "code",
        "sameness",
        "trials",
        "summary",
    }
    assert run["dataset"]["image_shape"] == [8, 8, 1]
    assert run["sameness"]["passed"]
    (trial,) = run["trials"]
    assert trial.keys() >= TRIAL
    assert set(trial["seconds"]) == {"import", "build", "first_step", "fit", "predict"}
    assert trial["parameters"] == 3 * 3 * 8 + 8 + 3 * 3 * 8 * 10 + 10
    assert len(trial["history"]["loss"]) == 2
    assert trial["peak_memory_bytes"] < 400e6  # NumPy and scikit-learn alone
    assert set(trial["threads"].values()) == {1}
    assert {path.name for path in folder.iterdir()} >= {
        "table.md",
        "table.csv",
        "table.tex",
        "citation.bib",
    }


def test_the_folder_of_a_run_is_not_overwritten(skylark_run):
    _, folder = skylark_run
    before = (folder / "results.json").read_bytes()
    done = compare(*SKYLARK, "--out", folder)
    assert done.returncode == 2
    assert "holds a run" in done.stderr
    assert (folder / "results.json").read_bytes() == before


def test_resume_runs_what_is_missing(skylark_run, tmp_path):
    _, folder = skylark_run
    run = results.read(folder)
    kept = run["trials"][0]
    run["settings"]["seeds"] = 2
    run["settings"]["models"] = ["skylark"]
    results.write(tmp_path, run)
    done = compare("--resume", tmp_path)
    assert done.returncode == 0, done.stderr
    trials = results.read(tmp_path)["trials"]
    assert [trial["seed"] for trial in trials] == [0, 1]
    assert trials[0] == kept


def test_resume_refuses_other_settings(skylark_run):
    _, folder = skylark_run
    done = compare("--resume", folder, "--epochs", 9)
    assert done.returncode == 2
    assert "--epochs 9 does not agree" in done.stderr


def test_resume_refuses_what_was_begun_elsewhere(skylark_run, tmp_path):
    """Other code or another machine would make one table of two experiments."""
    _, folder = skylark_run
    for where, sentence in {
        ("code", "version"): "the code of the classes is not what",
        ("environment", "cpu"): "the cpu here is not what",
    }.items():
        run = results.read(folder)
        was = run[where[0]][where[1]]
        run[where[0]][where[1]] = was + type(was)(9)
        results.write(tmp_path, run)
        done = compare("--resume", tmp_path)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert results.read(tmp_path) == run


def test_results_that_are_kept_elsewhere_are_shown(skylark_run, tmp_path):
    """Alone, as docs/results has them; but a run goes on in a folder."""
    _, folder = skylark_run
    kept = tmp_path / "digits.json"
    kept.write_bytes((folder / results.FILE).read_bytes())
    shown = compare("--show", kept)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == compare("--show", folder).stdout
    page = tmp_path / "page.html"
    assert compare("--show", kept, "--html", page).returncode == 0
    assert "Skylark_CNN" in page.read_text("utf-8")
    for option in ("--resume", "--out"):
        done = compare(*SKYLARK * (option == "--out"), option, kept)
        assert done.returncode == 2
        assert done.stderr == (
            f"compare.py: {kept} is a file, and a run is written into a folder.\n"
        )
    assert kept.read_bytes() == (folder / results.FILE).read_bytes()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--dataset", "cifra10"], "did you mean 'cifar10'"),
        (["--dataset", "nothing.npz"], "there is no file nothing.npz"),
        (["--epochs", "0"], "whole number of at least 1"),
        (["--models", "jax"], "there is no model 'jax'"),
        (["--models", "pytorch"], "did you mean 'torch'"),
        (["--models", "keras:pytorch"], "did you mean 'keras:torch'"),
        (["--models", "tf", "tf"], "names tf more than once"),
        (["--models", "nowhere.mine:Net"], "there is no module 'nowhere.mine'"),
        (["--models", "models:Torch"], "did you mean 'Torch_CNN'"),
        (["--models", "tf", "--reference", "torch"], "torch is not one of --models"),
        (["--trial-timeout", "0"], "not a number of seconds above 0"),
        (["--show", "a", "b", "c"], "one folder, or two"),
        (["--show", "nowhere"], "it is not a run's folder"),
        (["--resume", "nowhere"], "it is not a run's folder"),
    ],
)
def test_wrong_use(options, sentence):
    done = compare(*options)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.keras
@pytest.mark.torch
@pytest.mark.tf
def test_all_four(tmp_path):
    done = compare(*QUICK, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    run = results.read(tmp_path / "out")
    trials = run["trials"]
    assert [t["model"] for t in trials] == ["skylark", "keras", "torch", "tf"]
    accuracies = [trial["test_accuracy"] for trial in trials]
    assert np.ptp(accuracies) <= 1 / 360
    assert run["sameness"]["passed"]
    for verdict in run["sameness"]["models"].values():
        assert verdict["logits_max_abs"] < 1e-10
    for line in ("Keras_CNN", "Torch_CNN", "TF_CNN", "proved to be one network"):
        assert line in done.stdout


def test_a_missing_framework_is_a_row(tmp_path):
    """A child in which PyTorch cannot be imported, as where it is not installed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch':\n"
        "            raise ModuleNotFoundError('not here', name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )
    folder = tmp_path / "out"
    models = ["--models", "skylark", "torch"]
    done = compare(*QUICK, *models, "--out", folder, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    first, second = results.read(folder)["trials"]
    assert first["status"] == "ok"
    assert second["status"] == "skipped"
    assert "PyTorch is not installed" in second["error"]
    assert "PyTorch is not installed" in done.stdout


def test_ctrl_c_keeps_finished_trials(tmp_path):
    folder = tmp_path / "out"
    options = [*SKYLARK, "--seeds", "500", "--out", str(folder)]
    with subprocess.Popen(
        [sys.executable, "compare.py", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        for line in run.stdout:
            if line.startswith("skylark seed 1: test accuracy"):
                break
        run.send_signal(signal.SIGINT)
        _, stderr = run.communicate(timeout=60)
    assert run.returncode == 130
    assert f"--resume {folder}" in stderr
    assert "Traceback" not in stderr
    assert len(results.read(folder)["trials"]) >= 2


@pytest.fixture
def unreachable(tmp_path):
    """An empty cache, and no network beyond this machine's own."""
    return {"SKYLARK_CACHE": str(tmp_path / "cache"), "SKYLARK_DATA": ""}


@pytest.mark.skipif(
    bool(os.environ.get("SKYLARK_ONLINE")), reason="this machine reaches CIFAR-10"
)
def test_without_cifar10_digits_are_said_loudly(tmp_path, unreachable):
    options = [o for o in SKYLARK if o not in ("--dataset", "digits")]
    done = compare(*options, "--out", tmp_path / "out", **unreachable)
    if "DIGITS" not in done.stdout:
        pytest.skip("CIFAR-10's host can be reached from here")
    assert done.returncode == 0
    assert done.stdout.count("These are DIGITS, not CIFAR-10") == 2


def test_nothing_is_half_written(tmp_path):
    """A named data set that cannot be had leaves no folder behind."""
    missing = tmp_path / "missing.npz"
    done = compare("--dataset", missing, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_results_are_replaced_in_one_step(tmp_path):
    results.write(tmp_path, {"schema": results.SCHEMA, "trials": []})
    with pytest.raises(TypeError):
        results.write(tmp_path, {"schema": results.SCHEMA, "trials": object()})
    assert json.loads((tmp_path / results.FILE).read_text())["trials"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_failed_proof_is_said(skylark_run):
    _, folder = skylark_run
    run = json.loads((folder / "results.json").read_text())
    run["sameness"]["passed"] = False
    run["sameness"]["models"]["skylark"] |= {"passed": False, "loss_max_rel": 0.5}
    passed, sentence = sentences.proof(run)
    assert not passed
    assert sentence.endswith("skylark: loss_max_rel 5e-01 (limit 1e-09)")


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "README.zh-CN.md"])
def test_what_commands_write_into_pages_is_fresh(page):
    """Counts, and the code that is shown, are those of the code as it is now."""
    text = Path(ROOT, page).read_text("utf-8")
    assert "<!-- " in text
    assert readme.fresh(text) == text
