"""The cache: one folder for each data set, complete or absent."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from data.dataset import Dataset
from data.progress import note

# Nothing else is written to, so these errors are about the cache.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
NOT_OURS = {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}


def root() -> Path:
    """Return the folder of the cache: SKYLARK_CACHE, or data/cache."""
    named = os.environ.get("SKYLARK_CACHE")
    return (
        Path(named).expanduser().absolute()
        if named
        else Path(__file__).parent / "cache"
    )


def key(name: str, digest: str) -> str:
    """Return the folder's name for a user's data: readable, short, and its content's.

    Parameters
    ----------
    name : str
        Of the user's file or folder, of any length and in any script.
    digest : str
        A hexadecimal digest of the content.
    """
    return f"{re.sub('[^A-Za-z0-9.-]+', '_', name)[:40]}-{digest[:16]}"


def find(key: str) -> Dataset | None:
    """Return a cached data set, or None if it is missing or incomplete."""
    try:
        return Dataset.open(root() / key)
    except (OSError, EOFError, ValueError, RecursionError):
        return None


def prepare(key: str, make: Callable[[Path], None]) -> Dataset:
    """Open the cached data set `key`; the first time, let `make` fill its folder.

    The folder is filled under another name and then renamed, under a lock: after a run
    is killed, the next finds all or nothing, and of two at once one does the work.

    Raises
    ------
    OSError
        The cache cannot be written.
    """
    if found := find(key):
        return found
    try:
        root().mkdir(parents=True, exist_ok=True)
        with _locked(key):
            return find(key) or _fill(root() / key, make)
    except OSError as error:
        if not _is_the_caches(error):
            raise
        raise OSError(
            f"the cache {root()} cannot be written ({error.strerror}): make room or "
            "set SKYLARK_CACHE to another folder."
        ) from None


def _is_the_caches(error: OSError) -> bool:
    inside = Path(error.filename or "").is_relative_to(root())
    return error.errno in FULL or (error.errno in NOT_OURS and inside)


@contextmanager
def _locked(key: str) -> Iterator[None]:
    """Hold a lock, which the system releases even if the process is killed."""
    lock = FileLock(root() / f"{key}.lock")
    try:
        lock.acquire(timeout=1)
    except Timeout:
        note(f"another process is preparing {key}: waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fill(folder: Path, make: Callable[[Path], None]) -> Dataset:
    beside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)  # left by a killed run
    beside.mkdir()
    try:
        make(beside)
        shutil.rmtree(folder, ignore_errors=True)  # an incomplete one
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Dataset.open(folder)
