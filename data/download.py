"""One archive from several sources, in order, until its bytes are right."""

import importlib.util
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from data.archive import Archive
from data.dataset import Unavailable
from data.limits import Limits
from data.progress import Bar
from data.transfer import Fault, OutOfTime, TooSlow, receive, size_of

ROUNDS = 5


def fetch(archive: Archive, urls: Iterable[str], folder: Path, limits: Limits) -> Path:
    """Return the path of an archive in a folder, downloaded and verified.

    A source that is too slow, breaks off, fails or sends wrong bytes is left for the
    next; sources that did send something are asked again for the rest, then however
    slow. What is incomplete is kept as NAME.part, from which the next call goes on;
    what is wrong is deleted.

    Raises
    ------
    Unavailable
        No source sends the archive in time.
    """
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if path.exists():
        if not archive.fault(path):
            return path
        path.unlink()
    if not importlib.util.find_spec("requests"):
        raise Unavailable("requests, which downloads, is missing: pip install requests")
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + limits.total
    with Bar(archive.name, archive.size) as bar:
        try:
            _from_any(archive, list(urls), part, limits, deadline, bar)
        except OutOfTime:
            raise Unavailable(
                f"{archive.name} is not here within {limits.total:g} s "
                f"({size_of(part):,} of {archive.size:,} bytes): run again to go on"
            ) from None
    part.replace(path)
    return path


def _from_any(
    archive: Archive,
    urls: list[str],
    part: Path,
    limits: Limits,
    deadline: float,
    bar: Bar,
) -> None:
    faults: dict[str, str] = {}
    for _ in range(ROUNDS):
        again = []
        for url in urls:
            before = size_of(part)
            try:
                bar.note(f"{archive.name}: asking {urlsplit(url).netloc or url}")
                _complete(archive, url, part, limits, deadline, bar)
                return
            except Fault as fault:
                faults[url] = f"{urlsplit(url).netloc or url} {fault}"
                bar.note(faults[url])
                if isinstance(fault, TooSlow) or size_of(part) > before:
                    again.append(url)
        urls, limits = again, replace(limits, slowest=0)
    raise Unavailable(
        f"{archive.name} cannot be downloaded ({'; '.join(faults.values())})"
    )


def _complete(
    archive: Archive, url: str, part: Path, limits: Limits, deadline: float, bar: Bar
) -> None:
    """Make a partial download whole and verify it, or delete it."""
    if size_of(part) > archive.size:
        part.unlink()
    resumed = size_of(part) > 0
    if size_of(part) < archive.size:
        receive(archive, url, part, limits, deadline, bar.show)
    fault = archive.fault(part)
    if not fault:
        return
    part.unlink()
    if not resumed:
        raise Fault(f"sends wrong bytes: {fault}")
    # The wrong bytes may be those that another source sent.
    _complete(archive, url, part, limits, deadline, bar)
