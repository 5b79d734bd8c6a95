"""Many image files, decoded in parallel into one array on disk."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.dataset import write_array
from data.formats.image_file import Unreadable, is_grey, pixels
from data.text import counted, printable

BLOCK = 256  # images in memory at once
MOST_NAMED = 50

Item = TypeVar("Item")
Result = TypeVar("Result")


def write(
    top: Path,
    parts: dict[str, dict[Path, str]],
    size: tuple[int, int] | None,
    folder: Path,
) -> None:
    """Write x_train.npy and x_test.npy: grey if all images are, else in colour.

    Parameters
    ----------
    top : Path
        The user's folder, for messages.
    parts : dict of str to dict of Path to str
        The files of "train" and "test", and the SHA-256 of each.
    size : (h, w), optional
        The size to which all are scaled.
    folder : Path
        Where the arrays are written.

    Raises
    ------
    ValueError
        Some files cannot be read (all are named), or they differ in size and `size`
        is not given.
    """
    files = [path for paths in parts.values() for path in paths]
    broken: dict[Path, Unreadable] = {}
    shades = dict(_each(is_grey, files, broken))
    grey = all(shades.values())

    digests = {path: each for paths in parts.values() for path, each in paths.items()}

    def read(path: Path) -> np.ndarray:
        return pixels(_content(path, digests[path]), size, grey)

    sizes: dict[tuple[int, ...], Path] = {}
    shape = _first_shape(read, list(shades))
    for part, paths in parts.items():
        blocks = _blocks(
            read, [path for path in paths if path in shades], sizes, broken
        )
        where = folder / f"x_{part}.npy"
        write_array(where, (len(paths), *shape), np.dtype(np.uint8), blocks)
    if broken:
        raise ValueError(_name_broken(top, broken))
    if len(sizes) > 1:
        raise ValueError(_name_sizes(top, sizes))


def _content(path: Path, digest: str) -> BytesIO:
    """Return what a file holds; Unreadable unless it is still what was hashed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise Unreadable("was changed while it was read")
    return BytesIO(content)


def in_threads(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Return a function's results, in order; reading and decoding free the GIL."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(function, items))


def _each(
    function: Callable[[Path], Result],
    paths: list[Path],
    broken: dict[Path, Unreadable],
) -> Iterator[tuple[Path, Result]]:
    """Yield files and a function's results; add unreadable files to `broken`."""

    def tried(path: Path) -> Result | Unreadable:
        try:
            return function(path)
        except Unreadable as error:
            return error

    for path, result in zip(paths, in_threads(tried, paths), strict=True):
        if isinstance(result, Unreadable):
            broken[path] = result
        else:
            yield path, result


def _first_shape(
    read: Callable[[Path], np.ndarray], paths: list[Path]
) -> tuple[int, ...]:
    for path in paths:
        try:
            return read(path).shape
        except Unreadable:
            continue
    return ()


def _blocks(
    read: Callable[[Path], np.ndarray],
    paths: list[Path],
    sizes: dict[tuple[int, ...], Path],
    broken: dict[Path, Unreadable],
) -> Iterator[np.ndarray]:
    """Yield the images, (1, h, w, c); note an example of each size.

    If sizes differ or files are broken, the array is of no use: `write` raises an error
    once it has seen every file.
    """
    for start in range(0, len(paths), BLOCK):
        for path, image in _each(read, paths[start : start + BLOCK], broken):
            sizes.setdefault(image.shape[:2], path)
            yield image[None]


def _name_broken(top: Path, broken: dict[Path, Unreadable]) -> str:
    named = [
        printable(f"{path.relative_to(top)} {broken[path]}") for path in sorted(broken)
    ]
    more = [f"and {len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
    return (
        f"{printable(top)} has {counted(len(named), 'file')} that cannot be read, "
        f"repair or remove them: {'; '.join(named[:MOST_NAMED] + more)}."
    )


def _name_sizes(top: Path, sizes: dict[tuple[int, ...], Path]) -> str:
    examples = [
        f"{height}x{width} ({printable(path.relative_to(top))})"
        for (height, width), path in list(sizes.items())[:3]
    ]
    return (
        f"{printable(top)} has images of {len(sizes)} sizes, such as "
        f"{', '.join(examples)}: choose one for all with --image-size, 32 or "
        "HEIGHTxWIDTH."
    )
