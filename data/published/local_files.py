"""Archives and extracted folders that the user has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.dataset import Arrays
from data.formats import npz, unpack
from data.published.specification import Known, Layout


@dataclass(frozen=True)
class Found:
    """A place that may hold a data set: what it is, and how to read it."""

    source: str
    read: Callable[[], Arrays]


def search(known: Known, folder: Path) -> Iterator[Found]:
    """Yield what a folder has of a data set: archives, extracted files, an .npz.

    They lie in the folder itself, in one of the data set's name, or where torchvision
    puts them.
    """
    for layout in known.layouts:
        for place in folder, folder / known.name, folder / layout.folder:
            paths = [place / archive.name for archive in layout.archives]
            if all(path.is_file() for path in paths):
                names = ", ".join(path.name for path in paths)
                yield Found(f"{names} in {place}", _archives(layout, paths))
    for layout in known.layouts:
        for place in folder / layout.folder, folder, folder / known.name:
            paths = [place / name for name in layout.files]
            if paths and all(path.is_file() for path in paths):
                # Their authors publish no digests of these; the counts must do.
                yield Found(f"extracted files in {place}", _files(layout, place))
    path = folder / f"{known.name}.npz"
    if path.is_file():
        yield Found(f"{path}, not the published archive", lambda: _npz(path))


def decode(layout: Layout, paths: list[Path]) -> Arrays:
    """Return the arrays in archives that have been verified."""
    contents: dict[str, bytes] = {}
    for path in paths:
        if path.name.endswith(".tar.gz"):
            names = {f"{layout.folder}/{name}": name for name in layout.files}
            sizes = {full: layout.files[name] for full, name in names.items()}
            members = unpack.tar(path, sizes)
            contents |= {names[full]: member for full, member in members.items()}
        elif path.suffix == ".gz":
            contents[path.stem] = unpack.gunzip(path, layout.files[path.stem])
        else:
            contents[path.name] = path.read_bytes()
    return layout.decode(contents)


def _archives(layout: Layout, paths: list[Path]) -> Callable[[], Arrays]:
    def read() -> Arrays:
        for archive, path in zip(layout.archives, paths, strict=True):
            if fault := archive.fault(path):
                raise ValueError(f"{path} is not as published: {fault}.")
        return decode(layout, paths)

    return read


def _files(layout: Layout, place: Path) -> Callable[[], Arrays]:
    def read() -> Arrays:
        for name, most in layout.files.items():
            if (size := (place / name).stat().st_size) > most:
                raise ValueError(
                    f"{place / name} has {size:,} bytes, at most {most:,}."
                )
        contents = {name: (place / name).read_bytes() for name in layout.files}
        return layout.decode(contents)

    return read


def _npz(path: Path) -> Arrays:
    arrays = npz.read(path)
    for name in "x_train", "x_test":  # Keras's mnist.npz has no axis of channels
        if arrays[name].ndim == 3:
            arrays[name] = arrays[name][..., None]
    return arrays
