"""The options of compare.py."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from threading import TIMEOUT_MAX

from comparison import network, settings
from comparison.executors import HOW, LOCAL
from comparison.report.page.words import LANGUAGES


def parser() -> ArgumentParser:
    """Return the options; settings that are not given are left out, others are None."""
    parser = ArgumentParser(
        prog="compare.py",
        description="Train one network in NumPy, Keras, PyTorch and TensorFlow, and "
        "print accuracy, timing and lines of code.",
        epilog="exit codes: 0 done, 1 a trial failed, 2 wrong use, 130 stopped",
    )
    settings.add_options(parser)
    network.add_options(parser)
    archives = parser.add_argument_group("archives").add_argument
    archives("--data-dir", type=Path, metavar="DIR", help="with archives of data sets")
    archives("--mirror", metavar="URL", help="below which the archives lie")
    task = parser.add_argument_group("task").add_mutually_exclusive_group().add_argument
    task("--out", type=Path, metavar="DIR", help="a folder for the run")
    task("--resume", type=Path, metavar="DIR", help="finish an older run")
    task(
        "--show",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="print an older run (a folder, or its results.json), or two side by side",
    )
    task("--count-only", action="store_true", help="print how long the classes are")
    task(
        "--explain",
        action="store_true",
        help="print the network's layers: output shapes, parameters, multiply-adds",
    )
    page = parser.add_argument_group("page").add_argument
    page("--html", type=Path, metavar="FILE", help="with --show: write a page instead")
    page(
        "--plot",
        type=Path,
        metavar="DIR",
        help="with --show: save each figure as SVG and PNG instead",
    )
    page(
        "--language",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help="of report.html and figures (default: %(default)s)",
    )
    parser.add_argument(
        "--executor",
        default=LOCAL,
        metavar="WHERE",
        help=f"runs the rounds: {HOW} (default: {LOCAL})",
    )
    parser.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="SECONDS",
        help="stop a process that takes longer, and go on with the next",
    )
    parser.add_argument(
        "--intervals", action="store_true", help="print intervals below the medians"
    )
    parser.add_argument("--quiet", action="store_true", help="print the table alone")
    return parser


def seconds(text: str) -> float:
    """Return a number above 0, for which a thread can wait."""
    number = float(text)
    if not 0 < number <= TIMEOUT_MAX:
        raise ArgumentTypeError(
            f"{text} is not a number of seconds above 0, at most {TIMEOUT_MAX:.0f}"
        )
    return number
