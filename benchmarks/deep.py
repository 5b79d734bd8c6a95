"""How fast Skylark trains deep networks: its engines, and the other classes, in turns.

    python -m benchmarks.deep DATASET [--networks resnet8 ...] [--rounds 3] [--quick]
        [--steps] [--pages docs/numpy-speed.md]

A small network of each family and ResNet-20, through the public `fit`, float32, batch
64; and predictions of ResNet-20. --quick: one round of ResNet-20 alone. With --steps:
how the engine became what it is, on three networks. Each block is a fresh process;
medians over the rounds, and ratios within them.
"""

import importlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import networks
from benchmarks.blocks import Measured, call, command, load, options, place
from benchmarks.families import NETWORKS
from benchmarks.speed import BATCHES as AT_ONCE
from benchmarks.speed import predicted

BATCHES, EPOCHS = 10, 3  # of 64 images
AT_LEAST = 8  # larger ones: two of speedrun93 show gains that long fits have not
HOW: dict[str, tuple[str, dict[str, Any]]] = {
    "fast": ("skylark", {}),
    "plain": ("skylark", {"engine": "plain"}),
    "Keras": ("keras", {}),
    "PyTorch": ("torch", {}),
    "TensorFlow": ("tf", {}),
}
STEPPED = ("resnet20", "mobilenet_small", "speedrun93")
THREADS = {"shared.LARGE": 1e99}
CONVOLUTIONS = "member.CONVOLUTIONS"
WITHOUT: dict[str, dict[str, Any]] = {  # constants of frameworks/fast/, changed
    "shares on threads": {CONVOLUTIONS: [], **THREADS},
    "and tiles": {CONVOLUTIONS: ["TiledConv2D"], **THREADS},
    "and other convolutions": THREADS,
    "and processes": {},
}
STEPS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "plain": ("skylark", {"engine": "plain"}, {}),
    **{title: ("skylark", {}, constants) for title, constants in WITHOUT.items()},
    "PyTorch": ("torch", {}, {}),
}
FRAMEWORKS = ("Keras", "PyTorch", "TensorFlow")
WHOLE = "resnet20"  # whose predictions are measured as well


def measure(
    folder: str,
    network: str,
    name: str,
    how: dict[str, Any],
    constants: dict[str, Any],
    predict: Sequence[int] = (),
) -> Measured:
    """Return the images a second of one class, all epochs but the first.

    `constants` are those of frameworks/fast/ to change, "module.NAME": a number, or a
    list of names of that module.
    """
    import data
    from frameworks.lazy import load as load_framework

    for path, value in constants.items():
        name_of_module, constant = path.split(".")
        module = importlib.import_module(f"frameworks.fast.{name_of_module}")
        if isinstance(value, list):
            value = tuple(getattr(module, item) for item in value)
        setattr(module, constant, value)
    classes, parameters = networks.load(network)
    if classes[name].framework != "numpy":
        load_framework(classes[name].framework)
    images = data.Dataset.open(folder)
    model = classes[name](**parameters | how | {"epochs": EPOCHS, "random_state": 0})
    count = max(BATCHES * 64, AT_LEAST * model.batch_size)
    model.fit(images.x_train[:count], images.y_train[:count])
    found = {"rate": count * (EPOCHS - 1) / sum(model.history_["seconds"][1:])}
    return found | predicted(model, images.x_test, predict)


def run(folder: Path, network: str, rounds: int) -> list[str]:
    """Return the rows of one network: training, and predictions of WHOLE."""
    sizes = AT_ONCE if network == WHOLE else ()
    titles = {"rate": f"`{network}`"}
    titles |= {f"predict {n}": f"`{network}`, prediction of {n}" for n in sizes}
    rates: dict[str, dict[str, list[float]]]
    rates = {kind: {way: [] for way in HOW} for kind in titles}
    for _ in range(rounds):
        for way, (name, how) in HOW.items():
            block = {"network": network, "name": name, "how": how, "constants": {}}
            measured = call(measure, folder=str(folder), **block, predict=sizes)
            for kind, found in rates.items():
                found[way].append(measured.get(kind, float("nan")))
    return [_row(titles[kind], found) for kind, found in rates.items()]


def _row(title: str, rates: dict[str, list[float]]) -> str:
    """Return one row of the table: images/s each way, and ratios."""
    fastest = [
        max(found) for found in zip(*(rates[f] for f in FRAMEWORKS), strict=True)
    ]
    cells = [f"{median(found):,.0f}" for found in rates.values()]
    cells += [_ratio(rates["fast"], other) for other in (rates["plain"], fastest)]
    cells.append(_ratio(rates["plain"], fastest))
    return f"| {title} | {' | '.join(cells)} |"


def run_steps(folder: Path, network: str, rounds: int) -> list[str]:
    """Return the row of one network: each step, and its gain over the one before."""
    rates: dict[str, list[float]] = {title: [] for title in STEPS}
    for _ in range(rounds):
        for title, (name, how, constants) in STEPS.items():
            block = {"network": network, "name": name, "how": how}
            measured = call(measure, folder=str(folder), **block, constants=constants)
            rates[title].append(measured.get("rate", float("nan")))
    *steps, rival = rates
    cells = [f"{median(rates['plain']):,.0f}"]
    for before, title in pairwise(steps):
        gain = _ratio(rates[title], rates[before])
        cells.append(f"{median(rates[title]):,.0f}: {gain}")
    cells.append(f"{median(rates[rival]):,.0f}")
    cells.append(_ratio(rates[steps[-1]], rates[rival]))
    return [f"| `{network}` | {' | '.join(cells)} |"]


def _ratio(found: Sequence[float], others: Sequence[float]) -> str:
    ratios = [a / b for a, b in zip(found, others, strict=True)]
    span = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{median(ratios):.2f}{span}"


def main() -> None:
    """Measure, and print the table."""
    parser = options("deep", "Measure how fast deep networks are trained.")
    parser.add_argument("--networks", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--quick", action="store_true", help=f"1 round of {WHOLE}")
    parser.add_argument("--steps", action="store_true", help="of the fast engine")
    arguments = parser.parse_args()
    folder = load(arguments.dataset).folder
    if arguments.steps:
        name, row, chosen = "deep:steps", run_steps, STEPPED
        header = ["images/s: gain", *STEPS, "last / PyTorch"]
    else:
        name, row = "deep:quick" if arguments.quick else "deep", run
        chosen = (WHOLE,) if arguments.quick else (*NETWORKS, WHOLE)
        header = ["images/s of", *HOW, "fast / plain", "fast / fastest"]
        header += ["plain / fastest"]
    rows = [f"| {' | '.join(header)} |", f"| --- |{' ---: |' * (len(header) - 1)}"]
    rounds = 1 if arguments.quick else arguments.rounds
    for network in arguments.networks or chosen:
        found = row(folder, network, rounds)
        rows += found
        print(*found, sep="\n", flush=True)
    place("\n".join(rows), name, arguments.pages)


if __name__ == "__main__":
    command(main)
