"""Several runs as one: each of some networks with each of some batch sizes."""

import copy
import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from comparison import plan, results, runner, series
from comparison.settings import given

SWEPT = ("network", "batch_size")


def points(options: Namespace) -> list[Namespace]:
    """Return the options of each run: one network, and one batch size.

    Raises
    ------
    ValueError
        A value is given twice.
    """
    several = []
    for network in _several(options, "network"):
        for size in _several(options, "batch_size"):
            point = copy.copy(options)
            point.network = network
            if size is not None:
                point.batch_size = size
            several.append(point)
    for name in SWEPT:
        values = _several(options, name)
        for value in values:
            if values.count(value) > 1:
                raise ValueError(f"--{name.replace('_', '-')} has {value} twice.")
    return several


def begin(several: Sequence[Namespace], folder: Path) -> None:
    """Write each run of a new sweep, without a trial yet, and which they are.

    Raises
    ------
    ValueError, OSError
        An option names what there is not, or the folder holds a run.
    """
    for file in (results.FILE, series.FILE):
        if (folder / file).exists():
            raise ValueError(f"{folder} holds a run: name another, or --resume it.")
    runs = {_name(point): runner.start(plan.begin(point)) for point in several}
    for name, run in runs.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        results.write(folder / name, run)
    results.write_text(
        folder / series.FILE, json.dumps({"points": list(runs)}, indent=1)
    )


def resumed(options: Namespace, folder: Path) -> Namespace:
    """Return the options with which one run of a sweep goes on.

    Raises
    ------
    ValueError
        They have a setting: those of a sweep are in its runs.
    """
    if options.resume and (options.network or given(options)):
        raise ValueError("--resume of a sweep takes no settings: its runs have them.")
    kept = {k: v for k, v in vars(options).items() if k not in given(options)}
    cleared = dict.fromkeys(("network", "size", "filters", "hidden_units", "out"))
    return Namespace(**kept | cleared | {"resume": folder})


def _several(options: Namespace, name: str) -> list[Any]:
    """Return the values of an option, of which one or more were given, or none."""
    value = getattr(options, name, None)
    return value if isinstance(value, list) else [value]


def _name(point: Namespace) -> str:
    """Return what a run's folder is called."""
    size = [f"batch{point.batch_size}"] if hasattr(point, "batch_size") else []
    return "-".join([*filter(None, [point.network]), *size])
