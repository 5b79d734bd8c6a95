"""Inside data/, imports run one way, in no circle; and none leaves it."""

import ast
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each file or folder imports from its own folder and from the lines above it.
LAYERS = [
    {"dataset", "progress", "text"},
    {"formats", "download"},
    {"cache"},
    {"own", "published"},
    {"loading"},
    {"__init__"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted((ROOT / "data").rglob("*.py"))


def part(path):
    """Return the top-level file or folder of data/ that a file belongs to."""
    return path.relative_to(ROOT / "data").parts[0].removesuffix(".py")


def file_of(module):
    """Return the file of one of our modules, or None for any other."""
    path = ROOT.joinpath(*module.split("."))
    candidates = path.with_suffix(".py"), path / "__init__.py"
    return next((file for file in candidates if file.exists()), None)


def imported(path):
    """Return the files of ours that a file imports, lazily or not."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {file_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                submodule = file_of(f"{node.module}.{alias.name}")
                found.add(submodule or file_of(node.module))
    return found - {None}


def test_every_part_has_a_layer():
    assert {part(path) for path in FILES} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path):
    for other in imported(path):
        assert other.is_relative_to(ROOT / "data"), f"{other} is outside data/"
        same = part(other) == part(path)
        assert same or LEVEL[part(other)] < LEVEL[part(path)], other


def test_there_is_no_circle():
    graph = {path: imported(path) for path in FILES}
    assert list(graphlib.TopologicalSorter(graph).static_order())
