"""One class under four names: how often is a winner named where there is none?

    python compare.py --seeds 20 --out DIR --models benchmarks.alike:First \\
        benchmarks.alike:Second benchmarks.alike:Third benchmarks.alike:Fourth
    python -m benchmarks.alike DIR docs/fairness.md

The second command keeps the speeds of that run in alike.json, looks at subsets of its
rounds as if each were a run, and writes the shares that name a winner into the page.
"""

import argparse
import json
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np

from comparison import results
from comparison.report.readme import replace_block
from comparison.statistics import significance
from comparison.statistics.summary import SPEEDS
from models import Skylark_CNN

FILE = Path(__file__).with_suffix(".json")
ROUNDS = range(3, 11)
MOST = 2000  # subsets of a size; more are drawn at random


class First(Skylark_CNN):
    """The first name."""


class Second(Skylark_CNN):
    """The second name."""


class Third(Skylark_CNN):
    """The third name."""


class Fourth(Skylark_CNN):
    """The fourth name."""


def speeds(folder: Path) -> dict:
    """Return what alike.json keeps of a run: each name's speeds, round by round."""
    run = results.read(folder)
    found = {
        measure: {
            model: [
                trial["images_per_second"][measure.partition("_")[0]]
                for trial in run["trials"]
                if trial["model"] == model
            ]
            for model in run["settings"]["models"]
        }
        for measure in SPEEDS
    }
    return {
        "cpu": run["environment"]["cpu"],
        "images": run["dataset"]["train"],
        "speeds": found,
    }


def false_winners(found: dict) -> dict[int, float]:
    """Return, for each number of rounds, the share of subsets that name a winner."""
    logs = np.log([list(names.values()) for names in found["speeds"].values()])
    ratios = logs[:, 1:] - logs[:, :1]  # (speeds, rivals, rounds)
    _, rivals, rounds = ratios.shape
    rng = np.random.default_rng(0)
    shares = {}
    for size in ROUNDS:
        if comb(rounds, size) <= MOST:
            subsets = np.array(list(combinations(range(rounds), size)))
        else:
            subsets = rng.permuted(np.tile(np.arange(rounds), (MOST, 1)), axis=1)
            subsets = subsets[:, :size]
        some = ratios[:, :, subsets].transpose(2, 0, 1, 3)
        low, high, _ = significance.intervals(some, len(SPEEDS) * rivals)
        shares[size] = float(((low > 1) | (high < 1)).any((1, 2)).mean())
    return shares


def markdown(found: dict) -> str:
    """Return the shares as a table, and what was run."""
    shares = false_winners(found)
    rounds = len(next(iter(found["speeds"]["train_images_per_second"].values())))
    return "\n".join(
        [
            f"And with the noise that really occurs: one class under four names, "
            f"{rounds} rounds of {found['images']:,} images ({found['cpu']}, "
            "`benchmarks/alike.py`), of which subsets are looked at as if each were a "
            "run:",
            "",
            f"| rounds | {' | '.join(map(str, shares))} |",
            f"| --- |{' ---: |' * len(shares)}",
            f"| name a winner | {' | '.join(f'{s:.1%}' for s in shares.values())} |",
        ]
    )


def main() -> None:
    """Keep the speeds of a run, and write the shares into a page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alike")
    parser.description = "How often a winner is named among four names of one class."
    parser.add_argument("run", type=Path, metavar="DIR")
    parser.add_argument("page", type=Path)
    arguments = parser.parse_args()
    found = speeds(arguments.run)
    FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    text = arguments.page.read_text("utf-8")
    text = replace_block(text, "alike", markdown(found))
    arguments.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
