"""What a person reads after a run, on a terminal or in a pipe."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table as TerminalTable
from rich.text import Text

from comparison import records, results, series
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.explanation import explain
from comparison.report import beside, growth, sentences, tables
from comparison.report.tables import Cell, Table
from data.text import printable

# The columns that hold no numbers
TITLES = ("model", "class", "layer", "kind", "network")
WHOLE = ("layer", "kind", "network")  # of these, those that are never narrowed
TITLE_WIDTH, NUMBER_WIDTH = 20, 8  # characters that are never wrapped


def show(run: records.Run, console: Console, intervals: bool = False) -> None:
    """Print the proof, the tables and their conditions.

    Of each number that is the median, and with `intervals` its interval or range below.
    """
    passed, sentence = sentences.proof(run)
    _say(sentence, console, style="green" if passed else "bold red")
    for table in (tables.speed(run), tables.by_kind(run), tables.cost(run)):
        if table:
            show_table(table, console, intervals)
    show_labelled(sentences.conditions(run), console)
    for problem in sentences.problems(run):
        _say(problem, console, style="bold red")


def show_again(
    folders: Sequence[Path], console: Console, intervals: bool = False
) -> None:
    """Print an earlier run again, or two side by side with what differs."""
    if len(folders) > 2:
        raise ValueError("--show takes one folder, or two.")
    if len(folders) == 1 and series.is_one(folders[0]):
        show_table(growth.table(series.read(folders[0])), console, intervals)
        return
    runs = [results.read(folder) for folder in folders]
    if len(runs) == 1:
        show(runs[0], console, intervals)
        return
    show_table(beside.table(*runs), console, intervals)
    for number, folder in enumerate(folders, 1):
        _say(f"{number}: {folder}", console)
    for difference in beside.differences(*runs):
        warn(f"DIFFERS {difference}", console)


def show_sweep(folder: Path, console: Console, options: Namespace) -> None:
    """Print the table of a sweep, write it and the plot, and say where."""
    points = series.read(folder)
    show_table(growth.table(points), console, options.intervals)
    written = growth.write(points, folder)
    for point in points:
        for problem in sentences.problems(point.run):
            _say(f"{point.name}: {problem}", console, style="bold red")
    if not options.quiet:
        for file in written:
            console.print(f"{file}", highlight=False, markup=False)


def say(sentence: str, console: Console) -> None:
    """Print a sentence as it is."""
    _say(sentence, console, style="bold")


def show_files(folder: Path, unwritten: str | None, console: Console) -> None:
    """Print where the numbers are, and the page, or why there is none."""
    names = [results.FILE] if unwritten else [results.FILE, results.PAGE]
    for name in names:
        console.print(f"{folder / name}", highlight=False, markup=False)
    if unwritten:
        warn(unwritten, console)


def warn(sentence: str, console: Console) -> None:
    """Print what must not be overlooked."""
    _say(sentence, console, style="bold yellow")


def show_table(table: Table, console: Console, intervals: bool = False) -> None:
    """Print one table; with `intervals`, each stands below its number."""
    shown = TerminalTable(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column, *cells in zip(table.header, *table.rows, strict=True):
        # Rich would narrow every column, and then cut the last one off.
        if column in TITLES:
            lines = [column, *(c.text for c in cells), *(c.detail for c in cells)]
            width = max(map(len, lines))
            if column not in WHOLE:
                width = min(width, max(TITLE_WIDTH, console.width // 6))
            shown.add_column(column, width=width, overflow="fold")
        else:
            texts = [str(cell) if intervals else cell.text for cell in cells]
            short = max(map(len, (column, *texts))) <= NUMBER_WIDTH
            shown.add_column(column, justify="right", overflow="fold", no_wrap=short)
    marked = [
        any(cell.differs for cell in cells) for cells in zip(*table.rows, strict=True)
    ]
    for row in table.rows:
        names = [column in TITLES for column in table.header]
        shown.add_row(
            *(
                _terminal_cell(cell, intervals or is_name, room)
                for cell, is_name, room in zip(row, names, marked, strict=True)
            )
        )
    console.print(shown)


def show_labelled(lines: Mapping[str, str], console: Console) -> None:
    """Print each text behind its label."""
    shown = TerminalTable.grid(padding=(0, 2, 0, 0))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for label, text in lines.items():
        shown.add_row(Text(label), Text(text))
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


def show_network(network: records.Network, console: Console) -> None:
    """Print the layers of a network, for images as CIFAR-10's."""
    show_table(tables.layers(explain(network)), console)
    _say(sentences.layers(network), console)


def _terminal_cell(cell: Cell, detail: bool, room: bool) -> Text:
    """Return a cell with its mark, or in a column that has marks with room for one."""
    text = Text(printable(cell.text), style="bold" if cell.differs else "")
    if room:
        text.append(tables.MARK if cell.differs else " ")
    if detail and cell.detail:
        text.append(f"\n{printable(cell.detail)}")
    return text


def _say(text: str, console: Console, style: str | None = None) -> None:
    """Print text as it is: rich reads no brackets in it, and colours no numbers."""
    shown = printable(text, sentences.LONGEST)
    console.print(shown, style=style, highlight=False, markup=False)
