"""The run: every model with every seed, in turns, one process each."""

import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from comparison import results
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.counting.code_length import ROOT
from comparison.plan import Plan
from comparison.processes import environment, process
from comparison.report.live import Live
from comparison.sameness import proof
from comparison.statistics.summary import summarise
from data import Dataset


def start(
    plan: Plan, contestants: Sequence[Contestant], dataset: Dataset, note: str | None
) -> results.Results:
    """Return the results of a run that has no trial yet."""
    train = len(dataset.x_train[: plan.train_size])
    test = len(dataset.x_test[: plan.test_size])
    shape = dataset.x_train.shape[1:]
    return {
        "schema": results.SCHEMA,
        "version": version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "environment": environment.describe(plan.threads),
        "dataset": {
            "name": dataset.name,
            "source": dataset.source,
            "train": train,
            "test": test,
            "image_shape": list(shape) if len(shape) == 3 else [*shape, 1],
            "classes": list(dataset.classes),
            "sha256": dataset.sha256,
        },
        "note": note,
        "settings": asdict(plan),
        "contestants": {c.name: about(c) for c in contestants},
        "code": count_all(contestants),
        "sameness": None,
        "trials": [],
        "summary": {},
    }


def version() -> str:
    """Return the version of this project."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return tomllib.loads(text)["project"]["version"]


def about(contestant: Contestant) -> dict[str, Any]:
    """Return what is kept of a contestant; `different`: not the others' network."""
    return {
        "title": contestant.title,
        "class": contestant.path,
        "parameters": contestant.parameters,
        "environment": contestant.environment,
        "as_written": contestant.foreign,
        "different": False,
    }


def go_on(found: results.Results, now: Mapping[str, Any]) -> results.Results:
    """Return what is resumed; ValueError where it was begun with something else."""
    for what, key in {"data set": "dataset", "code of the classes": "code"}.items():
        if found[key] != now[key]:
            raise ValueError(f"the {what} is not what this run was begun with.")
    for name in ("cpu", "python", "packages"):
        if found["environment"][name] != now["environment"][name]:
            raise ValueError(f"the {name} here is not what this run was begun with.")
    return found


def epochs_left(plan: Plan, found: Mapping[str, Any]) -> dict[str, int]:
    """Return how many epochs of each model are yet to be run."""
    finished = [model for model, _ in results.done(found)]
    return {
        model: (plan.seeds - finished.count(model)) * plan.epochs
        for model in plan.models
    }


def run(
    plan: Plan,
    contestants: Sequence[Contestant],
    dataset: Dataset,
    found: results.Results,
    folder: Path,
    live: Live,
    timeout: float | None = None,
) -> None:
    """Run what is missing in `found`, which is written to `folder` after each trial."""
    finished = results.done(found)
    found["trials"] = [t for t in found["trials"] if t["status"] == "ok"]
    results.write(folder, found)
    with live:
        if not (found["sameness"] and found["sameness"]["passed"]):
            live.proving()
            found["sameness"] = proof.prove(
                contestants, dataset.folder, plan.network(), plan.threads, timeout
            )
            _mark_different(found, plan)
            results.write(folder, found)
        for seed in range(plan.seeds):
            for contestant in contestants:
                if (contestant.name, seed) in finished:
                    continue
                trial = _refused(found, contestant, seed) or _try(
                    plan, contestant, dataset, seed, live, timeout
                )
                found["trials"].append(trial)
                found["summary"] = summarise(
                    plan.models, found["trials"], plan.reference
                )
                results.write(folder, found)
                live.ended(contestant.name, seed, trial)


def _mark_different(found: results.Results, plan: Plan) -> None:
    """Let a user's class that is another network be compared, where that is asked."""
    for name, contestant in found["contestants"].items():
        verdict = found["sameness"]["models"][name]
        contestant["different"] = (
            plan.allow_different
            and contestant["as_written"]
            and verdict["passed"] is False
        )


def _refused(
    found: Mapping[str, Any], contestant: Contestant, seed: int
) -> dict[str, Any] | None:
    """Return a failed trial for a class that is another network, and not allowed."""
    verdict = found["sameness"]["models"][contestant.name]
    if (
        verdict["passed"] is not False
        or found["contestants"][contestant.name]["different"]
    ):
        return None
    error = "not trained, for it is not the same network"
    if contestant.foreign:
        error += "; --allow-different compares it all the same"
    return {
        "model": contestant.name,
        "seed": seed,
        "status": "failed",
        "error": error,
    }


def _try(
    plan: Plan,
    contestant: Contestant,
    dataset: Dataset,
    seed: int,
    live: Live,
    timeout: float | None,
) -> dict[str, Any]:
    """Return one trial, run in a process of its own."""
    trial: dict[str, Any] = {"model": contestant.name, "seed": seed}

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "epoch":
            live.epoch(contestant.name, seed, event)
        elif event["event"] == "result":
            trial.update(event)

    live.started(contestant.name, seed)
    ending = process.run(
        "comparison.processes.trial",
        contestant.spec()
        | {
            "folder": str(dataset.folder),
            "train_size": plan.train_size,
            "test_size": plan.test_size,
            "seed": seed,
            "settings": plan.constructor() | contestant.parameters,
        },
        threads=plan.threads,
        on_event=on_event,
        timeout=timeout,
        environment=contestant.environment,
    )
    trial.pop("event", None)
    return trial | {"status": ending.status, "error": ending.error}
