"""A small network of each family in four frameworks: accuracy, speed, memory, lines.

    python -m benchmarks.families [NETWORK ...] [--seeds 3] [--train-size 10000]
        [--epochs 5] [--data-dir DIR] [--work DIR] [--pages docs/networks.md ...]

Each network is a run of compare.py in WORK/NETWORK, and an interrupted one goes on.
Its medians are kept in families.json, and the tables written into the pages.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import networks
from benchmarks.blocks import command, keep, place
from comparison import network, results
from comparison.contestants import find_all
from comparison.counting.classes import count_all
from comparison.explanation import explain
from comparison.report.outputs import markdown_table
from comparison.report.tables import Table, texts
from models import MODELS

FILE = Path(__file__).with_suffix(".json")
NETWORKS = [
    name
    for page in networks.PAGES
    for name in page.PRESETS
    if name.endswith("_small") or name == "resnet8"
]
TITLES = {"skylark": "NumPy", "keras": "Keras", "torch": "PyTorch", "tf": "TensorFlow"}
SETTINGS = ("seeds", "train_size", "epochs")


def task(name: str, chosen: argparse.Namespace) -> list[str]:
    """Return the options of compare.py that train the four classes of a network."""
    line = ["--network", name, "--dataset", "cifar10"]
    for setting in SETTINGS:
        line += [f"--{setting.replace('_', '-')}", str(getattr(chosen, setting))]
    return line


def medians(folder: Path) -> dict[str, Any]:
    """Return what families.json keeps of a run."""
    found = results.read(folder)
    proof = found["sameness"]
    models = {}
    for model, row in found["summary"].items():
        if not row["trials"]:
            continue  # all failed
        speed = row["train_images_per_second"]
        models[model] = {
            "test_accuracy": row["test_accuracy"]["median"],
            "images_per_second": [speed["median"], speed["min"], speed["max"]],
            "first_step_seconds": row["first_step_seconds"]["median"],
            "peak_memory_bytes": row["peak_memory_bytes"]["median"],
        }
    return {
        "machine": found["environment"]["cpu"],
        "threads": found["settings"]["threads"],
        **{setting: found["settings"][setting] for setting in SETTINGS},
        "proved": bool(proof and proof["passed"]),
        "models": models,
    }


def measured(kept: dict[str, Any]) -> Table:
    """Return accuracy, speed and memory of each network in each framework."""
    header = ["network", "in", "test accuracy", "images/s", "of the fastest"]
    header += ["first step s", "peak MB", "images, epochs, seeds", "processor"]
    rows = []
    for name, entry in kept.items():
        if not entry["proved"]:
            continue
        fastest = max(m["images_per_second"][0] for m in entry["models"].values())
        for model, row in entry["models"].items():
            speed, low, high = row["images_per_second"]
            size = f"{entry['train_size']:,}, {entry['epochs']}, {entry['seeds']}"
            cells = texts(
                name,
                TITLES[model],
                f"{row['test_accuracy']:.1%}",
                f"{speed:,.0f} ({low:,.0f} to {high:,.0f})",
                f"{speed / fastest:.2f}",
                f"{row['first_step_seconds']:.1f}",
                f"{row['peak_memory_bytes'] / 1e6:,.0f}",
                size,
                entry["machine"],
            )
            rows.append(cells)
    return Table(header, rows)


def lengths() -> Table:
    """Return how long `network()` and what is around it are, now."""
    rows = []
    for page in networks.PAGES:
        counts = count_all(find_all(list(MODELS), page.MODELS))["classes"].values()
        lines = [
            f"{count['network']['lines']} + {count['own']['lines']}" for count in counts
        ]
        family = page.MODELS["skylark"].__name__.partition("_")[2]
        rows.append(texts(family, *lines))
    return Table(["family", *TITLES.values()], rows)


def sizes() -> Table:
    """Return parameters and multiply-adds of every preset of a page."""
    rows = []
    for page in networks.PAGES:
        for name in page.PRESETS:
            described, _ = network.preset(name)
            points = [row for row in explain(described) if not row.name]
            parameters = sum(row.parameters for row in points)
            millions = sum(row.multiply_adds for row in points) / 1e6
            rows.append(texts(name, f"{parameters:,}", f"{millions:,.1f}"))
    return Table(["preset", "parameters", "multiply-adds (M)"], rows)


def main() -> None:
    """Run what is asked for, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.families")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="default: none")
    for setting, default in zip(SETTINGS, (3, 10_000, 5), strict=True):
        parser.add_argument(
            f"--{setting.replace('_', '-')}", type=int, default=default, metavar="N"
        )
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs", "families"))
    parser.add_argument("--pages", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    begin = partial(task, chosen=options)
    kept = keep(FILE, options.networks, NETWORKS, begin, medians, options)
    tables = {
        "sizes": sizes(),
        "lengths": lengths(),
        "measured": measured(kept),
    }
    for name, table in tables.items():
        place(markdown_table(table), f"table:{name}", options.pages)


if __name__ == "__main__":
    command(main)
