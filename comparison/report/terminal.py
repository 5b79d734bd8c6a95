"""What a person reads after a run, on a terminal or in a pipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable
from rich.text import Text

from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.report import sentences, tables
from comparison.report.tables import Cell, Table

NAMES = ("model", "class")  # the columns that hold no numbers
NAME, NUMBER = 12, 8  # characters that are never wrapped


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables, their conditions and the proof."""
    for table in (tables.speed(found), tables.cost(found)):
        show_table(table, console)
    console.print(sentences.conditions(found), highlight=False, markup=False)
    console.print(
        f"training accuracy: {sentences.training(found)}", highlight=False, markup=False
    )
    passed, sentence = sentences.proof(found)
    console.print(
        sentence, style="green" if passed else "bold red", highlight=False, markup=False
    )
    for problem in sentences.problems(found):
        console.print(problem, style="bold red", highlight=False, markup=False)


def show_table(table: Table, console: Console) -> None:
    """Print one table; an interval stands below its number."""
    shown = TerminalTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column, *cells in zip(table.header, *table.rows, strict=True):
        # Rich would narrow every column, and then cut the last one off.
        if column in NAMES:
            lines = [column, *(c.text for c in cells), *(c.detail for c in cells)]
            width = min(max(map(len, lines)), max(NAME, console.width // 6))
            shown.add_column(column, width=width, overflow="fold")
        else:
            short = max(len(str(text)) for text in (column, *cells)) <= NUMBER
            shown.add_column(column, justify="right", overflow="fold", no_wrap=short)
    for row in table.rows:
        shown.add_row(*map(_terminal_cell, row))
    console.print(shown)


def show_count(contestants: Sequence[Contestant], console: Console) -> None:
    """Print how long the classes are, now."""
    code = count_all(contestants)
    titles = {contestant.name: contestant.title for contestant in contestants}
    table = tables.count(code, titles)
    methods = -len(tables.METHODS)
    for part in (table.columns(1, methods), table.columns(methods)):
        show_table(part, console)
    console.print(sentences.count(code, titles), highlight=False, markup=False)
    foreign = [c.title for c in contestants if c.foreign]
    if foreign:
        console.print(f"as written, in any format: {', '.join(foreign)}", markup=False)


def _terminal_cell(cell: Cell) -> Text:
    text = Text(cell.text, style="bold" if cell.bold else "")
    return text.append(f"\n{cell.detail}") if cell.detail else text
