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
from comparison import contestants, results, runner
from comparison.contestants import Contestant
from comparison.plan import NETWORKS, Plan
from comparison.processes import environment
from comparison.report import beside, outputs, terminal
from comparison.report.live import Live
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
    """Do what the options ask for, and return the exit code."""
    given = vars(parser().parse_args(arguments))
    console = Console()
    try:
        if "show" in given:
            return show(given["show"], console)
        if "count_only" in given:
            names = given.get("models", DEFAULTS["models"])
            terminal.show_count(contestants.find_all(names), console)
            return DONE
        return run(given, console)
    except (ValueError, OSError) as error:
        print(f"compare.py: {reason(error)}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("\nstopped before the first trial.", file=sys.stderr)
        return INTERRUPTED


def run(given: dict[str, Any], console: Console) -> int:
    """Begin a run, or go on with one; ValueError or OSError for what cannot be."""
    resumed, quiet = given.pop("resume", None), given.pop("quiet")
    timeout = given.pop("trial_timeout", None)
    sources = {name: given.pop(name, None) for name in ("data_dir", "mirror")}
    new = Path("runs", f"{datetime.now():%Y-%m-%d_%H%M%S}")
    folder = given.pop("out", None) or resumed or new
    if resumed:
        options = agree(given, results.read(folder)["settings"])
    else:
        options = DEFAULTS | network(given)
        options.setdefault("reference", options["models"][0])
    rivals = contestants.find_all(options["models"])
    if options["reference"] not in options["models"]:
        raise ValueError(f"--reference {options['reference']} is not one of --models.")
    dataset, note = load(options, sources, console)
    plan = Plan(**options)
    found = runner.start(plan, rivals, dataset, note)
    with results.locked(folder):
        if resumed:
            found = runner.go_on(results.read(folder), found)
        elif (folder / results.FILE).exists():
            raise ValueError(f"{folder} holds a run: name another, or --resume it.")
        results.write(folder, found)
        live = Live(console, runner.epochs_left(plan, found), quiet)
        return finish(plan, rivals, dataset, found, folder, live, timeout)


def finish(
    plan: Plan,
    rivals: Sequence[Contestant],
    dataset: data.Dataset,
    found: results.Results,
    folder: Path,
    live: Live,
    timeout: float | None,
) -> int:
    """Run what is missing, and print the tables; finished trials are never lost."""
    again = f"finished trials are kept; go on with: --resume {folder}"
    try:
        runner.run(plan, rivals, dataset, found, folder, live, timeout)
        outputs.write(found, folder)
    except KeyboardInterrupt:
        print(f"\nstopped; {again}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, RuntimeError) as error:
        print(f"compare.py: {reason(error)}; {again}", file=sys.stderr)
        return SOME_FAILED
    terminal.show(found, live.console)
    if not live.quiet:
        live.console.print(f"{folder / results.FILE}", highlight=False, markup=False)
    failed = [t for t in found["trials"] if t["status"] == "failed"]
    return SOME_FAILED if failed else DONE


def show(folders: Sequence[Path], console: Console) -> int:
    """Print an earlier run again, or two side by side with what differs."""
    if len(folders) > 2:
        raise ValueError("--show takes one folder, or two.")
    runs = [results.read(folder) for folder in folders]
    if len(runs) == 1:
        terminal.show(runs[0], console)
        return DONE
    terminal.show_table(beside.table(*runs), console)
    for number, folder in enumerate(folders, 1):
        console.print(f"{number}: {folder}", highlight=False, markup=False)
    for difference in beside.differences(*runs):
        console.print(
            f"DIFFERS {difference}", style="bold yellow", highlight=False, markup=False
        )
    return DONE


def reason(error: Exception) -> str:
    """Return an error's sentence, a file's name before the system's words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system'}: {error.strerror}"
    return str(error)


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
        console.print(note, style="bold yellow", highlight=False, markup=False)
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
    add(
        "--models",
        nargs="+",
        metavar="NAME",
        help=f"{', '.join(contestants.NAMES)}, or package.module:Class, your own class "
        "(default: skylark keras torch tf)",
    )
    add("--reference", metavar="NAME", help="speeds are compared with (default: first)")
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
    add(
        "--allow-different",
        action="store_true",
        help="compare a class of your own that is another network, and mark it",
    )
    add("--device", choices=["auto", "cpu", "cuda"], help="default: auto")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, metavar="DIR", help="a folder for the run")
    where.add_argument("--resume", type=Path, metavar="DIR", help="finish an older run")
    where.add_argument(
        "--show",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="print an older run, or two side by side",
    )
    where.add_argument(
        "--count-only", action="store_true", help="print how long the classes are"
    )
    add(
        "--trial-timeout",
        type=seconds,
        metavar="SECONDS",
        help="stop a process that takes longer, and go on with the next",
    )
    add("--quiet", action="store_true", default=False, help="print the table alone")
    return parser


def whole(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


def seconds(text: str) -> float:
    """Return a number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
