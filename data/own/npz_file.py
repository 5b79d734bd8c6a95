"""The user's own arrays: an .npz file with x_train, y_train, x_test and y_test."""

import hashlib
from pathlib import Path

import numpy as np

from data.cache import prepare
from data.dataset import Dataset, write_about
from data.formats import npz


def load(path: Path) -> Dataset:
    """Return the arrays of a file, which is extracted once to be memory-mapped.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It does not hold these arrays, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()

    def make(folder: Path) -> None:
        arrays = npz.extract(path, folder)
        labels = np.unique(np.concatenate([arrays["y_train"], arrays["y_test"]]))
        write_about(
            folder,
            name=path.stem,
            source=path.name,
            classes=[str(label) for label in labels],
            sha256=digest,
        )

    return prepare(f"{path.stem}-{digest[:16]}", make)
