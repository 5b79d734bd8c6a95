"""Which definitions some Python uses: its names are followed, and nothing is run.

A definition is a statement at the top level of a file that binds a name: a class, a
function, an assignment. An import is none, but leads to one. Installed packages have
none.
"""

import ast
import copy
import symtable
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from comparison.counting.code_length import ROOT

Method = ast.FunctionDef | ast.AsyncFunctionDef
Names = tuple[str, ...]  # of `a.b.c`
Target = tuple[Path, Names]  # a module, and names in it
JOIN = "\N{UNDERTIE}"  # may be in an identifier, and never is


class Definition(NamedTuple):
    """A statement at the top level of a file, and the first name that it binds."""

    file: Path
    name: str
    node: ast.stmt

    def methods(self) -> list[Method]:
        """Return the methods of a class, in order."""
        body = self.node.body if isinstance(self.node, ast.ClassDef) else []
        return [node for node in body if isinstance(node, Method)]


class Namespace(NamedTuple):
    """A file's lines, and what the names at its top level stand for."""

    lines: list[str]
    definitions: dict[str, list[Definition]]
    imports: dict[str, list[Target]]


def reach(start: Iterable[Definition]) -> dict[Definition, frozenset[str]]:
    """Return all that some definitions use, themselves too.

    The values are the methods that are not used: the overridden ones, where a class is
    only derived from. A class that is named anywhere else is used as a whole.
    """
    reached: dict[Definition, frozenset[str]] = {}
    todo = list(start)
    done = set()
    while todo:
        definition = todo.pop()
        if definition in done:
            continue
        done.add(definition)
        for part, overridden in lineage(definition).items():
            unused = overridden & reached.get(part, overridden)
            if reached.get(part) != unused:
                reached[part] = unused
                todo += _used(part, unused)
    return reached


@cache
def lineage(definition: Definition) -> dict[Definition, frozenset[str]]:
    """Return a class and those that it derives from, in the order of resolution.

    The values are the methods that a class before it overrides without calling them
    by `super()`. What is not a class is alone.
    """
    line = {}
    overridden: frozenset[str] = frozenset()
    for part in _resolution_order(definition):
        line[part] = overridden
        overridden |= {method.name for method in part.methods()} - _super(part.node)
    return line


def _resolution_order(
    definition: Definition, derived: tuple[Definition, ...] = ()
) -> list[Definition]:
    """Return a class, then its bases from left to right, a common one at the end."""
    derived = *derived, definition
    order = [definition]
    for base in getattr(definition.node, "bases", []):
        for found in classes(definition.file, base):
            if found not in derived:
                order += _resolution_order(found, derived)
    return list(dict.fromkeys(reversed(order)))[::-1]


def classes(file: Path, base: ast.expr) -> list[Definition]:
    """Return the classes of ours that an expression may name."""
    names = _names(base)
    found = find(file, names) if names else []
    return [d for d in found if isinstance(d.node, ast.ClassDef)]


def _super(node: ast.AST) -> set[str]:
    """Return the methods called by `super()`; a class inside has another `super()`."""
    match node:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return {node.attr}
    parts = ast.iter_child_nodes(node)
    calls = [_super(part) for part in parts if not isinstance(part, ast.ClassDef)]
    return set().union(*calls)


@cache
def _used(definition: Definition, unused: frozenset[str]) -> list[Definition]:
    """Return what else a definition names, but for classes that it derives from."""
    file, _, node = copied = copy.deepcopy(definition)
    if isinstance(node, ast.ClassDef):
        node.bases = [base for base in node.bases if not classes(file, base)]
        gone = [method for method in copied.methods() if method.name in unused]
        node.body = [part for part in node.body if part not in gone] or [ast.Pass()]
    imported = _imports([node], file)  # inside it
    found = []
    for first, *rest in dict.fromkeys(_global_names(_table(_Spelling().visit(node)))):
        for module, names in imported.get(first, [(file, (first,))]):
            found += find(module, (*names, *rest))
    return [other for other in found if other != definition]


def find(module: Path, names: Names, seen: tuple[Target, ...] = ()) -> list[Definition]:
    """Return what `a.b` in a module is; without names, all that the module defines.

    More than one where a name is bound in several places, as with try and except. An
    attribute of a class or an object belongs to its definition. `seen` are the imports
    that led here.
    """
    _, definitions, imports = read(module)
    if not names:
        return [d for found in definitions.values() for d in found]
    if (module, names) in seen:
        return []
    seen = *seen, (module, names)
    first, *rest = names
    found = list(definitions.get(first, []))
    for origin, further in imports.get(first, []):
        found += find(origin, (*further, *rest), seen)
    if not found and (submodule := _submodule(module, first)):
        found = find(submodule, tuple(rest), seen)
    if not found:
        for origin, _ in imports.get("*", []):
            found += find(origin, names, seen)
    return found


@cache
def read(module: Path) -> Namespace:
    """Return what a file defines and imports; a folder without __init__ is empty."""
    text = module.read_text("utf-8") if module.is_file() else ""
    body = ast.parse(text).body
    definitions: dict[str, list[Definition]] = {}
    for node in body:
        symbols = _table(node).get_symbols()
        bound = [symbol.get_name() for symbol in symbols if symbol.is_assigned()]
        for name in bound:
            definitions.setdefault(name, []).append(Definition(module, bound[0], node))
    outside = [node for node in body if not isinstance(node, Method | ast.ClassDef)]
    return Namespace(text.split("\n"), definitions, _imports(outside, module))


def find_module(name: str, importer: Path) -> Path | None:
    """Return the file of a module that is ours, or lies near the file importing it."""
    dots = len(name) - len(name.lstrip("."))
    near = [importer.parents[dots - 1]] if dots else [ROOT, *importer.parents[:2]]
    for folder in near:
        found: Path | None = folder
        for part in filter(None, name.split(".")):
            found = found and _submodule(found, part)
        if found and "site-packages" not in found.parts:
            return package if (package := found / "__init__.py").is_file() else found
    return None


def _submodule(package: Path, name: str) -> Path | None:
    folder = package.parent if package.name == "__init__.py" else package
    for file in (folder / name / "__init__.py", folder / f"{name}.py"):
        if file.is_file():
            return file
    return folder / name if (folder / name).is_dir() else None


def _imports(nodes: Iterable[ast.stmt], file: Path) -> dict[str, list[Target]]:
    """Return what the imported names stand for, but for installed packages."""
    found: dict[str, list[Target]] = {}
    for name, module, names in _imported(nodes):
        if origin := find_module(module, file):
            found.setdefault(name, []).append((origin, names))
    return found


def _imported(nodes: Iterable[ast.stmt]) -> Iterator[tuple[str, str, Names]]:
    """Yield local name, module, and name there; a relative module begins with dots."""
    for node in (part for statement in nodes for part in ast.walk(statement)):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, module, (alias.name,)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                yield alias.asname or root, alias.name if alias.asname else root, ()


def _table(node: ast.AST) -> symtable.SymbolTable:
    """Return Python's own record of which name belongs to which scope."""
    return symtable.symtable(ast.unparse(node), "", "exec")


class _Spelling(ast.NodeTransformer):
    """Spells `a.b.c` as one name, since symbol tables have names, and no attributes.

    It takes out annotations, and imports, whose names then stand for what is imported.
    """

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return ast.Pass()
        if isinstance(node, ast.Attribute) and (names := _names(node)):
            return ast.Attribute(ast.Name(JOIN.join(names)), node.attr, node.ctx)
        for annotation in ("annotation", "returns"):
            if getattr(node, annotation, None):
                setattr(node, annotation, ast.Constant(None))
        return self.generic_visit(node)


def _global_names(
    table: symtable.SymbolTable, around: tuple[symtable.SymbolTable, ...] = ()
) -> Iterator[Names]:
    """Yield the names that a scope, and those in it, look up at the top level."""
    scopes = (table, *around)
    for name in table.get_identifiers():
        first, *rest = name.split(JOIN)
        home = next((s for s in scopes if first in s.get_identifiers()), None)
        if home is None or home.lookup(first).is_global():
            yield first, *rest
    inner = around if table.get_type() == "class" else scopes
    for child in table.get_children():
        yield from _global_names(child, inner)


def _names(node: ast.expr) -> Names:
    """Return the names of `a.b.c`; none for another expression."""
    names: Names = ()
    while isinstance(node, ast.Attribute):
        names = node.attr, *names
        node = node.value
    return (node.id, *names) if isinstance(node, ast.Name) else ()
