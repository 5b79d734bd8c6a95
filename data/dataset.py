"""Dataset: four arrays in a folder of the cache, and what they are."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

Arrays = dict[str, np.ndarray]
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
ABOUT = "dataset.json"


class Unavailable(OSError):  # noqa: N818, it is what it says
    """A data set is not available from any source; the message says what to do."""


@dataclass(frozen=True)
class Dataset:
    """Images and labels for training and testing.

    Parameters
    ----------
    name, source : str
        What it is called, and where it came from.
    x_train, x_test : (n, h, w, c) uint8, or floats as they were given
        Memory-mapped, read-only.
    y_train, y_test : (n,)
        Labels; whole numbers for the named sets.
    classes : tuple of str
        The name of each class, in the order of the sorted labels.
    sha256 : str
        Of the user's own files; for a named set, of the arrays as they are stored.
    folder : Path
        Where the arrays are; `Dataset.open(folder)` reads them again.
    """

    name: str
    source: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: tuple[str, ...]
    sha256: str
    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Return the data set in a folder of the cache; nothing is copied."""
        folder = Path(folder)
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        about["classes"] = tuple(about["classes"])
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
        }
        return cls(**about, **arrays, folder=folder)


def write(folder: Path, arrays: Arrays, **about: Any) -> None:
    """Write the four arrays, and their name, source and classes."""
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", array.shape, array.dtype, [array])
    digest = hashlib.sha256()
    for name in ARRAYS:
        with (folder / f"{name}.npy").open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    write_about(folder, **about, sha256=digest.hexdigest())


def write_array(
    path: Path, shape: tuple[int, ...], dtype: np.dtype, blocks: Iterable[np.ndarray]
) -> None:
    """Write an .npy file a block of rows at a time.

    On a full disk, numpy.save raises an error that does not say so, and a memory map
    dies of SIGBUS; plain writes raise an OSError that names the reason.
    """
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype).data)


def write_about(folder: Path, **about: Any) -> None:
    """Write the name, source, classes and sha256 of the arrays in a folder."""
    (folder / ABOUT).write_text(json.dumps(about, indent=1), "utf-8")
