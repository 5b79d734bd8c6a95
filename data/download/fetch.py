"""One archive from several sources, tried in order until one sends the right bytes."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from data.dataset import Unavailable
from data.download.archive import Archive
from data.download.faults import Fault, OutOfTime, TooSlow
from data.download.limits import Limits
from data.download.transfer import Transfer
from data.progress import Bar
from data.text import printable

ROUNDS = 5


def fetch(
    archive: Archive,
    urls: Iterable[str],
    folder: Path,
    limits: Limits,
    deadline: float,
) -> Path:
    """Return the path of an archive in a folder, downloaded and verified.

    If a source is too slow, breaks off, fails or sends wrong bytes, the next is tried.
    Then the sources that did send something are asked again for the rest, however slow
    they are. An incomplete download is kept as NAME.part, and the next call resumes it;
    a wrong one is deleted.

    Raises
    ------
    Unavailable
        No source sends the archive before `deadline`, on `time.monotonic`.
    """
    path, part = folder / archive.name, folder / f"{archive.name}.part"
    if path.is_file() and not archive.fault(path):
        return path
    path.unlink(missing_ok=True)
    if part.is_symlink() or not part.is_file():  # a pipe or device; a link's target
        part.unlink(missing_ok=True)
    if not _can_download():
        raise Unavailable("requests, which downloads, is missing: pip install requests")
    folder.mkdir(parents=True, exist_ok=True)
    with Bar(archive.name, archive.size) as bar:
        transfer = Transfer(archive, part, limits, deadline, bar.show)
        try:
            _from_any(transfer, list(urls), bar.note)
        except OutOfTime:
            raise Unavailable(
                f"{archive.name} is incomplete after {limits.total:g} s "
                f"({transfer.size():,} of {archive.size:,} bytes): run again to resume"
            ) from None
    part.replace(path)
    return path


def _can_download() -> bool:
    try:
        import requests  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def _from_any(transfer: Transfer, urls: list[str], note: Callable[[str], None]) -> None:
    faults: dict[str, str] = {}
    for _ in range(ROUNDS):
        again = []
        for url in urls:
            host = _host(url)
            note(f"{transfer.archive.name}: asking {host}")
            before = transfer.size()
            try:
                return _complete(transfer, url)
            except Fault as fault:
                faults[url] = f"{host} {fault}"
                note(faults[url])
                if isinstance(fault, TooSlow) or transfer.size() > before:
                    again.append(url)
        urls = again
        transfer = replace(transfer, limits=replace(transfer.limits, slowest=0))
    raise Unavailable(
        f"{transfer.archive.name} cannot be downloaded ({'; '.join(faults.values())})"
    )


def _host(url: str) -> str:
    """Return how a source is called: its host and port, and no password."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:  # as of a broken IPv6 address
        host = ""
    return printable(host or url, 100)


def _complete(transfer: Transfer, url: str) -> None:
    """Complete a partial download and verify it, or delete it."""
    archive, part = transfer.archive, transfer.part
    resumed = transfer.size() > 0
    if transfer.size() < archive.size:
        transfer.receive(url)
    fault = archive.fault(part)
    if not fault:
        return
    part.unlink()
    if not resumed:
        raise Fault(f"sends wrong bytes: {fault}")
    # Another source may have sent the wrong bytes: begin again with this one.
    _complete(transfer, url)
