"""The count of a class: its network, its training, and the code that only it uses."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from comparison.counting.code_length import ROOT, count
from comparison.counting.definitions import (
    Definition,
    classes,
    find,
    find_module,
    lineage,
    reach,
    read,
)
from frameworks.engines import MODULES
from models import Skylark_CNN

MODELS_PAGE = ROOT / "models.py"
SHARED = [  # given to all classes, with what they use, and counted for none
    ROOT / "frameworks" / "base.py",
    ROOT / "frameworks" / "cnn.py",
    ROOT / "frameworks" / "muon.py",
    ROOT / "frameworks" / "weights.py",
    ROOT / "frameworks" / "lazy.py",  # in place of import lines, which do not count
]
Parts = dict[Definition, frozenset[str]]  # each without its methods of these names


def count_class(file: Path, name: str, further: Iterable[str] = ()) -> dict[str, Any]:
    """Return the counts of one class.

    It is compared with the others that its file lists in `MODELS`; what they use too is
    not its own. A user's own class is compared with none.

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
        `network`, `training` and `own` (the definitions that only it uses); `class`
        (network and training), `with_private` (all three), `methods` (each alone, by
        name) and `private_files` (where its own definitions are).

        On a page of networks, the network is the class, and the training is the class
        of models.py that it derives from, without what it overrides. For any other
        class, the network is its method `network`, and the training is the rest of it.
        Installed packages are not counted.
    """
    subject, small, whole, own = _divided(file, name, tuple(further))
    methods = _methods(whole)
    network, training = _text({subject: frozenset()}), ""
    if small:
        training = _text({small: whole[small]})
    elif rest := _text({subject: frozenset({"network"})}):
        network, training = "\n".join(methods.get("network", [])), rest
    private = _by_file(own)
    return {
        "class": count(network, training),
        "network": count(network),
        "training": count(training),
        "own": count(*private.values()),
        "with_private": count(network, training, *private.values()),
        "private_files": sorted({_place(d, file) for d in own}),
        "methods": {method: count(*texts) for method, texts in methods.items()},
    }


class Source(NamedTuple):
    """What is counted of a class, as text.

    `heads` are its beginning and that of the class that it derives from, up to the
    first method; `methods` have a text each, two where both classes write one; `own` is
    the code that only it uses, by file.
    """

    heads: list[str]
    methods: dict[str, list[str]]
    own: dict[str, str]


def source(file: Path, name: str, further: Iterable[str] = ()) -> Source:
    """Return what `count_class` counts."""
    _, _, whole, own = _divided(file, name, tuple(further))
    heads = [
        _text({d: frozenset(method.name for method in d.methods())}) for d in whole
    ]
    private = {_short(path): text for path, text in _by_file(own).items()}
    return Source([head.rstrip() for head in heads], _methods(whole), private)


@cache
def _divided(
    file: Path, name: str, further: tuple[str, ...]
) -> tuple[Definition, Definition | None, Parts, Parts]:
    """Return a class, the one of models.py below it, both as counted, and its own."""
    subject = _class(file, name)
    others = _others(subject)
    reached = _reach(subject, further, alone=not others)
    shared = reach([*others, *(d for module in SHARED for d in find(module, ()))])
    small = _small(subject) if others else None
    whole = {d: reached[d] for d in (subject, small) if d}
    own = {d: reached[d] for d in reached if d not in shared and d not in whole}
    return subject, small, whole, own


def _by_file(own: Parts) -> dict[Path, str]:
    """Return the texts of some definitions by file, in a fixed order of files."""
    files = sorted({d.file for d in own}, key=_short)  # gzip's bytes depend on it
    return {file: _text({d: own[d] for d in own if d.file == file}) for file in files}


def _class(file: Path, name: str) -> Definition:
    """Return a class that a file defines; the last one of that name."""
    found = read(file).definitions[name]
    return [d for d in found if isinstance(d.node, ast.ClassDef)][-1]


def _others(subject: Definition) -> list[Definition]:
    """Return the classes that one is compared with."""
    listed = _listed(subject.file) if subject.file.is_relative_to(ROOT) else []
    return [d for d in listed if d != subject] if subject in listed else []


def _listed(file: Path) -> list[Definition]:
    """Return the classes in a file's `MODELS`."""
    return [
        found
        for definition in read(file).definitions.get("MODELS", [])
        if isinstance(value := getattr(definition.node, "value", None), ast.Dict)
        for entry in value.values
        for found in classes(file, entry)
    ]


def _small(subject: Definition) -> Definition | None:
    """Return the class of models.py that one of another page derives from."""
    bases = [d for d in lineage(subject) if d.file != subject.file]
    return next((d for d in reversed(bases) if d in _listed(d.file)), None)


def _reach(subject: Definition, further: Iterable[str], alone: bool) -> Parts:
    """Return what a class uses, with the modules that are not imported by name."""
    start = [subject, *_modules(further, subject.file)]
    if alone and _class(MODELS_PAGE, "Skylark_CNN") in reach(start):
        # of a user's class, which has the default engine
        start += _modules([MODULES[Skylark_CNN().engine]], subject.file)
    return reach(start)


def _modules(names: Iterable[str], importer: Path) -> list[Definition]:
    """Return all that some modules define."""
    modules = [find_module(name, importer) for name in names]
    return [d for module in modules if module for d in find(module, ())]


def _methods(whole: Parts) -> dict[str, list[str]]:
    """Return the methods of classes by name, each at the left margin."""
    found: dict[str, list[str]] = {}
    for definition, unused in whole.items():
        for method in definition.methods():
            if method.name not in unused:
                lines = _lines(definition.file, _span(method))
                margin = lines[0][: method.col_offset]
                text = "\n".join(line.removeprefix(margin) for line in lines)
                found.setdefault(method.name, []).append(text)
    return found


def _text(parts: Parts) -> str:
    """Return the lines of some definitions of one file, in its order."""
    numbers: set[int] = set()
    for definition, unused in parts.items():
        gone = [m for m in definition.methods() if m.name in unused]
        if gone != getattr(definition.node, "body", None):  # or no class is left
            numbers |= {*_span(definition.node)}.difference(*map(_span, gone))
    return "\n".join(_lines(next(iter(parts)).file, numbers))


def _lines(file: Path, numbers: Iterable[int]) -> list[str]:
    return [read(file).lines[number - 1] for number in sorted(numbers)]


def _span(node: ast.stmt) -> range:
    """Return the numbers of a statement's lines, decorators included."""
    first = min(n.lineno for n in [node, *getattr(node, "decorator_list", [])])
    return range(first, (node.end_lineno or first) + 1)


def _place(definition: Definition, page: Path) -> str:
    """Return where a definition is: its file, and on a page its name too."""
    file = definition.file
    apart = file == page or "MODELS" in read(file).definitions
    return f"{_short(file)}: {definition.name}" if apart else _short(file)


def _short(file: Path) -> str:
    """Return a name for a file that says nothing of where this machine keeps it."""
    inside = file.is_relative_to(ROOT)
    return str(file.relative_to(ROOT)) if inside else f"{file.parent.name}/{file.name}"
