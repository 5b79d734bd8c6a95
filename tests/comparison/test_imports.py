"""comparison/ is read from the bottom up: its imports run one way."""

import ast

import pytest

from comparison.counting.code_length import ROOT

ORDER = (
    "typed",
    "turns",
    "processes",
    "contestants",
    "settings",
    "records",
    "network",
    "explanation",
    "environment",
    "results",
    "series",
    "counting",
    "plan",
    "sameness",
    "statistics",
    "report",
    "rounds",
    "executors",
    "runner",
    "sweep",
    "command_line",
)
FILES = sorted((ROOT / "comparison").rglob("*.py"))


def part(file):
    """Return the folder or module of comparison/ that a file is."""
    return file.relative_to(ROOT / "comparison").parts[0].removesuffix(".py")


def parts_imported(file):
    """Yield the parts of comparison/ that a file imports, inside of functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "comparison":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            if package == "comparison":
                yield module.partition(".")[0]


def test_every_part_has_its_place():
    parts = {part(file) for file in FILES if file.parent.name != "__pycache__"}
    assert parts == {"__init__", *ORDER}


@pytest.mark.parametrize("name", ORDER)
def test_imports_run_one_way(name):
    below = ORDER[: ORDER.index(name) + 1]
    for file in FILES:
        if part(file) == name:
            assert set(parts_imported(file)) <= set(below), file
