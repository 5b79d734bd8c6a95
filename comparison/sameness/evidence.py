"""The proof that the classes of a run are one network, on the run's own images.

The standard is Skylark's class, with its plain engine, in float64. Every class, in a
process of its own, is given the same weights and the same images, and must give the
same outputs of every layer, the same gradient, and the same losses, weights and running
statistics after epochs of training. Only the contract is used, so any class can be put
to it.
"""

from collections.abc import Callable
from math import hypot
from typing import Any, NotRequired, cast

import numpy as np

from comparison.processes import process
from comparison.processes.resources import peak_memory_bytes
from comparison.processes.trial import ClassSpec, find_class
from comparison.records import Deviation, Deviations
from frameworks.lazy import load
from frameworks.weights import Kind, draw, is_trained, kinds

DTYPE = "float64"
BATCH_SIZE, BATCHES, EPOCHS = 16, 6, 8  # the last batch of each epoch is short
# Whatever the run's own rate: where training diverges, so does rounding. In a network
# of a hundred norms and few channels, 48 steps take it from 1e-16 to 1e-10 at a rate of
# 1e-7, and to 1 at 1e-6. How far training moves a weight is compared by itself, so that
# no fault hides behind a small rate.
LEARNING_RATE, LEARNING_RATE_WITH_NORMS = 1e-2, 1e-8
# Of the training, whatever the class's own: Dirac kernels pass on channels that hardly
# vary where images have flat margins, as MNIST's do, and each norm amplifies their
# rounding up to 300 times. The class's own way is compared in a kernel of this shape.
KERNELS, KERNEL_SHAPE = "he_normal", (3, 3, 4, 5)
TRAINING = {
    "batch_size": BATCH_SIZE,
    "momentum": 0.9,
    "weight_decay": 1e-3,
    "random_state": 0,
}
# Each distance is relative to the norm of what is compared, or to the floor.
LIMITS: dict[Deviation, float] = {
    "outputs_max_rel": 1e-10,
    "gradient_max_rel": 1e-8,
    "loss_max_rel": 1e-9,
    "weights_max_rel": 1e-6,
    "moved_max_rel": 1e-4,  # of equal pixels, rounding decides which a pool takes
    "state_max_rel": 1e-7,
}
# No norm counts as less than this share of the norm of all evidence of its kind, or of
# 1 where that is more: a mean or a gradient that is 0 but for rounding has no relative
# error.
FLOOR = 1e-6
# For a library that rounds to float32 inside, whatever it is given. Rounding is below a
# tenth of these; every fault that the tests plant in the small CNN is above, but for
# rounding itself.
LIMITS_FLOAT32: dict[Deviation, float] = {
    "outputs_max_rel": 1e-5,
    "gradient_max_rel": 1e-5,
    "loss_max_rel": 1e-5,
    "weights_max_rel": 1e-4,
    "moved_max_rel": 1e-3,
    "state_max_rel": 1e-4,
}

Evidence = dict[str, np.ndarray]


class EvidenceSpec(ClassSpec):
    """The class, its parameters, and the images: `folder` is the data set's.

    `dtype` is the arithmetic's; `file` is where a child writes what it has gathered:
    with a learning `rate`, of training alone.
    """

    folder: str
    parameters: dict[str, Any]
    dtype: str
    file: NotRequired[str]
    rate: NotRequired[float]


def limits(dtype: str) -> dict[Deviation, float]:
    """Return how far a class may be from the standard, in its arithmetic."""
    return LIMITS if dtype == DTYPE else LIMITS_FLOAT32


def gather(
    Model: type,
    X: np.ndarray,
    y: np.ndarray,
    parameters: dict[str, Any],
    dtype: str = DTYPE,
) -> Evidence:
    """Return what a class computes: layers' outputs, gradients, losses and weights.

    Parameters
    ----------
    Model : class
        One that follows the contract.
    X, y : (n, h, w, c), (n,)
        Images for training, with a last, short batch. Numbers that are no bytes are
        scaled to 1 at the most: on larger ones training diverges, and so does rounding.
    parameters : dict
        Of its constructor: the sizes of its family, an engine.
    dtype : str
        Of the class's arithmetic.

    Returns
    -------
    dict of str to array
        `outputs/LAYER`, `gradient/WEIGHT`, `loss/epochs`; after training
        `weights/WEIGHT`, and `moved/WEIGHT` since its first epoch; of running
        statistics `state/WEIGHT` after training, and `state/WEIGHT, one step`; and
        `weights/kernels`, drawn as the class has it.
    """
    step = gather_step(Model, X, y, parameters, dtype)
    rate = training_rate(step)
    return step | gather_training(Model, X, y, parameters, dtype, rate)


def gather_step(
    Model: type, X: np.ndarray, y: np.ndarray, parameters: dict[str, Any], dtype: str
) -> Evidence:
    """Return the part of the evidence that drawn weights and one step give."""
    # One step of learning rate 1 without momentum moves every weight by its gradient.
    # All images in one step would take gigabytes in a deep network: some will do.
    step = {"learning_rate": 1.0, "momentum": 0.0}
    few, y_few, importance = _scaled(X)[:BATCH_SIZE], y[:BATCH_SIZE], _importance(y)
    model = Model(**TRAINING | {"dtype": dtype} | parameters | step)
    model.partial_fit(few[:2], y_few[:2], classes=np.unique(y))
    weights = _draw(model.get_weights())
    model.set_weights(weights)
    outputs = {name: model.transform(few, name) for name in model.layer_shapes()}
    evidence = {f"outputs/{name}": array for name, array in outputs.items()}
    model.partial_fit(few, y_few, sample_weight=importance[:BATCH_SIZE])
    for name, weight in model.get_weights().items():
        if is_trained(name):
            evidence[f"gradient/{name}"] = weights[name] - weight
        else:
            evidence[f"state/{name}, one step"] = weight
    return evidence


def training_rate(step: Evidence) -> float:
    """Return the learning rate of the training that follows a step."""
    normed = any(name.startswith("state/") for name in step)
    return LEARNING_RATE_WITH_NORMS if normed else LEARNING_RATE


def gather_training(
    Model: type,
    X: np.ndarray,
    y: np.ndarray,
    parameters: dict[str, Any],
    dtype: str,
    rate: float,
) -> Evidence:
    """Return the part of the evidence that epochs give, from KERNELS."""
    first: Evidence = {}

    def on_epoch_end(model: Any, logs: dict[str, Any]) -> None:
        first.update({} if first else model.get_weights())

    training = {"epochs": EPOCHS, "learning_rate": rate, "on_epoch_end": on_epoch_end}
    model = Model(**TRAINING | {"dtype": dtype} | parameters | training)
    model.kernels = KERNELS
    model.fit(_scaled(X), y, _importance(y))
    evidence = {
        "loss/epochs": np.array(model.history_["loss"]),
        "weights/kernels": _kernel(Model),
    }
    for name, weight in model.get_weights().items():
        if is_trained(name):
            evidence[f"weights/{name}"] = weight
            evidence[f"moved/{name}"] = weight - first[name]
        else:
            evidence[f"state/{name}"] = weight
    return evidence


def _scaled(X: np.ndarray) -> np.ndarray:
    """Return images that are bytes, or numbers of 1 at the most."""
    if X.dtype == np.uint8:
        return X
    return np.asarray(X, DTYPE) / max(1.0, float(np.abs(X).max()))


def _importance(y: np.ndarray) -> np.ndarray:
    """Return a weight for each image."""
    return np.random.default_rng(0).uniform(0.5, 2, len(y))


def deviations(evidence: Evidence, standard: Evidence) -> Deviations:
    """Return how far a class is from the standard.

    Returns
    -------
    Deviations
        The largest distance of each kind, by the names of LIMITS; and, to be read
        only, `logits_max_abs`, the largest difference of a logit.

    Raises
    ------
    ValueError
        The layers or the weights have other names or shapes.
    """
    shapes, expected_shapes = (
        {name: array.shape for name, array in arrays.items()}
        for arrays in (evidence, standard)
    )
    odd = {name for name, _ in shapes.items() ^ expected_shapes.items()}
    if odd:
        some, others = sorted(odd)[:6], len(odd) - 6
        more = f" and {others} more" if others > 0 else ""
        raise ValueError(f"the layers and weights are others: {', '.join(some)}{more}")
    worst = dict.fromkeys(LIMITS, 0.0)
    norms = {name: float(np.linalg.norm(array)) for name, array in standard.items()}
    for measure in LIMITS:
        kind = measure.removesuffix("_max_rel")
        names = [name for name in standard if name.startswith(f"{kind}/")]
        floor = FLOOR * max(1.0, hypot(*(norms[name] for name in names)))
        for name in names:
            distance = np.linalg.norm(evidence[name] - standard[name])
            relative = distance / max(norms[name], floor)
            worst[measure] = float(np.maximum(worst[measure], relative))  # NaN stays
    logits = evidence["outputs/output"] - standard["outputs/output"]
    return cast(Deviations, worst | {"logits_max_abs": float(np.abs(logits).max())})


def within_limits(worst: Deviations, dtype: str = DTYPE) -> bool:
    """Return whether every deviation is within its limit; NaN is not."""
    return all(worst[name] <= limit for name, limit in limits(dtype).items())


def gather_for_run(spec: EvidenceSpec) -> Evidence:
    """Return one class's evidence on images of the run."""
    return gather(*_arguments(spec))


def _write(spec: EvidenceSpec, emit: Callable[..., None]) -> None:
    """Write one class's evidence to a file: the work of a child process.

    Two networks of a hundred layers do not fit in 1.5 GB, graphs and all: where the
    network has norms, training is left to another process, at the rate that is emitted.
    """
    arguments = _arguments(spec)
    if "rate" in spec:
        evidence, left = gather_training(*arguments, spec["rate"]), None
    else:
        evidence = gather_step(*arguments)
        rate = training_rate(evidence)
        left = rate if rate == LEARNING_RATE_WITH_NORMS else None
        if left is None:
            evidence |= gather_training(*arguments, rate)
    arrays: Any = evidence
    np.savez(spec["file"], **arrays)
    emit("gathered", left=left, peak_memory_bytes=peak_memory_bytes())


def _arguments(
    spec: EvidenceSpec,
) -> tuple[type, np.ndarray, np.ndarray, dict[str, Any], str]:
    """Return what `gather` takes."""
    from data import Dataset

    if spec["framework"]:
        load(spec["framework"])
    dataset = Dataset.open(spec["folder"])
    rows = _rows(dataset.y_train)
    X, y = dataset.x_train[rows], dataset.y_train[rows]
    return find_class(spec), X, y, spec["parameters"], spec["dtype"]


def _kernel(Model: type) -> np.ndarray:
    """Return an initial kernel, drawn as the class draws its own."""
    like = {"layer.kernel": Kind(KERNEL_SHAPE, np.dtype(DTYPE))}
    kernels = getattr(Model, "kernels", KERNELS)
    return draw(like, np.random.default_rng(0), kernels)["layer.kernel"]


def _rows(y: np.ndarray) -> np.ndarray:
    """Return the rows of some images, in which every class occurs."""
    _, firsts = np.unique(y, return_index=True)
    order = np.random.default_rng(0).permutation(len(y))
    others = order[~np.isin(order, firsts)]
    size = BATCH_SIZE * BATCHES - BATCH_SIZE // 2
    return np.concatenate([firsts, others])[: max(size, len(firsts))]


def _draw(like: Evidence) -> Evidence:
    """Return new weights of the same shapes, none of them 0 or 1: faults hide there."""
    rng = np.random.default_rng(0)
    weights = draw(kinds(like), rng)
    for name, array in sorted(weights.items()):
        role = name.rpartition(".")[2]
        if role != "kernel":
            # A gamma of 3 takes some numbers over the 6 of ReLU6
            ranges = {"gamma": (2, 4), "variance": (1.2, 2)}
            low, high = ranges.get(role, (0.02, 0.1))
            sign = rng.choice([-1, 1], array.shape) if high < 1 else 1
            drawn = sign * rng.uniform(low, high, array.shape)
            weights[name] = drawn.astype(array.dtype)
    return weights


if __name__ == "__main__":
    process.serve(_write)
