"""Two runs side by side, and in what they differ."""

from collections.abc import Iterator
from typing import Any

from comparison import records
from comparison.report.tables import Cell, Table, name, speed

COLUMNS = ("test acc.", "train img/s", "predict img/s")
SHOWN = {"models", "reference", "allow_different"}  # what each run's rows show anyway


def table(first: records.Run, second: records.Run) -> Table:
    """Return accuracy and speeds of both runs, one row a model that either has."""
    rows = [_rows(first), _rows(second)]
    header = ["model"] + [f"{column} {n}" for column in COLUMNS for n in (1, 2)]
    lines = []
    for model in dict.fromkeys([*rows[0], *rows[1]]):
        owner = first if model in rows[0] else second
        cells = [r.get(model, [Cell("-")] * len(COLUMNS)) for r in rows]
        pairs = [cell for pair in zip(*cells, strict=True) for cell in pair]
        lines.append([name(owner, model), *pairs])
    return Table(header, lines)


def differences(first: records.Run, second: records.Run) -> Iterator[str]:
    """Yield what is not the same in both: "settings.epochs: 2 and 5"."""
    for where, one, other in differing(first, second):
        yield f"{where}: {one} and {other}"
    counts = first["code"]["classes"], second["code"]["classes"]
    for model in counts[0].keys() & counts[1].keys():
        if counts[0][model] != counts[1][model]:
            yield f"code of {model}: another count"


def differing(
    first: records.Run, second: records.Run
) -> Iterator[tuple[str, Any, Any]]:
    """Yield each value of settings, images, machine that differs: where, and both."""
    for key in ("version", "environment", "dataset", "network", "settings"):
        yield from _walk(key, first[key], second[key])


def _rows(run: records.Run) -> dict[str, list[Cell]]:
    """Return each model's cells of the columns that are put side by side."""
    shown = speed(run)
    chosen = [shown.header.index(column) for column in COLUMNS]
    return {
        model: [row[n] for n in chosen]
        for model, row in zip(run["summary"], shown.rows, strict=True)
    }


def _walk(where: str, first: Any, second: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield each leaf that differs."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first | second:
            if key not in SHOWN:
                yield from _walk(f"{where}.{key}", first.get(key), second.get(key))
    elif first != second:
        yield where, first, second
