"""The tables that a run gives, as cells: every output prints these."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("build", "forward", "train_step", "fit_loop", "predict_logits")


@dataclass(frozen=True)
class Cell:
    """A number, its interval or range, and whether it stands out."""

    text: str
    detail: str = ""
    bold: bool = False

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


def speed(found: Mapping[str, Any]) -> Table:
    """Return accuracy and speed, with ratios to the reference."""
    header = ["model", "test acc.", "train img/s", "ratio", "predict img/s", "ratio"]
    rows = []
    for model, row in found["summary"].items():
        cells = [name(found, model)]
        if row["trials"]:
            cells += [
                _cell(row["test_accuracy"], "{:.2%}"),
                _cell(row["train_images_per_second"], "{:,.0f}"),
                _ratio(found, model, "train_images_per_second"),
                _cell(row["predict_images_per_second"], "{:,.0f}"),
                _ratio(found, model, "predict_images_per_second"),
            ]
        rows.append(_filled(cells, header))
    return Table(header, rows)


def cost(found: Mapping[str, Any]) -> Table:
    """Return the seconds of each part, memory, and lines of code."""
    seconds = ["import", "build", "first_step", "fit"]
    header = ["model", *(f"{s.replace('first_', '')} s" for s in seconds)]
    header += ["peak MB", "lines", "+ own"]
    rows = []
    for model, row in found["summary"].items():
        cells = [name(found, model)]
        if row["trials"]:
            cells += [_cell(row.get(f"{s}_seconds"), "{:.2f}") for s in seconds]
            cells.append(_cell(row["peak_memory_bytes"], "{:,.0f}", 1e6))
        cells = _filled(cells, header[:-2])
        counts = found["code"]["classes"][model]
        lines = [str(counts[kind]["lines"]) for kind in ("class", "with_private")]
        rows.append(cells + [Cell(number) for number in lines])
    return Table(header, rows)


def count(code: Mapping[str, Any], titles: Mapping[str, str]) -> Table:
    """Return how long each class is: alone, with its own code, and by method."""
    header = ["class", "lines", "statements", "tokens", "gzip bytes", "+ own", *METHODS]
    rows = []
    for model, counts in code["classes"].items():
        methods = [counts["methods"].get(method, {"lines": 0}) for method in METHODS]
        numbers = [*counts["class"].values(), counts["with_private"]["lines"]]
        numbers += [method["lines"] for method in methods]
        rows.append([Cell(titles[model]), *(Cell(str(n)) for n in numbers)])
    return Table(header, rows)


def name(found: Mapping[str, Any], model: str) -> Cell:
    """Return a model's title; a user's own, and another network, are marked."""
    contestant = found["contestants"][model]
    marks = {"different": "different", "as_written": "as written"}
    given = [text for mark, text in marks.items() if contestant[mark]]
    return Cell(contestant["title"], f"({', '.join(given)})" if given else "")


def _cell(spread: Mapping[str, Any] | None, form: str, unit: float = 1) -> Cell:
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


def _ratio(found: Mapping[str, Any], model: str, measure: str) -> Cell:
    """Return how often a model is as fast as the reference, if that can be said."""
    if model == found["settings"]["reference"]:
        return Cell("1", "reference")
    ratio = found["summary"][model]["ratios"].get(measure)
    if ratio is None:
        return Cell("-")
    cell = _cell(ratio, "{:.2f}")
    if ratio["differs"]:
        return Cell(cell.text, cell.detail, bold=True)
    return Cell(cell.text, f"{cell.detail} no difference shown".strip())


def _range(spread: Mapping[str, Any]) -> tuple[float, float]:
    return spread["min"], spread["max"]


def _filled(cells: list[Cell], header: list[str]) -> list[Cell]:
    """Return a whole row: a model without a finished trial has dashes."""
    return cells + [Cell("-")] * (len(header) - len(cells))
