"""What has been finished is never lost: kills, full disks, and two runs at once."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from comparison import results
from comparison.counting.code_length import ROOT
from tests.comparison.test_compare import SKYLARK, compare

KILLS = 200
WRITER = """
import sys
from pathlib import Path
from comparison import results

trials = []
print("ready", flush=True)
while True:
    trials = trials[-300:] + [{"number": len(trials)}] * 20
    results.write(Path(sys.argv[1]), {"schema": 2, "trials": trials, "end": True})
"""
CLASSES = "tests.comparison.own_classes"


def start(*options):
    return subprocess.Popen(
        [sys.executable, "compare.py", *map(str, options)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(run, beginning):
    """Read a run's lines up to one that begins so."""
    for line in run.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the run ended before it said {beginning!r}: {run.stderr.read()}")


def test_results_are_whole_after_200_kills(tmp_path):
    """A process that only writes, killed at random moments; many are within a write."""
    rng = random.Random(0)
    within = 0
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        with writer:
            writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.02))
            writer.kill()
        if (tmp_path / results.FILE).exists():
            assert results.read(tmp_path)["end"]
        within += Path(tmp_path, f"{results.FILE}.part").exists()
    print(f"{KILLS} kills, {within} within a write, results.json whole after each")
    assert within > KILLS / 10


def test_a_killed_run_is_resumed(tmp_path):
    """compare.py itself, killed; no trial is run twice, and none is lost."""
    folder = tmp_path / "out"
    rng = random.Random(0)
    kept = []
    for attempt in range(2):
        options = ["--resume", folder] if attempt else ["--out", folder]
        with start(*SKYLARK, "--seeds", 5, *options) as run:
            wait_for(run, f"skylark seed {len(kept) + 1}: test accuracy")
            time.sleep(rng.uniform(0, 0.5))
            run.kill()
        before, kept = kept, results.read(folder)["trials"]
        assert kept[: len(before)] == before
        assert len(kept) > len(before)
    done = compare("--resume", folder)
    assert done.returncode == 0, done.stderr
    trials = results.read(folder)["trials"]
    assert trials[: len(kept)] == kept
    assert [trial["seed"] for trial in trials] == list(range(5))
    assert len(results.read(folder)["summary"]["skylark"]["fit_seconds"]) == 4


def test_ctrl_c_during_the_proof(tmp_path):
    """It ends at once: the proof's processes are not waited for."""
    options = ["--models", f"{CLASSES}:HangsInTheProof", "--out", tmp_path / "out"]
    with start(*SKYLARK, *options) as run:
        wait_for(run, "proving")
        time.sleep(1)
        run.send_signal(signal.SIGINT)
        try:
            _, stderr = run.communicate(timeout=20)
        finally:
            run.kill()
    assert run.returncode == 130
    assert "Traceback" not in stderr


def test_two_runs_into_one_folder(tmp_path):
    folder = tmp_path / "out"
    with start(*SKYLARK, "--seeds", 500, "--out", folder) as first:
        wait_for(first, "proving")
        for options in ([*SKYLARK, "--out", folder], ["--resume", folder]):
            second = compare(*options)
            assert second.returncode == 2
            assert second.stderr == (
                f"compare.py: another run is writing into {folder}.\n"
            )
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)


def test_trouble_has_its_reason_beside_its_row(tmp_path):
    """Classes of a user's own that hang, crash, are killed, or want all memory."""
    reasons = {
        "Hangs": "stopped after 10 seconds",
        "Segfaults": "crashed (SIGSEGV)",
        "Killed": "killed (SIGKILL): perhaps out of memory",
        "OutOfMemory": "out of memory",
    }
    models = ["skylark", *(f"{CLASSES}:{name}" for name in reasons)]
    folder = tmp_path / "out"
    done = compare(
        *SKYLARK, "--trial-timeout", 10, "--out", folder, "--models", *models
    )
    assert done.returncode == 1, done.stderr
    first, *others = results.read(folder)["trials"]
    assert first["status"] == "ok"
    assert [trial["status"] for trial in others] == ["failed"] * len(reasons)
    for trial, (name, reason) in zip(others, reasons.items(), strict=True):
        assert trial["error"] == reason
        assert f"{CLASSES}:{name}: {reason}" in done.stdout.replace("\n", " ")


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of its own of so many bytes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip("only root can mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, 32 * 1024):
        done = compare(*SKYLARK, "--seeds", 40, "--out", disk / "out", "--quiet")
        assert done.returncode == 1
        assert "No space left on device; finished trials are kept" in done.stderr
        assert done.stderr.count("\n") == 1
        trials = results.read(disk / "out")["trials"]
        assert 0 < len(trials) < 40
        assert all(trial["status"] == "ok" for trial in trials)


def test_a_read_only_folder(tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, 16 * 1024):
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for folder in (disk, disk / "out"):
            done = compare(*SKYLARK, "--out", folder)
            assert done.returncode == 2
            assert done.stderr.endswith(": Read-only file system\n")
            assert done.stderr.count("\n") == 1


def test_what_does_not_fit_leaves_the_old_results(tmp_path):
    """A limit on the size of files stands in for a full disk, wherever tests run."""
    results.write(tmp_path, {"schema": results.SCHEMA, "trials": []})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match=r"results\.json"):
            results.write(tmp_path, {"schema": results.SCHEMA, "trials": ["x"] * 9999})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert results.read(tmp_path)["trials"] == []
    assert os.listdir(tmp_path) == [results.FILE]
