"""The classes side by side: method by method, and in `train_step` phase by phase."""

import re
from collections.abc import Sequence
from html import escape
from textwrap import dedent
from tokenize import TokenError
from typing import NamedTuple

from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Literal, Name, Operator, Token

from comparison import records
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.counting.code_length import count
from comparison.counting.private_code import Source, source

ORDER = (
    *("network", "build", "forward", "train_step", "fit_loop", "predict_logits"),
    *("get_weights", "set_weights"),
)
PHASES = ("forward", "loss", "backward", "update")
PHASE = re.compile(rf"^ *# ({'|'.join(PHASES)})$", re.MULTILINE)
BLANKS = re.compile(r"\n\s*\n\s*?(?=\n)")
KINDS = {  # what is coloured, by a class of one letter
    Comment: "c",
    Literal.String: "s",
    Literal.Number: "n",
    Keyword: "k",
    Operator.Word: "k",
    Name.Function: "f",
    Name.Class: "f",
    Name.Decorator: "f",
}


class Cell(NamedTuple):
    """One class's code for a row: highlighted, and how many lines of code it is."""

    html: str
    lines: int


class Row(NamedTuple):
    """A method, or a phase of `train_step`; a cell a class, None where it has none."""

    name: str
    phase: str
    cells: list[Cell | None]


class Column(NamedTuple):
    """One class: its name, and the code that only it uses, by file."""

    model: str
    class_name: str
    lines: int
    together: int
    own: list[tuple[str, Cell]]


class Sources(NamedTuple):
    """All of it; `changed`: the code is not what the run has counted."""

    columns: list[Column]
    rows: list[Row]
    changed: bool


def side_by_side(run: records.Run, contestants: Sequence[Contestant]) -> Sources:
    """Return the code of a run's classes, as it is now, aligned.

    Engines of one class have one column: what they differ in is code below it.
    """
    counted = count_all(contestants)
    found: dict[str, tuple[Contestant, Source]] = {}
    for contestant in contestants:
        text = source(contestant.file, contestant.class_name, contestant.further)
        found.setdefault(contestant.path, (contestant, text))
    columns, parts = [], []
    for contestant, text in found.values():
        counts = run["code"]["classes"][contestant.name]
        own = [(name, _cell(code)) for name, code in text.own.items()]
        columns.append(
            Column(
                contestant.name,
                contestant.class_name,
                counts["class"]["lines"],
                counts["with_private"]["lines"],
                own,
            )
        )
        parts.append(_pieces(text))
    names = dict.fromkeys(key for piece in parts for key in piece)
    rows = [
        Row(
            name,
            phase,
            [_cell(p[name, phase]) if (name, phase) in p else None for p in parts],
        )
        for name, phase in sorted(names, key=_place)
    ]
    return Sources(columns, rows, counted["classes"] != run["code"]["classes"])


def highlighted(code: str) -> str:
    """Return Python as HTML; only what is coloured is marked."""
    html: list[str] = []
    for kind, text in lex(code, PythonLexer(stripnl=False, ensurenl=False)):
        cls = next((KINDS[k] for k in _kinds(kind) if k in KINDS), "")
        safe = escape(text, quote=False)
        html.append(f"<i class={cls}>{safe}</i>" if cls else safe)
    return "".join(html)


def _kinds(kind: object) -> list[object]:
    """Return a kind of token and those above it."""
    above: list[object] = []
    while kind is not Token and kind is not None:
        above.append(kind)
        kind = kind.parent  # type: ignore[attr-defined]
    return above


def _cell(code: str) -> Cell:
    code = code.strip("\n")
    return Cell(highlighted(code), _lines(code))


def _lines(code: str) -> int:
    """Return how many lines hold code; a phase of a method is no Python by itself."""
    try:
        return count(dedent(code))["lines"]
    except (SyntaxError, TokenError):
        pass
    lines = [line.strip() for line in code.split("\n")]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _pieces(text: Source) -> dict[tuple[str, str], str]:
    """Return the texts of a class by method and phase."""
    heads = [BLANKS.sub("\n\n", head) for head in text.heads]  # methods were between
    pieces = {("", ""): "\n\n".join(heads)}
    for name, codes in text.methods.items():
        code = "\n\n".join(codes)
        marks = list(PHASE.finditer(code)) if name == "train_step" else []
        if [mark[1] for mark in marks] != list(PHASES):
            pieces[name, ""] = code
            continue
        ends = [mark.start() for mark in marks[1:]] + [len(code)]
        pieces[name, ""] = code[: marks[0].start()]
        for mark, end in zip(marks, ends, strict=True):
            pieces[name, mark[1]] = code[mark.start() : end]
    return pieces


def _place(key: tuple[str, str]) -> tuple[int, int]:
    """Return where a piece stands: the class's beginning, the contract's methods."""
    name, phase = key
    method = ORDER.index(name) + 2 if name in ORDER else 1 if name else 0
    return method, PHASES.index(phase) + 1 if phase else 0
