"""The cache: one folder a data set, whole or not there at all."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from data.dataset import ABOUT, Dataset


def root() -> Path:
    """Return the folder of the cache: SKYLARK_CACHE, or data/cache."""
    return Path(os.environ.get("SKYLARK_CACHE") or Path(__file__).parent / "cache")


def prepare(key: str, make: Callable[[Path], None]) -> Dataset:
    """Open the cached data set `key`; the first time, let `make` fill its folder.

    The folder is filled beside its place and then renamed, so that an interrupted run
    leaves nothing that a later one would take for whole.

    Raises
    ------
    OSError
        The cache cannot be written.
    """
    folder = root() / key
    if not (folder / ABOUT).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=folder.parent))
        try:
            make(beside)
            try:
                beside.rename(folder)
            except OSError:
                if not (folder / ABOUT).exists():  # else another process was faster
                    raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return Dataset.open(folder)
