"""A published data set: from the cache, the user's folder, a mirror or its host.

torchvision's classes are not used: they would import PyTorch, and unpickle CIFAR's
files without restriction.
"""

import os
import time
from pathlib import Path

from data import cache
from data.dataset import Arrays, Dataset, Unavailable, write
from data.download.archive import Archive
from data.download.fetch import fetch
from data.download.limits import DEFAULTS, Limits
from data.progress import note
from data.published import local_files
from data.published.specification import Specification


def load(
    spec: Specification,
    data_dir: Path | None = None,
    mirror: str | None = None,
    limits: Limits = DEFAULTS,
) -> Dataset:
    """Return a data set from the first source that has it.

    Parameters
    ----------
    spec : Specification
    data_dir : Path, optional
        A folder with archives or extracted files (default: SKYLARK_DATA).
    mirror : str, optional
        The URL of a folder with the archives, asked before the hosts (default:
        SKYLARK_MIRROR).
    limits : Limits

    Raises
    ------
    Unavailable
        No source has it.
    FileNotFoundError
        The folder `data_dir` does not exist.
    """
    given = data_dir or os.environ.get("SKYLARK_DATA")
    mirror = mirror or os.environ.get("SKYLARK_MIRROR")

    def make(folder: Path) -> None:
        found = _from_folder(spec, Path(given)) if given else None
        arrays, source = found or _from_hosts(spec, mirror, limits)
        write(folder, arrays, name=spec.name, source=source, classes=spec.classes)

    return cache.prepare(spec.name, make)


def _from_folder(spec: Specification, folder: Path) -> tuple[Arrays, str] | None:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder}, which --data-dir or SKYLARK_DATA names."
        )
    for found in local_files.search(spec, folder):
        try:
            arrays = found.read()
            spec.check(arrays)
        except ValueError as error:
            note(f"{found.source} cannot be used: {error}")
        else:
            return arrays, found.source
    note(f"{folder} has no usable {spec.name}: asking the next source.")
    return None


def _from_hosts(
    spec: Specification, mirror: str | None, limits: Limits
) -> tuple[Arrays, str]:
    layout = spec.layouts[0]
    folder = cache.root() / "archives" / spec.name
    deadline = time.monotonic() + limits.total
    try:
        paths = [
            fetch(archive, _urls(archive, mirror), folder, limits, deadline)
            for archive in layout.archives
        ]
    except Unavailable as error:
        names = " and ".join(archive.name for archive in layout.archives)
        raise Unavailable(
            f"{spec.name} is not available: {error}. If you have {names}, name their "
            "folder with --data-dir; if you know another address, use --mirror."
        ) from None
    arrays = layout.read_archives(paths)
    spec.check(arrays)
    return arrays, f"{', '.join(path.name for path in paths)}, verified by SHA-256"


def _urls(archive: Archive, mirror: str | None) -> tuple[str, ...]:
    first = (f"{mirror.rstrip('/')}/{archive.name}",) if mirror else ()
    return first + archive.urls
