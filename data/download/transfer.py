"""One archive from one source: resumed if possible, abandoned if too slow."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from data.download.archive import Archive
from data.download.faults import Fault, OutOfTime, TooSlow
from data.download.limits import Limits
from data.text import printable

if TYPE_CHECKING:
    from requests import Response

    from data.download.connection import Question

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 10
NUMBER = "[0-9]{1,15}"  # of bytes; int() refuses thousands of digits


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
        # Only a download needs requests.
        from data.download.connection import Question

        question = Question(self.limits, self.deadline)
        with _ask(question, url, have) as response, self.part.open("ab") as file:
            position = _first_byte(response, have, whole)
            pace = Pace(self.limits, self.deadline)
            while position < whole:
                chunk = question.read(response.raw, whole - position)
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


def _ask(question: "Question", url: str, have: int) -> "Response":
    """Return the answer of a source, or of the one to which it sends us on."""
    # The archive is compressed; a server that compressed it again would change it.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    for _ in range(MOST_REDIRECTS + 1):
        response = _answer(question, url, headers)
        if response.status_code not in REDIRECTS:
            break
        response.close()
        url = _location(response, url)
    else:
        raise Fault("redirects in a circle")
    if response.status_code not in (200, 206):
        response.close()
        raise Fault(f"answers {response.status_code} {printable(response.reason)}")
    return response


def _answer(question: "Question", url: str, headers: dict[str, str]) -> "Response":
    import requests

    errors: list[tuple[type[Exception], str]] = [
        (requests.exceptions.ProxyError, "cannot be reached through the proxy"),
        (requests.exceptions.SSLError, "has a certificate that is not trusted"),
        (requests.ConnectTimeout, "cannot be reached"),
        (requests.Timeout, f"is silent for {question.limits.patience:g} s"),
        (requests.ConnectionError, "cannot be reached"),
        (requests.exceptions.InvalidHeader, "answers with unusable headers"),
        (requests.RequestException, "is not a usable address"),
    ]
    try:
        return question.ask(url, headers)
    except (Fault, OutOfTime):
        raise
    except requests.RequestException as error:
        said = next(text for kind, text in errors if isinstance(error, kind))
        raise Fault(said) from None
    except Exception as error:  # an address or a head may be wrong in any way
        raise Fault(f"cannot be asked ({printable(error)})") from None


def _location(response: "Response", url: str) -> str:
    """Return the address that a redirect names, which may be relative to its own."""
    location = response.headers.get("Location", "")
    try:
        text = location.encode("latin1").decode()  # as http.client does not
        target = urljoin(url, text)
        usable = bool(text) and text.isprintable() and bool(urlsplit(target).hostname)
    except ValueError:
        usable = False
    if not usable:
        raise Fault(f"redirects to {printable(repr(location))}, which is no address")
    return target


def _first_byte(response: "Response", have: int, size: int) -> int:
    """Return the position in the archive of the body's first byte: `have`, or less."""
    start, total = 0, response.headers.get("Content-Length", "")
    if response.status_code == 206:
        content_range = response.headers.get("Content-Range", "")
        found = re.fullmatch(rf"bytes ({NUMBER})-{NUMBER}/({NUMBER}|\*)", content_range)
        if not found:
            raise Fault(f"answers with the range {printable(repr(content_range))}")
        start, total = int(found[1]), found[2]
    if re.fullmatch("[0-9]+", total):
        if not re.fullmatch(NUMBER, total):
            raise Fault(f"offers {printable(total, 20)} bytes, expected {size:,}")
        if int(total) != size:
            raise Fault(f"offers {int(total):,} bytes, expected {size:,}")
    if start > have:
        raise Fault(f"answers from byte {start:,} on, when asked from {have:,}")
    return start
