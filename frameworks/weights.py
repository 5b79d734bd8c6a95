"""Weights outside any framework: how they are drawn, and what fits a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from frameworks.lazy import keras, tf, torch

Weights = dict[str, np.ndarray]


def glorot_uniform(like: Mapping[str, np.ndarray], rng: np.random.Generator) -> Weights:
    """Draw new kernels and set biases to zero; other weights stay as they are.

    A kernel (..., in, out) is uniform in +-sqrt(6 / (fan_in + fan_out)), with the
    fans counted over its window (Glorot, Bengio 2010, equation 16).
    """
    drawn = {}
    for name, weight in like.items():
        if name.endswith(".kernel"):
            *window, inputs, outputs = weight.shape
            limit = np.sqrt(6 / (np.prod(window) * (inputs + outputs)))
            weight = rng.uniform(-limit, limit, weight.shape).astype(weight.dtype)
        elif name.endswith(".bias"):
            weight = np.zeros_like(weight)
        drawn[name] = weight
    return drawn


def check(weights: Mapping[str, Any], like: Mapping[str, np.ndarray]) -> Weights:
    """Return `weights` as arrays, if they have the names, shapes, dtypes of `like`.

    Raises
    ------
    ValueError
        A name is missing or unknown, or an array has another shape or dtype.
    """
    unknown = [name for name in weights if name not in like]
    missing = [name for name in like if name not in weights]
    if unknown or missing:
        raise ValueError(
            f"the network's weights are {list(like)}: "
            f"missing {missing or 'none'}, unknown {unknown or 'none'}."
        )
    arrays = {name: np.asarray(weights[name]) for name in like}
    for name, array in arrays.items():
        for what in ("shape", "dtype"):
            given, expected = getattr(array, what), getattr(like[name], what)
            if given != expected:
                raise ValueError(
                    f"weight {name!r} has {what} {given}, but the network's has "
                    f"{what} {expected}."
                )
    return arrays


def seed(framework: str, number: int) -> None:
    """Seed a framework's own initialisers."""
    if framework == "torch":
        torch.manual_seed(number)
    elif framework == "keras":
        keras.utils.set_random_seed(number)
    elif framework == "tensorflow":
        tf.random.set_seed(number)
