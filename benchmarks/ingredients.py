"""What each ingredient of a recipe is worth: speedrun93 without it.

    python -m benchmarks.ingredients [INGREDIENT ...] [--epochs 18] [--seeds 1]
        [--data-dir DIR] [--work DIR] [--pages docs/recipes.md]

Each is a run of compare.py in WORK/INGREDIENT, in NumPy alone, and an interrupted one
goes on. Its numbers are kept in ingredients.json, and the table is written into the
pages. `nothing` is the whole recipe.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.blocks import command, keep, place
from comparison import results
from comparison.report.outputs import markdown_table
from comparison.report.tables import Table, texts
from networks.speedrun import PRESETS, Skylark_Speedrun

FILE = Path(__file__).with_suffix(".json")
NETWORK = "speedrun93"
SGD = "--no-muon --learning-rate 1.0 --momentum 0.85 --weight-decay 0.002"
OURS = "--allow-different --models benchmarks.ingredients:"
LEFT_OUT = {  # what the table says, and the options of compare.py
    "nothing": ("nothing", ""),
    "smoothing": ("label smoothing", "--label-smoothing 0"),
    "crops": ("moves of training images", "--augment flip"),
    "flips": ("moves and mirror images", "--augment none"),
    "nesterov": ("Nesterov's look ahead", "--no-nesterov"),
    "warmup": ("the rise of the rate", "--warmup 0"),
    "schedule": ("rise and fall of the rate", "--schedule constant --warmup 0"),
    "muon": ("Muon: SGD at its own rate, 1.0", SGD),
    "dirac": ("Dirac kernels: He normal ones", f"{OURS}Skylark_HeNormal"),
    "whitening": ("whitening: a random first layer", f"{OURS}Skylark_Unwhitened"),
}


class Skylark_HeNormal(Skylark_Speedrun):
    """Kernels are drawn as in the other deep networks."""

    kernels = "he_normal"


class Skylark_Unwhitened(Skylark_Speedrun):
    """The filters of the first layer are He normal ones, and not trained either."""

    def first_state(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Return as many filters as there would be, drawn from the fit's seed."""
        ((name, kernel),) = super().first_state(X).items()
        rng = np.random.default_rng(self.random_state)
        deviation = np.sqrt(2 / np.prod(kernel.shape[:3]))
        return {name: rng.normal(0, deviation, kernel.shape).astype(kernel.dtype)}


def task(name: str, chosen: argparse.Namespace) -> list[str]:
    """Return the options of compare.py that leave an ingredient out."""
    line = ["--network", NETWORK, "--dataset", "cifar10", "--models", "skylark"]
    line += ["--epochs", str(chosen.epochs), "--seeds", str(chosen.seeds)]
    return line + LEFT_OUT[name][1].split()  # the last of an option's values counts


def means(folder: Path) -> dict[str, Any]:
    """Return what ingredients.json keeps of a run."""
    found = results.read(folder)
    trials = [trial for trial in found["trials"] if trial["status"] == "ok"]
    kept = ("test_accuracy", "test_accuracy_plain", "train_accuracy")
    return {
        "machine": found["environment"]["cpu"],
        "epochs": found["settings"]["epochs"],
        "seeds": len(trials),
        **{key: float(np.mean([trial[key] for trial in trials])) for key in kept},
        "fit_seconds": float(np.mean([trial["seconds"]["fit"] for trial in trials])),
    }


def table(kept: dict[str, Any]) -> Table:
    """Return the accuracies, and how far they are from those of the whole recipe."""
    header = ["left out", "test accuracy", "points", "without views"]
    header += ["training images", "`fit`, minutes", "epochs, seeds", "processor"]
    rows = []
    whole = kept.get("nothing", {}).get("test_accuracy")
    for name, row in kept.items():
        points = 100 * (row["test_accuracy"] - whole) if whole else None
        cells = texts(
            LEFT_OUT[name][0],
            f"{row['test_accuracy']:.2%}",
            "" if points is None or name == "nothing" else f"{points:+.2f}",
            f"{row['test_accuracy_plain']:.2%}",
            f"{row['train_accuracy']:.2%}",
            f"{row['fit_seconds'] / 60:.1f}",
            f"{row['epochs']}, {row['seeds']}",
            row["machine"],
        )
        rows.append(cells)
    return Table(header, rows)


def main() -> None:
    """Run what is asked for, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingredients")
    parser.add_argument(
        "ingredients",
        nargs="*",
        metavar="INGREDIENT",
        help=f"{', '.join(LEFT_OUT)} (default: none)",
    )
    epochs = PRESETS[NETWORK]["epochs"]
    parser.add_argument("--epochs", type=int, default=epochs, metavar="N")
    parser.add_argument("--seeds", type=int, default=1, metavar="N")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs", "ingredients"))
    parser.add_argument("--pages", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    if unknown := sorted(set(options.ingredients) - LEFT_OUT.keys()):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(LEFT_OUT)}.")
    begin = partial(task, chosen=options)
    kept = keep(FILE, options.ingredients, LEFT_OUT, begin, means, options)
    place(markdown_table(table(kept)), "table:ingredients", options.pages)


if __name__ == "__main__":
    command(main)
