"""A child process with its own threads: a spec goes in, events come out.

Imported by the child before any framework: the standard library alone.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworks.lazy import TITLES

Event = dict[str, Any]
_running: set[subprocess.Popen[str]] = set()
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
# For glibc's allocator: memory that a step has freed stays with the process. By its own
# rules it returns large arrays to the system, which zeroes them before the next step
# gets them again, and smaller ones too, or not, by chance.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
GRACE = 5  # seconds that a child has for its own end, once it has said how it ended
TAIL = 1 << 16  # bytes of what a child printed that are looked at


class BadEvent(ValueError):  # noqa: N818, it is what the line is
    """A child said something else than events."""


@dataclass(frozen=True)
class Ending:
    """How a child ended: `status` is ok, failed or skipped, `error` one sentence."""

    status: str
    error: str | None = None


def run(
    module: str,
    spec: Mapping[str, Any],
    *,
    threads: int,
    on_event: Callable[[Event], None],
    timeout: float | None = None,
    environment: Mapping[str, str | None] | None = None,
) -> Ending:
    """Run `python -m module` on a spec, and hand on the events that it emits.

    Parameters
    ----------
    module : str
        One whose `__main__` part calls `serve`.
    spec : mapping
        Anything that fits JSON.
    threads : int
        For every library, set before the child imports it.
    on_event : callable
        Called with each event, a dict with a key `event`.
    timeout : float or None
        Seconds, after which the child is killed.
    environment : mapping or None
        Further environment variables; None takes one away.
    """
    from data.text import printable  # it brings NumPy, which the child may not load

    variables: dict[str, str | None] = dict.fromkeys(THREADS, str(threads))
    variables |= {"OPENBLAS_CORETYPE": None}  # another kernel than the machine's best
    variables |= ALLOCATOR | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    wanted = os.environ | variables | dict(environment or {})
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            cwd=Path(__file__).parents[2],
            env={name: value for name, value in wanted.items() if value is not None},
            start_new_session=True,  # Ctrl-C is the parent's alone
        )
        _running.add(child)
        assert child.stdin
        assert child.stdout
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child)

        timer = threading.Timer(timeout or threading.TIMEOUT_MAX, stop)
        timer.daemon = True
        timer.start()
        last: Event = {}
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(spec) + "\n")
                child.stdin.flush()
            for line in child.stdout:
                if not line.endswith("\n"):
                    break  # it ended in the middle of it: how, is told below
                last = _event(line)
                on_event(last)
                if last["event"] == "ended":
                    break  # a thread or a process of its own may outlive its work
            code = _wait(child, last)
        except BadEvent as bad:
            return Ending("failed", str(bad))
        finally:
            timer.cancel()
            _kill(child)
            child.wait()
            _running.discard(child)
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            child.stdout.close()
        if last.get("event") == "ended":
            return _ending(last)
        if late.is_set():
            return Ending("failed", f"stopped after {timeout:g} seconds")
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - TAIL))
        said = stderr.read().decode(errors="replace")
        return Ending("failed", printable(_explain(code, said)))


def _event(line: str) -> Event:
    """Return what a line of a child's says; BadEvent if `emit` has not written it."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise BadEvent(f"said something that is no event: {line[:80]!r}")
    return event


def _ending(event: Event) -> Ending:
    """Return how a child says that it ended; it must have said it as `serve` does."""
    from data.text import printable

    status, error = event.get("status"), event.get("error")
    if status not in ("ok", "failed", "skipped"):
        return Ending("failed", "said something that is no event: its status")
    return Ending(str(status), None if error is None else printable(error))


def _wait(child: subprocess.Popen[str], last: Event) -> int:
    """Return a child's exit code; one that has said how it ended is not waited for."""
    if last.get("event") != "ended":
        return child.wait()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(GRACE)
    return 0


def stop_all() -> None:
    """Kill the children that other threads wait for."""
    for child in list(_running):
        _kill(child)


def _kill(child: subprocess.Popen[str]) -> None:
    """Kill a child, and the processes that it has started itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def serve(work: Callable[[Any, Callable[..., None]], None]) -> None:
    """Be the child: read the spec, call `work(spec, emit)`, say how it ended.

    What the frameworks print goes to stderr. When the parent is gone, so is the child.
    """
    spec = json.loads(_line_of_stdin())
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _guard()

    def emit(event: str, **values: Any) -> None:
        events.write(json.dumps({"event": event} | values) + "\n")

    status, error = "ok", None
    try:
        work(spec, emit)
    except ModuleNotFoundError as missing:  # of a framework: skipped; of anything else
        status = "skipped" if missing.name in TITLES else "failed"
        error = str(missing)
    except MemoryError:
        status, error = "failed", "out of memory"
    except Exception as problem:  # whatever a class raises is its row's text
        status, error = "failed", f"{type(problem).__name__}: {problem}"
    emit("ended", status=status, error=error)


def _line_of_stdin() -> bytes:
    """Read one line and not a byte more: the rest is the guard's to wait for."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return bytes(line)


def _guard() -> None:
    """Fork a process that kills this one and all its own, when the parent is gone.

    A thread could not, while a library holds the interpreter's lock; and what this
    process has started itself would live on.
    """
    if not hasattr(os, "fork"):
        threading.Thread(target=_end_with_parent, daemon=True).start()
        return
    if os.fork() == 0:
        for signum in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)
        os.closerange(1, 256)  # the pipe of the events ends with this one's parent
        while os.read(0, 1 << 16):
            pass
        os.killpg(0, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _end_with_parent() -> None:
    sys.stdin.read()  # returns when the parent closes it, or ends
    os._exit(1)


def _explain(code: int, stderr: str) -> str:
    """Return one sentence on a child that did not say how it ended."""
    if code < 0:
        name = signal.Signals(-code).name
        if name == "SIGKILL":
            return "killed (SIGKILL): perhaps out of memory"
        return f"crashed ({name})"
    lines = stderr.strip().splitlines() or ["no word on why"]
    return f"ended with exit code {code}: {lines[-1]}"
