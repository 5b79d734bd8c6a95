"""A round: all models of one seed, one after another, on one machine.

Within a round, speeds can be compared; so a round never leaves the machine on which it
has begun, and no other one disturbs it there.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from getpass import getuser
from pathlib import Path
from typing import Any, TypedDict, cast

from filelock import FileLock

import data
from comparison import environment, records, results
from comparison.processes import process
from comparison.processes.trial import Epoch, TrialSpec
from comparison.typed import check


class Images(TypedDict):
    """Which images, and how a machine finds them: in this folder, or by name."""

    sha256: str
    folder: str
    name: str
    options: dict[str, Any]


class Planned(TypedDict):
    """One trial that is to be run; `refused`: why it is not."""

    model: str
    place: int
    spec: TrialSpec
    environment: dict[str, str]
    refused: str | None


class Round(TypedDict):
    """All that a machine must be told; it travels as it is."""

    seed: int
    threads: int
    timeout: float | None
    images: Images
    trials: list[Planned]


class Outcome(TypedDict):
    """What comes back: the trials, and `inside.npz` of the one that left it."""

    trials: list[records.Trial]
    inside: bytes | None


class RoundFailed(Exception):  # noqa: N818, it is what happened
    """A round could not be run; the sentence names the machine."""


def run_whole(round_: Round) -> Outcome:
    """Run a round on the machine where this is called; the others wait for it there.

    Raises
    ------
    RoundFailed
        The machine has not the images of the run.
    """
    folder = str(_find(round_["images"]))
    node: records.Node = {"host": platform.node(), "cpu": environment.cpu()}
    with alone(), tempfile.TemporaryDirectory() as place:
        inside = Path(place, results.INSIDE)
        trials: list[records.Trial] = []
        for planned in round_["trials"]:
            spec = planned["spec"] | {"folder": folder, "checkpoint": None}
            if spec["inside"]:
                spec["inside"] = str(inside)
            told = planned | {"spec": spec}
            found = run_trial(cast(Planned, told), round_["threads"], round_["timeout"])
            trials.append(found | {"node": node})
        left = inside.read_bytes() if inside.exists() else None
        return {"trials": trials, "inside": left}


def run_trial(
    planned: Planned,
    threads: int,
    timeout: float | None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> records.Trial:
    """Return one trial, run in a process of its own."""
    numbers: Any = {}
    about = {"model": planned["model"], "seed": planned["spec"]["seed"]}

    def ended(ending: process.Ending) -> dict[str, Any]:
        return about | {"status": ending.status, "error": ending.error}

    def on_event(event: process.Event) -> None:
        kind, values = event["event"], {k: v for k, v in event.items() if k != "event"}
        try:
            if kind == "epoch":
                check(values, Epoch, kind)
                on_epoch(cast(Epoch, values))
            elif kind == "result":
                check(values | ended(process.Ending("ok")), records.Trial, kind)
                numbers.update(values)
        except ValueError as error:
            raise process.BadEvent(
                f"said something that is no event: {error}"
            ) from None

    if planned["refused"]:
        ending = process.Ending("failed", planned["refused"])
    else:
        ending = process.run(
            "comparison.processes.trial",
            planned["spec"],
            threads=threads,
            on_event=on_event,
            timeout=timeout,
            environment=planned["environment"],
        )
    trial: Any = ended(ending) | numbers | ended(ending)  # in this order in the file
    return trial | {"place": planned["place"]}


def lost(round_: Round, reason: str) -> list[records.Trial]:
    """Return the failed trials of a round that did not come back."""
    return [
        {
            "model": planned["model"],
            "seed": round_["seed"],
            "status": "failed",
            "error": reason,
            "place": planned["place"],
        }
        for planned in round_["trials"]
    ]


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other round has one of this process's cores, and keep them all.

    So there is one round at a time on a machine, but for workers that were given cores
    of their own.
    """
    locks = Path(tempfile.gettempdir(), f"skylark-{getuser()}")
    locks.mkdir(exist_ok=True)
    with ExitStack() as held:
        for core in _cores():  # in order: nobody waits for whom it keeps waiting
            held.enter_context(FileLock(locks / f"core{core}.lock"))
        yield


def _cores() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _find(images: Images) -> Path:
    """Return the folder with the images here; RoundFailed where they are others."""
    host = platform.node()
    try:
        shared = Path(images["folder"])
        if shared.is_dir() and data.Dataset.open(shared).sha256 == images["sha256"]:
            return shared
        found = data.load(images["name"], **images["options"])
    except (data.Unavailable, ValueError, OSError) as error:
        raise RoundFailed(f"{host} has no images for the round: {error}") from None
    if found.sha256 != images["sha256"]:
        raise RoundFailed(
            f"{host} has other images of the name {images['name']}: their SHA-256 is "
            f"{found.sha256[:12]}, the run's is {images['sha256'][:12]}."
        )
    return found.folder
