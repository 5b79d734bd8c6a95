"""Rounds on other machines: real schedulers and workers here, killed at any moment."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import compare
import data
from comparison import executors, plan, records, results, rounds, runner, typed
from comparison.command_line import parser
from comparison.counting.code_length import ROOT
from comparison.report import outputs, sentences, tables
from comparison.report.live import Live
from tests.comparison.test_outputs import made_up

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
ONE = ["--dataset", "digits", "--models", "skylark", "--epochs", "2", "--threads", "1"]
# How long Dask waits for a scheduler that is lost; 30 seconds otherwise.
SECONDS_LOST = "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"
KILLS = int(os.environ.get("SKYLARK_KILLS", 4))  # 50 by hand take 3 minutes


def command(*options):
    return [sys.executable, "compare.py", *map(str, options)]


def run_all(*options, timeout=300, **environment):
    """Run compare.py to its end."""
    done = subprocess.run(
        command(*options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | environment,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


class Cluster:
    """A Dask scheduler and workers, each a process of its own on this machine."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.workers = []
        self.start_scheduler()

    def start_scheduler(self):
        options = ["--host", "127.0.0.1", "--port", self.port, "--no-dashboard"]
        self.scheduler = self._start("dask_scheduler", *options)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                return
            time.sleep(0.05)
        pytest.fail("the scheduler does not start")

    def start_worker(self, cores=None):
        options = [
            "--nthreads",
            1,
            "--no-nanny",
            "--no-dashboard",
            "--death-timeout",
            90,
        ]
        pin = ["taskset", "-c", str(cores)] if cores is not None else []
        self.workers.append(self._start("dask_worker", self.address, *options, pin=pin))

    def _start(self, module, *options, pin=()):
        return subprocess.Popen(
            [
                *pin,
                sys.executable,
                "-m",
                f"distributed.cli.{module}",
                *map(str, options),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill_worker(self):
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait()

    def kill_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()

    def close(self):
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


def whole(folder, seeds, models=1):
    """The trials of a run, which must be there once each, all of them finished."""
    trials = results.read(Path(folder))["trials"]
    found = sorted((trial["seed"], trial["model"]) for trial in trials)
    assert len(found) == len(set(found)) == seeds * models
    assert all(trial["status"] == "ok" for trial in trials)
    return {(t["model"], t["seed"]): t["test_accuracy"] for t in trials}


def ok(folder):
    """The finished trials of a run."""
    return [t for t in results.read(folder)["trials"] if t["status"] == "ok"]


@pytest.fixture(scope="module")
def local_folder(tmp_path_factory):
    """The same run without an executor."""
    folder = tmp_path_factory.mktemp("local") / "out"
    done = run_all(*ONE, "--seeds", 2, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def local(local_folder):
    """Its accuracies."""
    return whole(local_folder, 2)


class TestTheSameNumbers:
    def test_dask_with_a_worker_of_its_own(self, local, tmp_path):
        options = [*ONE, "--seeds", 2, "--executor", "dask:"]
        done = run_all(*options, "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert "2 rounds handed out" in done.stdout
        assert whole(tmp_path / "out", 2) == local
        run = results.read(tmp_path / "out")
        assert {t["node"]["host"] for t in run["trials"]} == {socket.gethostname()}
        assert {t["place"] for t in run["trials"]} == {1}
        assert (tmp_path / "out" / results.INSIDE).exists()
        assert not (tmp_path / "out" / results.CHECKPOINTS).exists()

    def test_submitit_as_processes_here(self, local, tmp_path):
        pytest.importorskip("submitit")
        options = [*ONE, "--seeds", 2, "--executor", "slurm:cluster=local"]
        done = run_all(*options, "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert whole(tmp_path / "out", 2) == local

    def test_what_is_missing_is_handed_out(self, local, local_folder, tmp_path):
        folder = tmp_path / "out"
        shutil.copytree(local_folder, folder)
        run = results.read(folder)
        run["trials"] = run["trials"][:1]
        results.write(folder, run)
        done = run_all("--resume", folder, "--executor", "dask:")
        assert done.returncode == 0, done.stderr
        assert "1 round handed out" in done.stdout
        assert whole(folder, 2) == local
        trials = results.read(folder)["trials"]
        assert ["node" in trial for trial in trials] == [False, True]


class TestFaults:
    def test_workers_and_submitters_killed_at_random_moments(self, cluster, tmp_path):
        """Nothing that was finished is lost, and nothing is there twice."""
        rng, folder, seeds = random.Random(0), tmp_path / "out", 6
        options = [*ONE, "--seeds", seeds, "--out", folder]
        cluster.start_worker()
        kept, kills = [], 0
        while kills < KILLS:
            executor = ["--executor", f"dask:{cluster.address}"]
            run = subprocess.Popen(
                command(*options, *executor),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            while kills < KILLS:
                time.sleep(rng.uniform(0.5, 2.5))
                if run.poll() is not None:
                    break
                kills += 1
                if rng.random() < 0.6:
                    cluster.kill_worker()
                    cluster.start_worker()
                else:
                    run.send_signal(rng.choice([signal.SIGKILL, signal.SIGINT]))
                    break
            run.communicate(timeout=120)
            if (folder / results.FILE).exists():
                options = ["--resume", folder]
                finished = [
                    t for t in results.read(folder)["trials"] if t["status"] == "ok"
                ]
                assert [t for t in kept if t not in finished] == []
                kept = finished
                if len(kept) == seeds:  # begin anew
                    whole(folder, seeds)
                    folder, kept = tmp_path / f"out{kills}", []
                    options = [*ONE, "--seeds", seeds, "--out", folder]
        for _ in range(5):
            done = run_all(*options, *executor)
            options = ["--resume", folder]
            if done.returncode == 0:
                break
        whole(folder, seeds)

    def test_a_scheduler_that_is_lost_and_comes_back(self, cluster, tmp_path):
        folder = tmp_path / "out"
        cluster.start_worker()
        executor = ["--executor", f"dask:{cluster.address}"]
        run = subprocess.Popen(
            command(*ONE, "--seeds", 3, "--out", folder, *executor),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", SECONDS_LOST: "3"},
        )
        for line in run.stdout:
            if line.startswith("skylark seed"):
                break
        cluster.kill_scheduler()
        out, err = run.communicate(timeout=120)
        assert run.returncode == 1, err
        assert "the round was lost" in out
        assert "Traceback" not in err
        kept = ok(folder)
        assert kept
        cluster.start_scheduler()
        cluster.start_worker()
        done = run_all("--resume", folder, *executor)
        assert done.returncode == 0, done.stderr
        whole(folder, 3)
        assert results.read(folder)["trials"][: len(kept)] == kept

    def test_a_client_that_closes_late_ends_no_run(self, cluster, tmp_path):
        """Its thread is busy, as on a loaded machine whose scheduler is lost."""
        with executors.opened(f"dask:{cluster.address}", tmp_path) as executor:
            executor._client.loop.add_callback(time.sleep, 4)

    def test_other_images_under_that_name(self, tmp_path, monkeypatch):
        """The sentence names the machine."""
        found = data.load("digits")
        images = {
            "sha256": "0" * 64,
            "folder": str(found.folder),
            "name": "digits",
            "options": {},
        }
        with pytest.raises(rounds.RoundFailed) as failure:
            rounds.run_whole({"images": images})
        assert str(failure.value).startswith(f"{socket.gethostname()} has other images")
        with pytest.raises(rounds.RoundFailed, match="has no images for the round"):
            rounds.run_whole({"images": images | {"name": str(tmp_path / "no.npz")}})
        images |= {"sha256": found.sha256, "folder": str(tmp_path / "not here")}
        done = rounds.run_whole({"images": images, "trials": []})
        assert done == {"trials": [], "inside": None}

    def test_a_failed_round_is_repeated(self, tmp_path):
        """The images are not where they were when the run was begun."""
        source, folder = tmp_path / "own.npz", tmp_path / "out"
        found = data.load("digits")
        names = ("x_train", "y_train", "x_test", "y_test")
        arrays = {name: getattr(found, name) for name in names}
        np.savez(source, **arrays)
        options = ["--dataset", source, "--seeds", 1, "--out", folder]
        name = "tests.comparison.test_executors:moves_images"
        done = run_all(*ONE, *options, "--executor", name, MOVED=str(source))
        assert done.returncode == 1
        assert f"{socket.gethostname()} has no images" in done.stdout.replace("\n", "")
        assert {t["status"] for t in results.read(folder)["trials"]} == {"failed"}
        shutil.move(f"{source}.moved", source)
        assert run_all("--resume", folder, "--executor", "dask:").returncode == 0
        whole(folder, 1)


def moves_images():
    """An executor on whose machines a file and its cached arrays are missing."""
    from concurrent.futures import ThreadPoolExecutor

    class Elsewhere(ThreadPoolExecutor):
        def submit(self, call, round_):
            source = Path(os.environ["MOVED"])
            if source.exists():
                source.rename(f"{source}.moved")
            round_["images"]["folder"] = "/nowhere"
            return super().submit(call, round_)

    return Elsewhere(1)


class TestAlone:
    def test_one_round_at_a_time(self, tmp_path):
        """The second waits for the first, though it is another process."""
        code = "\n".join(
            [
                "import sys, time",
                "from comparison.rounds import alone",
                "with alone():",
                "    print(time.time(), flush=True); time.sleep(1); print(time.time())",
            ]
        )
        several = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        spans = sorted([float(t) for t in p.communicate()[0].split()] for p in several)
        assert spans[0][1] <= spans[1][0]

    @pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="there are no two cores to give away",
    )
    def test_workers_with_cores_of_their_own_do_not_wait(self):
        first, second = sorted(os.sched_getaffinity(0))[:2]
        code = "import sys\nfrom comparison.rounds import alone\nwith alone(): print(1)"
        everything = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {first})
            with rounds.alone():
                os.sched_setaffinity(0, {second})
                other = subprocess.run(
                    [sys.executable, "-c", code], cwd=ROOT, timeout=60, check=True
                )
                assert other.returncode == 0
        finally:
            os.sched_setaffinity(0, everything)


class TestWrongUse:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            (
                "dask:tcp://127.0.0.1:1",
                "no Dask scheduler answers at tcp://127.0.0.1:1",
            ),
            ("dask:nonsense", "no Dask scheduler answers at nonsense"),
            ("foo", "--executor foo is not local, dask:ADDRESS"),
            ("no_such:thing", "--executor no_such:thing is not local"),
            ("comparison.rounds:nope", "comparison.rounds has no nope"),
            ("builtins:dict", "returns no Executor"),
            ("slurm:bad", "bad is not KEY=VALUE"),
            ("slurm:cluster=local,foo=1", "Parameter 'foo'"),
        ],
    )
    def test_it_ends_at_once_with_one_sentence(self, name, reason, tmp_path, capsys):
        folder = tmp_path / "out"
        options = [*ONE, "--out", str(folder), "--executor", name]
        started = time.monotonic()
        if name.startswith("slurm"):
            # submitit sets logging up anew, which closes what TensorFlow logs to: the
            # output of pytest, if a test before this one has imported TensorFlow
            done = run_all(*options)
            code, error = done.returncode, done.stderr
        else:
            code, error = compare.main(options), capsys.readouterr().err
        assert code == 2
        assert time.monotonic() - started < 20  # 10 on a machine that is not loaded
        assert reason in error
        assert error.count("\n") == 1
        assert not folder.exists()

    def test_a_missing_package(self, monkeypatch, capsys, tmp_path):
        monkeypatch.setitem(sys.modules, "distributed", None)
        options = ["--out", str(tmp_path / "out"), "--executor", "dask:"]
        assert compare.main([*ONE, *options]) == 2
        assert "needs the package distributed" in capsys.readouterr().err


class TestKindsOfMachines:
    @pytest.fixture
    def run(self):
        run = made_up(4)
        for trial in run["trials"]:
            fast = trial["seed"] % 2
            trial["node"] = {"host": f"node{fast}", "cpu": ["Slow", "Fast"][fast]}
            trial["images_per_second"]["train"] *= 1 + 9 * fast
        return run

    def test_speeds_are_given_for_each(self, run):
        table = tables.by_kind(run)
        assert table.header == ["model", "train img/s on Fast", "train img/s on Slow"]
        fast, slow = (float(cell.text.replace(",", "")) for cell in table.rows[0][1:])
        assert 8 < fast / slow < 12
        column = tables.speed(run).header.index("train img/s")
        assert {row[column].text for row in tables.speed(run).rows} == {"-"}
        text = outputs.markdown(run)
        assert "train img/s on Fast" in text
        assert "Fast (node1) and Slow (node0)" in sentences.conditions(run)["machine"]

    def test_one_kind_is_as_ever(self, run):
        for trial in run["trials"]:
            trial["node"]["cpu"] = "Fast"
        assert tables.by_kind(run) is None
        column = tables.speed(run).header.index("train img/s")
        assert tables.speed(run).rows[0][column].text != "-"

    def test_a_node_is_part_of_the_schema(self, run, tmp_path):
        typed.check(
            json.loads(json.dumps(run["trials"])), list[records.Trial], "trials"
        )


def test_a_round_that_is_not_whole_is_replaced_by_a_whole_one(tmp_path):
    """Of two models, one had finished: both run again, on one machine."""
    from concurrent.futures import ThreadPoolExecutor

    class Instead(ThreadPoolExecutor):
        def submit(self, call, round_):
            return super().submit(returned, round_)

    def returned(round_):
        trials = [
            made_up(1)["trials"][0] | {"model": t["model"], "seed": round_["seed"]}
            for t in round_["trials"]
        ]
        return {"trials": trials, "inside": None}

    options = [*ONE, "--models", "skylark", "skylark:plain", "--seeds", "2"]
    planned = plan.begin(parser().parse_args(options))
    run = runner.start(planned)
    run["sameness"] = made_up(1)["sameness"]
    verdict = run["sameness"]["models"]["skylark"]
    run["sameness"]["models"] = {"skylark": verdict, "skylark:plain": verdict}
    half = made_up(1)["trials"][0] | {"model": "skylark", "seed": 1}
    run["trials"] = [half]
    live = Live(Console(quiet=True), runner.epochs_left(run), quiet=True)
    with Instead(1) as executor:
        runner.complete(run, planned, tmp_path, live, executor=executor)
    found = [(t["seed"], t["model"]) for t in results.read(tmp_path)["trials"]]
    assert sorted(found) == [
        (s, m) for s in (0, 1) for m in ("skylark", "skylark:plain")
    ]
