"""Child processes end as they should, and say why."""

import os
import platform
import signal
import subprocess
import sys
import time

import pytest

from comparison.processes import process

CHILD = """
import os, sys
from comparison.processes import process

def work(spec, emit):
    print("a framework prints this")
    {body}

process.serve(work)
"""


@pytest.fixture
def run(tmp_path):
    """Run a child with some body, and return its events and its ending."""

    def run(body, environment=(), **options):
        (tmp_path / "child.py").write_text(CHILD.format(body=body))
        events = []
        ending = process.run(
            "child",
            {"value": 7},
            threads=2,
            on_event=events.append,
            environment={"PYTHONPATH": str(tmp_path), **dict(environment)},
            **options,
        )
        return events[:-1] if ending.status != "failed" else events, ending

    return run


def test_events_and_spec(run):
    events, ending = run("emit('got', value=spec['value'])")
    assert events == [{"event": "got", "value": 7}]
    assert ending == process.Ending("ok")


def test_threads_are_set_before_the_child_starts(run):
    events, _ = run("emit('got', threads=os.environ['OMP_NUM_THREADS'])")
    assert events[0]["threads"] == "2"


def test_variables_are_set_and_taken_away(run):
    names = "OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"
    body = f"emit('got', found=[os.environ.get(name) for name in {names}])"
    events, _ = run(body, environment=dict(zip(names, ("7", None), strict=True)))
    assert events[0]["found"] == ["7", None]


def test_the_kernel_of_blas_is_the_machines_own(run, monkeypatch):
    """A variable that chooses an older one would slow down NumPy alone."""
    body = (
        "from comparison.processes.resources import blas_kernel; import numpy; "
        "emit('seen', kernel=blas_kernel())"
    )
    (own,), _ = run(body)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    (found,), _ = run(body)
    assert found == own
    (slow,), _ = run(body, {"OPENBLAS_CORETYPE": "Nehalem"})
    if own["kernel"] and platform.machine() == "x86_64":
        assert slow["kernel"] == "Nehalem" != own["kernel"]


@pytest.mark.tf
def test_tensorflow_takes_its_threads_from_the_environment(run):
    """What it says is 0; the threads of its pool have a name."""
    events, _ = run("""
    import tensorflow
    from comparison.processes import resources
    from frameworks.libraries import thread_names
    tensorflow.zeros(1)
    emit("counted", threads=thread_names().count("tf_Compute"))
    emit("reported", threads=resources.threads_in_use())
    """)
    counted, reported = events
    assert counted["threads"] == 2
    assert reported["threads"]["tensorflow inter-op"] == 2
    assert reported["threads"]["tensorflow"] == 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's allocator")
def test_memory_is_not_returned_to_the_system_at_every_step(run):
    """104 megabytes are used and freed 50 times; how many pages does that fetch."""
    events, _ = run("""
    from resource import RUSAGE_SELF, getrusage
    for _ in range(60):
        if _ == 10:
            before = getrusage(RUSAGE_SELF).ru_minflt
        one, two, large = (b"1" * (size << 20) for size in (2, 2, 100))
        del one, two, large
    emit("counted", faults=getrusage(RUSAGE_SELF).ru_minflt - before)
    """)
    assert events[0]["faults"] < 50 * 1024 / 10


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("raise ValueError('why')", "failed", "ValueError: why"),
        ("import not_there", "failed", "No module named 'not_there'"),
        ("raise MemoryError", "failed", "out of memory"),
        ("os._exit(3)", "failed", "ended with exit code 3"),
        ("os.kill(os.getpid(), 9)", "failed", "killed (SIGKILL)"),
        ("import ctypes; ctypes.string_at(0)", "failed", "crashed (SIGSEGV)"),
    ],
)
def test_endings(run, body, status, error):
    _, ending = run(body)
    assert ending.status == status
    assert ending.error.startswith(error)


def test_a_child_that_hangs_is_stopped(run):
    _, ending = run("import time; time.sleep(600)", timeout=0.5)
    assert ending == process.Ending("failed", "stopped after 0.5 seconds")


def test_the_child_ends_with_its_parent(tmp_path):
    """The parent is killed; the child, which would sleep, is soon gone."""
    body = "emit('pid', pid=os.getpid()); import time; time.sleep(600)"
    (tmp_path / "child.py").write_text(CHILD.format(body=body))
    code = (
        "from comparison.processes import process\n"
        "process.run('child', {}, threads=1,\n"
        "    on_event=lambda e: print(e['pid'], flush=True))\n"
    )
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
    ) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("the child is still there")
