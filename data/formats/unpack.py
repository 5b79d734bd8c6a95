"""Archives are read member by member in memory: nothing is extracted to the disk."""

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

MOST_MEMBERS = 64
HEADERS = 1 << 20  # bytes for the headers of so many members, and files not wanted


class _Limited(gzip.GzipFile):
    """A .gz that unpacks to no more than a number of bytes."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path)
        self.limit = limit

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if self.tell() > self.limit:
            raise ValueError(f"it unpacks to more than {self.limit:,} bytes")
        return content


def tar(path: Path, sizes: Mapping[str, int]) -> dict[str, bytes]:
    """Return members of a .tar.gz.

    Parameters
    ----------
    path : Path
    sizes : mapping of str to int
        The members that are wanted, as FOLDER/NAME, and the most bytes of each.

    Returns
    -------
    dict of str to bytes

    Raises
    ------
    ValueError
        It is damaged, lacks a member, has one that points out of it or is no plain
        file, has too many, or unpacks to too much.
    """
    found: dict[str, bytes] = {}
    limit = sum(sizes.values()) + HEADERS
    try:
        with (
            _Limited(path, limit) as stream,
            # r| reads forwards only, so that the limit holds for all of it.
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            for number, member in enumerate(archive):
                _check(member, number, sizes)
                file = archive.extractfile(member)
                if file and member.name in sizes:
                    found[member.name] = file.read()
            while stream.read(HEADERS):
                pass  # to the end, where the checksum of all is
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}.") from None
    if missing := [name for name in sizes if name not in found]:
        raise ValueError(f"{path} has no {', '.join(missing)}.")
    return found


def _check(member: tarfile.TarInfo, number: int, sizes: Mapping[str, int]) -> None:
    if number >= MOST_MEMBERS:
        raise ValueError(f"it has more than {MOST_MEMBERS} members")
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"its member {member.name!r} would lie outside")
    if not (member.isreg() or member.isdir()):
        raise ValueError(f"its member {member.name!r} is a link or a device")
    if member.size > sizes.get(member.name, HEADERS):
        raise ValueError(f"its member {member.name!r} has {member.size:,} bytes")


def gunzip(path: Path, size: int) -> bytes:
    """Return what is in a .gz, if it has exactly so many bytes; else ValueError."""
    try:
        with gzip.open(path) as stream:
            content = stream.read(size + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}.") from None
    if len(content) != size:
        raise ValueError(f"{path} does not unpack to {size:,} bytes.")
    return content
