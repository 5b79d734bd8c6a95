"""The proof of every network: how far its classes are apart, and what it takes.

    python -m benchmarks.proofs [NETWORK ...] [--data-dir DIR] [--pages PAGE ...]

As compare.py proves them, at full depth, on CIFAR-10. What is found of each network is
kept in proofs.json; without NETWORK, the table is written of what is kept.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import networks
from benchmarks.blocks import command, load, place
from comparison import network, records
from comparison.contestants import find_all
from comparison.report.outputs import markdown_table
from comparison.report.tables import Table, texts
from comparison.sameness.evidence import LIMITS
from comparison.sameness.proof import prove
from models import MODELS

FILE = Path(__file__).with_suffix(".json")


def measure(name: str, folder: Path) -> records.Proof:
    """Return the proof of a network for its four classes."""
    found, classes = network.preset(name)
    return prove(find_all(MODELS, classes), folder, found, threads=1)


def summary(proof: records.Proof) -> dict[str, Any]:
    """Return the largest deviations of the four classes, and the memory of each."""
    memory = {name: v["peak_memory_bytes"] for name, v in proof["models"].items()}
    return {**{limit: proof[limit] for limit in LIMITS}, "peak_memory_bytes": memory}


def deviations(kept: dict[str, dict[str, Any]]) -> Table:
    """Return the table: the deviations of each network, and the most memory."""
    header = ["network", *(limit.removesuffix("_max_rel") for limit in LIMITS)]
    rows = []
    for name, found in kept.items():
        memory = max(found["peak_memory_bytes"].values())
        largest = (f"{found[limit]:.0e}" for limit in LIMITS)
        rows.append(texts(name, *largest, f"{memory / 1e6:,.0f}"))
    return Table([*header, "peak MB"], rows)


def main() -> None:
    """Prove what is asked for, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proofs")
    parser.description = "Prove networks at full depth, and measure what a proof takes."
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help="default: none")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--pages", type=Path, nargs="*", default=[], metavar="PAGE")
    options = parser.parse_args()
    kept = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    for name in options.networks:
        folder = load("cifar10", options.data_dir).folder
        try:
            proof = measure(name, folder)
        except (ValueError, RuntimeError) as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        for model, verdict in proof["models"].items():
            if not verdict["passed"]:
                print(f"{name}, {model}: {verdict}", file=sys.stderr)
                sys.exit(1)
        kept[name] = summary(proof)
        kept = {name: kept[name] for name in networks.NAMES if name in kept}
        FILE.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        print(f"{name} is one network in all four.", flush=True)
    place(markdown_table(deviations(kept)), "table:deviations", options.pages)


if __name__ == "__main__":
    command(main)
