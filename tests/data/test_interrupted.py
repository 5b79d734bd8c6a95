"""Killed, stopped, doubled, without room: the next run finishes, and says why not."""

import contextlib
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from comparison.counting.code_length import ROOT
from data import cache
from tests.data import tiny
from tests.data.server import serving

MNIST_IMAGES = 9_912_422  # bytes of the first archive
# No host but this machine's own can be reached, whatever the network.
OFFLINE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
    "SKYLARK_DATA": "",
}


def start(*command, **environment):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        env=os.environ | OFFLINE | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def server():
    with serving(tiny.spec()[1]) as server:
        yield server


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache, for this process as well."""
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path))
    return {"SKYLARK_CACHE": str(tmp_path)}


@pytest.mark.parametrize(
    ("kind", "seconds"), [("slow", (0.2, 1.5)), ("good", (0.2, 0.4))]
)
def test_ended_at_random_moments(server, home, tmp_path, kind, seconds):
    """Kill -9 or Ctrl-C, while it downloads, or while it decodes and writes.

    After each, the cache has the whole data set or none; the last run finishes.
    """
    moments = random.Random(7)
    url, sums, killed = server.url(kind, tiny.NAME), set(), 0
    for _ in range(8):
        process = start("-m", "tests.data.prepare", url, **home)
        time.sleep(moments.uniform(*seconds))
        process.send_signal(moments.choice([signal.SIGKILL, signal.SIGINT]))
        killed += finish(process)[0] != 0
        if dataset := cache.find("tiny"):
            sums.add(dataset.sha256)
            shutil.rmtree(tmp_path)  # and once more
    assert killed
    code, out, err = finish(start("-m", "tests.data.prepare", url, **home))
    assert code == 0, err
    sums.add(out.strip())
    assert len(sums) == 1
    assert not list(tmp_path.glob("*.new"))


def test_two_at_once_download_once(server, home):
    server.asked.clear()
    url = server.url("slow", tiny.NAME)
    both = [start("-m", "tests.data.prepare", url, **home) for _ in range(2)]
    (code, out, err), (other_code, other_out, other_err) = map(finish, both)
    assert (code, other_code) == (0, 0), err + other_err
    assert out == other_out
    assert server.asked == [("slow", None)]


def test_the_second_says_that_it_waits(server, home, tmp_path):
    with FileLock(tmp_path / "tiny.lock"):
        url = server.url("good", tiny.NAME)
        process = start("-m", "tests.data.prepare", url, **home)
        told = process.stderr.readline()
    assert told == "another process is preparing tiny: waiting for it.\n"
    assert finish(process)[0] == 0


def get_mnist(url, *options, **environment):
    command = ["-m", "data", "get", "mnist", "--mirror", url, *options]
    return start(*command, **environment)


def test_ctrl_c_and_go_on(home, tmp_path):
    """Exit 130 without a traceback; what came is kept, and asked for no more."""
    with serving(bytes(MNIST_IMAGES)) as server:
        process = get_mnist(server.url("very_slow", ""), **home)
        part = tmp_path / "archives" / "mnist" / "train-images-idx3-ubyte.gz.part"
        for _ in range(200):
            if part.exists() and part.stat().st_size:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
        assert code == 130
        assert "stopped" in err
        assert "Traceback" not in err
        have = part.stat().st_size
        assert have
        server.asked.clear()
        code, _, err = finish(get_mnist(server.url("missing", ""), **home))
        assert code == 2
        assert server.asked[0] == ("missing", f"bytes={have}-")


def test_ctrl_c_in_a_comparison(home, tmp_path):
    with serving(bytes(MNIST_IMAGES)) as server:
        mirror, out = server.url("very_slow", ""), tmp_path / "out"
        options = ["--dataset", "mnist", "--mirror", mirror, "--out", out]
        process = start("compare.py", *options, **home)
        while not server.asked:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
    assert code == 130
    assert "stopped before the first trial" in err
    assert "Traceback" not in err
    assert not out.exists()


def test_without_requests(home, tmp_path):
    """As in an environment that has the first lines of requirements.txt alone."""
    blocked = "import sys; sys.modules['requests'] = None"
    (tmp_path / "sitecustomize.py").write_text(blocked)
    url = "http://127.0.0.1:9"
    code, _, err = finish(get_mnist(url, **home, PYTHONPATH=str(tmp_path)))
    assert code == 2
    assert "mnist is not available: requests, which downloads, is missing: pip" in err


def test_without_pillow(home, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['PIL'] = None")
    process = start("-m", "data", "get", tmp_path, **home, PYTHONPATH=str(tmp_path))
    code, _, err = finish(process)
    assert code == 2
    assert "Pillow, which reads images, is missing: pip install pillow" in err


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("wrong", "sends wrong bytes: its sha256 is"),
        ("missing", "answers 404 Not Found"),
        ("very_slow", "is incomplete after 0.5 s"),
    ],
)
def test_the_command_says_why_in_one_sentence(home, tmp_path, kind, sentence):
    with serving(bytes(MNIST_IMAGES)) as server:
        options = ["--time-limit", 0.5] if kind == "very_slow" else []
        code, out, err = finish(get_mnist(server.url(kind, ""), *options, **home))
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("python -m data: mnist is not available: ")
    assert sentence in last
    assert "--data-dir" in last
    assert "Traceback" not in err
    assert not (tmp_path / "mnist").exists()


def in_a_namespace(script, folder):
    """Run a shell script as root of a mount namespace of its own, or skip."""
    check = "mount -t tmpfs tmpfs ."
    command = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
    try:
        subprocess.run([*command, check], cwd=folder, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine does not let a test mount a file system")
    return subprocess.run(
        [*command, script, "sh", sys.executable],
        cwd=ROOT,
        env=os.environ | OFFLINE | {"SKYLARK_CACHE": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [("size=200k", "No space left on device"), ("ro", "Read-only file system")],
)
def test_a_full_or_read_only_cache(server, tmp_path, options, reason):
    """One sentence, and the full one holds nothing that would be taken for whole."""
    cache_folder, url = tmp_path, server.url("good", tiny.NAME)
    script = (
        f"mount -t tmpfs -o {options} tmpfs {cache_folder}; "
        f'"$1" -m tests.data.prepare {url} || ls {cache_folder}'
    )
    done = in_a_namespace(script, tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        f"OSError: the cache {cache_folder} cannot be written ({reason}): make room or "
        "set SKYLARK_CACHE to another folder."
    )
    assert "tiny\n" not in done.stdout
    assert "tiny.new" not in done.stdout


def test_a_cache_that_is_a_file(home, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"the cache .* cannot be written"):
        cache.prepare("tiny", lambda folder: None)


def test_a_read_only_cache_that_has_it_serves(server, tmp_path):
    """As a teacher's folder does, which the class may read and not write."""
    url = server.url("good", tiny.NAME)
    script = (
        f"mount -t tmpfs tmpfs {tmp_path}; "
        f'"$1" -m tests.data.prepare {url}; mount -o remount,ro {tmp_path}; '
        f'"$1" -m tests.data.prepare {url}'
    )
    done = in_a_namespace(script, tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second


def test_a_terminal_shows_speed_and_time_left(server, home):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.data.prepare", server.url("slow", tiny.NAME)],
        cwd=ROOT,
        env=os.environ | OFFLINE | home | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while read := os.read(ours, 1 << 16):
            shown += read
    os.close(ours)
    assert process.wait(60) == 0
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown)  # without colours
    assert re.search(rb"[\d.]+/185\.\d kB [\d.]+ kB/s 0:00:0\d", plain)
