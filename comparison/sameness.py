"""The proof that the classes of a run are one network, on the run's own images.

The reference is Skylark_CNN, with its plain engine, in float64. Every class, in a
process of its own, is given the same weights and the same images, and must give the
same outputs of every layer, the same gradient, and the same losses and weights after
epochs of training. Only the contract is used, so that any class can be put to it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from frameworks.weights import glorot_uniform

DTYPE = "float64"
BATCHES, EPOCHS = 6, 8  # of training; the last batch of each epoch is short
LIMITS = {
    "logits_max_abs": 1e-10,
    "gradient_max_rel": 1e-8,
    "loss_max_rel": 1e-9,
    "weights_max_rel": 1e-6,
}

Evidence = dict[str, np.ndarray]


def gather(
    Model: type, X: np.ndarray, y: np.ndarray, settings: Mapping[str, Any]
) -> Evidence:
    """Return what a class computes: layers' outputs, gradients, losses and weights.

    Parameters
    ----------
    Model : class
        One that follows the contract.
    X, y : (n, h, w, c), (n,)
        Images for training, with a last, short batch.
    settings : dict
        Parameters of its constructor: the network, batch_size, learning_rate ...

    Returns
    -------
    dict of str to array
        `layer/NAME`, `gradient/NAME`, `trained/NAME` and `losses` (epochs,).
    """
    settings = {"weight_decay": 1e-3, "random_state": 0, **settings, "dtype": DTYPE}
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


def verdict(worst: Mapping[str, float]) -> bool:
    """Return whether every deviation is within its limit; NaN is not."""
    return all(worst[name] <= limit for name, limit in LIMITS.items())


def _draw(like: Evidence) -> Evidence:
    """Return new weights of the same shapes; no bias is zero, for zeros hide errors."""
    rng = np.random.default_rng(0)
    weights = glorot_uniform(like, rng)
    for name, array in weights.items():
        if name.endswith(".bias"):
            weights[name] = rng.uniform(-0.1, 0.1, array.shape)
    return weights
