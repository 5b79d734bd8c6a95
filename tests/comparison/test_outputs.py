"""The tables of a run, in every form, from results whose numbers are known."""

import csv
import functools
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib

import pytest
import yaml
from rich.console import Console

from comparison import network, results
from comparison.counting.code_length import ROOT
from comparison.explanation import ways_of
from comparison.processes import resources
from comparison.report import beside, outputs, sentences, tables, terminal
from comparison.report.live import Live
from comparison.report.tables import Cell, Table
from comparison.settings import unused
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
        "command": "python compare.py",
        "environment": {
            "python": "3.11",
            "os": "Linux",
            "cores": 2,
            "cpu": "A & B_C",
            "gpu": None,
            "threads": 2,
            "packages": {"numpy": "2"},
        },
        "dataset": {
            "name": "digits",
            "source": "scikit-learn",
            "train": 1437,
            "test": 360,
            "image_shape": [8, 8, 1],
            "classes": list("0123456789"),
            "sha256": "0",
        },
        "note": None,
        "network": {
            "name": "seed",
            "family": "cnn",
            "sizes": {"filters": [8], "hidden_units": []},
        },
        "settings": unused()
        | {
            "models": list(MODELS),
            "allow_different": True,
            "dataset": "digits",
            "image_size": None,
            "train_size": None,
            "test_size": None,
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
                "class": f"models:{title}",
                "parameters": {},
                "environment": {},
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
            "dtype": "float64",
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


def test_only_a_shown_difference_is_marked(run):
    text = outputs.markdown(run)
    net, torch = (
        next(line for line in text.splitlines() if line.startswith(f"| {name}"))
        for name in ("b:Net", "Torch_CNN")
    )
    assert torch.count("**") == 4
    assert r"**2.96 \[2.81, 3.11\]** \*" in torch
    assert "**" not in net
    assert "b:Net (different, as written)" in net
    assert text.count("**") == 4
    assert text.startswith("Proved to be one network")


def test_a_recipe_is_said_where_there_is_one(run):
    assert "recipe" not in sentences.conditions(run)
    assert "plain acc." not in outputs.markdown(run)
    run["settings"] |= {"nesterov": True, "augment": "flip", "test_augment": "flip"}
    said = sentences.conditions(run)
    assert said["recipe"] == (
        "Nesterov, augmented images (flip), predictions averaged over views (flip)"
    )
    assert said["columns"].startswith("test acc. is of predictions averaged over views")


def test_the_kernel_of_blas_is_said_where_it_is_known(run):
    assert "kernel" not in sentences.conditions(run)["machine"]
    for one in run["trials"]:
        one["blas_kernel"] = "SkylakeX" if one["model"] == "torch" else None
    said = sentences.conditions(run)["machine"]
    assert said.endswith(", OpenBLAS kernel SkylakeX")


def test_accuracy_without_views_has_a_column(run):
    run["settings"]["test_augment"] = "flip"
    for one in run["trials"]:
        one["test_accuracy_plain"] = one["test_accuracy"] - 0.25
    run["summary"] = summarise(MODELS, run["trials"], "skylark")
    table = tables.speed(run)
    plain = run["summary"]["torch"]["test_accuracy_plain"]["median"]
    assert table.rows[1][table.header.index("plain acc.")].text == f"{plain:.2%}"


@pytest.mark.parametrize("seeds", [3, 5])
def test_few_seeds_show_a_factor_of_three(seeds):
    run = made_up(seeds)
    shown = {
        model: {ratio["differs"] for ratio in row["ratios"].values()}
        for model, row in run["summary"].items()
    }
    assert shown == {"skylark": set(), "torch": {True}, "a.b:Net": {False}}


def test_two_seeds_show_nothing():
    text = outputs.markdown(made_up(2))
    assert "**" not in text
    assert "below 3 seeds no difference can be shown" in text
    assert "2.99 (2.91 to 3.06)" in text


def test_latex_escapes_and_sets_rules(run):
    text = outputs.latex(run)
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2
    assert r"A \& B\_C" in text
    assert r"95 \%" in text
    assert len(text.split(r"\caption{")[1].split("}")[0]) < 250
    assert r"\textit{images:} digits: 1,437 images 8x8x1" in text
    assert r"\textbf{2.96}\rlap{*}" in text
    body = text.replace(r"\&", "").split(r"\midrule")
    for part, columns in zip(body[1:], (6, 8), strict=True):
        rows = part.split(r"\bottomrule")[0].strip().splitlines()
        assert [row.count("&") for row in rows] == [columns - 1] * 3


def has_latex():
    """Return whether LaTeX is installed, with the package booktabs."""
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        return False
    return subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).stdout


@pytest.mark.skipif(not has_latex(), reason="LaTeX is not installed, or not booktabs")
@pytest.mark.parametrize("title", ["Skylark_CNN (plain)", "tests.own_classes.of:Mine"])
def test_latex_fits_a_page_of_article(run, tmp_path, title):
    run["contestants"]["torch"]["title"] = title
    document = [
        r"\documentclass{article}\usepackage{array,booktabs}",
        r"\begin{document}",
        outputs.latex(run),
        r"\end{document}",
    ]
    (tmp_path / "table.tex").write_text("\n".join(document))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "Overfull" not in done.stdout


HOSTILE = "a|b\x1b[31m\nc" + "d" * 9000


def test_text_from_outside_is_one_line_without_control(run):
    """In a terminal, Markdown and LaTeX: from results.json, whoever wrote it."""
    run["contestants"]["torch"]["title"] = HOSTILE
    run["summary"]["torch"]["error"] = HOSTILE
    run["environment"]["cpu"] = run["dataset"]["name"] = run["note"] = HOSTILE
    run["sameness"]["models"]["torch"] |= {"passed": False, "error": HOSTILE}
    run["sameness"]["passed"] = False
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.show(run, console)
    for text in (console.export_text(), outputs.markdown(run), outputs.latex(run)):
        assert "\x1b" not in text
        assert "c" + "d" * 9000 not in text.replace("\n", "")
    table = [line for line in outputs.markdown(run).splitlines() if line[:1] == "|"]
    assert len(table) == 2 * (2 + 3)
    assert {line.replace(r"\|", "").count("|") for line in table} == {7, 9}


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
    assert "* differs from 1 beyond chance" in text
    text = Console(width=200, record=True, file=io.StringIO())
    terminal.show(run, text, intervals=True)
    assert "[2.81, 3.11]" in text.export_text()


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
    lines = text.splitlines()
    assert lines[0].startswith("proved to be one network")
    (torch,) = (line for line in lines if "Torch_CNN" in line and "50.00%" in line)
    assert torch.split()[1:] == ["50.00%", "294", "2.96*", "294", "2.96*"]
    assert any(line.startswith("machine        A & B_C") for line in lines)


def test_an_engine_that_was_not_asked_for_is_said(run):
    assert "engines" not in sentences.conditions(run)
    run["contestants"]["skylark"] |= {"engine": "plain", "parameters": {}}
    said = sentences.conditions(run)["engines"]
    assert said.startswith("Skylark_CNN is computed by engine plain")
    run["contestants"]["skylark"] |= {"engine": "shared"}
    said = sentences.conditions(run)["engines"]  # of a run from before it was kept
    assert "a share of the batch, and predicts" in said
    described, _ = network.preset("resnet20")
    for shape, said in (
        ([8, 8, 1], "16 by tiles, 5 by"),
        ([8, 8, 3], "17 by tiles, 4"),
    ):
        images = run["dataset"] | {"image_shape": shape}  # tiles want three channels
        run["contestants"]["skylark"]["ways"] = ways_of(described, images)
        assert said in sentences.conditions(run)["engines"]
    run["contestants"]["skylark"]["engine"] = "plain"
    run["contestants"]["skylark"]["parameters"] = {"engine": "plain"}
    assert "engines" not in sentences.conditions(run)


@pytest.mark.parametrize("title", ["Skylark_CNN", "Skylark_ResNet"])
def test_the_last_column_is_not_cut_off(title):
    """At 80 columns, where intervals need more room than there is."""
    seconds, memory = Cell("10.86", "[10.74, 11.23]"), Cell("1,071", "[1,062, 1,170]")
    header = ["model", "import s", "build s", "step s", "fit s", "peak MB", "lines"]
    row = [Cell(title), *[seconds] * 4, memory, Cell("62"), Cell("1007")]
    console = Console(width=80, record=True, file=io.StringIO())
    terminal.show_table(Table([*header, "+ own"], [row]), console, intervals=True)
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


def places(value, path=()):
    """Yield the path to every value in a record; of models, and of lists, to one."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        one = isinstance(value, list) or value.keys() == MODELS.keys()
        for key in keys[:1] if one else keys:
            yield (*path, key)
            yield from places(value[key], (*path, key))


def changed(run, path, value=None, remove=False):
    """Return a copy of a run with another value at a path, or without it."""
    other = json.loads(json.dumps(run))
    *way, last = path
    place = functools.reduce(lambda place, key: place[key], way, other)
    if remove:
        del place[last]
    else:
        place[last] = value
    return other


@pytest.fixture
def shown(tmp_path):
    """Return what `--show` prints of what stands in results.json; or a ValueError."""

    def show(run):
        text = run if isinstance(run, str) else json.dumps(run)
        (tmp_path / results.FILE).write_text(text)
        console = Console(width=80, file=io.StringIO())
        terminal.show_again([tmp_path], console)
        return console.file.getvalue()

    return show


def test_every_key_of_results_is_read_with_its_type(run, shown):
    """Left out, or of another type, each is shown all the same or refused in words."""
    refused = 0
    for path in places(json.loads(json.dumps(run))):
        others = [changed(run, path, wrong) for wrong in (None, -1.5, "x", [])]
        if not isinstance(path[-1], int):
            others.append(changed(run, path, remove=True))
        for other in others:
            try:
                shown(other)
            except ValueError as error:
                sentence = str(error)
                refused += sentence.isprintable() and len(sentence) < 600
    assert refused > 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: run | {"trials": 3}, "trials is 3, expected a list"),
        (lambda run: run | {"schema": True}, "is not of schema 2"),
        (lambda run: run | {"summary": {"\x1b[2J": {}}}, "summary.\\x1b[2J has no '"),
        (lambda run: {"schema": 1}, "settings has no sizes of a network"),
        (lambda run: [], "is not of schema 2"),
        (lambda run: "[" * 100_000, "is not JSON"),
        (
            lambda run: '{"schema": 2, "trials": ' + "[" * 900 + "]" * 900 + "}",
            "has no",
        ),
    ],
)
def test_what_is_wrong_with_results_is_said(run, shown, change, said):
    with pytest.raises(ValueError, match=re.escape(said)) as told:
        shown(change(run))
    assert results.FILE in str(told.value)


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
