"""For an offline classroom: `python -m data list | get NAME | export NAME FILE.npz`.

Exit codes: 0 done, 2 not available or wrong use, 130 stopped.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from data import Dataset, Limits, cache, image_size, load
from data.download.limits import DEFAULTS
from data.formats import npz
from data.published import digits
from data.published.catalogue import CATALOGUE

DONE, WRONG_USE, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.action == "list":
            _list()
        elif options.action == "get":
            _get(options)
        else:
            npz.export(_load(options.name, options), options.file)
            print(options.file)
    except (ValueError, OSError) as error:
        print(f"python -m data: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("\nstopped; run it again to resume.", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _list() -> None:
    print(f"{'name':14} {'train':>6} {'test':>6} {'image':>8} {'download':>9}  cached")
    for name, spec in CATALOGUE.items():
        shape = "x".join(map(str, spec.image_shape))
        size = sum(archive.size for archive in spec.layouts[0].archives)
        print(
            f"{name:14} {sum(spec.train):6} {sum(spec.test):6} {shape:>8} "
            f"{size / 1e6:6.0f} MB  {'yes' if cache.find(name) else 'no'}"
        )
    print(f"{'digits':14} {digits.TRAIN:6} {digits.TEST:6} {'8x8x1':>8}    inside  yes")


def _get(options: argparse.Namespace) -> None:
    for name in options.names:
        dataset = _load(name, options)
        print(f"{name}: {dataset.folder} ({dataset.source})")


def _load(name: str, options: argparse.Namespace) -> Dataset:
    return load(
        name,
        data_dir=options.data_dir,
        image_size=options.image_size,
        mirror=options.mirror,
        limits=Limits(slowest=options.slowest * 1e3, total=options.time_limit),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data",
        description="Download data sets before they are needed, or export them.",
        epilog="exit codes: 0 done, 2 not available or wrong use, 130 stopped",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="print the names, sizes, and what is cached")
    get = actions.add_parser("get", help="download, verify and cache")
    get.add_argument("names", nargs="+", metavar="NAME")
    out = actions.add_parser("export", help="write x_train, y_train, x_test, y_test")
    out.add_argument("name", metavar="NAME")
    out.add_argument("file", type=Path, metavar="FILE.npz")
    for action in get, out:
        _add_sources(action)
    return parser


def _add_sources(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data-dir", type=Path, metavar="DIR", help="with archives, tried first")
    add("--mirror", metavar="URL", help="the URL of a folder with the archives")
    add("--image-size", type=image_size, metavar="N|HxW", help="of a folder's images")
    add(
        "--slowest",
        type=float,
        default=DEFAULTS.slowest / 1e3,
        metavar="KB/S",
        help="leave a slower source for the next (default: %(default)g)",
    )
    add(
        "--time-limit",
        type=float,
        default=DEFAULTS.total,
        metavar="S",
        help="seconds for one data set (default: %(default)g)",
    )


if __name__ == "__main__":
    sys.exit(main())
