"""One archive from one source: resumed if possible, abandoned if too slow."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.download.archive import Archive
from data.download.limits import Limits

if TYPE_CHECKING:
    from requests import Response

CHUNK = 1 << 16


class Fault(Exception):  # noqa: N818, it is the source's, and expected
    """What a source did wrong, as a verb and its object: "answers 404 Not Found"."""


class TooSlow(Fault):
    """The source sends, but more slowly than is allowed."""


class OutOfTime(Exception):  # noqa: N818, no source is to blame
    """The time for all sources together has run out."""


@dataclass(frozen=True)
class Transfer:
    """An archive on its way into a partial file.

    Parameters
    ----------
    archive : Archive
    part : Path
        Holds the beginning of the archive, as far as it has been received.
    limits : Limits
    deadline : float
        On `time.monotonic`.
    show : callable
        Called with the number of bytes received so far.
    """

    archive: Archive
    part: Path
    limits: Limits
    deadline: float
    show: Callable[[int], None]

    def size(self) -> int:
        """Return how many bytes have been received so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def receive(self, url: str) -> None:
        """Append the missing bytes, from one source.

        A source without range requests is read from the beginning, and the bytes that
        are already here are skipped: if it breaks off as well, nothing is lost.

        Raises
        ------
        Fault
            The source does not send the rest. What it did send is kept.
        OutOfTime
            The deadline has passed.
        """
        have, whole = self.size(), self.archive.size
        with _ask(url, have, self.limits) as response, self.part.open("ab") as file:
            position = _first_byte(response, have, whole)
            pace = Pace(self.limits, self.deadline)
            while position < whole:
                chunk = _read(response, whole - position, self.limits)
                if not chunk:
                    raise Fault(f"breaks off after {position:,} of {whole:,} bytes")
                file.write(chunk[max(0, have - position) :])
                position += len(chunk)
                have = max(have, position)
                self.show(have)
                pace.add(len(chunk))


class Pace:
    """Measures the speed of a source over each `patience` seconds."""

    def __init__(self, limits: Limits, deadline: float) -> None:
        self.limits, self.deadline = limits, deadline
        self.since, self.received = time.monotonic(), 0

    def add(self, received: int) -> None:
        """Count bytes; raise TooSlow or OutOfTime if they came too late."""
        now = time.monotonic()
        if now > self.deadline:
            raise OutOfTime
        self.received += received
        elapsed = now - self.since
        if elapsed >= self.limits.patience:
            speed = self.received / elapsed
            if speed < self.limits.slowest:
                raise TooSlow(
                    f"sends {speed / 1e3:,.0f} kB/s, less than "
                    f"{self.limits.slowest / 1e3:,.0f} kB/s"
                )
            self.since, self.received = now, 0


def _ask(url: str, have: int, limits: Limits) -> "Response":
    import requests  # only a download needs it

    errors: list[tuple[type[Exception], str]] = [
        (requests.TooManyRedirects, "redirects in a circle"),
        (requests.exceptions.ProxyError, "cannot be reached through the proxy"),
        (requests.exceptions.SSLError, "has a certificate that is not trusted"),
        (requests.ConnectTimeout, "cannot be reached"),
        (requests.Timeout, f"is silent for {limits.patience:g} s"),
        (requests.ConnectionError, "cannot be reached"),
        (requests.RequestException, "is not a usable address"),
    ]
    # The archive is compressed; a server that compressed it again would change it.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = requests.get(
            url,
            headers=headers,
            stream=True,
            timeout=(limits.connect, limits.patience),
        )
    except requests.RequestException as error:
        said = next(text for kind, text in errors if isinstance(error, kind))
        raise Fault(said) from None
    if response.status_code not in (200, 206):
        response.close()
        raise Fault(f"answers {response.status_code} {response.reason}")
    return response


def _first_byte(response: "Response", have: int, size: int) -> int:
    """Return the position in the archive of the body's first byte: `have`, or less."""
    start, total = 0, response.headers.get("Content-Length", "")
    if response.status_code == 206:
        content_range = response.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        if not found:
            raise Fault(f"answers with the range {content_range!r}")
        start, total = int(found[1]), found[2]
    if total.isdecimal() and int(total) != size:
        raise Fault(f"offers {int(total):,} bytes, expected {size:,}")
    if start > have:
        raise Fault(f"answers from byte {start:,} on, when asked from {have:,}")
    return start


def _read(response: "Response", most: int, limits: Limits) -> bytes:
    """Return what has arrived: read(n) would wait for n bytes, however slow."""
    from urllib3 import exceptions

    try:
        return response.raw.read1(min(CHUNK, most), decode_content=False)
    except exceptions.TimeoutError:
        raise Fault(f"is silent for {limits.patience:g} s") from None
    except exceptions.HTTPError:
        return b""  # the connection broke
