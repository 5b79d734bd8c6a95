"""The user's own arrays, in an .npz file: images and labels, in parts or not."""

import hashlib
import re
import shutil
from io import BufferedReader
from pathlib import Path

import numpy as np

from data import cache
from data.dataset import ARRAYS, Arrays, Dataset, write_about, write_array
from data.formats import labelled_images, npz
from data.own.split import choose_test, too_few
from data.progress import note
from data.text import counted, printable


def load(path: Path) -> Dataset:
    """Return the arrays of a file, which is extracted once to be memory-mapped.

    It holds x_train, y_train, x_test and y_test, or what has one of the other names in
    use for them; of x and y alone, a fifth of each class becomes the test set.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It does not hold images and labels, or is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {printable(path)}.")
    if path.suffix.lower() == ".npy":
        raise ValueError(
            f"{printable(path)} holds one array, of images or of labels: save both in "
            f"one file, numpy.savez({f'{path.stem}.npz'!r}, x=images, y=labels)."
        )
    with path.open("rb") as file:  # one file, even if another takes its name
        digest = _sha256(file)

        def make(folder: Path) -> None:
            given = folder / "given"
            given.mkdir()
            labels = _write(path, file, given, folder)
            shutil.rmtree(given)
            if _sha256(file) != digest:
                raise ValueError(f"{printable(path)} was changed while it was read.")
            write_about(
                folder,
                name=printable(path.stem),
                source=printable(path.name),
                classes=[printable(label) for label in labels],
                sha256=digest,
            )

        return cache.prepare(cache.key(path.stem, digest), make)


def _sha256(file: BufferedReader) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, file: BufferedReader, given: Path, folder: Path) -> np.ndarray:
    """Write the four arrays into a folder, and return the labels in use, sorted."""
    arrays, keys = _extract(path, file, given)
    try:
        labels = labelled_images.labels(arrays)
        pixels = labelled_images.pixels(arrays)
        parts = _parts(arrays, labels)
    except ValueError as error:
        raise _said(path, error, keys) from None
    for part, (x, y) in parts.items():
        images = (
            pixels.convert(x[start : start + labelled_images.BLOCK])
            for start in range(0, len(x), labelled_images.BLOCK)
        )
        shape = (len(x), *x.shape[1:])
        write_array(folder / f"x_{part}.npy", shape, pixels.dtype, images)
        write_array(folder / f"y_{part}.npy", y.shape, y.dtype, [y])
    return np.unique(labels["y_train"])


def _extract(
    path: Path, file: BufferedReader, given: Path
) -> tuple[Arrays, dict[str, str]]:
    """Extract the arrays of a file, once their headers are in order.

    Returns
    -------
    arrays, keys
        x_train and so on, and the keys under which the file has them.
    """
    with npz.opened(path, file) as archive:
        found = npz.headers(path, archive)
        shapes = {key: header.shape for key, header in found.items()}
        try:
            keys = labelled_images.assign(found)
        except KeyError:
            raise ValueError(
                f"{printable(path)} has the keys {printable(', '.join(found))}, "
                f"expected {', '.join(ARRAYS)}, or x and y: "
                f"{labelled_images.advice(shapes, path)}"
            ) from None
        try:
            labelled_images.check_shapes({n: shapes[key] for n, key in keys.items()})
        except ValueError as error:
            raise _said(path, error, keys) from None
        if unused := [key for key in found if key not in keys.values()]:
            note(f"{printable(path.name)}: not used: {printable(', '.join(unused))}.")
        wanted = {name: found[key] for name, key in keys.items()}
        return npz.extract(path, archive, wanted, given), keys


def _said(path: Path, error: ValueError, keys: dict[str, str]) -> ValueError:
    """Return an error with the file's name, and with its keys for the arrays' names."""
    names = re.compile("|".join(rf"\b{name}\b" for name in keys))
    sentence = names.sub(lambda found: printable(keys[found[0]]), str(error))
    return ValueError(f"{printable(path)}: {sentence}")


def _parts(arrays: Arrays, labels: Arrays) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images and labels for training and for testing."""
    if "x_test" in arrays:
        return {
            part: (arrays[f"x_{part}"], labels[f"y_{part}"])
            for part in ("train", "test")
        }
    x, y = arrays["x_train"], labels["y_train"]
    names, numbers = np.unique(y, return_inverse=True)
    digests = (digest.hex() for digest in labelled_images.digests(x))
    try:
        for_test = choose_test(list(zip(numbers.tolist(), digests, strict=True)))
    except IndexError as error:
        raise ValueError(too_few(names[error.args[0]])) from None
    note(
        f"{counted(len(x), 'image')} without a test set: a fifth of each class, "
        f"{sum(for_test):,}, is for testing."
    )
    chosen = np.array(for_test)
    return {"train": (x[~chosen], y[~chosen]), "test": (x[chosen], y[chosen])}
