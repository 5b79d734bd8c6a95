"""A folder of the user's images, one sub-folder a class: found, labelled and split."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.cache import prepare
from data.dataset import Dataset, Unavailable, write_about, write_array
from data.formats import image_file
from data.own import parallel_decoding

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm"}
TEST_SHARE = 5  # one image in five is for testing


@dataclass(frozen=True)
class Entry:
    """An image file, the number of its class, and the digest of its content."""

    path: Path
    label: int
    sha256: str


def load(path: Path, size: tuple[int, int] | None = None) -> Dataset:
    """Return the images at train/CLASS/* and test/CLASS/*, or at CLASS/* alone.

    Of CLASS/* alone, the fifth of each class with the smallest SHA-256 is for testing:
    the same images on every machine, whatever their names.

    Parameters
    ----------
    path : Path
    size : (h, w), optional
        The size to which all are scaled.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    Unavailable
        Pillow is not installed.
    ValueError
        It has no such images, some cannot be read, or they differ in size and `size`
        is not given.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}.")
    if not image_file.can_decode():
        raise Unavailable("Pillow, which reads images, is missing: pip install pillow")
    path = path.resolve()
    classes, parts = _parts(path)
    digest = hashlib.sha256(f"{classes} {size}".encode())
    for part, entries in parts.items():
        for entry in entries:
            digest.update(f"{part} {entry.label} {entry.sha256}\n".encode())

    def make(folder: Path) -> None:
        files = {part: [e.path for e in entries] for part, entries in parts.items()}
        parallel_decoding.write(path, files, size, folder)
        for part, entries in parts.items():
            labels = np.array([entry.label for entry in entries])
            write_array(folder / f"y_{part}.npy", labels.shape, labels.dtype, [labels])
        write_about(
            folder,
            name=path.name,
            source=str(path),
            classes=classes,
            sha256=digest.hexdigest(),
        )

    return prepare(f"{path.name}-{digest.hexdigest()[:16]}", make)


def _parts(path: Path) -> tuple[list[str], dict[str, list[Entry]]]:
    """Return the names of the classes, and the images for training and testing."""
    whole = path / "train" if (path / "train").is_dir() else path
    classes = _classes(whole)
    train = _entries(whole, classes)
    if (path / "train").is_dir() and (path / "test").is_dir():
        if unknown := set(_classes(path / "test")) - set(classes):
            raise ValueError(
                f"{path / 'test'} has classes that are not in {path / 'train'}: "
                f"{', '.join(sorted(unknown))}."
            )
        parts = {"train": train, "test": _entries(path / "test", classes)}
    else:
        parts = _split(train)
    if not parts["train"] or not parts["test"]:
        raise ValueError(
            f"{path} has no images at train/CLASS/* and test/CLASS/*, nor "
            f"{TEST_SHARE // 2 + 1} of a class at CLASS/* "
            f"({', '.join(sorted(ENDINGS))})."
        )
    return classes, parts


def _classes(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and any(_images(path))
    )


def _images(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file()
    )


def _entries(folder: Path, classes: list[str]) -> list[Entry]:
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted(_images(folder / name))
    ]
    digests = parallel_decoding.in_threads(_sha256, [path for path, _ in found])
    return [
        Entry(path, label, digest)
        for (path, label), digest in zip(found, digests, strict=True)
    ]


def _split(entries: list[Entry]) -> dict[str, list[Entry]]:
    """Split the images of each class into training and test images, by content."""
    by_class: dict[int, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.sha256):
        by_class.setdefault(entry.label, []).append(entry)
    chosen = {
        entry
        for members in by_class.values()
        for entry in members[: round(len(members) / TEST_SHARE)]
    }
    return {
        "train": [entry for entry in entries if entry not in chosen],
        "test": [entry for entry in entries if entry in chosen],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
