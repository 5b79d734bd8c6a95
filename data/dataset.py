"""Dataset: four arrays in a folder of the cache, and what they are."""

import hashlib
import json
import stat
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
        """Return the data set in a folder of the cache; nothing is copied.

        What the files say is checked, and not what the pixels are: nobody but `write`
        is expected to have written them.

        Raises
        ------
        OSError, ValueError
            A file is missing, no regular file, or not what belongs there.
        """
        folder = Path(folder)
        about = _read_about(folder / ABOUT)
        arrays = {name: _mapped(folder / f"{name}.npy") for name in ARRAYS}
        for part in ("train", "test"):
            x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
            if x.ndim not in (3, 4) or y.ndim != 1 or len(x) != len(y) or not len(x):
                raise ValueError(f"{folder} holds no images with a label each.")
        if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
            raise ValueError(f"{folder} holds images of two sizes.")
        content: dict[str, Any] = about | arrays
        return cls(**content, folder=folder)


def _read_about(path: Path) -> dict[str, Any]:
    """Return the name, source, classes and sha256 of a data set in the cache."""
    about = json.loads(_regular(path).read_text("utf-8"))
    texts = ("name", "source", "sha256")
    if not isinstance(about, dict) or about.keys() != {*texts, "classes"}:
        raise ValueError(f"{path} does not describe a data set.")
    classes = about["classes"]
    if not isinstance(classes, list) or not all(
        isinstance(text, str) for text in (*classes, *(about[name] for name in texts))
    ):
        raise ValueError(f"{path} does not describe a data set.")
    return about | {"classes": tuple(classes)}


def _mapped(path: Path) -> np.ndarray:
    return np.load(_regular(path), mmap_mode="r", allow_pickle=False)


def _regular(path: Path) -> Path:
    """Return a path if it leads to a regular file: a pipe or a device would hang."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is no regular file.")
    return path


def draw(labels: np.ndarray, count: int | None) -> slice | np.ndarray:
    """Return which images to take: all, or `count` of them, drawn class by class.

    Each class keeps its share, and has one image at least: the first ones of a folder,
    or of sorted labels, would be of one class. They are the same on every machine.

    Parameters
    ----------
    labels : (n,)
    count : int or None

    Returns
    -------
    slice or (count,) int
        Indices in ascending order.

    Raises
    ------
    ValueError
        There are more classes than images would be taken.
    """
    if count is None or count >= len(labels):
        return slice(None)
    _, numbers, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if count < len(sizes):
        plural = "" if count == 1 else "s"
        raise ValueError(
            f"{count} image{plural} cannot be of all {len(sizes)} classes."
        )
    shares = sizes * (count / len(labels))
    quotas = np.maximum(1, shares.astype(int))
    while (missing := count - quotas.sum()) != 0:
        step = int(np.sign(missing))
        # The class that is furthest from its share; none is left without an image.
        off = step * (shares - quotas)
        quotas[np.where((quotas > 1) | (step > 0), off, -np.inf).argmax()] += step
    rng = np.random.default_rng(0)
    members = (np.flatnonzero(numbers == number) for number in range(len(sizes)))
    chosen = [
        rng.permutation(of_class)[:quota]
        for of_class, quota in zip(members, quotas, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


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
