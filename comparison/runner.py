"""The run: every model with every seed, in turns, one process each."""

import shlex
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

from comparison import environment, records, results, rounds
from comparison.contestants import Contestant
from comparison.counting.classes import count_all
from comparison.counting.code_length import ROOT
from comparison.explanation import ways_of
from comparison.plan import Plan
from comparison.processes.trial import TrialSpec
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
    dataset = images(plan.dataset, settings)
    return {
        "schema": results.SCHEMA,
        "version": version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "environment": environment.describe(settings["threads"]),
        "dataset": dataset,
        "note": plan.note,
        "network": plan.network,
        "settings": settings,
        "contestants": {c.name: about(c, plan, dataset) for c in plan.contestants},
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


def about(
    contestant: Contestant, plan: Plan, dataset: records.Dataset
) -> records.Contestant:
    """Return what is kept of a contestant; `different`: not the others' network."""
    kept: records.Contestant = {
        "title": contestant.title,
        "class": contestant.path,
        "parameters": contestant.parameters,
        "environment": contestant.environment,
        "engine": contestant.engine,
        "as_written": contestant.foreign,
        "different": False,
    }
    if contestant.engine == "shared":
        kept["ways"] = ways_of(plan.network, dataset)
    return kept


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
    executor: Executor | None = None,
) -> None:
    """Run what is missing in a run, which is written to `folder` as it comes in.

    Without an executor, the rounds are run here, and what is missing is a trial; an
    executor gets whole rounds, and one that is not whole is run again.
    """
    settings = plan.settings
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
        finished = results.done(run)
        missing = [
            round_
            for round_ in _rounds(plan, run, folder, timeout)
            if any(
                (t["model"], round_["seed"]) not in finished for t in round_["trials"]
            )
        ]
        if executor is None:
            for round_ in missing:
                _run_here(run, round_, folder, live)
        else:
            _hand_out(run, missing, folder, live, executor)


def _run_here(run: records.Run, round_: rounds.Round, folder: Path, live: Live) -> None:
    """Run the trials of a round that are missing; each is written when it has ended."""
    finished, seed = results.done(run), round_["seed"]
    for planned in round_["trials"]:
        model = planned["model"]
        if (model, seed) in finished:
            continue
        checkpoint = results.checkpoint(folder, model, seed)
        checkpoint.parent.mkdir(exist_ok=True)
        live.started(model, seed)
        trial = rounds.run_trial(
            planned,
            round_["threads"],
            round_["timeout"],
            partial(live.epoch, model, seed),
        )
        _add(run, [trial], folder)
        if trial["status"] == "ok":
            results.remove_checkpoint(folder, model, seed)
        live.ended(model, seed, trial)


def _hand_out(
    run: records.Run,
    several: list[rounds.Round],
    folder: Path,
    live: Live,
    executor: Executor,
) -> None:
    """Let an executor run rounds; each is written, whole, when it has come back."""
    live.handed_out(len(several))
    futures = {executor.submit(rounds.run_whole, round_): round_ for round_ in several}
    try:
        for future in as_completed(futures):
            round_ = futures[future]
            try:
                outcome = future.result()
                trials = outcome["trials"]
                check(trials, list[records.Trial], "round")
                if outcome["inside"]:
                    (folder / results.INSIDE).write_bytes(outcome["inside"])
            except Exception as error:  # whatever the engine says of a lost round
                trials = rounds.lost(round_, _reason(error))
            kept = [trial for trial in run["trials"] if trial["seed"] != round_["seed"]]
            run["trials"] = kept
            _add(run, trials, folder)
            for trial in trials:
                live.whole(
                    trial["model"], trial["seed"], trial, run["settings"]["epochs"]
                )
    finally:
        for future in futures:
            future.cancel()


def _reason(error: Exception) -> str:
    """Return why a round was lost, in one sentence."""
    if isinstance(error, rounds.RoundFailed):
        return str(error)
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"the round was lost ({words})"


def _add(run: records.Run, trials: list[records.Trial], folder: Path) -> None:
    """Write trials, and what they come to."""
    run["trials"] += trials
    settings = run["settings"]
    run["summary"] = summarise(settings["models"], run["trials"], settings["reference"])
    results.write(folder, run)


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


def _rounds(
    plan: Plan, run: records.Run, folder: Path, timeout: float | None
) -> Iterator[rounds.Round]:
    """Yield all rounds of a run."""
    settings, dataset = plan.settings, plan.dataset
    images: rounds.Images = {
        "sha256": dataset.sha256,
        "folder": str(dataset.folder),
        "name": settings["dataset"],
        "options": dict(plan.where),
    }
    for seed, order in enumerate(islice(orders(plan.contestants), settings["seeds"])):
        yield {
            "seed": seed,
            "threads": settings["threads"],
            "timeout": timeout,
            "images": images,
            "trials": [
                {
                    "model": contestant.name,
                    "place": place,
                    "spec": _spec(plan, run, contestant, seed, folder),
                    "environment": contestant.environment,
                    "refused": _refused(run, contestant),
                }
                for place, contestant in enumerate(order, 1)
            ],
        }


def _refused(run: records.Run, contestant: Contestant) -> str | None:
    """Return why a class is not trained: it is another network."""
    proof, about = run["sameness"], run["contestants"][contestant.name]
    verdict = proof["models"][contestant.name] if proof else None
    if verdict is None or verdict["passed"] is not False or about["different"]:
        return None
    error = "not trained, for it is not the same network"
    if contestant.foreign:
        error += "; --allow-different compares it all the same"
    return error


def _spec(
    plan: Plan, run: records.Run, contestant: Contestant, seed: int, folder: Path
) -> TrialSpec:
    """Return what the process of a trial is told; it may keep files in `folder`.

    The first seed of one model leaves what report.html shows of the inside.
    """
    settings = plan.settings
    checkpoint = results.checkpoint(folder, contestant.name, seed).resolve()
    shown = seed == 0 and contestant.name == results.looked_into(run)
    return {
        **contestant.spec(),
        "folder": str(plan.dataset.folder),
        "train_size": settings["train_size"],
        "test_size": settings["test_size"],
        "seed": seed,
        "parameters": constructor(settings)
        | plan.network["sizes"]
        | contestant.parameters,
        "checkpoint": None if contestant.foreign else str(checkpoint),
        "inside": str(folder.resolve() / results.INSIDE) if shown else None,
    }
