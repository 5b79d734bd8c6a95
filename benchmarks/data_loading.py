"""What it costs to load a data set that is cached: seconds, and private memory.

    python -m benchmarks.data_loading [NAME|FILE.npz ...] [--rounds 5]

Each round is a process of its own. `import` is that of `data`, with NumPy in it;
`load` is `data.load`; private memory is what `load` adds to the pages that only this
process has (Linux: Private_Clean + Private_Dirty of smaps_rollup); with a batch, after
64 images were read from all over the training set.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from time import perf_counter


def private_bytes() -> int:
    """Return the bytes of memory that only this process has."""
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    kilobytes = [int(row.split()[1]) for row in rows if row.startswith("Private_")]
    return 1024 * sum(kilobytes)


def measure(name: str) -> dict[str, float]:
    """Return the seconds and bytes of one load, and what was imported for it."""
    started = perf_counter()
    import data

    imported = perf_counter()
    before = private_bytes()
    begun = perf_counter()
    dataset = data.load(name)
    loaded = perf_counter()
    added = private_bytes() - before
    dataset.x_train[:: max(1, len(dataset.x_train) // 64)].sum()
    return {
        "import": imported - started,
        "load": loaded - begun,
        "private": added,
        "batch": private_bytes() - before,
        "size": sum(file.stat().st_size for file in dataset.folder.iterdir()),
        "torch": "torch" in sys.modules,
    }


def in_a_process(name: str) -> dict[str, float]:
    """Return what `measure` finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.data_loading", "--measure", name]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    """Print medians over rounds, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["cifar10"])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in options.names:
        in_a_process(name)  # prepares it, where it is not cached
        rounds = [in_a_process(name) for _ in range(options.rounds)]
        median = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        print(
            f"{name}: {median['size'] / 1e6:,.1f} MB on disk; "
            f"import {median['import']:.3f} s, load {median['load']:.4f} s; "
            f"private memory {median['private'] / 1e6:.2f} MB, with a batch read "
            f"{median['batch'] / 1e6:.2f} MB; "
            f"torch {'' if median['torch'] else 'not '}imported"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main()
