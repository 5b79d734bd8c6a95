"""Which code is a class's own: what it reaches, and what nothing else shares."""

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from comparison.counting.code_length import ROOT, count
from frameworks.engines import ENGINES
from models import MODELS, Skylark_CNN

PAGE = ROOT / "models.py"  # read definition by definition, other files as a whole
BASE = ROOT / "frameworks" / "base.py"  # given to all classes, counted for none
Definition = tuple[Path, str]


def count_class(file: Path, name: str, further: Iterable[str] = ()) -> dict[str, Any]:
    """Return the counts of one class.

    Parameters
    ----------
    file : Path
        Where it is written.
    name : str
        Of the class.
    further : iterable of str
        Dotted modules that it uses without importing them by name: an engine's.

    Returns
    -------
    dict
        `class` (alone), `with_private` (with the code that only it uses: definitions
        and whole files), `private_files` (where that is) and `methods` (each alone).
        Installed packages are not counted.
    """
    source = file.read_text("utf-8")
    node = _definitions(_tree(file))[name]
    assert isinstance(node, ast.ClassDef)
    alone = _lines(source, node)
    private = _private(file, name, further)
    return {
        "class": count(alone),
        "with_private": count(alone, *private.values()),
        "private_files": list(private),
        "methods": {
            method.name: count(_lines(source, method))
            for method in node.body
            if isinstance(method, ast.FunctionDef)
        },
    }


def _private(file: Path, name: str, further: Iterable[str]) -> dict[str, str]:
    """Return the source of what a class alone uses, by where it is."""
    definitions, files = _reach(file, name)
    if file != PAGE and (PAGE, "Skylark_CNN") in definitions:
        further = [ENGINES[Skylark_CNN().engine]]  # of a user's subclass
    files |= _closure(f for module in further if (f := _find(module, file)))
    files -= _closure([BASE])
    if file == PAGE:  # a user's class owns all that it takes from ours
        for other in MODELS.values():
            if other.__name__ != name:
                files -= _reach(PAGE, other.__name__)[1]
    found = {}
    for page, used in definitions - {(file, name)}:
        source = page.read_text("utf-8")
        node = _definitions(_tree(page))[used]
        found[f"{_short(page)}: {used}"] = _lines(source, node)
    found |= {_short(f): f.read_text("utf-8") for f in files}
    return dict(sorted(found.items()))  # gzip's bytes depend on the order


def _reach(file: Path, name: str) -> tuple[set[Definition], set[Path]]:
    """Return the definitions that one of them uses, itself too, and the files."""
    definitions: set[Definition] = set()
    files: set[Path] = set()
    todo = [(file, name)]
    while todo:
        page, used = todo.pop()
        if (page, used) in definitions:
            continue
        definitions.add((page, used))
        beside, imported = _definitions(_tree(page)), _imports(page)
        names = {n.id for n in ast.walk(beside[used]) if isinstance(n, ast.Name)}
        todo += [(page, name) for name in names & beside.keys()]
        for origin, attribute in (imported[name] for name in names & imported.keys()):
            if origin == PAGE and attribute:
                todo.append((origin, attribute))
            else:
                files.add(origin)
    return definitions, _closure(files)


def _closure(files: Iterable[Path]) -> set[Path]:
    """Return the files, and those that they import, and so on."""
    found: set[Path] = set()
    todo = list(files)
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += [origin for origin, _ in _imports(file).values()]
    return found


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def _definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Return what a file defines at its top level, by name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            targets = [t.id for t in node.targets if isinstance(t, ast.Name)]
            found |= dict.fromkeys(targets, node)
    return found


@cache
def _imports(file: Path) -> dict[str, tuple[Path, str]]:
    """Return each imported name that is not an installed package's.

    Its value is the file that it comes from, and its name there; "" for a module.
    """
    found = {}
    for local, module, attribute in _imported(_tree(file)):
        if attribute and (inside := _find(f"{module}.{attribute}", file)):
            found[local] = (inside, "")
        elif origin := _find(module, file):
            found[local] = (origin, attribute)
    return found


def _imported(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield local name, module and attribute; a relative module begins with dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], alias.name, ""


def _find(module: str, importer: Path) -> Path | None:
    """Return the file of a module that is ours, or lies near the file importing it."""
    dots = len(module) - len(module.lstrip("."))
    near = [importer.parents[dots - 1]] if dots else [ROOT, *importer.parents[:2]]
    path: Any = [str(folder) for folder in near]
    spec = None
    for part in filter(None, module.split(".")):
        spec = PathFinder.find_spec(part, path) if path else None
        if spec is None:
            return None
        path = spec.submodule_search_locations
    origin = Path(spec.origin) if spec and spec.origin else None
    ours = origin and origin.suffix == ".py" and "site-packages" not in origin.parts
    return origin if ours else None


def _short(file: Path) -> str:
    """Return a name for a file that says nothing of where this machine keeps it."""
    inside = file.is_relative_to(ROOT)
    return str(file.relative_to(ROOT)) if inside else f"{file.parent.name}/{file.name}"


def _lines(source: str, node: ast.stmt) -> str:
    """Return a definition's lines, decorators included, at the left margin."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(d.lineno for d in decorators)])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
