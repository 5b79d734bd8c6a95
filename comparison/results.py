"""results.json: the source of every number, whole at any moment."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = 1
FILE = "results.json"

Results = dict[str, Any]


def write(folder: Path, results: Mapping[str, Any]) -> None:
    """Replace DIR/results.json in one step: a reader sees the old one or the new."""
    beside = folder / f"{FILE}.{os.getpid()}.part"
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / FILE)
    finally:
        beside.unlink(missing_ok=True)


def read(folder: Path) -> Results:
    """Return an earlier run's results.

    Raises
    ------
    FileNotFoundError, ValueError
        There are none in the folder, or of another schema.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no {FILE}: it is not a run's folder.")
    try:
        results = json.loads(path.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}.") from None
    if not isinstance(results, dict) or results.get("schema") != SCHEMA:
        raise ValueError(f"{path} is not of schema {SCHEMA}.")
    return results


def done(results: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Return (model, seed) of the trials that need not be run again."""
    return {
        (trial["model"], trial["seed"])
        for trial in results["trials"]
        if trial["status"] == "ok"
    }
