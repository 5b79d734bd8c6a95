"""Sources at fault: what is said, what is left behind, and that the next one serves."""

import time

import pytest

from data.dataset import Unavailable
from data.download.fetch import fetch
from data.download.limits import Limits
from tests.data import tiny
from tests.data.server import serving

CONTENT = bytes(range(256)) * 800
LIMITS = Limits(slowest=1e6, total=20, patience=0.3, connect=1)
HALF = len(CONTENT) // 2


@pytest.fixture(scope="module")
def running():
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def server(running):
    running.asked.clear()
    return running


@pytest.fixture
def get(server, tmp_path):
    """Fetch the archive from sources of some kinds, in order."""

    def get(*kinds, limits=LIMITS):
        urls = [kind if "/" in kind else server.url(kind) for kind in kinds]
        deadline = time.monotonic() + limits.total
        return fetch(tiny.archive(CONTENT), urls, tmp_path, limits, deadline)

    return get


def left(folder):
    """Return the names and sizes of what is in a folder."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


ARCHIVE, PART = tiny.NAME, f"{tiny.NAME}.part"
# Kind of source; what is said of it; what it leaves; whether it serves in the end.
FAULTS = [
    ("missing", "answers 404 Not Found", 0),
    ("broken", "answers 500 Internal Server Error", 0),
    ("loop", "redirects in a circle", 0),
    ("silent", "is silent for 0.3 s", 100),
    ("truncated", "offers 102,400 bytes, expected 204,800", 0),
    ("wrong", "sends wrong bytes: its sha256 is", None),
    ("half_wrong", "breaks off after 102,400 of 204,800 bytes", HALF),
    ("very_slow", "kB/s, less than 1,000 kB/s", range(1, len(CONTENT))),
    ("http://127.0.0.1:9/closed.bin", "127.0.0.1:9 cannot be reached", 0),
    ("no-scheme/archive.bin", "is not a usable address", 0),
]
IDS = [kind for kind, *_ in FAULTS]


@pytest.mark.parametrize(("kind", "sentence", "part"), FAULTS, ids=IDS)
def test_alone(get, tmp_path, kind, sentence, part):
    """One sentence with its reason; what is left is a true beginning, or nothing."""
    total = 1.5 if kind == "very_slow" else 20
    with pytest.raises(Unavailable) as raised:
        get(kind, limits=Limits(slowest=1e6, total=total, patience=0.3, connect=1))
    told = str(raised.value)
    if kind == "very_slow":  # nobody else: it may go on, until the time is over
        assert "is incomplete after 1.5 s" in told
        assert "run again to resume" in told
    else:
        assert sentence in told
    assert "\n" not in told
    found = left(tmp_path)
    assert ARCHIVE not in found
    if part is None:
        assert found == {}
    elif isinstance(part, range):
        assert found[PART] in part
    elif kind == "silent":  # it gave a hundred bytes each time it was asked
        assert found[PART] % 100 == 0
    else:
        assert found.get(PART, 0) == part


@pytest.mark.parametrize(("kind", "sentence", "part"), FAULTS, ids=IDS)
def test_the_next_source_serves(get, tmp_path, capsys, kind, sentence, part):
    assert get(kind, "good").read_bytes() == CONTENT
    assert left(tmp_path) == {ARCHIVE: len(CONTENT)}
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["good", "no_range", "chunked", "closed", "slow"])
def test_sources_that_serve_alone(get, server, kind):
    """One that breaks off or is slow is asked again, where there is no better one."""
    assert get(kind).read_bytes() == CONTENT
    if kind == "slow":  # and then let be
        assert len(server.asked) == 2


def test_a_partial_download_is_resumed(get, server, tmp_path):
    (tmp_path / PART).write_bytes(CONTENT[:150_000])
    assert get("good").read_bytes() == CONTENT
    assert server.asked == [("good", "bytes=150000-")]


def test_another_source_resumes(get, server):
    get("closed", "good")
    third = len(CONTENT) // 3 + 1
    assert server.asked == [("closed", None), ("good", f"bytes={third}-")]


@pytest.mark.parametrize("kind", ["no_range", "chunked"])
def test_without_ranges_a_partial_download_is_not_lost(get, tmp_path, kind):
    """It is read from its beginning; should it break off, the part is still there."""
    (tmp_path / PART).write_bytes(CONTENT[:150_000])
    assert get(kind).read_bytes() == CONTENT
    (tmp_path / ARCHIVE).unlink()
    (tmp_path / PART).write_bytes(CONTENT[:150_000])
    with pytest.raises(Unavailable, match="breaks off after 102,400"):
        get("half_wrong")
    assert (tmp_path / PART).read_bytes() == CONTENT[:150_000]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("wrong_range", "sends wrong bytes"),
        ("late_range", "answers from byte 150,010 on, when asked from 150,000"),
        ("no_such_range", "answers with the range 'bytes ?-"),
    ],
)
def test_wrong_ranges(get, tmp_path, capsys, kind, sentence):
    (tmp_path / PART).write_bytes(CONTENT[:150_000])
    if kind == "wrong_range":  # found out by the digest; asked again from nothing
        assert get(kind).read_bytes() == CONTENT
    else:
        assert get(kind, "good").read_bytes() == CONTENT
        assert sentence in capsys.readouterr().err
    assert left(tmp_path) == {ARCHIVE: len(CONTENT)}


@pytest.mark.parametrize("part", [bytes(1000), bytes(len(CONTENT)), bytes(300_000)])
def test_a_wrong_partial_download_is_not_kept(get, tmp_path, part):
    (tmp_path / PART).write_bytes(part)
    assert get("good").read_bytes() == CONTENT


def test_what_another_source_sent_wrong_is_not_blamed_on_the_next(get, server):
    assert get("half_wrong", "good").read_bytes() == CONTENT
    assert server.asked[-1] == ("good", None)


def test_an_archive_that_is_here_is_verified_and_not_asked_for(get, server, tmp_path):
    (tmp_path / ARCHIVE).write_bytes(CONTENT)
    get("missing")
    assert server.asked == []
    (tmp_path / ARCHIVE).write_bytes(bytes(len(CONTENT)))
    assert get("good").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["size", "sha256", "md5"])
def test_each_digest_counts(tmp_path, kind):
    path = tmp_path / ARCHIVE
    path.write_bytes(CONTENT)
    right = tiny.archive(CONTENT)
    assert right.fault(path) is None
    wrong = {"size": 5, "sha256": "0" * 64, "md5": "0" * 32}[kind]
    fault = type(right)(**(vars(right) | {kind: wrong})).fault(path)
    assert ("bytes, expected 5" if kind == "size" else f"its {kind} is") in fault


def test_a_proxy_is_asked(get, server, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "")
    assert get("http://example.invalid/good/archive.bin").read_bytes() == CONTENT
    (tmp_path / ARCHIVE).unlink()
    monkeypatch.setenv("NO_PROXY", "example.invalid")
    with pytest.raises(Unavailable, match=r"example\.invalid cannot be reached"):
        get("http://example.invalid/good/archive.bin")
