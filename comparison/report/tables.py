"""The tables that a run gives, as cells: every output prints these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comparison import records
from comparison.explanation import LayerSizes
from comparison.records import Measure
from comparison.statistics import significance
from comparison.statistics.summary import SPEEDS

PARTS: dict[str, Measure] = {  # of a trial's time, by the header of their column
    "import s": "import_seconds",
    "build s": "build_seconds",
    "step s": "first_step_seconds",
    "fit s": "fit_seconds",
}
METHODS = ("build", "forward", "train_step", "fit_loop", "predict_logits")


MARK = "*"  # beside a ratio that differs


@dataclass(frozen=True)
class Cell:
    """A number, its interval or range, and whether it is shown to differ."""

    text: str
    detail: str = ""
    differs: bool = False

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.text} {self.detail}".strip()


@dataclass(frozen=True)
class Table:
    """A header, and rows of as many cells; the first column is a name."""

    header: list[str]
    rows: list[list[Cell]]

    def columns(self, first: int, last: int | None = None) -> "Table":
        """Return the names, and the columns from `first` on, before `last`."""

        def chosen(row: list[Any]) -> list[Any]:
            return [row[0], *row[first:last]]

        return Table(chosen(self.header), [chosen(row) for row in self.rows])


def speed(run: records.Run) -> Table:
    """Return accuracy and speed, with ratios to the reference.

    Where machines of several kinds ran the rounds, no one speed is any of theirs.
    """
    views = run["settings"]["test_augment"]
    header = ["model", "test acc.", *(["plain acc."] if views else [])]
    header += ["train img/s", "ratio", "predict img/s", "ratio"]
    rows, several = [], len(kinds(run)) > 1
    for model, row in run["summary"].items():
        cells = [name(run, model)]
        if row["trials"]:
            cells.append(_cell(row["test_accuracy"], "{:.2%}"))
            if views:
                cells.append(_cell(row.get("test_accuracy_plain"), "{:.2%}"))
            absolute = [None if several else row.get(speed) for speed in SPEEDS]
            cells += [
                _cell(absolute[0], "{:,.0f}"),
                _ratio(run, model, "train_images_per_second"),
                _cell(absolute[1], "{:,.0f}"),
                _ratio(run, model, "predict_images_per_second"),
            ]
        rows.append(_filled(cells, header))
    return Table(header, rows)


def kinds(run: records.Run) -> dict[str, set[str]]:
    """Return the processors of the machines that ran rounds, and whose they are."""
    found: dict[str, set[str]] = {}
    for trial in run["trials"]:
        if node := trial.get("node"):
            found.setdefault(node["cpu"], set()).add(node["host"])
    return dict(sorted(found.items()))


def by_kind(run: records.Run) -> Table | None:
    """Return the training speeds on each kind of machine, where there are several."""
    cpus = list(kinds(run))
    if len(cpus) < 2:
        return None
    rows = []
    for model in run["summary"]:
        cells = []
        for cpu in cpus:
            speeds = [
                trial["images_per_second"]["train"]
                for trial in run["trials"]
                if trial["model"] == model
                and trial["status"] == "ok"
                and trial["node"]["cpu"] == cpu
            ]
            spread = significance.spread(speeds) if speeds else None
            cells.append(_cell(spread, "{:,.0f}"))
        rows.append([name(run, model), *cells])
    return Table(["model", *(f"train img/s on {cpu}" for cpu in cpus)], rows)


def cost(run: records.Run) -> Table:
    """Return the seconds of each part, memory, and lines of code."""
    header = ["model", *PARTS, "peak MB", "lines", "+ own"]
    rows = []
    for model, row in run["summary"].items():
        cells = [name(run, model)]
        if row["trials"]:
            cells += [_cell(row.get(part), "{:.2f}") for part in PARTS.values()]
            cells.append(_cell(row["peak_memory_bytes"], "{:,.0f}", 1e6))
        cells = _filled(cells, header[:-2])
        counts = run["code"]["classes"][model]
        lines = counts["class"]["lines"], counts["with_private"]["lines"]
        rows.append(cells + [Cell(str(number)) for number in lines])
    return Table(header, rows)


def count(code: records.Code, titles: Mapping[str, str]) -> Table:
    """Return how long each class is: in its parts, with its own code, and by method."""
    header = ["class", "network", "training", "own", "together"]
    header += ["lines", "statements", "tokens", "gzip bytes", *METHODS]
    rows = []
    for model, counts in code["classes"].items():
        parts: list[Any] = [counts.get(part) for part in ("network", "training", "own")]
        numbers = [part["lines"] if part else "-" for part in parts]
        numbers += [counts["with_private"]["lines"], *counts["class"].values()]
        methods = [counts["methods"].get(method, {"lines": 0}) for method in METHODS]
        numbers += [method["lines"] for method in methods]
        rows.append([Cell(titles[model]), *(Cell(str(n)) for n in numbers)])
    return Table(header, rows)


def name(run: records.Run, model: str) -> Cell:
    """Return a model's title; a user's own, and another network, are marked."""
    contestant = run["contestants"][model]
    marks = ["different"] * contestant["different"]
    marks += ["as written"] * contestant["as_written"]
    return Cell(contestant["title"], f"({', '.join(marks)})" if marks else "")


def _cell(spread: records.Spread | None, form: str, unit: float = 1) -> Cell:
    """Return a median with its interval in brackets, or its range in parentheses."""
    if spread is None:
        return Cell("-")
    text, low, high = (
        form.format(value / unit)
        for value in (spread["median"], *(spread["interval"] or _range(spread)))
    )
    if low == text == high:
        return Cell(text)
    return Cell(
        text, f"[{low}, {high}]" if spread["interval"] else f"({low} to {high})"
    )


def _ratio(run: records.Run, model: str, measure: Measure) -> Cell:
    """Return a model's speed relative to the reference, where there is one."""
    if model == run["settings"]["reference"]:
        return Cell("1")
    ratio = run["summary"][model]["ratios"].get(measure)
    if ratio is None:
        return Cell("-")
    cell = _cell(ratio, "{:.2f}")
    return Cell(cell.text, cell.detail, ratio["differs"])


def _range(spread: records.Spread) -> tuple[float, float]:
    return spread["min"], spread["max"]


def _filled(cells: list[Cell], header: list[str]) -> list[Cell]:
    """Return a whole row: a model without a finished trial has dashes."""
    return cells + [Cell("-")] * (len(header) - len(cells))


def layers(rows: list[LayerSizes]) -> Table:
    """Return a network's layers, each below the point that it is in, and their sum."""
    points = [row for row in rows if not row.name]
    parameters = sum(row.parameters for row in points)
    total = sum(row.multiply_adds for row in points)
    shown = [
        texts(
            f"  {row.name}" if row.name else row.point,
            row.kind,
            "x".join(map(str, row.shape)),
            f"{row.parameters:,}" if row.parameters else "",
            f"{row.multiply_adds:,}" if row.multiply_adds else "",
        )
        for row in rows
    ]
    header = ["layer", "kind", "output", "parameters", "multiply-adds"]
    return Table(
        header, [*shown, texts("all", "", "", f"{parameters:,}", f"{total:,}")]
    )


def texts(*row: str) -> list[Cell]:
    """Return a row that has neither intervals nor marks."""
    return [Cell(text) for text in row]
