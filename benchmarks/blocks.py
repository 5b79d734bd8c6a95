"""A block of a benchmark: a function that is called in a fresh process."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from comparison import environment, process
from comparison.report import replace_block

Measured = dict[str, Any]


def call(
    function: Callable[..., Measured], /, threads: int = 0, **spec: Any
) -> Measured:
    """Return what function(**spec) returns in a process of its own.

    Its threads are as many as there are cores, unless said otherwise; where it fails,
    the reason is returned under `error`.
    """
    events: list[Measured] = []
    ending = process.run(
        "benchmarks.blocks",
        {"module": _module(function), "name": function.__name__, "spec": spec},
        threads=threads or environment.cores(),
        on_event=events.append,
    )
    return events[0]["measured"] if ending.status == "ok" else {"error": ending.error}


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
