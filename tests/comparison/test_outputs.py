"""The tables of a run, in every form, from results whose numbers are known."""

import csv
import io
import os
import stat
import subprocess
import sys
import tomllib

import pytest
import yaml
from rich.console import Console

from comparison import results
from comparison.counting.code_length import ROOT
from comparison.processes import resources
from comparison.report import beside, outputs, sentences, terminal
from comparison.report.live import Live
from comparison.report.tables import Cell, Table
from comparison.statistics.summary import summarise
from tests.comparison.test_compare import compare
from tests.comparison.test_statistics import trial

MODELS = {"skylark": "Skylark_CNN", "torch": "Torch_CNN", "a.b:Net": "b:Net"}


def made_up(seeds, speeds=(100.0, 300.0, 101.0)):
    """Results in which PyTorch is three times as fast, and Net as fast, with noise."""
    noise = [1.0, 0.97, 1.04, 0.99, 1.02, 0.96, 1.01, 1.03]
    trials = [
        trial(model, seed, speed * noise[(seed * (1 + k) + k) % 8])
        | {"threads": {"openblas": 2}}
        for seed in range(seeds)
        for k, (model, speed) in enumerate(zip(MODELS, speeds, strict=True))
    ]
    counts = {"lines": 10, "statements": 9, "tokens": 99, "gzip_bytes": 500}
    code = {
        "class": counts,
        "with_private": counts | {"lines": 12},
        "private_files": ["frameworks/x_y.py"],
        "methods": {"build": counts},
    }
    limits = {"loss_max_rel": 1e-9}
    verdict = {"passed": True, "dtype": "float64", "limits": limits}
    verdict |= dict.fromkeys(
        ("outputs_max_rel", "gradient_max_rel", "loss_max_rel"), 1e-12
    )
    return {
        "schema": results.SCHEMA,
        "version": "1.2.3",
        "started": "2026-02-03T04:05:06+00:00",
        "environment": {
            "python": "3.11",
            "cpu": "A & B_C",
            "gpu": None,
            "threads": 2,
            "packages": {"numpy": "2"},
        },
        "dataset": {
            "name": "digits",
            "train": 1437,
            "test": 360,
            "image_shape": [8, 8, 1],
        },
        "note": None,
        "network": {
            "name": "seed",
            "family": "cnn",
            "sizes": {"filters": [8], "hidden_units": []},
        },
        "settings": {
            "models": list(MODELS),
            "epochs": 2,
            "batch_size": 64,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "init": "shared",
            "device": "cpu",
            "seeds": seeds,
            "threads": 2,
            "reference": "skylark",
        },
        "contestants": {
            model: {
                "title": title,
                "as_written": ":" in model,
                "different": ":" in model,
            }
            for model, title in MODELS.items()
        },
        "code": {
            "definition": "d",
            "version": 1,
            "classes": dict.fromkeys(MODELS, code),
        },
        "sameness": {
            "passed": True,
            "steps": 48,
            "limits": limits,
            "models": dict.fromkeys(MODELS, verdict),
        },
        "trials": trials,
        "summary": summarise(MODELS, trials, "skylark"),
    }


@pytest.fixture
def run():
    return made_up(8)


def test_only_a_shown_difference_is_bold(run):
    text = outputs.markdown(run)
    net, torch = (
        next(line for line in text.splitlines() if line.startswith(f"| {name}"))
        for name in ("b:Net", "Torch_CNN")
    )
    assert torch.count("**") == 4
    assert "**2.96 [2.85, 3.09]**" in torch
    assert "no difference shown" not in torch
    assert "**" not in net
    assert net.count("no difference shown") == 2
    assert "b:Net (different, as written)" in net
    assert text.count("**") == 4


def test_with_few_seeds_nothing_is_bold():
    text = outputs.markdown(made_up(5))
    assert "**" not in text
    assert text.count("no difference shown") == 4
    assert "No difference can be shown with fewer than 6 seeds" in text
    assert "291 (288 to 309) | 2.91 (2.77 to 3.12)" in text


def test_latex_escapes_and_sets_rules(run):
    text = outputs.latex(run)
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    assert r"A \& B\_C" in text
    assert r"95 \%" in text
    assert r"\caption{digits (1,437 images" in text
    assert r"\textbf{2.96 [2.85, 3.09]}" in text
    body = text.replace(r"\&", "").split(r"\midrule")
    for part, columns in zip(body[1:], (6, 8), strict=True):
        rows = part.split(r"\bottomrule")[0].strip().splitlines()
        assert [row.count("&") for row in rows] == [columns - 1] * 3


def test_csv_has_unrounded_numbers(run):
    rows = list(csv.DictReader(io.StringIO(outputs.comma_separated(run))))
    assert [row["model"] for row in rows] == list(MODELS)
    ratio = run["summary"]["torch"]["ratios"]["train_images_per_second"]
    assert float(rows[1]["train_images_per_second_ratio"]) == ratio["median"]
    assert float(rows[1]["train_images_per_second_ratio_low"]) == ratio["interval"][0]
    assert [row["train_images_per_second_differs"] for row in rows] == [
        "",
        "True",
        "False",
    ]
    assert [row["different"] for row in rows] == ["False", "False", "True"]


def test_bibtex_has_version_date_and_lengths(run):
    text = outputs.bibtex(run)
    assert "version = {1.2.3}" in text
    assert "date = {2026-02-03}" in text
    assert r"Skylark\_CNN 10, Torch\_CNN 10" in text
    assert text.count("{") == text.count("}")


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()


def test_brackets_are_printed_not_read_as_markup(run):
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.show(run, console)
    text = " ".join(console.export_text().split())
    assert "median [bootstrap 95 % interval]" in text


@pytest.mark.parametrize("width", [80, 200])
def test_two_runs_fit_side_by_side(run, width):
    for model, contestant in run["contestants"].items():
        contestant |= {"title": f"package.module:{model}", "different": True}
    console = Console(width=width, record=True, file=io.StringIO())
    terminal.show_table(beside.table(run, run), console)
    words = " ".join(console.export_text().split())
    assert "(different" in words
    assert words.count("img/s 1") + words.count("img/s 2") == 4
    for row in beside.table(run, run).rows:
        assert words.count(row[-1].text) >= 2  # of the first run, and of the second


@pytest.mark.parametrize("width", [80, 200])
def test_tables_fit(run, width):
    console = Console(width=width, record=True, file=io.StringIO())
    terminal.show(run, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_an_engine_that_was_not_asked_for_is_said(run):
    assert "is computed by" not in sentences.conditions(run)
    run["contestants"]["skylark"] |= {"engine": "plain", "parameters": {}}
    assert "Skylark_CNN is computed by engine plain" in sentences.conditions(run)
    run["contestants"]["skylark"]["parameters"] = {"engine": "plain"}
    assert "is computed by" not in sentences.conditions(run)


@pytest.mark.parametrize("title", ["Skylark_CNN", "Skylark_ResNet"])
def test_the_last_column_is_not_cut_off(title):
    """At 80 columns, where intervals need more room than there is."""
    seconds, memory = Cell("10.86", "[10.74, 11.23]"), Cell("1,071", "[1,062, 1,170]")
    header = ["model", "import s", "build s", "step s", "fit s", "peak MB", "lines"]
    row = [Cell(title), *[seconds] * 4, memory, Cell("62"), Cell("1007")]
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.show_table(Table([*header, "+ own"], [row]), console)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[1][-2:] == ["+", "own"]
    assert lines[3][-2:] == ["62", "1007"]


def test_two_runs_side_by_side(run):
    other = made_up(8, speeds=(50.0, 300.0, 101.0))
    other["environment"]["cpu"] = "D"
    other["settings"]["epochs"] = 3
    table = beside.table(run, other)
    assert [cell.text for cell in table.rows[0][3:5]] == ["100", "50"]
    assert list(beside.differences(run, other)) == [
        "environment.cpu: A & B_C and D",
        "settings.epochs: 2 and 3",
    ]
    assert list(beside.differences(run, run)) == []


def test_shown_again_it_is_the_same(run, tmp_path):
    results.write(tmp_path, run)
    done = compare("--show", tmp_path)
    assert done.returncode == 0, done.stderr
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.show(run, console)
    assert done.stdout == console.export_text()


def test_what_went_wrong_is_said(run):
    run["summary"]["torch"]["error"] = "crashed (SIGSEGV)"
    run["trials"][0]["threads"] = {"openblas": 3}
    run["note"] = "These are DIGITS"
    assert list(sentences.problems(run)) == [
        "torch: crashed (SIGSEGV)",
        "skylark: THREADS DIFFER from the 2 asked for: openblas uses 3",
        "These are DIGITS",
    ]


def test_a_graphics_card_is_written_down(tmp_path):
    """A program in the driver's place, which answers as the driver's does."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA H100 80GB HBM3, 550.54'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    code = "from comparison import environment\nprint(environment.describe(1)['gpu'])\n"
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "NVIDIA H100 80GB HBM3 driver 550.54\n"


def test_memory_is_the_process_own():
    """A parent with 300 MB more does not make its child heavier."""
    ballast = bytearray(300_000_000)
    code = (
        "from comparison.processes import resources\n"
        "print(resources.peak_memory_bytes())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert int(done.stdout) < 100e6 < len(ballast) < resources.peak_memory_bytes()


def watch(width, **options):
    """Show an epoch of the longest plausible numbers; return what is on the screen."""
    terminal = {"force_terminal": True, "_environ": {"TERM": "xterm-256color"}}
    file = io.StringIO()
    console = Console(width=width, file=file, **(terminal | options))
    live = Live(console, {"keras:tensorflow": 600, "tf": 600})
    event = {"loss": 2.302, "accuracy": 0.1, "images_per_second": 999_999.0}
    with live:
        live.started("tf", 99)
        for number in range(1, 200):
            live.epoch("tf", 99, event | {"epoch": number})
        shown = Console(width=width, record=True, file=io.StringIO())
        shown.print(live.progress.get_renderable())
    return shown.export_text(), file.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_bars_fit(width):
    text, _ = watch(width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in text
    for word in ("epoch", "loss", "acc.", "images/s", "left"):
        assert word in lines[0]
    assert "keras:tensorflow" in lines[1]
    for value in ("seed 99", "199/600", "2.302", "0.100", "999,999", "0:0"):
        assert value in lines[2]


def test_without_colour():
    _, coloured = watch(80)
    _, plain = watch(80, _environ={"TERM": "xterm-256color", "NO_COLOR": "1"})
    assert "\x1b[36m" in coloured
    assert "\x1b[36m" not in plain
    assert "\x1b[32m" not in plain


def test_a_pipe_gets_lines():
    _, text = watch(80, force_terminal=False)
    assert "\x1b" not in text
    assert text.splitlines()[0] == (
        "tf seed 99 epoch 1: loss 2.302  accuracy 0.100  999,999 images/s"
    )
