"""What a person reads after a run, on a terminal or in a pipe."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable
from rich.text import Text

from comparison import records, results
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.report import beside, sentences, tables
from comparison.report.tables import Cell, Table

TITLES = ("model", "class")  # the columns that hold no numbers
TITLE_WIDTH, NUMBER_WIDTH = 14, 8  # characters that are never wrapped


def show(run: records.Run, console: Console) -> None:
    """Print the tables, their conditions and the proof."""
    for table in (tables.speed(run), tables.cost(run)):
        show_table(table, console)
    _say(sentences.conditions(run), console)
    _say(f"training accuracy: {sentences.training(run)}", console)
    passed, sentence = sentences.proof(run)
    _say(sentence, console, style="green" if passed else "bold red")
    for problem in sentences.problems(run):
        _say(problem, console, style="bold red")


def show_again(folders: Sequence[Path], console: Console) -> None:
    """Print an earlier run again, or two side by side with what differs."""
    if len(folders) > 2:
        raise ValueError("--show takes one folder, or two.")
    runs = [results.read(folder) for folder in folders]
    if len(runs) == 1:
        show(runs[0], console)
        return
    show_table(beside.table(*runs), console)
    for number, folder in enumerate(folders, 1):
        _say(f"{number}: {folder}", console)
    for difference in beside.differences(*runs):
        warn(f"DIFFERS {difference}", console)


def warn(sentence: str, console: Console) -> None:
    """Print what must not be overlooked."""
    _say(sentence, console, style="bold yellow")


def show_table(table: Table, console: Console) -> None:
    """Print one table; an interval stands below its number."""
    shown = TerminalTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column, *cells in zip(table.header, *table.rows, strict=True):
        # Rich would narrow every column, and then cut the last one off.
        if column in TITLES:
            lines = [column, *(c.text for c in cells), *(c.detail for c in cells)]
            width = min(max(map(len, lines)), max(TITLE_WIDTH, console.width // 6))
            shown.add_column(column, width=width, overflow="fold")
        else:
            short = max(len(str(text)) for text in (column, *cells)) <= NUMBER_WIDTH
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
    _say(sentences.count(code, titles), console)
    foreign = [c.title for c in contestants if c.foreign]
    if foreign:
        console.print(f"as written, in any format: {', '.join(foreign)}", markup=False)


def _terminal_cell(cell: Cell) -> Text:
    text = Text(cell.text, style="bold" if cell.bold else "")
    return text.append(f"\n{cell.detail}") if cell.detail else text


def _say(text: str, console: Console, style: str | None = None) -> None:
    """Print text as it is: rich reads no brackets in it, and colours no numbers."""
    console.print(text, style=style, highlight=False, markup=False)
