"""The run: every model with every seed, in turns, one process each."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from comparison import code_length, environment, process, results, sameness
from comparison.live import Live
from comparison.summary import summarise
from data import Dataset
from models import MODELS

NETWORKS: dict[str, dict[str, Any]] = {
    "seed": {"filters": [8], "hidden_units": []},
    "small": {"filters": [32, 64], "hidden_units": [128]},
}


@dataclass(frozen=True)
class Plan:
    """What is to be run: the options of compare.py, all of them given.

    The data set is a name or a path, its images scaled to [h, w] where a size is
    given; train_size and test_size are the first so many images, None for all. The
    threads are for every library. Seeds are 0, 1 ...: the same weights and batches for
    all models of a seed.
    """

    models: list[str]
    dataset: str
    filters: list[int]
    hidden_units: list[int]
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    init: str
    device: str
    seeds: int
    train_size: int | None
    test_size: int | None
    threads: int
    image_size: list[int] | None = None

    def network(self) -> dict[str, Any]:
        """Return the parameters that say which network it is."""
        return {"filters": self.filters, "hidden_units": self.hidden_units}

    def constructor(self) -> dict[str, Any]:
        """Return the parameters of the classes' constructor."""
        names = "epochs batch_size learning_rate momentum init device"
        return self.network() | {name: getattr(self, name) for name in names.split()}


def class_path(model: str) -> str:
    """Return where a model's class is: "module:Name"."""
    return f"{MODELS[model].__module__}:{MODELS[model].__qualname__}"


def start(plan: Plan, dataset: Dataset, note: str | None) -> results.Results:
    """Return the results of a run that has no trial yet."""
    train = len(dataset.x_train[: plan.train_size])
    test = len(dataset.x_test[: plan.test_size])
    shape = dataset.x_train.shape[1:]
    return {
        "schema": results.SCHEMA,
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
        "code": {
            "definition": code_length.DEFINITION,
            "version": code_length.VERSION,
            "classes": code_length.count_classes(
                code_length.ROOT / "models.py",
                {name: MODELS[name].__name__ for name in plan.models},
            ),
        },
        "sameness": None,
        "trials": [],
        "summary": {},
    }


def run(
    plan: Plan,
    dataset: Dataset,
    found: results.Results,
    folder: Path,
    console: Console,
    *,
    quiet: bool = False,
) -> None:
    """Run what is missing in `found`, which is written to `folder` after each trial."""
    finished = results.done(found)
    found["trials"] = [t for t in found["trials"] if t["status"] == "ok"]
    with Live(console, plan.models, plan.seeds, plan.epochs, quiet) as live:
        if found["sameness"] is None:
            live.say("proving that the models are one network ...")
            found["sameness"] = sameness.prove(
                {model: class_path(model) for model in plan.models},
                dataset.folder,
                plan.network(),
                plan.threads,
            )
        results.write(folder, found)
        for seed in range(plan.seeds):
            for model in plan.models:
                if (model, seed) not in finished:
                    trial = _try(plan, dataset, model, seed, live)
                    found["trials"].append(trial)
                    found["summary"] = summarise(plan.models, found["trials"])
                    results.write(folder, found)
                    live.ended(model, seed, trial)


def _try(
    plan: Plan, dataset: Dataset, model: str, seed: int, live: Live
) -> dict[str, Any]:
    trial: dict[str, Any] = {"model": model, "seed": seed}

    def on_event(event: Mapping[str, Any]) -> None:
        if event["event"] == "epoch":
            live.epoch(model, seed, event)
        elif event["event"] == "result":
            trial.update(event)

    ending = process.run(
        "comparison.trial",
        {
            "class": class_path(model),
            "framework": MODELS[model].framework,
            "folder": str(dataset.folder),
            "train_size": plan.train_size,
            "test_size": plan.test_size,
            "seed": seed,
            "settings": plan.constructor(),
        },
        threads=plan.threads,
        on_event=on_event,
    )
    trial.pop("event", None)
    return trial | {"status": ending.status, "error": ending.error}
