"""results.json: the source of every number, whole at any moment."""

import itertools
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from comparison import records

SCHEMA = 2
FILE = "results.json"
LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, and let no other run write into it.

    Raises
    ------
    ValueError
        Another run does.
    OSError
        It cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise ValueError(f"another run is writing into {folder}.") from None


def write(folder: Path, run: "records.Run") -> None:
    """Replace DIR/results.json in one step."""
    write_text(folder / FILE, json.dumps(_strict(run), indent=1, allow_nan=False))


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old one or the new, whole.

    A killed writer leaves a `.part` beside it, which the next one removes: a folder
    has one writer, see `locked`. A link of that name is not followed.
    """
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.unlink(missing_ok=True)
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def read(folder: Path) -> "records.Run":
    """Return an earlier run; one of schema 1 as schema 2 has it.

    Raises
    ------
    FileNotFoundError, ValueError
        There is none in the folder, or of another schema.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {FILE}: it is not a run's folder.")
    try:
        run = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or too deep
        raise ValueError(f"{path} is not JSON: {error}.") from None
    schema = run.get("schema") if isinstance(run, dict) else None
    if schema == 1:
        return _upgraded(run)
    if schema != SCHEMA:
        raise ValueError(f"{path} is not of schema {SCHEMA}.")
    return run


def new_folder(where: Path) -> Path:
    """Make a folder named after the time, and return it; a second run takes another."""
    time = f"{datetime.now():%Y-%m-%d_%H%M%S}"
    others = (f"{time}-{number}" for number in itertools.count(2))
    for name in itertools.chain([time], others):
        with suppress(FileExistsError):
            (where / name).mkdir(parents=True)
            break
    return where / name


def done(run: "records.Run") -> set[tuple[str, int]]:
    """Return (model, seed) of the trials that need not be run again."""
    return {
        (trial["model"], trial["seed"])
        for trial in run["trials"]
        if trial["status"] == "ok"
    }


def _strict(value: Any) -> Any:
    """Return a value with null for what JSON has no number for: NaN and infinities."""
    if isinstance(value, dict):
        return {key: _strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _upgraded(run: dict[str, Any]) -> Any:
    """Return a run of schema 1, in which the network's sizes were settings."""
    from comparison.network import small_cnn  # loads all networks; few files need it

    sizes = {name: run["settings"][name] for name in ("filters", "hidden_units")}
    settings = {k: v for k, v in run["settings"].items() if k not in sizes}
    return run | {
        "schema": SCHEMA,
        "network": small_cnn(sizes),
        "settings": {"image_size": None, "allow_different": False} | settings,
    }
