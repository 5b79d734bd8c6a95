"""What more cores would do: a model of the engine, and how well it tells two cores.

    python -m benchmarks.cores DATASET [--networks seed small resnet20] [--rounds 3]
        [--pages docs/numpy-speed.md]

A step on one core takes a time for itself (`fixed`: Python between NumPy's calls, and
what a call takes whatever its size) and a time for each image. Both come from a line
through the times of several batch sizes. On p cores, each of which has its share of the
images,

    processes: fixed + images / p x each
    threads:   the same, but at least p x fixed, for one of them at a time has Python's
               lock

Batch sizes and workers take turns, each in a fresh process; medians over the rounds.
"""

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import networks
from benchmarks.blocks import Measured, call, command, load, options, place
from comparison.report.outputs import markdown_table
from comparison.report.tables import Table, texts

SIZES = (8, 16, 32, 64)  # images a batch, on one core
IMAGES = 64  # a batch, on several
CORES = (2, 4, 8, 16)
STEPS = {"seed": 100, "small": 40}  # of a batch of 64 in an epoch; of others, 10
EPOCHS = 4
TITLES = ("network", "fixed ms", "each image ms", "workers", "2 measured")


def measure(folder: str, network: str, batch: int, how: dict[str, Any]) -> Measured:
    """Return the seconds of a step, of all epochs but the first."""
    import data
    from frameworks.fast import shared

    classes, parameters = networks.load(network)
    images = data.Dataset.open(folder)
    count = IMAGES * STEPS.get(network, 10)
    how = how | {"batch_size": batch, "epochs": EPOCHS, "random_state": 0}
    model = classes["skylark"](**parameters | how)
    if how["n_jobs"] is None:
        shared.LARGE = float("inf")  # no fit is large enough to take processes
    model.fit(images.x_train[:count], images.y_train[:count])
    return {"seconds": median(model.history_["seconds"][1:]) * batch / count}


def fitted(seconds: dict[int, float]) -> tuple[float, float]:
    """Return (fixed, each): the line through the seconds of a step by batch size."""
    sizes = np.array(list(seconds))
    weights = 1 / np.array(list(seconds.values()))  # errors are in proportion
    each, fixed = np.polyfit(sizes, list(seconds.values()), 1, w=weights)
    return max(float(fixed), 0.0), float(each)


def model(fixed: float, each: float, cores: int, *, threads: bool) -> float:
    """Return the seconds of a step on so many cores."""
    seconds = fixed + each * IMAGES / cores
    return max(seconds, cores * fixed) if threads else seconds


def run(folder: Path, network: str, rounds: int) -> list[list[str]]:
    """Return the rows of one network: threads, then processes."""
    blocks: dict[Any, dict[str, Any]] = {
        size: {"batch": size, "how": {"n_jobs": 1}} for size in SIZES
    }
    blocks["threads"] = {"batch": IMAGES, "how": {"n_jobs": None}}
    blocks["processes"] = {"batch": IMAGES, "how": {"n_jobs": 2}}
    found: dict[Any, list[float]] = {name: [] for name in blocks}
    for _ in range(rounds):
        for name, block in blocks.items():
            measured = call(measure, folder=str(folder), network=network, **block)
            if "error" in measured:
                raise RuntimeError(f"{network}, {name}: {measured['error']}")
            found[name].append(measured["seconds"])
    medians = {name: median(times) for name, times in found.items()}
    fixed, each = fitted({size: medians[size] for size in SIZES})
    alone = fixed + each * IMAGES
    rows = []
    for workers in ("threads", "processes"):
        gains = [
            alone / model(fixed, each, cores, threads=workers == "threads")
            for cores in CORES
        ]
        start = (network, f"{1e3 * fixed:.2f}", f"{1e3 * each:.3f}", workers)
        measured = medians[IMAGES] / medians[workers]
        rows.append([*start, f"{measured:.2f}", *(f"{gain:.2f}" for gain in gains)])
    return rows


def main() -> None:
    """Print the table, or place it in a page."""
    parser = options("cores", "Model what more cores would do.")
    parser.add_argument("--networks", nargs="+", default=["seed", "small", "resnet20"])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = load(chosen.dataset).folder
    rows = [row for name in chosen.networks for row in run(folder, name, chosen.rounds)]
    titles = [*TITLES, *(f"{cores} modelled" for cores in CORES)]
    table = markdown_table(Table(titles, [texts(*row) for row in rows]))
    place(table, "cores", chosen.pages)


if __name__ == "__main__":
    command(main)
