"""From loops to fast: what each step of docs/numpy-speed.md gains.

    python -m benchmarks.steps DATASET [--rounds 3] [--pages docs/numpy-speed.md]

Each engine; and the fast one with each trick left out, by its own constant. All in
turns, each block in a fresh process; medians over the rounds.
"""

import importlib
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.blocks import NETWORKS, Measured, call, command, load, options, place

IMAGES, FEW, EPOCHS = {"seed": 12_800, "small": 3_200}, 128, 3
HUGE = 1 << 60

# A name -> the constructor's parameters, and constants of frameworks.fast to change.
STEPS: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "loops: one image at a time": ({"engine": "loops"}, {}),
    "plain: a batch at a time, one product a layer": ({"engine": "plain"}, {}),
    "fast, one thread": ({"n_jobs": 1}, {}),
    "... without bands": ({"n_jobs": 1}, {"block.BAND": HUGE}),
    "... without odd lines": ({"n_jobs": 1}, {"shard.ODD": 0}),
    "... without Winograd": ({"n_jobs": 1}, {"winograd.CHANNELS": HUGE}),
    "... without small products": ({"n_jobs": 1}, {"products.SMALL": HUGE}),
    "... without few rows": ({"n_jobs": 1}, {"products.ROWS": HUGE}),
    "fast, two threads (the default)": ({}, {}),
    "... with bands of a third": ({}, {"block.BAND": 1 << 20}),
    "... without alignment": ({}, {"scratch.BEHIND": 16}),
    "fast, two threads, 1,024 images a batch": ({"batch_size": 1024}, {}),
    "... without shards": ({"batch_size": 1024}, {"worker.SHARD": HUGE}),
    "fast, two processes": ({"n_jobs": 2}, {}),
    "... without staying awake": ({"n_jobs": 2}, {"line.SPIN": 0.0}),
}


def measure(folder: str, network: str, how: dict, constants: dict) -> Measured:
    """Return the images a second of one block."""
    import data
    from models import Skylark_CNN

    for path, value in constants.items():
        module, name = path.split(".")
        setattr(importlib.import_module(f"frameworks.fast.{module}"), name, value)
    images = data.Dataset.open(folder)
    count = FEW if how.get("engine") == "loops" else IMAGES[network]
    model = Skylark_CNN(**NETWORKS[network], **how, epochs=EPOCHS, random_state=0)
    model.fit(images.x_train[:count], images.y_train[:count])
    return {"rate": count * (EPOCHS - 1) / sum(model.history_["seconds"][1:])}


def run(folder: Path, network: str, rounds: int) -> str:
    """Return the table of one network."""
    rates: dict[str, list[float]] = {name: [] for name in STEPS}
    for _ in range(rounds):
        for name, (how, constants) in STEPS.items():
            if "loops" in name and network != "seed":
                continue  # hours
            block = {"network": network, "how": how, "constants": constants}
            found = call(measure, folder=str(folder), **block)
            if "error" in found:
                raise RuntimeError(f"{name}: {found['error']}")
            rates[name].append(found["rate"])
    lines = ["| | images/s | to the step it belongs to |", "|---|---:|---:|"]
    for name, measured in rates.items():
        if not measured:
            continue
        if not name.startswith("..."):
            step, note = measured, ""
        else:
            ratio = median(a / b for a, b in zip(measured, step, strict=True))
            note = f"{ratio:.2f}"
        lines.append(f"| {name} | {median(measured):,.0f} | {note} |")
    return "\n".join(lines)


def main() -> None:
    """Print the tables, or place them in a page."""
    parser = options("steps", "Measure what each step from loops to fast gains.")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = load(chosen.dataset).folder
    for network in NETWORKS:
        table = run(folder, network, chosen.rounds)
        place(table, f"steps:{network}", chosen.pages)


if __name__ == "__main__":
    command(main)
