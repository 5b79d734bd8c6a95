"""How the cost of training grows with each size, measured and drawn.

    python -m benchmarks.growth [--network seed] [--rounds 1] [--plot docs/growth.svg]

One size changes at a time, the others stay those of network `seed` on 3,000 images of
32 x 32 x 3 random pixels, or of `resnet20` on 640. For each point and class, in a fresh
process: microseconds an image in the steady epochs of a `fit`, and the megabytes that
the process grew by in it. Written to benchmarks/growth.json, or growth-resnet20.json.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.blocks import Measured, call, command
from comparison.processes import resources

Sizes = dict[str, int]


@dataclass(frozen=True)
class Subject:
    """A network whose sizes change, and what they are at rest."""

    file: str
    at_rest: Sizes
    points: dict[str, list[int]]
    parameters: Callable[[Sizes], dict[str, Any]]  # of the constructor
    work: Callable[[Sizes], int]  # of an image, as a multiple of anything
    least: int  # images, whatever the work


SUBJECTS = {
    "seed": Subject(
        "growth.json",
        {"batch size": 64, "filters": 8, "image side": 32, "images": 3_000},
        {
            "batch size": [1, 16, 64, 256, 1024],
            "filters": [8, 32, 128],
            "image side": [16, 32, 64, 128],
            "threads": [1, 2],
            "images": [1_000, 10_000, 60_000],
        },
        lambda sizes: {"filters": (sizes["filters"],)},
        lambda sizes: sizes["image side"] ** 2 * sizes["filters"],
        256,
    ),
    "resnet20": Subject(
        "growth-resnet20.json",
        {"batch size": 64, "width": 16, "blocks": 3, "image side": 32, "images": 640},
        {
            "batch size": [16, 64, 256],
            "width": [8, 16, 32, 64],
            "blocks": [1, 3, 9],
            "image side": [16, 32, 64],
            "threads": [1, 2],
        },
        lambda sizes: {"width": sizes["width"], "blocks": (sizes["blocks"],) * 3},
        lambda sizes: (sizes["image side"] * sizes["width"]) ** 2 * sizes["blocks"],
        128,
    ),
}
CLASSES = {
    "skylark": "Skylark",
    "keras": "Keras",
    "torch": "PyTorch",
    "tf": "TensorFlow",
}


def measure(network: str, name: str, sizes: Sizes) -> Measured:
    """Return the cost of one class at one point."""
    import numpy as np

    import networks

    side, count = sizes["image side"], sizes["images"]
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    y = np.arange(count) % 10
    classes, _ = networks.load(network)
    parameters = SUBJECTS[network].parameters(sizes)
    model = classes[name](**parameters, batch_size=sizes["batch size"], epochs=2)
    model.fit(X[:64, :8, :8], y[:64])  # thread pools, and what is loaded late
    before = resources.peak_memory_bytes()
    seconds = model.fit(X, y).history_["seconds"][1]
    grown = resources.peak_memory_bytes() - before
    return {"microseconds": seconds / count * 1e6, "megabytes": grown / 1e6}


def sizes_at(subject: Subject, what: str, value: int) -> Sizes:
    """Return all sizes where one of them is changed; fewer images of larger ones."""
    sizes = subject.at_rest | {what: value}
    if what != "images":
        most = subject.at_rest["images"] * subject.work(subject.at_rest)
        images = max(subject.least, min(sizes["images"], most // subject.work(sizes)))
        sizes["images"] = max(images, 2 * sizes["batch size"])
        if sizes["batch size"] == 1:
            sizes["images"] = 500
    return sizes


def run(network: str, rounds: int) -> dict[str, Any]:
    """Return what -> value -> class -> the medians over the rounds."""
    found: dict[str, Any] = {}
    subject = SUBJECTS[network]
    for what, values in subject.points.items():
        found[what] = {}
        for value in values:
            sizes = sizes_at(subject, what, value)
            threads = sizes.pop("threads", resources.cores())
            blocks: dict[str, list[Measured]] = {name: [] for name in CLASSES}
            for _ in range(rounds):
                for name, measured in blocks.items():
                    block = {"network": network, "name": name, "sizes": sizes}
                    measured.append(call(measure, threads, **block))
            found[what][value] = {
                CLASSES[name]: {
                    unit: median(block[unit] for block in measured)
                    for unit in ("microseconds", "megabytes")
                }
                for name, measured in blocks.items()
                if not any("error" in block for block in measured)
            }
            print(what, value, found[what][value], flush=True)
    return found


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw time and memory over each size, both axes logarithmic."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullLocator

    figure, rows = plt.subplots(
        2, len(found), sharey="row", figsize=(14, 6), layout="constrained"
    )
    for row, unit in zip(rows, ("microseconds", "megabytes"), strict=True):
        for axes, (what, points) in zip(row, found.items(), strict=True):
            for name in CLASSES.values():
                values = [value for value in points if name in points[value]]
                costs = [max(points[value][name][unit], 0.1) for value in values]
                axes.loglog([int(v) for v in values], costs, marker="o", label=name)
            axes.set_xticks([int(v) for v in points], [f"{int(v):,}" for v in points])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_xlabel(what)
            axes.grid(alpha=0.3)
        row[0].set_ylabel(f"{unit}{' an image' if unit == 'microseconds' else ''}")
    rows[0][0].legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, write benchmarks/growth.json, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.description = "Measure how the cost of training grows with each size."
    parser.add_argument("--network", choices=SUBJECTS, default="seed")
    parser.add_argument("--rounds", type=int, default=1, help="0: draw the last ones")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    options = parser.parse_args()
    file = Path(__file__).with_name(SUBJECTS[options.network].file)
    if options.rounds:
        found = run(options.network, options.rounds)
        file.write_text(json.dumps(found, indent=1), "utf-8")
    if options.plot:
        draw(json.loads(file.read_text("utf-8")), options.plot)


if __name__ == "__main__":
    command(main)
