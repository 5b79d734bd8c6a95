"""NumPy's .npz with Keras's keys x_train, y_train, x_test, y_test: read and written."""

import os
import re
import shutil
import zipfile
import zlib
from pathlib import Path

import numpy as np

from data.dataset import ARRAYS, Arrays, Dataset

# What zipfile raises for a file that is damaged, encrypted or packed otherwise.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def read(path: Path) -> Arrays:
    """Return a file's arrays, in memory; ValueError if it does not hold them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS}
    except (KeyError, OSError, ValueError, *DAMAGED) as error:
        raise ValueError(f"{path} is not a usable .npz file: {error}.") from None
    _check(path, arrays)
    return arrays


def extract(path: Path, folder: Path) -> Arrays:
    """Extract a file's arrays into a folder, and return them memory-mapped.

    Raises
    ------
    ValueError
        It is damaged, lacks an array, would not fit on the disk, or holds something
        other than images and labels.
    """
    _copy_members(path, folder)
    try:
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ARRAYS
        }
    except (EOFError, ValueError) as error:
        raise ValueError(
            f"{path} holds an array that cannot be read: {error}"
        ) from None
    _check(path, arrays)
    return arrays


def export(dataset: Dataset, path: Path) -> None:
    """Write the four arrays to a new .npz file, completely or not at all.

    Raises
    ------
    ValueError
        Its name does not end in .npz.
    FileExistsError
        There is such a file already; it is left as it is.
    FileNotFoundError
        Its folder does not exist.
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


def _copy_members(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive, folder)
            for name in ARRAYS:
                with (
                    archive.open(f"{name}.npy") as member,
                    (folder / f"{name}.npy").open("wb") as file,
                ):
                    shutil.copyfileobj(member, file, 1 << 20)
    except DAMAGED:
        raise ValueError(f"{path} is not an .npz file, or is damaged.") from None


def _check_members(path: Path, archive: zipfile.ZipFile, folder: Path) -> None:
    """Raise ValueError if arrays are missing, or would not fit on the disk."""
    keys = [name.removesuffix(".npy") for name in archive.namelist()]
    if any(name not in keys for name in ARRAYS):
        raise ValueError(
            f"{path} has the keys {', '.join(keys)}, expected {', '.join(ARRAYS)}: "
            f"save it again with numpy.savez({path.name!r}, {_guess(keys)})."
        )
    size = sum(archive.getinfo(f"{name}.npy").file_size for name in ARRAYS)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ValueError(
            f"{path} unpacks to {size:,} bytes, but the cache has room for {free:,}: "
            "set SKYLARK_CACHE to another folder."
        )


def _guess(keys: list[str]) -> str:
    """Return how the keys of a file would be renamed: x_train=train_images, ..."""
    found = {_role(key): key for key in keys}
    return ", ".join(f"{name}={found.get(name, '...')}" for name in ARRAYS)


def _role(key: str) -> str:
    """Return the array that a key seems to mean: train_images or X-Train is x_train."""
    letters = re.sub("[^a-z]", "", key.lower())
    part = "train" if "train" in letters else "test"
    kind = letters.replace(part, "")
    if kind.startswith(("label", "target", "y")):
        return f"y_{part}"
    return f"x_{part}" if kind.startswith(("image", "data", "x")) else ""


def _check(path: Path, arrays: Arrays) -> None:
    """Raise ValueError unless arrays are images with one label each."""
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.ndim not in (3, 4) or y.ndim != 1 or len(x) != len(y) or not len(x):
            raise ValueError(
                f"{path} has x_{part} of shape {x.shape} and y_{part} of shape "
                f"{y.shape}: expected images (n, h, w, c) or (n, h, w), and n labels."
            )
