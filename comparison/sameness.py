"""The proof that the classes of a run are one network, on the run's own images.

The reference is Skylark_CNN, with its plain engine, in float64. Every class, in a
process of its own, is given the same weights and the same images, and must give the
same outputs of every layer, the same gradient, and the same losses and weights after
epochs of training. Only the contract is used, so that any class can be put to it.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from comparison import environment, process
from comparison.contestants import Contestant, find
from frameworks.lazy import load
from frameworks.weights import glorot_uniform
from models import Skylark_CNN

DTYPE = "float64"
BATCH_SIZE, BATCHES, EPOCHS = 32, 6, 8  # the last batch of each epoch is short
# Moderate, whatever the run's own rate: where training diverges, so does rounding.
TRAINING = {
    "batch_size": BATCH_SIZE,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 1e-3,
    "random_state": 0,
}
LIMITS = {
    "logits_max_abs": 1e-10,
    "gradient_max_rel": 1e-8,
    "loss_max_rel": 1e-9,
    "weights_max_rel": 1e-6,
}
# For a library that rounds to float32 inside, whatever it is given. Rounding is below a
# tenth of these, and every planted fault of the tests is above.
LIMITS_FLOAT32 = {
    "logits_max_abs": 1e-5,
    "gradient_max_rel": 1e-5,
    "loss_max_rel": 1e-5,
    "weights_max_rel": 1e-4,
}

Evidence = dict[str, np.ndarray]


def limits(dtype: str) -> dict[str, float]:
    """Return how far a class may be from the reference, in its arithmetic."""
    return LIMITS if dtype == DTYPE else LIMITS_FLOAT32


def gather(
    Model: type,
    X: np.ndarray,
    y: np.ndarray,
    network: Mapping[str, Any],
    dtype: str = DTYPE,
) -> Evidence:
    """Return what a class computes: layers' outputs, gradients, losses and weights.

    Parameters
    ----------
    Model : class
        One that follows the contract.
    X, y : (n, h, w, c), (n,)
        Images for training, with a last, short batch.
    network : dict
        Parameters of its constructor: filters, hidden_units, activation, engine.
    dtype : str
        Of the class's arithmetic.

    Returns
    -------
    dict of str to array
        `layer/NAME`, `gradient/NAME`, `trained/NAME` and `losses` (epochs,).
    """
    settings = TRAINING | {"dtype": dtype} | dict(network)
    importance = np.random.default_rng(0).uniform(0.5, 2, len(X))

    # One step of learning rate 1 without momentum moves every weight by its gradient.
    step = {"learning_rate": 1.0, "momentum": 0.0, "epochs": 1, "batch_size": len(X)}
    model = Model(**settings | step).fit(X, y, importance)
    weights = _draw(model.get_weights())
    model.set_weights(weights)
    found = {f"layer/{name}": model.transform(X, name) for name in model.layer_shapes()}
    moved = model.partial_fit(X, y, sample_weight=importance).get_weights()
    found |= {f"gradient/{name}": weights[name] - moved[name] for name in weights}

    model = Model(**settings | {"epochs": EPOCHS}).fit(X, y, importance)
    found |= {f"trained/{name}": array for name, array in model.get_weights().items()}
    found["losses"] = np.array(model.history_["loss"])
    return found


def deviations(found: Evidence, reference: Evidence) -> dict[str, float]:
    """Return how far a class is from the reference, by the names of LIMITS.

    Relative to the norm of each gradient and each weight, and to each loss.

    Raises
    ------
    ValueError
        The layers or the weights have other names or shapes.
    """
    if {k: v.shape for k, v in found.items()} != {
        k: v.shape for k, v in reference.items()
    }:
        odd = sorted(found.keys() ^ reference.keys()) or "their shapes"
        raise ValueError(f"the layers and weights are others: {odd}")
    worst = dict.fromkeys(LIMITS, 0.0)
    for name, expected in reference.items():
        difference = found[name] - expected
        kind = name.partition("/")[0]
        if kind == "layer":
            measure, value = "logits_max_abs", np.abs(difference).max()
        elif kind == "losses":
            measure, value = "loss_max_rel", np.abs(difference / expected).max()
        else:
            measure = "gradient_max_rel" if kind == "gradient" else "weights_max_rel"
            scale = np.linalg.norm(expected) or 1.0
            value = np.linalg.norm(difference) / scale
        worst[measure] = float(np.maximum(worst[measure], value))  # NaN stays
    return worst


def verdict(worst: Mapping[str, float], dtype: str = DTYPE) -> bool:
    """Return whether every deviation is within its limit; NaN is not."""
    return all(worst[name] <= limit for name, limit in limits(dtype).items())


def prove(
    contestants: Sequence[Contestant],
    folder: Path,
    network: Mapping[str, Any],
    threads: int,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Return the proof for some contestants: what results.json keeps as `sameness`.

    Parameters
    ----------
    contestants : sequence of Contestant
    folder : Path
        Of the data set.
    network : mapping
        The network's parameters.
    threads : int
        For every process.
    timeout : float or None
        Seconds for each.

    Returns
    -------
    dict
        `passed`, `dtype`, `steps`, `limits`, the largest deviation of each kind, and
        under `models` the same for each, with its own `dtype` and `limits`. A class
        that could not be run has `error`; one whose framework is not installed has
        `passed` None. The largest deviations are of those proved in `dtype`.
    """
    with tempfile.TemporaryDirectory() as scratch:

        def evidence(number: int, contestant: Contestant) -> tuple[Path, Any]:
            file = Path(scratch, f"{number}.npz")
            spec = {
                "folder": str(folder),
                "network": dict(network) | contestant.parameters,
                "dtype": contestant.dtype,
                "file": str(file),
            }
            return file, process.run(
                "comparison.sameness",
                spec | contestant.spec(),
                threads=threads,
                on_event=lambda event: None,
                timeout=timeout,
                environment=contestant.environment,
            )

        with ThreadPoolExecutor(environment.cores()) as pool:
            every = [_reference(), *contestants]
            futures = [pool.submit(evidence, *pair) for pair in enumerate(every)]
            try:
                (reference, ending), *others = [future.result() for future in futures]
            except BaseException:  # Ctrl-C comes to this thread, not to the pool's
                pool.shutdown(wait=False, cancel_futures=True)
                process.stop_all()
                raise
        if ending.status != "ok":
            raise RuntimeError(f"the reference could not be run: {ending.error}")
        verdicts = {
            contestant.name: _judge(*found, reference, contestant.dtype)
            for contestant, found in zip(contestants, others, strict=True)
        }
    measured = [
        v for v in verdicts.values() if "error" not in v and v["dtype"] == DTYPE
    ]
    return {
        "passed": all(verdict["passed"] is not False for verdict in verdicts.values()),
        "dtype": DTYPE,
        "steps": BATCHES * EPOCHS,
        "limits": LIMITS,
        **{name: max((v[name] for v in measured), default=None) for name in LIMITS},
        "models": verdicts,
    }


def explain(verdict: Mapping[str, Any]) -> str:
    """Return in what a class is not the reference's network."""
    if "error" in verdict:
        return verdict["error"]
    bounds = verdict["limits"].items()
    return ", ".join(
        f"{name} {verdict[name]:.0e} (limit {bound:.0e})"
        for name, bound in bounds
        if not verdict[name] <= bound
    )


def _reference() -> Contestant:
    """Return what all are compared with: Skylark_CNN, the readable layers."""
    has_engines = "engine" in Skylark_CNN().get_params()
    return find("skylark:plain") if has_engines else find("skylark")


def _judge(
    file: Path, ending: process.Ending, reference: Path, dtype: str
) -> dict[str, Any]:
    """Return one model's deviations and whether they are within the limits."""
    about = {"dtype": dtype, "limits": limits(dtype)}
    if ending.status != "ok":
        missing = ending.status == "skipped"
        return about | {"passed": None if missing else False, "error": ending.error}
    try:
        with np.load(file) as found, np.load(reference) as expected:
            worst = deviations(dict(found), dict(expected))
    except ValueError as error:
        return about | {"passed": False, "error": str(error)}
    return about | worst | {"passed": verdict(worst, dtype)}


def _gather(spec: Mapping[str, Any], emit: Callable[..., None]) -> None:
    """Write one class's evidence to a file: the work of a child process."""
    from comparison.trial import find_class
    from data import Dataset

    if spec["framework"]:
        load(spec["framework"])
    dataset = Dataset.open(spec["folder"])
    rows = _rows(dataset.y_train)
    X, y = dataset.x_train[rows], dataset.y_train[rows]
    found: Any = gather(find_class(spec), X, y, spec["network"], spec["dtype"])
    np.savez(spec["file"], **found)


def _rows(y: np.ndarray) -> np.ndarray:
    """Return the rows of some images, in which every class occurs."""
    _, firsts = np.unique(y, return_index=True)
    order = np.random.default_rng(0).permutation(len(y))
    others = order[~np.isin(order, firsts)]
    size = BATCH_SIZE * BATCHES - BATCH_SIZE // 2
    return np.concatenate([firsts, others])[: max(size, len(firsts))]


def _draw(like: Evidence) -> Evidence:
    """Return new weights of the same shapes; no bias is zero, for zeros hide errors."""
    rng = np.random.default_rng(0)
    weights = glorot_uniform(like, rng)
    for name, array in weights.items():
        if name.endswith(".bias"):
            weights[name] = rng.uniform(-0.1, 0.1, array.shape).astype(array.dtype)
    return weights


if __name__ == "__main__":
    process.serve(_gather)
