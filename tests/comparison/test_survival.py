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
KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
from comparison import results

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
rng, within, trials = random.Random(0), 0, []
for _ in range(kills):
    child = os.fork()
    while child == 0:
        trials = trials[-300:] + [{"number": len(trials)}] * 20
        results.write(folder, {"schema": 2, "trials": trials, "end": True})
    time.sleep(rng.uniform(0.002, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if (folder / results.FILE).exists():
        assert json.loads((folder / results.FILE).read_text())["end"]
    within += Path(folder, f"{results.FILE}.part").exists()
print(within)
"""
CLASSES = "tests.comparison.own_classes"


def start(*options, environment=None):
    return subprocess.Popen(
        [sys.executable, "compare.py", *map(str, options)],
        cwd=ROOT,
        env=os.environ | (environment or {}),
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
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), str(KILLS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    print(f"{KILLS} kills, {done.stdout.strip()} within a write, all whole")
    assert int(done.stdout) > KILLS / 10


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


def test_a_killed_trial_goes_on_within_its_fit(tmp_path):
    """The numbers are those of a run that nobody killed."""
    folder, whole = tmp_path / "out", tmp_path / "whole"
    options = [*SKYLARK, "--seeds", 1, "--epochs", 40, "--augment", "flip"]
    assert compare(*options, "--out", whole).returncode == 0
    with start(*options, "--out", folder) as run:
        wait_for(run, "skylark seed 0 epoch 4")  # so that of epoch 3 is written
        run.kill()
    assert list((folder / results.CHECKPOINTS).iterdir())
    assert results.read(folder)["trials"] == []
    done = compare("--resume", folder)
    assert done.returncode == 0, done.stderr
    (found,), (expected,) = (results.read(f)["trials"] for f in (folder, whole))
    assert 3 <= found["epochs_earlier"] < 40
    assert "epochs_earlier" not in expected
    for name in ("loss", "accuracy"):
        assert found["history"][name] == expected["history"][name]
    assert found["test_accuracy"] == expected["test_accuracy"]
    assert found["seconds"]["fit"] > sum(found["history"]["seconds"])
    assert not (folder / results.CHECKPOINTS).exists()


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


def test_what_outlives_a_finished_trial_is_ended(tmp_path):
    """Its result is taken, and nobody waits for it."""
    names = ["LeavesAThread", "LeavesAProcess"]
    models = ["skylark", *(f"{CLASSES}:{name}" for name in names)]
    folder = tmp_path / "out"
    started = time.perf_counter()
    done = compare(*SKYLARK, "--out", folder, "--models", *models)
    assert done.returncode == 0, done.stderr
    assert [t["status"] for t in results.read(folder)["trials"]] == ["ok"] * 3
    assert time.perf_counter() - started < 60


def test_wrong_answers_of_a_class_have_their_reasons(tmp_path):
    reasons = {
        "PredictsNothing": "predict returned NoneType, expected an array of 360 labels",
        "TakesNoTime": "history_ has an epoch that took no time, or less",
        "Forges": "said something that is no event: epoch.epoch is 'x', expected a",
        "SaysMuch": "RuntimeError: a|b\\x1b[31m\\ncddd",
    }
    models = [f"{CLASSES}:{name}" for name in reasons]
    folder = tmp_path / "out"
    done = compare(*SKYLARK, "--out", folder, "--models", *models)
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    trials = {trial["model"]: trial for trial in results.read(folder)["trials"]}
    for model, reason in zip(models, reasons.values(), strict=True):
        error = trials[model]["error"]
        assert reason in error
        assert len(error) < 600


def alive(pid):
    """Return whether a process runs; one that is dead and not yet buried does not."""
    with contextlib.suppress(FileNotFoundError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks into /proc")
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_when_a_run_is_ended_so_is_all_that_it_has_started(tmp_path, signum):
    """A class that holds the interpreter's lock, and a program that it has started."""
    noted = tmp_path / "noted"
    options = ["--models", f"{CLASSES}:StartsAProgram", "--out", tmp_path / "out"]
    with start(*SKYLARK, *options, environment={"NOTED": str(noted)}) as run:
        for _ in range(600):
            if noted.exists() and noted.read_text():
                break
            time.sleep(0.1)
        run.send_signal(signum)
        _, stderr = run.communicate(timeout=20)
    assert "Traceback" not in stderr
    assert run.returncode == (-9 if signum == signal.SIGKILL else 128 + signum)
    for _ in range(50):
        left = [pid for pid in noted.read_text().split() if alive(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def test_a_closed_pipe_is_no_error(tmp_path):
    """As after `| head -1`: no traceback, and what has been finished is kept."""
    with start(*SKYLARK, "--seeds", 2, "--out", tmp_path / "out") as run:
        run.stdout.readline()
        run.stdout.close()
        stderr = run.stderr.read()
        run.wait(60)
    assert "Traceback" not in stderr
    assert results.read(tmp_path / "out")["trials"] is not None


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
    with small_disk(disk, 34 * 1024):
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
    old = (tmp_path / results.FILE).read_text()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match=r"results\.json"):
            results.write(tmp_path, {"schema": results.SCHEMA, "trials": ["x"] * 9999})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / results.FILE).read_text() == old
    assert os.listdir(tmp_path) == [results.FILE]
