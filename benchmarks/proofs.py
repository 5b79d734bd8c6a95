"""The proof of every network: how far its classes are apart, and what it takes.

    python -m benchmarks.proofs [NETWORK ...] [--data-dir DIR] [--pages PAGE ...]

As compare.py proves them, at full depth, on CIFAR-10. What is found of each network is
kept in proofs.json; without NETWORK, the table is written of what is kept.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import data
import networks
from benchmarks.blocks import command, place
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


def deviations(kept: Mapping[str, records.Proof]) -> Table:
    """Return the largest deviations of the four classes, and the most memory."""
    header = ["network", *(limit.removesuffix("_max_rel") for limit in LIMITS)]
    rows = []
    for name, proof in kept.items():
        largest = [f"{proof[limit]:.0e}" for limit in LIMITS]
        memory = max(v["peak_memory_bytes"] for v in proof["models"].values())
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
        try:
            folder = data.load("cifar10", data_dir=options.data_dir).folder
            proof = measure(name, folder)
        except (ValueError, OSError, RuntimeError) as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        for model, verdict in proof["models"].items():
            if not verdict["passed"]:
                print(f"{name}, {model}: {verdict}", file=sys.stderr)
                sys.exit(1)
        kept[name] = proof
        kept = {name: kept[name] for name in networks.NAMES if name in kept}
        FILE.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        print(f"{name} is one network in all four.", flush=True)
    place(markdown_table(deviations(kept)), "table:deviations", options.pages)


if __name__ == "__main__":
    command(main)
