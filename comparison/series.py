"""The runs of a sweep, in folders below one."""

import json
from pathlib import Path
from typing import NamedTuple

from comparison import records, results

FILE = "sweep.json"


class Point(NamedTuple):
    """One run of a sweep: its folder, and itself."""

    name: str
    run: records.Run


def is_one(folder: Path | None) -> bool:
    """Return whether a folder holds a sweep."""
    return folder is not None and (folder / FILE).is_file()


def names(folder: Path) -> list[str]:
    """Return the folders of the runs; ValueError where the file is not ours."""
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))["points"]
        if not all(isinstance(n, str) and Path(n).name == n for n in found):
            raise ValueError(found)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ValueError(f"{folder / FILE} is not what compare.py writes.") from None
    return found


def read(folder: Path) -> list[Point]:
    """Return the runs of a sweep, as far as they are."""
    return [Point(name, results.read(folder / name)) for name in names(folder)]
