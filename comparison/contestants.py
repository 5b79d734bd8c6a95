"""What can be compared, by the name that --models takes. Imports no framework."""

import ast
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from comparison.processes.trial import ClassSpec
from frameworks import engines
from frameworks.engines import ENGINES, MODULES
from models import MODELS

BACKENDS = ("tensorflow", "torch", "jax")  # of Keras
NAMES = [
    *MODELS,
    *(f"skylark:{engine}" for engine in ENGINES),
    *(f"keras:{backend}" for backend in BACKENDS),
]


@dataclass(frozen=True)
class Contestant:
    """One row of the comparison: a class, and how it is run.

    Parameters
    ----------
    name : str
        As given in --models.
    title : str
        As printed in tables.
    path : str
        "module:Class".
    file : Path
        Where the class is written.
    framework : str or None
        The name under which it is imported; None where only the class knows.
    parameters : dict
        Further parameters of its constructor.
    environment : dict
        Further environment variables of its processes.
    dtype : str
        The widest in which its arithmetic can be proved.
    foreign : bool
        A user's own class.
    further : tuple of str
        Dotted modules that are counted with it, besides what it imports by name.
    engine : str or None
        The engine of Skylark's that computes it.
    """

    name: str
    title: str
    path: str
    file: Path
    framework: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    dtype: str = "float64"
    foreign: bool = False
    further: tuple[str, ...] = ()
    engine: str | None = None

    @property
    def class_name(self) -> str:
        """The name of its class."""
        return self.path.partition(":")[2]

    def spec(self) -> ClassSpec:
        """Return what a child process must know in order to find the class."""
        further = os.getcwd() if self.foreign else ""  # "": where compare.py is
        return {"class": self.path, "framework": self.framework, "path": further}


def find_all(
    names: Iterable[str], classes: Mapping[str, type] = MODELS
) -> list[Contestant]:
    """Return the contestants of a run; ValueError for a wrong or repeated name."""
    names = list(names)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--models names {name} more than once.")
    return [find(name, classes) for name in names]


def find(name: str, classes: Mapping[str, type] = MODELS) -> Contestant:
    """Return the contestant of a name.

    Parameters
    ----------
    name : str
        As given in --models.
    classes : mapping
        The four classes of a page, by the names in MODELS.

    Raises
    ------
    ValueError
        There is none; the message has the closest name.
    """
    if name not in NAMES:
        if ":" in name and name.partition(":")[0] not in MODELS:
            return _foreign(name)
        raise ValueError(f"there is no model {name!r}{_closest(name, NAMES)}.")
    model, _, variant = name.partition(":")
    Model: Any = classes[model]
    common: dict[str, Any] = {
        "name": name,
        "title": f"{Model.__name__} ({variant})" if variant else Model.__name__,
        "path": f"{Model.__module__}:{Model.__name__}",
        "file": Path(sys.modules[Model.__module__].__file__ or ""),
        "framework": Model.framework,
    }
    if model == "keras":
        backend = variant or "tensorflow"  # whatever the user's own keras.json says
        return Contestant(
            **common,
            environment={"KERAS_BACKEND": backend},
            # Products of matrices are rounded to float32 in Keras's other backends.
            dtype="float64" if backend == "tensorflow" else "float32",
        )
    if model == "skylark":
        engine = _engine(Model, variant or Model().engine)
        further = (MODULES[engine],) if engine in MODULES else ()
        common |= {"engine": engine, "further": further}
    return Contestant(**common, parameters={"engine": variant} if variant else {})


def _engine(Model: Any, asked: str) -> str:
    """Return the engine that computes a class's network; the sizes do not matter."""
    model = Model()
    model.image_shape_, model.classes_ = (32, 32, 3), range(10)
    return engines.runs(asked, model.network())


def _foreign(name: str) -> Contestant:
    """Return a user's class, given as package.module:Class."""
    module, _, class_name = name.partition(":")
    file = _source(module)
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not Python: {error}.") from None
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if class_name not in classes:
        near = _closest(class_name, classes)
        raise ValueError(f"there is no class {class_name!r} in {file}{near}.")
    title = f"{module.rpartition('.')[2]}:{class_name}"
    return Contestant(name, title, name, file, foreign=True)


def _source(module: str) -> Path:
    """Return a module's file without importing it, nor the packages that it is in."""
    path: Any = [*sys.path, os.getcwd()]
    origin = None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, path) if path else None
        if spec is None:
            near = _closest(module, NAMES)
            raise ValueError(f"there is no module {module!r} for --models{near}.")
        path, origin = spec.submodule_search_locations, spec.origin
    if not origin or not origin.endswith(".py"):
        raise ValueError(f"module {module!r} has no Python source to count.")
    return Path(origin)


def _closest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1, cutoff=0.4)
    return f": did you mean {near[0]!r}?" if near else ""
