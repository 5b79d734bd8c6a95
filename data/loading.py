"""One call for every source."""

import difflib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from data import digits, downloads, folder, npz
from data.dataset import Dataset

NAMED: dict[str, Callable[[], Dataset]] = {
    "cifar10": partial(downloads.load, "cifar10"),
    "mnist": partial(downloads.load, "mnist"),
    "digits": digits.load,
}


def load(name: str | Path) -> Dataset:
    """Return the data set of a name, an .npz file or a folder of images.

    Parameters
    ----------
    name : str or Path
        "cifar10", "mnist", "digits", "FILE.npz", or a FOLDER with train/CLASS/* and
        test/CLASS/*.

    Raises
    ------
    ValueError
        There is no data set of that name, or the file is not what it should be.
    FileNotFoundError
        There is no such file or folder.
    Unavailable
        A named data set cannot be had from any source.
    """
    if str(name) in NAMED:
        return NAMED[str(name)]()
    path = Path(name)
    if path.suffix == ".npz":
        return npz.load(path)
    if path.is_dir() or len(path.parts) > 1:
        return folder.load(path)
    close = difflib.get_close_matches(str(name), NAMED, 1, 0)
    raise ValueError(
        f"there is no data set {str(name)!r}: did you mean {close[0]!r}? Known are "
        f"{', '.join(NAMED)}, FILE.npz and FOLDER."
    )
