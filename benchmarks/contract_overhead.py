"""What the contract costs: the share of `fit` that is not the framework's work.

    python -m benchmarks.contract_overhead DATASET [--rounds 5]

For each class in a process of its own: the seconds of a `fit` of two epochs on all
images of the data set, network `seed`; and those of the same `fit` without a network,
which validates, draws weights, shuffles, gathers, scales and keeps a history.
"""

import argparse
import statistics
from time import perf_counter
from typing import Any

from benchmarks.blocks import Measured, call, command, load

EPOCHS = 2


def contract_alone() -> Any:
    """Return a class that does what the contract asks for, and trains nothing."""
    from models import Skylark_CNN

    class Contract(Skylark_CNN):
        def fit_loop(self, X: Any, y: Any, w: Any, epochs: range) -> None:
            for epoch in epochs:
                for batch in self.batches(X, y, w, epoch):
                    self.record(0.0, 0.0, images=len(batch[1]))
                self.end_epoch()

    return Contract


def measure(folder: str, name: str) -> Measured:
    """Return the seconds of a warm fit, and of the contract's part in it."""
    import data
    import models

    images = data.Dataset.open(folder)
    seconds = {}
    for part, Class in ("fit", getattr(models, name)), ("contract", contract_alone()):
        Class(epochs=1).fit(images.x_train[:640], images.y_train[:640])
        started = perf_counter()
        Class(epochs=EPOCHS, random_state=0).fit(images.x_train, images.y_train)
        seconds[part] = perf_counter() - started
    return seconds


def main() -> None:
    """Print the shares, medians over rounds in which the classes take turns."""
    from models import MODELS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.contract_overhead")
    parser.description = "Measure the share of fit that is not the framework's work."
    parser.add_argument("dataset", nargs="?", default="cifar10")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = load(options.dataset).folder
    shares: dict[str, list[float]] = {name: [] for name in MODELS}
    for _ in range(options.rounds):
        for name, found in shares.items():
            seconds = call(measure, folder=str(folder), name=MODELS[name].__name__)
            found.append(seconds["contract"] / seconds["fit"])
    for name, found in shares.items():
        middle, low, high = statistics.median(found), min(found), max(found)
        print(f"{name:8} {middle:.1%} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    command(main)
