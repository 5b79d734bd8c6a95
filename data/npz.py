"""One's own arrays: an .npz file with x_train, y_train, x_test and y_test."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np

from data.cache import prepare
from data.dataset import ARRAYS, Dataset, write_about


def load(path: Path) -> Dataset:
    """Return the arrays of a file, extracted once so that they can be memory-mapped.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not such a file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()

    def make(folder: Path) -> None:
        _extract(path, folder)
        arrays = _check(path, folder)
        labels = np.unique(np.concatenate([arrays["y_train"], arrays["y_test"]]))
        write_about(
            folder,
            name=path.stem,
            source=path.name,
            classes=[str(label) for label in labels],
            sha256=digest,
        )

    return prepare(f"{path.stem}-{digest[:16]}", make)


def _extract(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            missing = [n for n in ARRAYS if f"{n}.npy" not in archive.namelist()]
            if missing:
                raise ValueError(
                    f"{path} has no {', '.join(missing)}: an .npz data set holds "
                    f"{', '.join(ARRAYS)}."
                )
            for name in ARRAYS:
                with (
                    archive.open(f"{name}.npy") as member,
                    (folder / f"{name}.npy").open("wb") as file,
                ):
                    shutil.copyfileobj(member, file, 1 << 20)
    except zipfile.BadZipFile:
        raise ValueError(f"{path} is not an .npz file.") from None


def _check(path: Path, folder: Path) -> dict[str, np.ndarray]:
    """Return the arrays, if they are images and one label each; pickles are refused."""
    try:
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
        }
    except ValueError as error:
        raise ValueError(
            f"{path} holds an array that cannot be read: {error}"
        ) from None
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim not in (3, 4) or y.ndim != 1 or len(x) != len(y) or not len(x):
            raise ValueError(
                f"{path} has x_{part} of shape {x.shape} and y_{part} of shape "
                f"{y.shape}: expected images (n, h, w, c) or (n, h, w), and n labels."
            )
    return arrays
