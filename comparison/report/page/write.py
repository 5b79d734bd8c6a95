"""Putting the page together."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import resvg_py
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from comparison import network, records, results
from comparison.contestants import find_all
from comparison.explanation import explain
from comparison.report import beside, sentences, tables
from comparison.report.page import figures, pictures, sources, svg
from comparison.report.page.words import Words
from comparison.report.tables import Cell
from data.text import printable

HERE = Path(__file__).parent
# The columns, in order: a key, and the heads in the tables of the terminal.
SPEED = {
    "test_accuracy": "test acc.",
    "test_accuracy_plain": "plain acc.",
    "train_speed": "train img/s",
    "ratio": "ratio",
}
COST = {
    "import": "import s",
    "first_step": "step s",
    "memory": "peak MB",
    "lines": "lines",
    "with_own": "+ own",
}
DEFINITION = {"with_own": "lines"}  # where a column has that of another
MACHINE = ("python", "os", "cpu", "cores", "gpu", "packages")  # of the environment
LONGEST = 400  # characters of a setting


class Row(NamedTuple):
    """One class in the table."""

    cls: str
    title: str
    detail: str
    cells: list[Cell]


def page(
    runs: Sequence[records.Run], folders: Sequence[Path], language: str = "en"
) -> str:
    """Return the page of a run, or of two side by side.

    Parameters
    ----------
    runs, folders : one each, or two each
        A folder may hold `inside.npz`.
    language : {"en", "zh"}
    """
    words = Words(language)
    shown = [_run(run, number, words) for number, run in enumerate(runs, 1)]
    style, script = _style(), (HERE / "script.js").read_text("utf-8")
    alone = len(runs) == 1
    run = runs[0]
    title = words["two_title"]
    if alone:
        title = words["title"].format(count=len(run["settings"]["models"]))
    code = run["code"]
    inside = pictures.read(folders[0], run, words) if alone else None
    definition = words["definition_of_count"].format(version=code["version"])
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("template.html").render(
        words=words,
        language=language,
        title=title,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        sections=_sections(alone),
        runs=shown,
        beside=None if alone else beside.table(*runs),
        banners=[] if alone else list(_banners(runs, words)),
        differences=None if alone else list(_differences(runs)),
        sources=_sources(run, words) if alone else None,
        column_class={m: figures.colour(run, m) for m in run["settings"]["models"]},
        inside=inside,
        inside_whose=_whose(run, words),
        layers=_layers(run) if alone else None,
        defined=_defined(shown),
        count_title=definition,
        count_definition=code["definition"],
        version=run["version"],
    )


def plot(run: records.Run, folder: Path, language: str = "en") -> list[Path]:
    """Write each figure as SVG and PNG; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for figure in figures.all_figures(run, Words(language)):
        text = figure.canvas.svg(figure.title, alone=True)
        picture = folder / f"{figure.name}.png"
        results.write_text(picture.with_suffix(".svg"), text)
        picture.write_bytes(bytes(resvg_py.svg_to_bytes(svg_string=text, zoom=3)))
        files += [picture.with_suffix(".svg"), picture]
    return files


def has_font() -> bool:
    """Return whether words are in the PNGs: in an SVG they are text in any case."""
    canvas = svg.Canvas(20, 20)
    canvas.text(2, 18, "A")
    text = canvas.svg("", alone=True)
    drawn, wordless = (
        resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=skip)
        for skip in (False, True)
    )
    return bytes(drawn) != bytes(wordless)


def _sections(alone: bool) -> list[str]:
    middle = ["side_by_side"] if alone else ["differences"]
    last = ["inside"] if alone else []
    return ["answer", *middle, "curves", *last, "conditions", "definitions"]


def _style() -> str:
    """Return the rules of the page, and of the marks in its figures, light and dark."""
    variables = [
        "".join(f"--{name}: {colours[dark]}; " for name, colours in svg.COLOURS.items())
        for dark in (0, 1)
    ]
    light, dark = (f":root {{ {text}}}\n" for text in variables)
    night = f"@media (prefers-color-scheme: dark) {{ {dark}{svg.style(True)} }}\n"
    return light + svg.style() + night + (HERE / "style.css").read_text("utf-8")


def _hash(text: str) -> str:
    """Return the word by which a browser knows that a style or a script is ours."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _run(run: records.Run, number: int, words: Words) -> dict[str, Any]:
    """Return what is shown of one run."""
    passed, said_of_proof = proof(run, words)
    gaps = figures.largest_distance(run)
    said = sentences.conditions(run)
    return {
        "name": words["run_number"].format(n=number),
        "passed": passed,
        "proof": said_of_proof,
        "answer": _answer(run),
        "by_kind": tables.by_kind(run),
        "problems": list(sentences.problems(run)),
        "figures": figures.all_figures(run, words),
        "one_line": gaps
        and words["one_line"].format(
            loss=f"{gaps[0]:.1e}", accuracy=f"{gaps[1] * 100:.2f}"
        ),
        "legend": [
            (figures.colour(run, model), figures.title(run, model))
            for model in figures.trials(run)
        ],
        "conditions": [
            (words.get(f"label_{label}", label), text)
            for label, text in said.items()
            if label not in ("columns", "training acc.")
        ],
        "command": printable(run["command"], sentences.LONGEST),
        "started": printable(run["started"]),
        "sha256": printable(run["dataset"]["sha256"]),
    }


def _answer(run: records.Run) -> dict[str, Any]:
    """Return the one table: accuracy, time, memory, code."""
    fast, dear = tables.speed(run), tables.cost(run)
    columns = {
        key: fast.header.index(h) for key, h in SPEED.items() if h in fast.header
    }
    costs = {key: dear.header.index(head) for key, head in COST.items()}
    rows = []
    for model, quick, cost in zip(run["summary"], fast.rows, dear.rows, strict=True):
        statements = run["code"]["classes"][model]["class"]["statements"]
        cells = [quick[place] for place in columns.values()]
        cells += [cost[place] for place in costs.values()]
        rows.append(
            Row(
                figures.colour(run, model),
                printable(quick[0].text),
                printable(quick[0].detail),
                [*cells, Cell(str(statements))],
            )
        )
    keys = [*columns, *costs, "statements"]
    return {
        "columns": keys,
        "definition": {key: DEFINITION.get(key, key) for key in keys},
        "rows": rows,
        "marked": any(cell.differs for row in rows for cell in row.cells),
    }


def _defined(shown: Sequence[dict[str, Any]]) -> list[str]:
    """Return the numbers that have a definition, in the order of the columns."""
    keys = [key for run in shown for key in run["answer"]["columns"]]
    return list(dict.fromkeys(key for key in keys if key not in DEFINITION))


def proof(run: records.Run, words: Words) -> tuple[bool, str]:
    """Return whether the classes are one network, and the sentence that says so."""
    passed, sentence = sentences.proof(run)
    proved = run["sameness"]
    if not (passed and proved and proved.get("outputs_max_rel") is not None):
        return passed, f"{sentence[:1].upper()}{sentence[1:]}"
    return passed, words["proof_passed"].format(
        dtype=proved["dtype"],
        outputs=f"{proved['outputs_max_rel']:.0e}",
        gradients=f"{proved['gradient_max_rel']:.0e}",
        losses=f"{proved['loss_max_rel']:.0e}",
        steps=proved["steps"],
    )


def _sources(run: records.Run, words: Words) -> sources.Sources | str:
    """Return the classes side by side, or why they cannot be shown."""
    try:
        classes = network.classes_of(run["network"])
        contestants = find_all(run["settings"]["models"], classes)
        return sources.side_by_side(run, contestants)
    except (ValueError, OSError, LookupError, SyntaxError) as error:
        reason = printable(str(error), LONGEST)
        return words["code_missing"].format(reason=reason)


def _whose(run: records.Run, words: Words) -> str:
    """Return whose inside is shown: the model that the runner has looked into."""
    model = results.looked_into(run) or run["settings"]["reference"]
    title = printable(run["contestants"][model]["title"])
    proved = run["sameness"]
    bound = proved and proved["passed"] and proved["limits"].get("outputs_max_rel")
    if not bound:
        return words["inside_unproved"].format(title=title)
    return words["inside_whose"].format(title=title, bound=f"{bound:.0e}")


def _layers(run: records.Run) -> list[list[str]] | None:
    """Return the rows of the table of layers; None where the network is unknown."""
    data = run["dataset"]
    h, w, c = data["image_shape"]
    try:
        found = explain(run["network"], (h, w, c), len(data["classes"]))
    except (ValueError, TypeError, LookupError, MemoryError):
        return None
    return [[cell.text for cell in row] for row in tables.layers(found).rows]


def _differences(runs: Sequence[records.Run]) -> Iterator[tuple[str, str, str]]:
    """Yield each setting that differs, and both values."""
    for where, first, second in beside.differing(*runs):
        yield (
            printable(where),
            printable(str(first), LONGEST),
            printable(str(second), LONGEST),
        )


def _banners(runs: Sequence[records.Run], words: Words) -> Iterator[str]:
    """Yield why speeds of two runs are not to be compared."""
    yield words["not_paired"]
    first, second = (run["environment"] for run in runs)
    names = [name for name in MACHINE if first.get(name) != second.get(name)]
    if names:
        yield words["other_machine"].format(names=", ".join(names))
