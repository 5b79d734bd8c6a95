#!/usr/bin/env python3
"""Train the same network in every framework, and print what differs.

Options in, `comparison/` called, table out.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

import data
from comparison import environment, report, results, runner
from comparison.runner import NETWORKS, Plan
from models import MODELS

DONE, SOME_FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

DEFAULTS: dict[str, Any] = {
    "models": list(MODELS),
    "dataset": None,
    "image_size": None,
    "epochs": 5,
    "batch_size": 64,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "init": "shared",
    "device": "auto",
    "seeds": 3,
    "train_size": None,
    "test_size": None,
    "threads": environment.cores(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return the exit code."""
    given = vars(parser().parse_args(arguments))
    folder, resumed = given.pop("out", None), given.pop("resume", None)
    quiet = given.pop("quiet")
    sources = {name: given.pop(name, None) for name in ("data_dir", "mirror")}
    console = Console()
    try:
        if resumed:
            folder, found = resumed, results.read(resumed)
            options = agree(given, found["settings"])
            dataset, note = load(options, sources, console)[0], found["note"]
        else:
            options, found = DEFAULTS | network(given), None
            folder = folder or Path("runs", f"{datetime.now():%Y-%m-%d_%H%M%S}")
            if (folder / results.FILE).exists():
                raise ValueError(f"{folder} holds a run: name another, or --resume it.")
            dataset, note = load(options, sources, console)
            folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(**options)
        if found is None:
            found = runner.start(plan, dataset, note)
        elif found["dataset"]["sha256"] != dataset.sha256:
            raise ValueError(f"the data set is not the one that {folder} was run on.")
    except (ValueError, OSError) as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("\nstopped before the first trial.", file=sys.stderr)
        return INTERRUPTED
    try:
        runner.run(plan, dataset, found, folder, console, quiet=quiet)
    except KeyboardInterrupt:
        print(f"\nstopped; go on with: --resume {folder}", file=sys.stderr)
        return INTERRUPTED
    report.show(found, console)
    if not quiet:
        console.print(f"{folder / results.FILE}", highlight=False)
    failed = [t for t in found["trials"] if t["status"] == "failed"]
    return SOME_FAILED if failed or not found["sameness"]["passed"] else DONE


def load(
    options: dict[str, Any], sources: dict[str, Any], console: Console
) -> tuple[data.Dataset, str | None]:
    """Return the data set; digits, and a loud note, where none is named or reached."""
    sources = sources | {"image_size": options.get("image_size")}
    if options["dataset"]:
        return data.load(options["dataset"], **sources), None
    options["dataset"] = "cifar10"
    try:
        return data.load("cifar10", **sources), None
    except data.Unavailable as error:
        options["dataset"] = "digits"
        note = f"These are DIGITS, not CIFAR-10: {error}"
        console.print(note, style="bold yellow", highlight=False)
        return data.load("digits"), note


def network(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the preset put into words."""
    preset = NETWORKS[given.pop("network", "seed")]
    return preset | given


def agree(given: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return an earlier run's options; ValueError where new ones are others."""
    if "network" in given:
        given = network(given)
    for name, value in given.items():
        if value != settings[name]:
            raise ValueError(
                f"--{name.replace('_', '-')} {value} does not agree with the run to "
                f"resume, which has {settings[name]}."
            )
    return settings


def parser() -> argparse.ArgumentParser:
    """Return the options; those that are not given are left out."""
    parser = argparse.ArgumentParser(
        prog="compare.py",
        description="Train one network in NumPy, Keras, PyTorch and TensorFlow, and "
        "print accuracy, timing and lines of code.",
        argument_default=argparse.SUPPRESS,
        epilog="exit codes: 0 done, 1 a trial failed, 2 wrong use, 130 stopped",
    )
    add = parser.add_argument
    add("--models", nargs="+", choices=list(MODELS), help="default: all")
    add(
        "--dataset",
        metavar="NAME|FILE.npz|FOLDER",
        help=f"{', '.join(data.NAMES)}; a file with x_train, y_train, x_test, y_test; "
        "or a folder with train/CLASS/* and test/CLASS/* (default: cifar10, or digits "
        "where that cannot be reached)",
    )
    add("--data-dir", type=Path, metavar="DIR", help="with archives of data sets")
    add("--mirror", metavar="URL", help="below which the archives lie")
    add(
        "--image-size",
        type=data.image_size,
        metavar="N|HxW",
        help="to which the images of a folder are scaled",
    )
    add("--network", choices=list(NETWORKS), help="a preset (default: seed)")
    add("--filters", nargs="*", type=whole, metavar="N", help="of each conv block")
    add("--hidden-units", nargs="*", type=whole, metavar="N", help="of dense layers")
    numbers: list[tuple[str, Callable[[str], float], str]] = [
        ("epochs", whole, "passes over the training images"),
        ("batch-size", whole, "images a step"),
        ("learning-rate", float, "of SGD"),
        ("momentum", float, "of SGD"),
        ("seeds", whole, "how many: 0, 1, ..."),
        ("train-size", whole, "train on the first N images"),
        ("test-size", whole, "test on the first N images"),
        ("threads", whole, "for every framework"),
    ]
    for name, kind, what in numbers:
        default = DEFAULTS[name.replace("-", "_")]
        text = f"{what} (default: {'all' if default is None else default})"
        add(f"--{name}", type=kind, metavar="N" if kind is whole else "X", help=text)
    add(
        "--init",
        choices=["shared", "native"],
        help="initial weights: the same for all, or each framework's own",
    )
    add("--device", choices=["auto", "cpu", "cuda"], help="default: auto")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, metavar="DIR", help="a folder for the run")
    where.add_argument("--resume", type=Path, metavar="DIR", help="finish an older run")
    add("--quiet", action="store_true", default=False, help="print the table alone")
    return parser


def whole(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
