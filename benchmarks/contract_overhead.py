"""What the contract costs: the share of `fit` that is not the framework's work.

    python -m benchmarks.contract_overhead FILE.npz [--rounds 5]

For each class in a process of its own, on the first 20,000 images: the seconds of a
`fit` of two epochs; those that its batches alone take (shuffling, gathering, scaling);
and what `fit` spends outside its epochs and outside building the network.
"""

import argparse
import statistics
from time import perf_counter

from benchmarks.blocks import Measured, call

IMAGES, EPOCHS = 20_000, 2


def measure(folder: str, name: str) -> Measured:
    """Return the seconds of one warm fit, of its checks, and of its batches."""
    import numpy as np

    import data
    import models

    dataset = data.Dataset.open(folder)
    X, y = dataset.x_train[:IMAGES], dataset.y_train[:IMAGES]
    Model = getattr(models, name)
    Model(epochs=1).fit(X[:640], y[:640])
    model = Model(epochs=EPOCHS, random_state=0)
    started = perf_counter()
    model.fit(X, y)
    whole = perf_counter() - started
    in_epochs = sum(model.history_["seconds"])
    w = np.ones(len(y), model.dtype)
    started = perf_counter()
    for epoch in range(EPOCHS):
        for _ in model.batches(X, y, w, epoch):
            pass
    batches = perf_counter() - started
    checks = whole - in_epochs - model.build_seconds_
    return {"whole": whole, "batches": batches, "checks": checks}


def main() -> None:
    """Print the shares, medians over rounds in which the classes take turns."""
    import data
    from models import MODELS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = data.load(options.dataset).folder
    found: dict[str, list[dict[str, float]]] = {name: [] for name in MODELS}
    for _ in range(options.rounds):
        for name, measured in found.items():
            measured.append(
                call(measure, folder=str(folder), name=MODELS[name].__name__)
            )
    for name, rounds in found.items():
        shares = [
            [event[part] / event["whole"] for event in rounds]
            for part in ("batches", "checks")
        ]
        text = ", ".join(
            f"{part} {statistics.median(share):.1%} ({min(share):.1%}-{max(share):.1%})"
            for part, share in zip(("batches", "checks"), shares, strict=True)
        )
        print(f"{name:8} {text}")


if __name__ == "__main__":
    main()
