"""The count: how long each class is, by a definition that is printed with it."""

import ast
import gzip
import io
import textwrap
import token
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

VERSION = 1
DEFINITION = (
    "lines: not blank after comments and docstrings are taken out, as committed, "
    "formatted by ruff at 88 columns; statements of the syntax tree; tokens: names, "
    "operators, numbers, strings (an f-string is one); bytes of the lines under gzip"
)
ROOT = Path(__file__).parents[1]
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
    return total | {"gzip_bytes": len(gzip.compress("\n".join(kept).encode(), mtime=0))}


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
        docstring = any(start <= item.start < end for start, end in spans)
        if (counts or kind.startswith("FSTRING")) and not docstring:
            lines.update(range(item.start[0], item.end[0] + 1))
            tokens += counts and not f_strings
        f_strings += kind == "FSTRING_START"
    text = source.splitlines()
    kept = [text[n - 1] for n in sorted(lines) if text[n - 1].strip()]
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    return kept, statements - len(docstrings), tokens


def count_classes(path: Path, names: Mapping[str, str]) -> dict[str, dict]:
    """Return the counts of some classes of one file.

    Parameters
    ----------
    path : Path
        The file; its imports from our own packages are what can be private code.
    names : mapping
        What a class is called in the table -> its name in the file.

    Returns
    -------
    dict
        For each: `class` (alone), `with_private` (with every file of ours that only it
        reaches), `private_files`, and `methods` (each alone).
    """
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    origins = _origins(tree)
    reached = {
        name: _reach({origins[used] for used in _names(node) & origins.keys()})
        for name, node in classes.items()
    }
    found = {}
    for label, name in names.items():
        node = classes[name]
        bases = {used for base in node.bases for used in _names(base)}
        shared = _reach({origins[base] for base in bases & origins.keys()})
        others = set().union(*(files for n, files in reached.items() if n != name))
        private = sorted(reached[name] - shared - others)
        alone = ast.get_source_segment(source, node) or ""
        texts = [alone, *(file.read_text("utf-8") for file in private)]
        found[label] = {
            "class": count(alone),
            "with_private": count(*texts),
            "private_files": [str(file.relative_to(ROOT)) for file in private],
            "methods": {
                method.name: count(_dedent(source, method))
                for method in node.body
                if isinstance(method, ast.FunctionDef)
            },
        }
    return found


def _docstrings(tree: ast.AST) -> Iterator[ast.Expr]:
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and isinstance(ast.get_docstring(node, clean=False), str):
            assert isinstance(node.body[0], ast.Expr)
            yield node.body[0]


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _origins(tree: ast.Module) -> dict[str, Path]:
    """Return each imported name that comes from a file of ours, and that file."""
    origins = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                for module in (f"{node.module}.{alias.name}", node.module):
                    file = ROOT / (module.replace(".", "/") + ".py")
                    if file.exists():
                        origins[alias.asname or alias.name] = file
                        break
    return origins


def _reach(files: set[Path]) -> set[Path]:
    """Return the files, and those of ours that they import, and so on."""
    found: set[Path] = set()
    while files:
        file = files.pop()
        if file not in found:
            found.add(file)
            files |= set(_origins(ast.parse(file.read_text("utf-8"))).values())
    return found


def _dedent(source: str, node: ast.FunctionDef) -> str:
    """Return a method's lines, decorators included, as a function of their own."""
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
