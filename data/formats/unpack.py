"""Archives, read member by member into memory: nothing is extracted to disk."""

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

MOST_MEMBERS = 64
HEADERS = 1 << 20  # most bytes of all headers together, and of a file not wanted


class _Limited(gzip.GzipFile):
    """A .gz that may unpack to at most `limit` bytes."""

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
        The members to read, as FOLDER/NAME, and the most bytes that each may have.

    Returns
    -------
    dict of str to bytes

    Raises
    ------
    ValueError
        It is damaged, lacks a member, has too many, unpacks to too many bytes, or has
        a member that points outside or is not a plain file.
    """
    found: dict[str, bytes] = {}
    limit = sum(sizes.values()) + HEADERS
    try:
        with (
            _Limited(path, limit) as stream,
            # r| only reads forwards, so the limit covers everything.
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            for number, member in enumerate(archive):
                _check(member, number, sizes)
                file = archive.extractfile(member)
                if file and member.name in sizes:
                    found[member.name] = file.read()
            while stream.read(HEADERS):
                pass  # to the end, where the checksum is
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
        raise ValueError(f"its member {member.name!r} points outside")
    if not (member.isreg() or member.isdir()):
        raise ValueError(f"its member {member.name!r} is a link or a device")
    if member.size > sizes.get(member.name, HEADERS):
        raise ValueError(f"its member {member.name!r} has {member.size:,} bytes")


def gunzip(path: Path, size: int) -> bytes:
    """Return the content of a .gz; ValueError unless it has exactly `size` bytes."""
    try:
        with gzip.open(path) as stream:
            content = stream.read(size + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}.") from None
    if len(content) != size:
        raise ValueError(f"{path} does not unpack to {size:,} bytes.")
    return content
