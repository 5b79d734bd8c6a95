"""Memory of a fit, beside the weights and the images; all processes together.

    python -m benchmarks.memory DATASET [--pages docs/numpy-speed.md]

For each class in a process of its own, with few images and with many: the anonymous
memory (proportional where processes share it, from Linux's smaps) at the end of an
epoch, less that before the fit, less the weights. The images are mapped from disk.
"""

import os
from pathlib import Path
from typing import Any

from benchmarks.blocks import NETWORKS, Measured, call, command, load, options, place

COLUMNS = [(name, count) for name in NETWORKS for count in (3_200, 32_000)]
COLUMNS.append(("resnet20", 3_200))
CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "Skylark": ("skylark", {}),
    "Skylark, n_jobs=2": ("skylark", {"n_jobs": 2}),
    "Skylark, plain": ("skylark", {"engine": "plain"}),
    "Keras": ("keras", {}),
    "PyTorch": ("torch", {}),
    "TensorFlow": ("tf", {}),
}
TINY: dict[str, dict[str, Any]] = {
    "resnet20": {"width": 1, "blocks": (1, 1, 1)},
    **{name: {"filters": (1,)} for name in NETWORKS},
}


def memory() -> int:
    """Return the bytes of anonymous memory of this process and its children."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children").read_text().split()
    total = 0
    for pid in [str(me), *children]:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1]) * 1024
    return total


def measure(name: str, how: dict, folder: str, network: str, count: int) -> Measured:
    """Return the bytes that a fit takes, measured at the ends of its epochs."""
    import data
    import networks

    images = data.Dataset.open(folder)
    X, y = images.x_train[:count], images.y_train[:count]
    classes, parameters = networks.load(network)
    tiny = classes[name](epochs=1, **TINY[network])
    tiny.fit(X[:64, :8, :8], y[:64])  # imports, thread pools
    before, seen = memory(), []
    parameters |= how | {"epochs": 2, "on_epoch_end": lambda *_: seen.append(memory())}
    model = classes[name](**parameters).fit(X, y)
    weights = sum(weight.nbytes for weight in model.get_weights().values())
    return {"bytes": max(seen) - before - weights}


def table(folder: Path) -> str:
    """Return a table in MB, a row a class."""
    header = [f"{network}, {count:,}" for network, count in COLUMNS]
    lines = [f"| MB | {' | '.join(header)} |", "|---|" + "---:|" * len(header)]
    for title, (name, how) in CLASSES.items():
        cells = []
        for network, count in COLUMNS:
            block = {"name": name, "how": how, "network": network, "count": count}
            found = call(measure, folder=str(folder), **block)
            ok = "bytes" in found
            cells.append(f"{found['bytes'] / 1e6:.0f}" if ok else found["error"])
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table, or place it in a page."""
    parser = options("memory", "Measure what a fit takes beside weights and images.")
    chosen = parser.parse_args()
    place(table(load(chosen.dataset).folder), "memory", chosen.pages)


if __name__ == "__main__":
    command(main)
