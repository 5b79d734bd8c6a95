"""A published data set in the user's files: archives, extracted files, or an .npz."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.dataset import Arrays
from data.formats import labelled_images, npz
from data.published.layout import Layout
from data.published.specification import Specification


@dataclass(frozen=True)
class Found:
    """A place that may hold a data set: what it is, and how to read it."""

    source: str
    read: Callable[[], Arrays]


def search(spec: Specification, folder: Path) -> Iterator[Found]:
    """Yield each form of a data set that is in a folder: archives first, an .npz last.

    They may be in the folder itself, in one named after the data set, or where
    torchvision puts them.
    """
    for layout in spec.layouts:
        for place in folder, folder / spec.name, folder / layout.folder:
            paths = [place / archive.name for archive in layout.archives]
            if all(path.is_file() for path in paths):
                names = ", ".join(path.name for path in paths)
                yield Found(f"{names} in {place}", partial(_verified, layout, paths))
    for layout in spec.layouts:
        for place in folder / layout.folder, folder, folder / spec.name:
            paths = [place / name for name in layout.files]
            if paths and all(path.is_file() for path in paths):
                # No digests of extracted files are published: the counts must do.
                yield Found(
                    f"extracted files in {place}", partial(layout.read_extracted, place)
                )
    path = folder / f"{spec.name}.npz"
    if path.is_file():
        yield Found(f"{path}, not the published archive", partial(_npz, path))


def _verified(layout: Layout, paths: list[Path]) -> Arrays:
    """Return the arrays in archives; ValueError if one is not as published."""
    for archive, path in zip(layout.archives, paths, strict=True):
        if fault := archive.fault(path):
            raise ValueError(f"{path} is not as published: {fault}.")
    return layout.read_archives(paths)


def _npz(path: Path) -> Arrays:
    """Return the arrays of a file as Keras has it: labels (n, 1), no channel axis."""
    given = npz.read(path)
    arrays = given | labelled_images.labels(given)
    for name in "x_train", "x_test":
        if arrays[name].ndim == 3:
            arrays[name] = arrays[name][..., None]
    return arrays
