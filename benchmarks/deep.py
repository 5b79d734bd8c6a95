"""How fast Skylark trains deep networks: its engines, and the other classes, in turns.

    python -m benchmarks.deep DATASET [--networks resnet8 ...] [--rounds 3]
        [--pages docs/numpy-speed.md]

A small network of each family, through the public `fit`, batch 64, float32. Each block
is a fresh process; medians over the rounds, and ratios within them.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import networks
from benchmarks.blocks import Measured, call, command, load, options, place
from benchmarks.families import NETWORKS

IMAGES, EPOCHS = 640, 3
HOW: dict[str, tuple[str, dict[str, Any]]] = {
    "fast": ("skylark", {}),
    "plain": ("skylark", {"engine": "plain"}),
    "Keras": ("keras", {}),
    "PyTorch": ("torch", {}),
    "TensorFlow": ("tf", {}),
}
FRAMEWORKS = ("Keras", "PyTorch", "TensorFlow")


def measure(folder: str, network: str, name: str, how: dict[str, Any]) -> Measured:
    """Return the images a second of one class, all epochs but the first."""
    import data
    from frameworks.lazy import load as load_framework

    classes, sizes = networks.load(network)
    if classes[name].framework != "numpy":
        load_framework(classes[name].framework)
    images = data.Dataset.open(folder)
    model = classes[name](**sizes, **how, epochs=EPOCHS, random_state=0)
    model.fit(images.x_train[:IMAGES], images.y_train[:IMAGES])
    return {"rate": IMAGES * (EPOCHS - 1) / sum(model.history_["seconds"][1:])}


def run(folder: Path, network: str, rounds: int) -> str:
    """Return the row of one network."""
    rates: dict[str, list[float]] = {title: [] for title in HOW}
    for _ in range(rounds):
        for title, (name, how) in HOW.items():
            block = {"network": network, "name": name, "how": how}
            measured = call(measure, folder=str(folder), **block)
            rates[title].append(measured.get("rate", float("nan")))
    fastest = [
        max(found) for found in zip(*(rates[f] for f in FRAMEWORKS), strict=True)
    ]
    cells = [f"{median(found):,.0f}" for found in rates.values()]
    cells += [_ratio(rates["fast"], other) for other in (rates["plain"], fastest)]
    cells.append(_ratio(rates["plain"], fastest))
    return f"| `{network}` | {' | '.join(cells)} |"


def _ratio(found: Sequence[float], others: Sequence[float]) -> str:
    ratios = [a / b for a, b in zip(found, others, strict=True)]
    span = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{median(ratios):.2f}{span}"


def main() -> None:
    """Measure, and print the table."""
    parser = options("deep", "Measure how fast deep networks are trained.")
    parser.add_argument("--networks", nargs="*", default=NETWORKS, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    folder = load(arguments.dataset).folder
    header = ["images/s of", *HOW, "fast / plain", "fast / fastest", "plain / fastest"]
    rows = [f"| {' | '.join(header)} |", f"| --- |{' ---: |' * (len(header) - 1)}"]
    for network in arguments.networks:
        rows.append(run(folder, network, arguments.rounds))
        print(rows[-1], flush=True)
    place("\n".join(rows), "deep", arguments.pages)


if __name__ == "__main__":
    command(main)
