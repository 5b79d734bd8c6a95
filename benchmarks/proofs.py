"""The proof of every network: how far its classes are apart, and what it takes.

    python -m benchmarks.proofs [NETWORK ...] [--data-dir DIR] [--pages PAGE ...]

The evidence of `compare.py`'s proof, at a network's full depth: of the standard, then
of each class, in a process of its own. What is found of each network is kept in
proofs.json; without NETWORK, the table is written of what is kept.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import data
import networks
from benchmarks.blocks import Measured, call, command, place
from comparison.contestants import find
from comparison.network import classes_of, narrowed, preset
from comparison.report.outputs import markdown_table
from comparison.report.tables import Table, texts
from comparison.sameness import evidence
from models import MODELS

FILE = Path(__file__).with_suffix(".json")


def gather(spec: evidence.EvidenceSpec) -> Measured:
    """Write a class's evidence to a file, and return the most memory that it took."""
    from comparison.processes.resources import peak_memory_bytes

    gathered: Any = evidence.gather_for_run(spec)
    np.savez(spec["file"], **gathered)
    return {"bytes": peak_memory_bytes()}


def prove(name: str, folder: Path) -> dict[str, Measured]:
    """Return each class's deviations from the standard, and the bytes that it took.

    Raises
    ------
    RuntimeError
        A class could not be run; the message says which.
    ValueError
        A class has other layers or weights than the standard.
    """
    network, _ = preset(name)
    found: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as scratch:

        def gathered(model: str) -> tuple[evidence.Evidence, int]:
            contestant = find(model, classes_of(network))
            spec: evidence.EvidenceSpec = {
                **contestant.spec(),
                "folder": str(folder),
                "parameters": narrowed(network) | contestant.parameters,
                "dtype": contestant.dtype,
                "file": str(Path(scratch, "evidence.npz")),
            }
            measured = call(gather, threads=1, spec=spec)
            if "error" in measured:
                raise RuntimeError(f"{name}, {contestant.title}: {measured['error']}")
            with np.load(spec["file"]) as arrays:
                return dict(arrays), measured["bytes"]

        standard, _ = gathered("skylark:plain")
        for model in MODELS:
            arrays, size = gathered(model)
            found[model] = {**evidence.deviations(arrays, standard), "bytes": size}
    return found


def deviations(kept: dict[str, dict[str, Measured]]) -> Table:
    """Return the largest deviations of the four classes, and the most memory."""
    header = ["network", "outputs", "gradients", "losses", "weights", "state"]
    rows = []
    for name, models in kept.items():
        largest = [max(m[limit] for m in models.values()) for limit in evidence.LIMITS]
        memory = max(measured["bytes"] for measured in models.values())
        cells = [*(f"{value:.0e}" for value in largest), f"{memory / 1e6:,.0f}"]
        rows.append(texts(name, *cells))
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
            images = data.load("cifar10", data_dir=options.data_dir)
            found = prove(name, images.folder)
        except (ValueError, OSError, RuntimeError) as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        kept[name] = found
        kept = {name: kept[name] for name in networks.NAMES if name in kept}
        FILE.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
        passed = all(map(evidence.within_limits, found.values()))
        print(name, "passed" if passed else "FAILED", flush=True)
    place(markdown_table(deviations(kept)), "table:deviations", options.pages)


if __name__ == "__main__":
    command(main)
