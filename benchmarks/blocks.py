"""A block of a benchmark: a function that is called in a fresh process.

And what the benchmarks' commands share: a data set, a place for a table, an end.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import data
import networks
from comparison.counting.code_length import ROOT
from comparison.processes import process, resources
from comparison.report.readme import replace_block

Measured = dict[str, Any]
NETWORKS = {name: networks.load(name)[1] for name in ("seed", "small")}


def call(
    function: Callable[..., Measured],
    /,
    threads: int = 0,
    variables: Mapping[str, str | None] | None = None,
    **spec: Any,
) -> Measured:
    """Return what function(**spec) returns in a process of its own.

    Its threads are as many as there are cores, unless said otherwise; `variables` are
    further environment variables, or None for one that is to be taken away. Where it
    fails, the reason is returned under `error`.
    """
    events: list[Measured] = []
    ending = process.run(
        "benchmarks.blocks",
        {"module": _module(function), "name": function.__name__, "spec": spec},
        threads=threads or resources.cores(),
        on_event=events.append,
        environment=variables,
    )
    return events[0]["measured"] if ending.status == "ok" else {"error": ending.error}


def options(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser of what all tables need: a data set, and the pages to go to."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.description = description
    parser.add_argument("dataset", nargs="?", default="cifar10")
    parser.add_argument("--pages", type=Path, nargs="*", default=[], metavar="PAGE")
    return parser


def load(name: str, data_dir: Path | None = None) -> data.Dataset:
    """Return a data set; where it cannot be had, end with a sentence."""
    try:
        return data.load(name, data_dir=data_dir)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def compare(folder: Path, task: Sequence[str], data_dir: Path | None = None) -> None:
    """Run compare.py with these options into a folder, or finish what is there.

    A trial that fails is left to who reads its results; anything else ends the process.
    """
    begun = (folder / "results.json").exists()
    line = ["--resume", str(folder)] if begun else ["--out", str(folder), *task]
    where = ["--data-dir", str(data_dir)] if data_dir else []
    line = [sys.executable, "compare.py", "--quiet", *line, *where]
    done = subprocess.run(line, cwd=ROOT, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)


def keep(
    file: Path,
    names: Iterable[str],
    order: Iterable[str],
    task: Callable[[str], Sequence[str]],
    read: Callable[[Path], Measured],
    options: argparse.Namespace,
) -> dict[str, Measured]:
    """Run compare.py for each name; return what the file keeps of these and others.

    `task` says with which options, and `read` what to keep of the run's folder, which
    lies in `options.work`. The file is written after each run, in the order given.
    """
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    order = list(order)
    for name in names:
        compare(options.work / name, task(name), options.data_dir)
        kept[name] = read(options.work / name)
        kept = {each: kept[each] for each in order if each in kept}
        file.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    return kept


def command(main: Callable[[], None]) -> None:
    """Call the main function of a benchmark; Ctrl-C ends it without a traceback."""
    try:
        main()
    except KeyboardInterrupt:
        print("\nstopped; what was not finished is not written.", file=sys.stderr)
        sys.exit(130)


def place(text: str, name: str, pages: Iterable[Path]) -> None:
    """Print a table, and put it into the pages that have a block of that name."""
    print(f"\n{name}\n\n{text}", flush=True)
    for path in pages:
        page = path.read_text("utf-8")
        if f"<!-- {name} -->" in page:
            path.write_text(replace_block(page, name, text), "utf-8")


def _module(function: Callable[..., Measured]) -> str:
    """Return the name under which the module of a function can be imported."""
    spec = vars(importlib.import_module(function.__module__)).get("__spec__")
    return spec.name if spec else function.__module__


def _work(spec: Mapping[str, Any], emit: Callable[..., None]) -> None:
    function = getattr(importlib.import_module(spec["module"]), spec["name"])
    emit("block", measured=function(**spec["spec"]))


if __name__ == "__main__":
    process.serve(_work)
