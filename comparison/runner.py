"""The run: every model with every seed, in turns, one process each."""

import shlex
import sys
import tomllib
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

from comparison import environment, records, results
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.counting.code_length import ROOT
from comparison.plan import Plan
from comparison.processes import process
from comparison.processes.trial import Epoch, TrialSpec
from comparison.report.live import Live
from comparison.sameness.proof import prove
from comparison.settings import Settings, constructor, recipe
from comparison.statistics.summary import summarise
from comparison.turns import orders
from comparison.typed import check
from data import Dataset


def start(plan: Plan) -> records.Run:
    """Return a run that has no trial yet."""
    settings = plan.settings
    return {
        "schema": results.SCHEMA,
        "version": version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "environment": environment.describe(settings["threads"]),
        "dataset": images(plan.dataset, settings),
        "note": plan.note,
        "network": plan.network,
        "settings": settings,
        "contestants": {c.name: about(c) for c in plan.contestants},
        "code": count_all(plan.contestants),
        "sameness": None,
        "trials": [],
        "summary": {},
    }


def images(dataset: Dataset, settings: Settings) -> records.Dataset:
    """Return what is kept of a data set, and of how many of its images are taken."""
    shape = dataset.x_train.shape[1:]
    wholes = {"train": len(dataset.y_train), "test": len(dataset.y_test)}
    sizes = settings["train_size"], settings["test_size"]
    taken = [min(n, size or n) for n, size in zip(wholes.values(), sizes, strict=True)]
    about: records.Dataset = {
        "name": dataset.name,
        "source": dataset.source,
        "train": taken[0],
        "test": taken[1],
        "image_shape": list(shape) if len(shape) == 3 else [*shape, 1],
        "classes": list(dataset.classes),
        "sha256": dataset.sha256,
    }
    if taken != list(wholes.values()):
        whole = " and ".join(f"{n:,}" for n in wholes.values())
        about["drawn"] = f"of {whole}, from each class its share"
    return about


def version() -> str:
    """Return the version of this project."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    return tomllib.loads(text)["project"]["version"]


def about(contestant: Contestant) -> records.Contestant:
    """Return what is kept of a contestant; `different`: not the others' network."""
    return {
        "title": contestant.title,
        "class": contestant.path,
        "parameters": contestant.parameters,
        "environment": contestant.environment,
        "engine": contestant.engine,
        "as_written": contestant.foreign,
        "different": False,
    }


def go_on(earlier: records.Run, now: records.Run) -> records.Run:
    """Return what is resumed; ValueError where it was begun with something else."""
    if earlier["dataset"] != now["dataset"]:
        raise ValueError("the data set is not what this run was begun with.")
    if earlier["code"] != now["code"]:
        raise ValueError("the code of the classes is not what this run was begun with.")
    then, here = earlier["environment"], now["environment"]
    for name in ("cpu", "python", "packages"):
        if then[name] != here[name]:
            raise ValueError(f"the {name} here is not what this run was begun with.")
    return earlier


def epochs_left(run: records.Run) -> dict[str, int]:
    """Return how many epochs of each model are yet to be run."""
    settings = run["settings"]
    finished = [model for model, _ in results.done(run)]
    return {
        model: (settings["seeds"] - finished.count(model)) * settings["epochs"]
        for model in settings["models"]
    }


def complete(
    run: records.Run,
    plan: Plan,
    folder: Path,
    live: Live,
    timeout: float | None = None,
) -> None:
    """Run what is missing in a run, which is written to `folder` after each trial."""
    settings = plan.settings
    finished = results.done(run)
    run["trials"] = [trial for trial in run["trials"] if trial["status"] == "ok"]
    results.write(folder, run)
    with live:
        proof = run["sameness"]
        if not (proof and proof["passed"]):
            live.proving()
            proof = prove(
                plan.contestants,
                plan.dataset.folder,
                plan.network,
                settings["threads"],
                timeout,
                recipe(settings),
            )
            run["sameness"] = proof
            _mark_different(run["contestants"], proof, settings["allow_different"])
            results.write(folder, run)
        rounds = islice(orders(plan.contestants), settings["seeds"])
        for seed, order in enumerate(rounds):
            for place, contestant in enumerate(order, 1):
                if (contestant.name, seed) in finished:
                    continue
                verdict = proof["models"][contestant.name]
                different = run["contestants"][contestant.name]["different"]
                if verdict["passed"] is False and not different:
                    trial = _refused(contestant, seed)
                else:
                    trial = _try(plan, contestant, seed, live, timeout, folder)
                run["trials"].append(trial | {"place": place})
                run["summary"] = summarise(
                    settings["models"], run["trials"], settings["reference"]
                )
                results.write(folder, run)
                if trial["status"] == "ok":
                    results.remove_checkpoint(folder, contestant.name, seed)
                live.ended(contestant.name, seed, trial)


def _mark_different(
    contestants: dict[str, records.Contestant], proof: records.Proof, allowed: bool
) -> None:
    """Let a user's class that is another network be compared, where that is asked."""
    for name, contestant in contestants.items():
        contestant["different"] = (
            allowed
            and contestant["as_written"]
            and proof["models"][name]["passed"] is False
        )


def _looked_into(plan: Plan) -> str | None:
    """Return the model of which report.html shows the inside: one of our classes."""
    ours = [c.name for c in plan.contestants if not c.foreign]
    reference = plan.settings["reference"]
    return reference if reference in ours else next(iter(ours), None)


def _refused(contestant: Contestant, seed: int) -> records.Trial:
    """Return a failed trial, of a class that is another network."""
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
    seed: int,
    live: Live,
    timeout: float | None,
    folder: Path,
) -> records.Trial:
    """Return one trial, run in a process of its own, which may keep files in `folder`.

    The first seed of one model leaves what report.html shows of the inside.
    """
    checkpoint = results.checkpoint(folder, contestant.name, seed)
    checkpoint.parent.mkdir(exist_ok=True)
    shown = seed == 0 and contestant.name == _looked_into(plan)
    numbers: Any = {}

    def ended(ending: process.Ending) -> dict[str, Any]:
        about = {"model": contestant.name, "seed": seed}
        return about | {"status": ending.status, "error": ending.error}

    def on_event(event: process.Event) -> None:
        kind, values = event["event"], {k: v for k, v in event.items() if k != "event"}
        try:
            if kind == "epoch":
                check(values, Epoch, kind)
                live.epoch(contestant.name, seed, cast(Epoch, values))
            elif kind == "result":
                check(values | ended(process.Ending("ok")), records.Trial, kind)
                numbers.update(values)
        except ValueError as error:
            raise process.BadEvent(
                f"said something that is no event: {error}"
            ) from None

    live.started(contestant.name, seed)
    spec: TrialSpec = {
        **contestant.spec(),
        "folder": str(plan.dataset.folder),
        "train_size": plan.settings["train_size"],
        "test_size": plan.settings["test_size"],
        "seed": seed,
        "parameters": constructor(plan.settings)
        | plan.network["sizes"]
        | contestant.parameters,
        "checkpoint": None if contestant.foreign else str(checkpoint.resolve()),
        "inside": str(folder.resolve() / results.INSIDE) if shown else None,
    }
    ending = process.run(
        "comparison.processes.trial",
        spec,
        threads=plan.settings["threads"],
        on_event=on_event,
        timeout=timeout,
        environment=contestant.environment,
    )
    trial: Any = ended(ending) | numbers | ended(ending)  # in this order in the file
    return trial
