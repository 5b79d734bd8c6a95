"""Answers that never end, or are none: bounded in time and bytes, the next serves."""

import gzip
import itertools
import math
import os
import re
import socket
import threading
import time
import tracemalloc

import pytest

from data.dataset import Unavailable
from data.download import connection
from data.download.fetch import fetch
from data.download.limits import Limits
from tests.data import tiny
from tests.data.server import serving

CONTENT = bytes(range(256)) * 800
# Short, but a good source answers within them on a busy machine too.
LIMITS = Limits(slowest=1e3, total=20, patience=0.6, connect=0.4)
LATE = f"does not answer within {LIMITS.connect + LIMITS.patience:g} s"
SILENT = f"is silent for {LIMITS.patience:g} s"
OK = b"HTTP/1.1 200 OK\r\n"


def dripping(*pieces, drip=b"x", pause=0.02):
    """Send some bytes, and then one every now and then, for ever."""

    def answer():
        yield from pieces
        while True:
            time.sleep(pause)
            yield drip

    return answer


def endless(*pieces, more):
    """Send some bytes, and then more of them, as fast as they are taken."""
    return lambda: itertools.chain(pieces, itertools.repeat(more))


def whole(*pieces):
    return lambda: pieces


def redirect(location, *headers, status=b"302 Found"):
    lines = [b"HTTP/1.1 " + status, b"Location: " + location, *headers, b"", b""]
    return b"\r\n".join(lines)


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(50 << 20), 1)
FAR = b"Content-Length: 1000000000"
GZIP = b"Content-Encoding: gzip\r\nContent-Length: %d" % len(BOMB)
ESCAPE = b"\x1b]0;owned\x07\x1b[2J"

# What a source sends; what is said of it. None: it serves.
ANSWERS = {
    "a head that drips": (dripping(OK, drip=b"X"), LATE),
    "a status that drips": (dripping(drip=b"H"), LATE),
    "headers that drip": (dripping(OK, drip=b"A: b\r\n"), LATE),
    "continues that drip": (dripping(drip=b"HTTP/1.1 100 Continue\r\n\r\n"), LATE),
    "endless continues": (
        endless(more=b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
        "sends headers without end",
    ),
    "endless early hints": (
        endless(more=b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 500),
        "answers 103 Early Hints",
    ),
    "endless headers": (endless(OK, more=b"A: b\r\n" * 1000), "cannot be reached"),
    "an endless header": (endless(OK + b"A: ", more=b"b" * 9999), "cannot be reached"),
    "an endless status": (endless(more=b"H" * 9999), "cannot be reached"),
    "an endless header, folded": (
        endless(OK + b"A: b\r\n", more=b" c\r\n" * 1000),
        "cannot be reached",
    ),
    "a redirect whose body drips": (
        dripping(redirect(b"/good/archive.bin", FAR) + b"x"),
        None,
    ),
    "a redirect whose body is endless": (
        endless(redirect(b"/good/archive.bin"), more=bytes(9999)),
        None,
    ),
    "a redirect in chunks without end": (
        endless(
            redirect(b"/good/archive.bin", b"Transfer-Encoding: chunked"),
            more=b"4000\r\n" + bytes(0x4000) + b"\r\n",
        ),
        None,
    ),
    "a redirect with a bomb": (
        whole(redirect(b"/good/archive.bin", GZIP), BOMB),
        None,
    ),
    "a redirect with a damaged .gz": (
        whole(redirect(b"/good/archive.bin", b"Content-Encoding: gzip"), b"no gzip"),
        None,
    ),
    "a trailer that drips": (dripping(CHUNKED + b"0\r\n", drip=b"A: b\r\n"), SILENT),
    "an endless trailer": (
        endless(CHUNKED + b"0\r\n", more=b"A: b\r\n" * 1000),
        "sends headers without end",
    ),
    "a chunk's size that drips": (dripping(CHUNKED, drip=b"0"), SILENT),
    "endless chunk extensions": (
        endless(CHUNKED + b"1;", more=b"a" * 9999),
        "breaks off after 0",
    ),
    "a chunk of negative size": (whole(CHUNKED, b"-5\r\nabcde"), "breaks off after"),
    "a chunk's size of 5,000 digits": (
        whole(CHUNKED, b"9" * 5000 + b"\r\nabc"),
        "breaks off after 3 of 204,800",
    ),
    "a chunk's size that is none": (whole(CHUNKED, b"zz\r\nabc"), "breaks off after 0"),
    "Content-Length of 5,000 digits": (
        whole(OK, b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"),
        "offers 99999999999999999999… bytes, expected 204,800",
    ),
    "two Content-Lengths": (
        whole(OK, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        "answers with unusable headers",
    ),
    "a negative Content-Length": (
        whole(OK, b"Content-Length: -1\r\n\r\nabc"),
        "breaks off after 3 of 204,800",
    ),
    "a range of 5,000 digits": (
        whole(
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/",
            b"9" * 5000 + b"\r\n\r\n",
        ),
        "answers with the range 'bytes 0-1/999",
    ),
    "no HTTP": (whole(b"SSH-2.0-OpenSSH_9.6\r\n"), "cannot be reached"),
    "nothing": (whole(), "cannot be reached"),
    "a status of 5,000 digits": (
        whole(b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n"),
        "cannot be reached",
    ),
    "a status below all": (whole(b"HTTP/1.1 -12 OK\r\n\r\n"), "cannot be reached"),
    "a reason that steers a terminal": (
        whole(b"HTTP/1.1 404 ", ESCAPE, b"\r\n\r\n"),
        r"answers 404 \x1b]0;owned\x07\x1b[2J",
    ),
    "a long reason": (
        whole(b"HTTP/1.1 404 ", b"N" * 9999, b"\r\n\r\n"),
        "N" * 500 + "…",
    ),
    "a header that steers a terminal": (
        whole(b"HTTP/1.1 206 Partial Content\r\nContent-Range: ", ESCAPE, b"\r\n\r\n"),
        "answers with the range '",
    ),
    "gzip where none was asked for": (
        whole(OK, GZIP + b"\r\n\r\n", BOMB),
        "bytes, expected 204,800",
    ),
}
LOCATIONS = {
    "broken IPv6": b"http://[::1/x",
    "no IPv6": b"http://[zzz]/x",
    "no text": b"http://127.0.0.1/\xff\xfe",
    "NUL in the host": b"http://127.0.0.1%00/x",
    "no host": b"http:///x",
    "nothing": b"",
    "a port that is none": b"http://127.0.0.1:99999999/x",
    "a word as port": b"http://127.0.0.1:port/x",
    "a file": b"file:///etc/passwd",
    "data": b"data:,x",
    "javascript": b"javascript://x/%0aalert(1)",
    "ftp": b"ftp://127.0.0.1/x",
    "only a scheme": b"http:",
    "a steered terminal": b"http://127.0.0.1/\x1b[2J",
    "a long host": b"http://" + b"a" * 5000 + b"/x",
    "empty labels": b"http://a..b/x",
    "stars": b"http://*.127.0.0.1/x",
    "only dots": b"http://.../x",
    "a percent": b"http://%/x",
    "nobody there": b"http://127.0.0.1:9/x",
}
for name, location in LOCATIONS.items():
    ANSWERS[f"a redirect to {name}"] = whole(redirect(location)), ""


@pytest.fixture(scope="module")
def server():
    with serving(CONTENT) as server:
        server.answers = {f"answer{n}": a for n, (a, _) in enumerate(ANSWERS.values())}
        yield server


def get(folder, *urls, limits=LIMITS):
    deadline = time.monotonic() + limits.total
    return fetch(tiny.archive(CONTENT), urls, folder, limits, deadline)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_next_source_serves(server, tmp_path, capsys, name):
    """In words, in one line, whatever a source sends."""
    kind = f"answer{list(ANSWERS).index(name)}"
    sentence = ANSWERS[name][1]
    tracemalloc.start()
    path = get(tmp_path, server.url(kind), server.url("good"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.read_bytes() == CONTENT
    assert peak < 20e6
    lines = capsys.readouterr().err.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(lines) == (1 if sentence is None else 3)
    if sentence is not None:
        assert re.match(r"127\.0\.0\.1:\d+ [a-z]+ ", lines[1])
        assert sentence in lines[1]
    assert all(len(line) < 700 for line in lines)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/archive.bin",
        "http://[zzz]/archive.bin",
        "http://127.0.0.1:99999/archive.bin",
        "http://127.0.0.1:port/archive.bin",
        "http:///archive.bin",
        "http://a..b/archive.bin",
        "http://127.0.0.1\0/archive.bin",
        "http://\x1b[2J/archive.bin",
        "http://\udcff/archive.bin",
        "http://" + "a" * 9999 + "/archive.bin",
        "file:///etc/passwd",
        "/archive.bin",
        " ",
        "",
        "://",
        "http://%/archive.bin",
        "http://\N{SNOWMAN}..\N{SNOWMAN}/archive.bin",
    ],
    ids=repr,
)
def test_a_malformed_mirror_is_passed_over(server, tmp_path, capsys, url):
    assert get(tmp_path, url, server.url("good")).read_bytes() == CONTENT
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 700 for line in lines)


def test_a_password_is_not_shown(server, tmp_path, capsys):
    url = server.url("missing").replace("//", "//teacher:secret@")
    get(tmp_path, url, server.url("good"))
    told = capsys.readouterr().err
    assert "answers 404" in told
    assert "secret" not in told


def test_a_name_look_up_that_hangs(server, tmp_path, capsys, monkeypatch):
    """The system's look-up has no time-out of its own."""
    look_up, over = socket.getaddrinfo, threading.Event()

    def hanging(host, *rest, **options):
        if host == "hangs.invalid":
            over.wait(20)
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    get(tmp_path, "http://hangs.invalid/archive.bin", server.url("good"))
    over.set()
    assert f"hangs.invalid {LATE}" in capsys.readouterr().err


def test_a_handshake_that_hangs(server, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/archive.bin"
        get(tmp_path, url, server.url("good"))
    told = capsys.readouterr().err
    assert LATE in told or "cannot be reached" in told or SILENT in told


@pytest.mark.parametrize("kind", ["a head that drips", "a trailer that drips"])
def test_one_deadline_over_everything(server, tmp_path, kind):
    """However long a source may take, all of it has an end."""
    limits = Limits(slowest=0, total=0.3, patience=60, connect=60)
    url = server.url(f"answer{list(ANSWERS).index(kind)}")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match=r"is incomplete after 0\.3 s"):
        get(tmp_path, url, limits=limits)
    assert time.monotonic() - begun < 5


def test_an_abandoned_question_ends(server, tmp_path):
    """A thread that is left alone does not go on reading."""
    url = server.url(f"answer{list(ANSWERS).index('continues that drip')}")
    with pytest.raises(Unavailable):
        get(tmp_path, url)
    for thread in threading.enumerate():
        if thread.name == connection.THREAD:
            thread.join(2)
            assert not thread.is_alive()


def test_a_redirect_keeps_what_was_asked_for(server, tmp_path):
    """Its address may be relative, absolute or of another host; the range stays."""
    server.answers["relative"] = whole(redirect(b"../good/archive.bin"))
    server.answers["absolute"] = whole(
        redirect(server.url("relative").encode(), status=b"308 Permanent Redirect")
    )
    (tmp_path / f"{tiny.NAME}.part").write_bytes(CONTENT[:1000])
    server.asked.clear()
    assert get(tmp_path, server.url("absolute")).read_bytes() == CONTENT
    kinds = ["absolute", "relative", "good"]
    assert server.asked == [(kind, "bytes=1000-") for kind in kinds]


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "link"])
@pytest.mark.parametrize("name", [tiny.NAME, f"{tiny.NAME}.part"])
def test_no_file_at_all_where_the_archive_should_be(server, tmp_path, kind, name):
    """Nothing is read from a device, or written through a link."""
    (tmp_path / "cache").mkdir()
    path = tmp_path / "cache" / name
    (tmp_path / "precious").write_text("kept")
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if "device" in kind else tmp_path / "precious")
    assert get(tmp_path / "cache", server.url("good")).read_bytes() == CONTENT
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, 1e10])
@pytest.mark.parametrize("name", ["total", "patience", "connect", "slowest"])
def test_limits_that_are_none(name, value):
    if (name, value) == ("slowest", 1e10):
        return
    with pytest.raises(ValueError, match=r"is -?(nan|inf|1|1e\+10), expected"):
        Limits(**{name: value})
