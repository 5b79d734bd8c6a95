"""A data set as one .npz file, which Keras's users and `data.load` read."""

import os
from pathlib import Path

import numpy as np

from data.dataset import ARRAYS, Dataset


def export(dataset: Dataset, path: Path) -> None:
    """Write x_train, y_train, x_test and y_test into a new .npz file, whole or not.

    Raises
    ------
    ValueError
        Its name does not end in .npz.
    FileExistsError
        There is such a file; it is left as it is.
    FileNotFoundError
        There is no such folder to put it into.
    """
    if path.suffix != ".npz":
        raise ValueError(f"{path} does not end in .npz.")
    if path.exists():
        raise FileExistsError(f"{path} exists: name another file, or remove it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}.")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            np.savez(file, **{name: getattr(dataset, name) for name in ARRAYS})
        beside.rename(path)
    finally:
        beside.unlink(missing_ok=True)
