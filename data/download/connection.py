"""One question to one source, whose answer is bounded in time and bytes.

The time-outs of `requests` bound the wait for each byte, not for the answer: a source
that sends a byte of its head now and then would hold a download for ever. Here every
byte is read through `_Bounded`, and an answer's head must be there in time.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3 import exceptions

from data.download.faults import Fault, OutOfTime
from data.download.limits import Limits

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.response import HTTPResponse

CHUNK = 1 << 16
THREAD = "question"
OVERHEAD = 1 << 18  # most bytes that are not of the archive: heads, chunks' frames

Result = TypeVar("Result")


class Step:
    """What is left of a step's time and bytes: an answer's head, or some of its body.

    Parameters
    ----------
    deadline : float
        Of all steps, on `time.monotonic`.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def begin(self, seconds: float, size: int, late: str) -> None:
        """Allow a time and a number of bytes; `late` says what it is to take longer."""
        self.seconds, self.left, self.late = seconds, size, late
        self.until = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left; raise if there are none."""
        now = time.monotonic()
        if now >= self.deadline:
            raise OutOfTime
        if now >= self.until:
            raise Fault(self.late)
        return min(self.until, self.deadline) - now

    def count(self, size: int) -> None:
        """Raise Fault if more bytes have come than the step may have."""
        self.left -= size
        if self.left < 0:
            raise Fault("sends headers without end")


class Question:
    """A GET request and its answer; no redirect is followed, and none's body is read.

    Parameters
    ----------
    limits : Limits
    deadline : float
        On `time.monotonic`.
    """

    def __init__(self, limits: Limits, deadline: float) -> None:
        self.limits, self.step = limits, Step(deadline)

    def ask(self, url: str, headers: dict[str, str]) -> requests.Response:
        """Return the answer's head; its body is read with `read`.

        A name look-up and a handshake cannot be bounded from outside, so they are in a
        thread, which is left to itself if it is late.

        Raises
        ------
        requests.RequestException, Fault, OutOfTime
        """
        seconds = self.limits.connect + self.limits.patience
        self.step.begin(seconds, OVERHEAD, f"does not answer within {seconds:g} s")
        session = _Session()
        for scheme in "http://", "https://":
            session.mount(scheme, _Adapter(self.step))
        timeout = (self.limits.connect, self.limits.patience)
        get = partial(session.get, url, headers=headers, stream=True, timeout=timeout)
        try:
            return _within(self.step, get)
        except requests.Timeout:
            self.step.remaining()  # not silent, but late, if the step has run out
            raise

    def read(self, body: "HTTPResponse", most: int) -> bytes:
        """Return what has arrived of a body, b"" at its end or if it broke off.

        Raises
        ------
        Fault, OutOfTime
        """
        patience = self.limits.patience
        size = min(CHUNK, most)
        self.step.begin(patience, size + OVERHEAD, f"is silent for {patience:g} s")
        try:
            # read(n) would wait for n bytes, however slow.
            return body.read1(size, decode_content=False)[:size]
        except exceptions.TimeoutError:
            self.step.remaining()
            raise Fault(self.step.late) from None
        except exceptions.HTTPError:
            return b""  # the connection broke


def _within(step: Step, function: Callable[[], Result]) -> Result:
    """Return a function's result, or raise its error, as long as a step has time."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # it is raised below
            future.set_exception(error)

    threading.Thread(target=run, name=THREAD, daemon=True).start()
    while not wait([future], step.remaining()).done:
        pass  # `remaining` says what has run out
    return future.result()


class _Session(requests.Session):
    """Follows no redirect: `requests` would read the body of each, and unpack it."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Adapter(HTTPAdapter):
    """Reads every answer through `_Bounded`, a proxy's and a handshake's too."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def get_connection_with_tls_context(
        self, *args: Any, **options: Any
    ) -> "HTTPConnectionPool":
        pool = super().get_connection_with_tls_context(*args, **options)
        kind = pool.ConnectionCls

        def connection(**options: Any) -> Any:
            made: Any = kind(**options)
            made.response_class = partial(_Answer, step=self.step)
            return made

        pool.ConnectionCls = connection  # type: ignore[assignment]
        return pool


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, step: Step, **options: Any):
        super().__init__(sock, *args, **options)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Bounded(raw, sock, step))


class _Bounded(io.RawIOBase):
    """A socket's bytes, each waited for no longer than its step allows."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, step: Step) -> None:
        self.raw, self.sock, self.step = raw, sock, step
        self.patience = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.step.remaining()
        self.sock.settimeout(min(left, self.patience or left))
        size = self.raw.readinto(buffer)
        self.step.count(size or 0)
        return size

    def close(self) -> None:
        self.raw.close()
        super().close()
