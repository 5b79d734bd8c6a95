"""results.json: the source of every number, whole at any moment."""

import itertools
import json
import math
import os
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from comparison.typed import check
from data.text import printable

if TYPE_CHECKING:
    from comparison import records

SCHEMA = 2
FILE = "results.json"
LOCK = ".lock"
CHECKPOINTS = "checkpoints"
INSIDE = "inside.npz"
PAGE = "report.html"
SHOWN = {  # of each row with trials
    "test_accuracy",
    "train_accuracy",
    "train_images_per_second",
    "predict_images_per_second",
    "peak_memory_bytes",
}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, and let no other run write into it.

    Raises
    ------
    ValueError
        Another run does; or it is a file.
    OSError
        It cannot be written to.
    """
    if folder.is_file():
        raise ValueError(f"{folder} is a file, and a run is written into a folder.")
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


def read(place: Path) -> "records.Run":
    """Return an earlier run; one of schema 1 as schema 2 has it.

    Parameters
    ----------
    place : Path
        The run's folder; or its results.json, wherever that is kept.

    Raises
    ------
    FileNotFoundError, ValueError
        There is none, or of another schema, or it is not what compare.py writes.
    """
    from comparison import records  # brings all networks; a writer needs none
    from comparison.settings import unused

    path = place if place.is_file() else place / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{place} holds no {FILE}: it is not a run's folder.")
    try:
        run = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or too deep
        raise ValueError(f"{path} is not JSON: {error}.") from None
    schema = run.get("schema") if isinstance(run, dict) else None
    if schema not in (1, SCHEMA) or isinstance(schema, bool):
        raise ValueError(f"{path} is not of schema {SCHEMA}.")
    try:
        if schema == 1:
            run = _upgraded(run)
        if isinstance(run.get("settings"), dict):  # the first runs had no recipes
            run["settings"] = unused() | run["settings"]
        check(run, records.Run)
        _check_names(run)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not what compare.py writes: {error}.") from None
    return run


def _check_names(run: "records.Run") -> None:
    """Raise ValueError unless all parts of a run are about the same models."""
    models = run["settings"]["models"]
    known: dict[str, Container[str]] = {
        "contestants": run["contestants"],
        "code": run["code"]["classes"],
    }
    if run["sameness"]:
        known["sameness"] = run["sameness"]["models"]
    for part, names in known.items():
        if missing := [model for model in models if model not in names]:
            raise ValueError(f"{part} has nothing on {printable(missing[0])}")
    named = {trial["model"] for trial in run["trials"]} | run["summary"].keys()
    if odd := named - set(models):
        raise ValueError(f"it has results of {printable(min(odd))}, which is no model")
    if run["settings"]["reference"] not in models:
        raise ValueError("its reference is no model")
    for verdict in run["sameness"]["models"].values() if run["sameness"] else ():
        needed: set[str] = {"gradient_max_rel", "loss_max_rel", *verdict["limits"]}
        if "outputs_max_rel" not in verdict:  # as in schema 1
            needed.add("logits_max_abs")
        if "error" not in verdict and not needed <= verdict.keys():
            raise ValueError("sameness has neither deviations nor an error")
    for row in run["summary"].values():
        if row["trials"] and not row.keys() >= SHOWN:
            raise ValueError("summary has a row of trials without numbers")
    for trial in run["trials"]:
        if trial["status"] == "ok" and "threads" not in trial:
            raise ValueError("a trial that ended well has no numbers")


def new_folder(where: Path) -> Path:
    """Make a folder named after the time, and return it; a second run takes another."""
    time = f"{datetime.now():%Y-%m-%d_%H%M%S}"
    others = (f"{time}-{number}" for number in itertools.count(2))
    for name in itertools.chain([time], others):
        with suppress(FileExistsError):
            (where / name).mkdir(parents=True)
            break
    return where / name


def checkpoint(folder: Path, model: str, seed: int) -> Path:
    """Return the file in which a trial keeps what it needs to go on."""
    name = re.sub(r"[^\w.-]", "-", model)  # "keras:jax", which some systems refuse
    return folder / CHECKPOINTS / f"{name}-seed{seed}"


def remove_checkpoint(folder: Path, model: str, seed: int) -> None:
    """Remove a trial's checkpoint, and the folder with the last one."""
    checkpoint(folder, model, seed).unlink(missing_ok=True)
    with suppress(OSError):
        (folder / CHECKPOINTS).rmdir()


def looked_into(run: "records.Run") -> str | None:
    """Return the model that leaves `inside.npz`: the reference, or a class of ours."""
    ours = [name for name, c in run["contestants"].items() if not c["as_written"]]
    reference = run["settings"]["reference"]
    return reference if reference in ours else next(iter(ours), None)


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

    old = run.get("settings")
    if not isinstance(old, dict) or not {"filters", "hidden_units"} <= old.keys():
        raise ValueError("settings has no sizes of a network")
    sizes = {name: old[name] for name in ("filters", "hidden_units")}
    settings = {k: v for k, v in old.items() if k not in sizes}
    return run | {
        "schema": SCHEMA,
        "network": small_cnn(sizes),
        "settings": {"image_size": None, "allow_different": False} | settings,
    }
