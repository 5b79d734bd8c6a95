"""Speed: the four classes, each engine, tuned loops of the frameworks, and peers.

    python -m benchmarks.speed DATASET [--quick] [--pages README.md ...]

Every measurement is a block in a fresh process; the contestants take turns, round after
round, so that a machine that becomes slower does so for all. A ratio is taken within a
round; tables show medians and ranges over the rounds. The machine's own limits (a large
matrix product, a copy of memory) are measured in the same rounds. Three rounds take
some 11 minutes on two cores; `--quick`, one round without the tuned loops, takes 2.

Training is all epochs of a `fit` but the first, shuffling, scaling and casting from
uint8 included; prediction is `predict`, checks included. Written to
benchmarks/results.json; `--pages` puts the tables where a page has room for them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.blocks import NETWORKS, Measured, call, command, load, options, place
from comparison import environment
from comparison.processes import resources

FILE = Path(__file__).with_name("results.json")
IMAGES = {"seed": 12_800, "small": 3_200}  # an epoch of each block
OPERATIONS = {"seed": 0.886e6, "small": 23.58e6}  # of a training step, for each image
EPOCHS, ROUNDS = 3, 3
SLOW = 0.6  # of the class: a tuned loop that is slower takes part in one round only
FRAMEWORKS = {"keras": "Keras_CNN", "torch": "Torch_CNN", "tf": "TF_CNN"}
BATCHES = (1, 64, 1000)  # images that are predicted at once


def contestants(quick: bool) -> dict[str, Measured]:
    """Return what is measured: a name -> the block that its process is given."""
    from benchmarks.peers import PEERS
    from benchmarks.tuned import LOOPS

    found: dict[str, Measured] = {
        "Skylark_CNN": {"class": "Skylark_CNN"},
        "Skylark_CNN, n_jobs=2": {"class": "Skylark_CNN", "how": {"n_jobs": 2}},
        "Skylark_CNN, plain": {"class": "Skylark_CNN", "how": {"engine": "plain"}},
        **{name: {"class": name} for name in FRAMEWORKS.values()},
    }
    for framework, loops in LOOPS.items():
        for name in loops if not quick else ():
            found[f"{framework}: {name}"] = {"loop": [framework, name]}
    for name in PEERS:
        found[name] = {"peer": name}
    return found | {"the machine": {}}


def measure(folder: str, network: str, **block: Any) -> Measured:
    """Return what one block measures, in a process of its own."""
    import data

    images = data.Dataset.open(folder)
    count = IMAGES[network]
    X, y = images.x_train[:count], images.y_train[:count].astype("int64")
    if "class" in block:
        return _measure_class(X, y, NETWORKS[network], **block)
    if "loop" in block:
        from benchmarks.tuned import LOOPS

        framework, name = block["loop"]
        epoch = LOOPS[framework][name](X.copy(), y, NETWORKS[network])
        return {"train": _rate(epoch, count)}
    if "peer" in block:
        from benchmarks.peers import PEERS

        some = slice(count // 20)
        epoch = PEERS[block["peer"]](X[some], y[some], NETWORKS[network])
        return {"train": _rate(epoch, len(X[some]))}
    return _measure_machine()


def _measure_class(X: Any, y: Any, network: Any, **block: Any) -> Measured:
    import models

    model = getattr(models, block["class"])(
        **network, epochs=EPOCHS, random_state=0, **block.get("how", {})
    )
    model.fit(X, y)
    found = {"train": len(X) * (EPOCHS - 1) / sum(model.history_["seconds"][1:])}
    return found | predicted(model, X, block.get("predict", BATCHES))


def predicted(model: Any, X: Any, sizes: Iterable[int]) -> Measured:
    """Return the images a second of `predict`, for so many images at once."""
    found: Measured = {}
    for size in sizes:
        times = max(3, min(50, 3000 // size))
        batches = [X[i * size : (i + 1) * size].copy() for i in range(times)]
        model.predict(batches[0])
        seconds = []
        for batch in batches[: len(X) // size]:
            started = perf_counter()
            model.predict(batch)
            seconds.append(perf_counter() - started)
        found[f"predict {size}"] = size / median(seconds)
    return found


def _rate(epoch: Callable[[], None], images: int) -> float:
    """Return the images a second of all epochs but the first."""
    epoch()
    started = perf_counter()
    for _ in range(EPOCHS - 1):
        epoch()
    return images * (EPOCHS - 1) / (perf_counter() - started)


def _measure_machine() -> Measured:
    """Return the speed of a large product and of a copy, in operations and bytes/s."""
    import numpy as np

    a = np.ones((2048, 2048), np.float32)
    out, source = np.empty_like(a), np.ones(10**7, np.float32)
    target = np.empty_like(source)

    def best(call: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(5):
            started = perf_counter()
            call()
            seconds.append(perf_counter() - started)
        return min(seconds)

    return {
        "operations": 2 * 2048**3 / best(lambda: np.matmul(a, a, out=out)),
        "bytes": source.nbytes / best(lambda: np.copyto(target, source)),
    }


def run(folder: Path, quick: bool) -> dict[str, Any]:
    """Return all measurements: network -> contestant -> one dict a round."""
    found: dict[str, Any] = {}
    for network in NETWORKS:
        blocks = contestants(quick)
        found[network] = {name: [] for name in blocks}
        for number in range(1 if quick else ROUNDS):
            for name, block in blocks.items():
                if _is_slow(name, found[network]):
                    found[network][name].append({})
                    continue
                measured = call(measure, folder=str(folder), network=network, **block)
                found[network][name].append(measured)
                train = measured.get("train")
                text = f"{train:,.0f} images/s" if train else measured.get("error")
                print(f"{network} round {number + 1} {name}: {text}", flush=True)
    return found


def _is_slow(name: str, rounds: Mapping[str, list[Measured]]) -> bool:
    """Return whether a tuned loop was far behind its class in the first round."""
    framework, _, loop = name.partition(": ")
    if not loop or not rounds[name]:
        return False
    first = [
        rounds[which][0].get("train", 0) for which in (name, FRAMEWORKS[framework])
    ]
    return first[0] < SLOW * first[1]


def table(rounds: Mapping[str, list[Measured]], measure: str, network: str) -> str:
    """Return one table: images/s and the ratio to the fastest framework class."""
    by_round = zip(*(rounds[name] for name in FRAMEWORKS.values()), strict=True)
    fastest = [max(block.get(measure, 0) for block in blocks) for blocks in by_round]
    lines = ["| | images/s | to the fastest framework class | range |"]
    lines.append("|---|---:|---:|---:|")
    for name, blocks in rounds.items():
        rates = [block[measure] for block in blocks if measure in block]
        if not rates or ": " in name:  # tuned loops have a table of their own
            continue
        pairs = zip(blocks, fastest, strict=True)
        ratios = [block[measure] / best for block, best in pairs if measure in block]
        lines.append(
            f"| {name} | {median(rates):,.0f} | {median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |"
        )
    if measure == "train":
        machine = [block["operations"] for block in rounds["the machine"]]
        rates = [block[measure] for block in rounds["Skylark_CNN"]]
        pairs = zip(rates, machine, strict=True)
        share = median(rate * OPERATIONS[network] / all_ for rate, all_ in pairs)
        lines.append(
            f"\nA product of 2048 x 2048 runs at {median(machine) / 1e9:.0f} GFLOP/s "
            f"in the same rounds; Skylark_CNN's useful work is {share:.0%} of that."
        )
    return "\n".join(lines)


def tuned(rounds: Mapping[str, list[Measured]]) -> str:
    """Return the table of the classes against the tuned loops of their frameworks."""
    lines = ["| class | loop | images/s of the loop | class / loop | range |"]
    lines.append("|---|---|---:|---:|---:|")
    for name, blocks in rounds.items():
        framework, _, loop = name.partition(": ")
        if not loop:
            continue
        own = FRAMEWORKS[framework]
        pairs = [
            (mine["train"], block["train"])
            for mine, block in zip(rounds[own], blocks, strict=True)
            if "train" in block
        ]
        if pairs:
            ratios = [mine / other for mine, other in pairs]
            lines.append(
                f"| {own} | {loop} | {median(other for _, other in pairs):,.0f} | "
                f"{median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
            )
    return "\n".join(lines)


def page(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables, by the names of their blocks in a page."""
    tables = {}
    for network, rounds in found["rounds"].items():
        tables[f"speed:{network}"] = table(rounds, "train", network)
        if any(": " in name for name in rounds):
            tables[f"tuned:{network}"] = tuned(rounds)
        tables[f"predict:{network}"] = "\n\n".join(
            f"{size} at once:\n\n{table(rounds, f'predict {size}', network)}"
            for size in BATCHES
        )
    return tables


def main() -> None:
    """Measure, write benchmarks/results.json, print or place the tables."""
    parser = options("speed", "Measure the speed of everything, in turns.")
    parser.add_argument("--quick", action="store_true", help="1 round, no tuned loops")
    chosen = parser.parse_args()
    dataset = load(chosen.dataset)
    found = {
        "environment": environment.describe(resources.cores()),
        "dataset": dataset.name,
        "rounds": run(dataset.folder, chosen.quick),
    }
    FILE.write_text(json.dumps(found, indent=1), "utf-8")
    for name, text in page(found).items():
        place(text, name, chosen.pages)


if __name__ == "__main__":
    command(main)
