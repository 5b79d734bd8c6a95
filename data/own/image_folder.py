"""A folder of the user's images, one sub-folder a class: found, labelled and split."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import cache
from data.dataset import Dataset, Unavailable, write_about, write_array
from data.formats import image_file
from data.own import folder_layout, parallel_decoding
from data.own.split import choose_test, too_few
from data.progress import note
from data.text import counted, printable

MOST_NAMED = 10  # of classes and files in a note


@dataclass(frozen=True)
class Entry:
    """An image file, the number of its class, and the digest of its content."""

    path: Path
    label: int
    sha256: str


@dataclass
class Found:
    """The files of each class: images, and what is left out."""

    images: dict[str, list[Path]]
    left_out: list[Path]


def load(path: Path, size: tuple[int, int] | None = None) -> Dataset:
    """Return the images at train/CLASS/* and test/CLASS/*, or at CLASS/* alone.

    What was understood is noted: the classes, how many images of each, which folders
    they are from, and what was left out. Of CLASS/* alone, the fifth of each class
    with the smallest SHA-256 is for testing: the same images on every machine,
    whatever their names, and equal ones on one side.

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
        It is not clear what its folders mean, a class has no images, some cannot be
        read, or they differ in size and `size` is not given.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {printable(path)}.")
    if not image_file.can_decode():
        raise Unavailable("Pillow, which reads images, is missing: pip install pillow")
    path = path.resolve()
    layout = folder_layout.understand(path)
    classes, parts = _parts(layout)
    digest = hashlib.sha256(f"{classes} {size}".encode())
    for part, entries in parts.items():
        for entry in entries:
            digest.update(f"{part} {entry.label} {entry.sha256}\n".encode())
    note(_understood(path, layout, classes, parts))

    def make(folder: Path) -> None:
        files = {
            part: {entry.path: entry.sha256 for entry in entries}
            for part, entries in parts.items()
        }
        parallel_decoding.write(path, files, size, folder)
        for part, entries in parts.items():
            labels = np.array([entry.label for entry in entries])
            write_array(folder / f"y_{part}.npy", labels.shape, labels.dtype, [labels])
        write_about(
            folder,
            name=printable(path.name),
            source=printable(path),
            classes=[printable(name) for name in classes],
            sha256=digest.hexdigest(),
        )

    return cache.prepare(cache.key(path.name, digest.hexdigest()), make)


def _parts(layout: folder_layout.Layout) -> tuple[list[str], dict[str, list[Entry]]]:
    """Return the names of the classes, and the images for training and testing."""
    train = _find(layout.train)
    classes = list(train.images)
    _note_left_out(train.left_out, layout.train)
    entries = _entries(train, classes)
    if layout.test is None:
        return classes, _split(layout.train, classes, entries)
    test = _find(layout.test)
    if unknown := set(test.images) - set(classes):
        raise ValueError(
            f"{printable(layout.test)} has classes that are not in "
            f"{printable(layout.train)}: {printable(', '.join(sorted(unknown)))}."
        )
    _note_left_out(test.left_out, layout.test)
    if missing := [name for name in classes if name not in test.images]:
        note(f"{printable(layout.test)} has no images for {_listed(missing)}.")
    parts = {"train": entries, "test": _entries(test, classes)}
    known = {entry.sha256 for entry in entries}
    if both := sum(entry.sha256 in known for entry in parts["test"]):
        note(f"{both:,} of the test images are training images too.")
    return classes, parts


def _find(folder: Path) -> Found:
    """Return the files in the folders of the classes, sorted.

    Raises
    ------
    ValueError
        A class has no image, or a folder cannot be read.
    """
    images: dict[str, list[Path]] = {}
    left_out = [path for path in folder.iterdir() if _is_image(path)]
    places = list(folder_layout.folders_in(folder))
    for place in places:
        _check_links(place, places)
        of_class = images.setdefault(folder_layout.class_name(place), [])
        for path in _files(place):
            (of_class if _is_image(path) else left_out).append(path)
    if empty := sorted(name for name, paths in images.items() if not paths):
        raise ValueError(
            f"{printable(folder)} has no images for {_listed(empty)}: remove the "
            "folder if it is no class. The files that are read end in "
            f"{', '.join(sorted(image_file.ENDINGS))}."
        )
    return Found(dict(sorted(images.items())), left_out)


def _check_links(place: Path, classes: list[Path]) -> None:
    """Raise ValueError where a link in a class leads to images of other classes."""
    own = place.resolve()
    others = {other.resolve() for other in classes if not other.is_symlink()} - {own}
    for folder, names, _ in os.walk(place, followlinks=False):
        for link in (Path(folder, name) for name in names):
            if not link.is_symlink():
                continue
            target = link.resolve()
            if target in own.parents or not others.isdisjoint(
                (target, *target.parents)
            ):
                raise ValueError(
                    f"the link {printable(link)} leads to {printable(target)}, which "
                    "holds images of other classes: remove it."
                )


def _files(top: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted; links to folders are followed once."""
    seen: set[tuple[int, int]] = set()

    def refuse(error: OSError) -> None:
        raise ValueError(
            f"the folder {printable(error.filename)} cannot be read ({error.strerror})."
        )

    for place, folders, names in os.walk(top, onerror=refuse, followlinks=True):
        here = os.stat(place)
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(n for n in folders if folder_layout.shown(Path(n)))
        paths = (Path(place, name) for name in sorted(names))
        yield from (path for path in paths if folder_layout.shown(path))


def _is_image(path: Path) -> bool:
    is_named = folder_layout.shown(path) and image_file.is_called_image(path)
    return is_named and path.is_file()


def _entries(found: Found, classes: list[str]) -> list[Entry]:
    files = [
        (path, label)
        for label, name in enumerate(classes)
        for path in found.images.get(name, [])
    ]
    digests = parallel_decoding.in_threads(_sha256, [path for path, _ in files])
    return [
        Entry(path, label, digest)
        for (path, label), digest in zip(files, digests, strict=True)
    ]


def _split(
    folder: Path, classes: list[str], entries: list[Entry]
) -> dict[str, list[Entry]]:
    """Split the images of each class into training and test images, by content."""
    try:
        for_test = choose_test([(entry.label, entry.sha256) for entry in entries])
    except IndexError as error:
        sentence = too_few(classes[error.args[0]])
        raise ValueError(f"{printable(folder)} has {sentence}") from None
    parts: dict[str, list[Entry]] = {"train": [], "test": []}
    for entry, chosen in zip(entries, for_test, strict=True):
        parts["test" if chosen else "train"].append(entry)
    return parts


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ValueError(
            f"the file {printable(path)} cannot be read ({error.strerror})."
        ) from None


def _understood(
    top: Path,
    layout: folder_layout.Layout,
    classes: list[str],
    parts: dict[str, list[Entry]],
) -> str:
    """Return what was understood: classes, images of each, and where they are from."""
    counts = Counter(entry.label for part in parts.values() for entry in part)
    each = [f"{name} {counts[label]:,}" for label, name in enumerate(classes)]
    train, test = (f"{len(parts[part]):,}" for part in ("train", "test"))
    if layout.test:
        places = (place.relative_to(top) for place in (layout.train, layout.test))
        how = "{} for training from {}/ and {} for testing from {}/"
        how = how.format(train, next(places), test, next(places))
    else:
        how = f"{train} for training and, a fifth of each class, {test} for testing, "
        how += f"all from {layout.train.relative_to(top) / 'CLASS'}/"
    unused = [f"{path.relative_to(top)}/" for path in layout.unused]
    return (
        f"{printable(top.name)}: {counted(len(classes), 'class', 'classes')} "
        f"({_listed(each)} images); "
        f"{printable(how)}.{f' Not used: {_listed(unused)}.' if unused else ''}"
    )


def _note_left_out(paths: list[Path], top: Path) -> None:
    """Note the files that are no images by their names, or no files at all."""
    if paths:
        kinds = Counter(path.suffix.lower() or "without ending" for path in paths)
        each = [f"{count:,} {kind}" for kind, count in kinds.most_common()]
        note(
            f"left out in {printable(top.name)}/: {_listed(each)}, such as "
            f"{printable(paths[0].relative_to(top))}."
        )


def _listed(items: Iterable[str]) -> str:
    """Return names in one line, the first of many."""
    names = list(items)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return printable(", ".join(names[:MOST_NAMED])) + more
