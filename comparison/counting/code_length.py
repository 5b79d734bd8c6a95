"""The count: how long Python source is, by a definition that is printed with it."""

import ast
import gzip
import io
import token
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

VERSION = 2
DEFINITION = (
    "lines: not blank after comments and docstrings are taken out, as committed, "
    "formatted by ruff at 88 columns; statements of the syntax tree; tokens: names, "
    "operators, numbers, strings (an f-string is one); bytes of the lines under gzip; "
    "network: the class on a page of networks, or else the class's method network; "
    "training: the class of models.py that a page's class derives from, or else the "
    "rest of the class; own: the definitions (classes, functions and assignments at "
    "the top of a file) that the class uses by name, directly or through others, and "
    "that nothing else uses: neither a class it is compared with nor what all are "
    "given (frameworks/base.py, cnn.py, muon.py, weights.py, lazy.py); not counted: "
    "overridden methods, import lines at the top of a file, definitions that are named "
    "in annotations alone, and installed packages"
)
ROOT = Path(__file__).parents[2]
COUNTED = {token.OP, token.NAME, token.NUMBER, token.STRING}

Count = dict[str, int]


def count(*sources: str) -> Count:
    """Return lines, statements, tokens and gzip_bytes of some Python, together."""
    total = {"lines": 0, "statements": 0, "tokens": 0}
    kept: list[str] = []
    for source in sources:
        lines, statements, tokens = _code(source)
        kept += lines
        total["statements"] += statements
        total["tokens"] += tokens
    total["lines"] = len(kept)
    compressed = gzip.compress("\n".join(kept).encode(), mtime=0) if kept else b""
    return total | {"gzip_bytes": len(compressed)}


@cache  # a part is counted alone, and with the others
def _code(source: str) -> tuple[list[str], int, int]:
    """Return the lines with code, and the number of statements and of tokens."""
    tree = ast.parse(source)
    docstrings = list(_docstrings(tree))
    spans = [
        ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
        for node in docstrings
    ]
    lines: set[int] = set()
    tokens = f_strings = 0
    for item in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = token.tok_name[item.type]  # from Python 3.12 on, f-strings have parts
        f_strings -= kind == "FSTRING_END"
        counts = item.type in COUNTED or kind == "FSTRING_START"
        docstring = item.type == token.STRING and any(
            start <= item.start < end for start, end in spans
        )
        if (counts or kind.startswith("FSTRING")) and not docstring:
            lines.update(range(item.start[0], item.end[0] + 1))
            tokens += counts and not f_strings
        f_strings += kind == "FSTRING_START"
    text = source.splitlines()
    kept = [text[n - 1] for n in sorted(lines) if text[n - 1].strip()]
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    return kept, statements - len(docstrings), tokens


def _docstrings(tree: ast.AST) -> Iterator[ast.Expr]:
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and isinstance(ast.get_docstring(node, clean=False), str):
            assert isinstance(node.body[0], ast.Expr)
            yield node.body[0]
