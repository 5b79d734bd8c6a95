"""What is to be run, from the options of compare.py or from an earlier run."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import data
from comparison import records
from comparison.contestants import Contestant, find_all
from comparison.network import agree, choose, classes_of, recipe
from comparison.settings import QUICK, Settings, complete, constructor, flag, given


@dataclass(frozen=True)
class Plan:
    """All that a run needs to know.

    Parameters
    ----------
    settings : Settings
    network : records.Network
    contestants : list of Contestant
    dataset : Dataset
        Whole; the settings say how many of its images are used.
    note : str or None
        What has to be said about the images.
    where : mapping
        Where `data.load` is to look for them, on this machine and on others.
    """

    settings: Settings
    network: records.Network
    contestants: list[Contestant]
    dataset: data.Dataset
    note: str | None
    where: Mapping[str, Any]


def begin(options: Namespace) -> Plan:
    """Return the plan of a new run.

    Raises
    ------
    ValueError, OSError
        An option names what there is not.
    """
    settings = complete(recipe(options) | given(options))
    settings["reference"] = settings["reference"] or settings["models"][0]
    return _plan(settings, choose(options), options)


def go_on(options: Namespace, run: records.Run) -> Plan:
    """Return the plan of an earlier run, whose options need not be given again.

    Raises
    ------
    ValueError, OSError
        An option does not agree with the earlier run's, or names what there is not.
    """
    settings = run["settings"]
    earlier: Mapping[str, Any] = settings
    for name, value in given(options).items():
        if value != earlier[name]:
            raise ValueError(
                f"{flag(name)} {value} does not agree with the run to resume, which "
                f"has {earlier[name]}."
            )
    agree(choose(options, run["network"]), run["network"])
    return _plan(settings, run["network"], options)


def contestants_of(options: Namespace) -> list[Contestant]:
    """Return what the options compare; ValueError where one names what there is not."""
    models = complete(given(options))["models"]
    return find_all(models, classes_of(choose(options)))


def _plan(settings: Settings, network: records.Network, options: Namespace) -> Plan:
    """Return a plan with the contestants and the images that the settings name."""
    classes = classes_of(network)
    contestants = find_all(settings["models"], classes)
    Model: Any = classes["skylark"]
    Model(**constructor(settings))._validate_params()  # as scikit-learn does in fit
    if settings["reference"] not in settings["models"]:
        raise ValueError(f"--reference {settings['reference']} is not one of --models.")
    name, dataset, note = _load(settings, options)
    if not settings["dataset"] and not settings["train_size"] and not note:
        settings = {**settings, "train_size": QUICK}
    _check(dataset, settings)
    settings = {**settings, "dataset": name}
    where = _where(settings, options)
    return Plan(settings, network, contestants, dataset, note, where)


def _check(dataset: data.Dataset, settings: Settings) -> None:
    """Raise ValueError if its images cannot be learned from, or not as many."""
    if len(dataset.classes) < 2:
        raise ValueError(
            f"{dataset.source} has one class, {dataset.classes[0]}: two are needed."
        )
    sizes = {"train_size": dataset.y_train, "test_size": dataset.y_test}
    for name, labels in sizes.items():
        size: int | None = settings[name]  # type: ignore[literal-required]
        try:
            data.draw(labels, size)
        except ValueError as error:
            raise ValueError(f"{flag(name)} {size}: {error}") from None


def _load(
    settings: Settings, options: Namespace
) -> tuple[str, data.Dataset, str | None]:
    """Return name, images and a note; of digits, where no name is given or reached."""
    name = settings["dataset"] or "cifar10"
    try:
        return name, data.load(name, **_where(settings, options)), None
    except data.Unavailable as error:
        if settings["dataset"]:
            raise
        note = f"These are DIGITS, not CIFAR-10: {error}"
        return "digits", data.load("digits"), note


def _where(settings: Settings, options: Namespace) -> dict[str, Any]:
    return {
        "image_size": settings["image_size"],
        "data_dir": options.data_dir,
        "mirror": options.mirror,
    }
