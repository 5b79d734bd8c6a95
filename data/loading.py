"""`load`: one call for every source."""

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from data.dataset import Dataset
from data.download.limits import DEFAULTS, Limits
from data.own import image_folder, npz_file
from data.published import digits, sources
from data.published.catalogue import CATALOGUE
from data.text import printable

NAMES = (*CATALOGUE, "digits")


def load(
    name: str | Path,
    *,
    data_dir: str | Path | None = None,
    image_size: int | Sequence[int] | None = None,
    mirror: str | None = None,
    limits: Limits = DEFAULTS,
) -> Dataset:
    """Return the data set of a name, an .npz file or a folder of images.

    Parameters
    ----------
    name : str or Path
        One of NAMES; "FILE.npz" with x_train, y_train, x_test, y_test; or a FOLDER with
        train/CLASS/* and test/CLASS/*. Of x and y, or CLASS/*, alone, a fifth of each
        class becomes the test set.
    data_dir : str or Path, optional
        A folder with archives or extracted files (default: SKYLARK_DATA).
    image_size : int or (h, w), optional
        The size to which the images of a FOLDER are scaled.
    mirror : str, optional
        The URL of a folder with the archives (default: SKYLARK_MIRROR).
    limits : Limits
        How slow a source may be, and how long all may take.

    Raises
    ------
    ValueError
        The name is unknown, or the file or folder does not hold what it should.
    FileNotFoundError
        There is no such file or folder.
    Unavailable
        No source has the data set, or a package that it needs is not installed.
    """
    data_dir = None if data_dir is None else Path(data_dir)
    if data_dir and not data_dir.is_dir():
        raise FileNotFoundError(f"there is no folder {printable(data_dir)}.")
    path = Path(name)
    is_named = str(name) in NAMES
    is_file = path.suffix.lower() in (".npz", ".npy") and not path.is_dir()
    if image_size is not None and (is_named or is_file):
        raise ValueError(f"an image size is for a folder of images, not for {name}.")
    if str(name) in CATALOGUE:
        return sources.load(CATALOGUE[str(name)], data_dir, mirror, limits)
    if is_named:
        return digits.load()
    if is_file:
        return npz_file.load(path)
    if str(name) and (path.is_dir() or len(path.parts) > 1):
        return image_folder.load(
            path, None if image_size is None else _pair(image_size)
        )
    close = difflib.get_close_matches(str(name).lower(), NAMES, 1, 0)
    raise ValueError(
        f"there is no data set {printable(name)!r}: did you mean {close[0]!r}? "
        f"Choose from {', '.join(NAMES)}, FILE.npz and FOLDER."
    )


def image_size(text: str) -> list[int]:
    """Return [h, w] from an option's text: "32", or "32x48" for h x w.

    Raises
    ------
    argparse.ArgumentTypeError
        The text has another form.
    """
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size such as 32 or 32x48 (height x width)"
        )
    return [int(side) for side in sides] * (2 // len(sides))


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(sides) != 2 or not all(isinstance(n, int) and n > 0 for n in sides):
        raise ValueError(
            f"image_size is {size}, expected whole numbers (h, w) above 0."
        )
    return sides[0], sides[1]
