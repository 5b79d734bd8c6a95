"""NumPy's .npz files: headers first, so that nothing large or odd is ever read."""

import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from data.dataset import ARRAYS, Arrays, Dataset
from data.text import printable

LARGEST = 4 << 30  # bytes of a file that is read into memory; no known set has more
MEMBERS = 1000


@dataclass(frozen=True)
class Header:
    """What the header of an array says, held against the size of what follows it."""

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool


@contextmanager
def opened(path: Path, file: BinaryIO | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a file as an archive; whatever its content makes of that is a ValueError.

    Parameters
    ----------
    path : Path
    file : binary file, optional
        It, if it is open already.
    """
    try:
        archive = zipfile.ZipFile(file or path)
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise _damaged(path, error) from None
    with archive:
        yield archive


def headers(path: Path, archive: zipfile.ZipFile) -> dict[str, Header]:
    """Return the arrays of a file, by key; members that are no arrays are left out.

    Raises
    ------
    ValueError
        It is damaged, or holds two arrays of one key.
    """
    found: dict[str, Header] = {}
    members = archive.infolist()
    if len(members) > MEMBERS:
        raise ValueError(
            f"{printable(path)} has {len(members):,} members: no data set."
        )
    for member in members:
        key = member.filename.removesuffix(".npy")
        header = _header(path, archive, member)
        if header and key in found:
            raise ValueError(
                f"{printable(path)} has two arrays named {printable(key)}."
            )
        if header:
            found[key] = header
    return found


def read(path: Path) -> Arrays:
    """Return x_train, y_train, x_test and y_test of a file, in memory.

    Raises
    ------
    ValueError
        It is damaged, lacks one of them, or has more than 4 GiB of them.
    """
    with opened(path) as archive:
        found = headers(path, archive)
        if missing := [name for name in ARRAYS if name not in found]:
            raise ValueError(f"{printable(path)} lacks {', '.join(missing)}.")
        if (size := _size(found[name] for name in ARRAYS)) > LARGEST:
            raise ValueError(f"{printable(path)} holds {size:,} bytes of arrays.")
        return {name: _array(path, archive, name, found[name]) for name in ARRAYS}


def extract(
    path: Path, archive: zipfile.ZipFile, wanted: Mapping[str, Header], folder: Path
) -> Arrays:
    """Extract arrays into a folder, NAME.npy each, and return them memory-mapped.

    Raises
    ------
    ValueError
        The file is damaged, or would not fit on the disk.
    """
    size, free = _size(wanted.values()), shutil.disk_usage(folder).free
    if size > free:
        raise ValueError(
            f"{printable(path)} unpacks to {size:,} bytes, but the cache has room for "
            f"{free:,}: set SKYLARK_CACHE to another folder."
        )
    for name, header in wanted.items():
        with (folder / f"{name}.npy").open("wb") as file:
            for chunk in _chunks(path, archive, header.member):
                file.write(chunk)
    return {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in wanted
    }


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


def _header(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> Header | None:
    """Return what a member's header says, or None if it is no array.

    Raises
    ------
    ValueError
        It says something else than the member's size allows.
    """
    try:
        with archive.open(member) as stream:
            if stream.read(6) != b"\x93NUMPY":
                return None
            major, minor = stream.read(2)
            read = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[major, minor]
            shape, fortran_order, dtype = read(stream)
            follows = member.file_size - stream.tell()
    except Exception as error:  # it is from outside, and is evaluated as Python
        raise _damaged(path, error, member.filename) from None
    size = dtype.itemsize
    for side in shape:
        size *= int(side)
    if dtype.hasobject:
        raise ValueError(
            f"{printable(path)} holds an array that cannot be read: "
            f"{printable(member.filename)} has Python objects. "
            f"{_without_objects(path, member)}"
        )
    if min(shape, default=0) < 0 or size != follows:
        raise ValueError(
            f"{printable(path)} is damaged: {printable(member.filename)} says that it "
            f"has the shape {printable(shape)}, but holds {follows:,} bytes."
        )
    return Header(member, shape, dtype, fortran_order)


def _without_objects(path: Path, member: zipfile.ZipInfo) -> str:
    key = member.filename.removesuffix(".npy")
    return (
        "Images of several sizes must be scaled to one. Labels, if the file is your "
        "own, are saved as text: a = "
        f"dict(numpy.load({str(path)!r}, allow_pickle=True)); a[{key!r}] = "
        f"a[{key!r}].astype(str); numpy.savez({beside(path)!r}, **a)"
    )


def beside(path: Path) -> str:
    """Return the name of another file in the same folder, for what is mended."""
    return str(path.with_name(f"{path.stem}-2.npz"))


def _array(
    path: Path, archive: zipfile.ZipFile, name: str, header: Header
) -> np.ndarray:
    content = b"".join(_chunks(path, archive, header.member))
    size = header.dtype.itemsize * int(np.prod(header.shape, dtype=object))
    flat = np.frombuffer(content, header.dtype, offset=len(content) - size)
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def _chunks(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> Iterator[bytes]:
    """Yield a member's content, as long as the directory says and no longer."""
    left = member.file_size
    try:
        with archive.open(member) as stream:
            while left and (chunk := stream.read(min(left, 1 << 20))):
                left -= len(chunk)
                yield chunk
            if left or stream.read(1):
                raise EOFError("it is shorter or longer than it says")
    except (GeneratorExit, KeyboardInterrupt):
        raise
    except Exception as error:  # a damaged file may raise anything in its decoder
        raise _damaged(path, error, member.filename) from None


def _size(found: Iterable[Header]) -> int:
    return sum(header.member.file_size for header in found)


def _damaged(path: Path, error: Exception, member: str = "") -> ValueError:
    where = f" in {printable(member)}" if member else ""
    return ValueError(
        f"{printable(path)} is not an .npz file, or is damaged{where} "
        f"({printable(error, 100) or type(error).__name__})."
    )
