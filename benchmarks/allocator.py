"""What the allocator's settings are worth: the same fit with glibc's own rules.

    python -m benchmarks.allocator DATASET [--rounds 5] [--pages docs/fairness.md]

Each class in fresh processes, in turns: with the settings that every process of the
comparison has (comparison/processes/process.py), and without them. Images a second
of the steady epochs; Linux with glibc only, elsewhere both are the same.
"""

from pathlib import Path
from statistics import median

from benchmarks.blocks import NETWORKS, call, command, load, options, place
from benchmarks.speed import FRAMEWORKS, measure
from comparison.processes.process import ALLOCATOR

CLASSES = ("Skylark_CNN", *FRAMEWORKS.values())


def table(folder: Path, network: str, rounds: int) -> str:
    """Return one table, a row a class: images/s both ways, and their ratio."""
    block = {"folder": str(folder), "network": network, "predict": ()}
    settings = {"own": dict.fromkeys(ALLOCATOR), "fixed": {}}
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name in CLASSES:
            for how, variables in settings.items():
                found = call(measure, variables=variables, **block | {"class": name})
                if "error" in found:
                    raise RuntimeError(f"{name}: {found['error']}")
                rates.setdefault((name, how), []).append(found["train"])
    lines = ["| | own rules | range | fixed | range | own / fixed |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for name in CLASSES:
        own, fixed = rates[name, "own"], rates[name, "fixed"]
        ratio = median(a / b for a, b in zip(own, fixed, strict=True))
        lines.append(f"| {name} | {_cells(own)} | {_cells(fixed)} | {ratio:.2f} |")
    return "\n".join(lines)


def _cells(rates: list[float]) -> str:
    return f"{median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f}"


def main() -> None:
    """Print the tables, or place them in a page."""
    parser = options(
        "allocator", "Measure a fit with and without the allocator's settings."
    )
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    dataset = load(chosen.dataset)
    for network in NETWORKS:
        text = table(dataset.folder, network, chosen.rounds)
        place(text, f"allocator:{network}", chosen.pages)


if __name__ == "__main__":
    command(main)
