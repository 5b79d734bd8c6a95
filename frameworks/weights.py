"""Weights outside any framework: names and roles, how they are drawn, what fits.

A weight is called by its layer and its role: `stage1.block1.conv1.kernel`. A kernel is
(kh, kw, inputs / groups, outputs), or (inputs, outputs) of a dense layer; the others
are (outputs,). A depthwise convolution is in a layer named `depthwise`, and its kernel
is (kh, kw, channels, 1).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

TRAINED = ("kernel", "bias", "gamma", "beta")  # moved along their gradients
# Running statistics, which follow the batches; and what is computed from the images
STATE = ("mean", "variance", "whitening")

VARIANCES = {"he_normal": 2, "dirac": 1 / 3}  # of kernels, times fan_in

Weights = dict[str, np.ndarray]
Item = TypeVar("Item")


class Kind(NamedTuple):
    """What a weight looks like, whatever its values are."""

    shape: tuple[int, ...]
    dtype: np.dtype


def is_trained(name: str) -> bool:
    """Return whether a weight, called by its name or its role, is trained."""
    return name.rpartition(".")[2] in TRAINED


def decays(name: str) -> bool:
    """Return whether weight decay acts on a weight: on kernels alone."""
    return name.rpartition(".")[2] == "kernel"


def is_depthwise(name: str) -> bool:
    """Return whether a weight is in a depthwise convolution: no two channels meet."""
    return "depthwise" in name.split(".")


def full_name(path: str) -> str:
    """Return the name at a path to a layer or a weight: numbered steps are left out."""
    return ".".join(step for step in path.split(".") if not step.isdecimal())


def unique(named: Iterable[tuple[str, Item]]) -> dict[str, Item]:
    """Return names and what they name; ValueError where one names two."""
    items: dict[str, Item] = {}
    for name, item in named:
        if name in items:
            raise ValueError(f"two layers of the network are named {name!r}.")
        items[name] = item
    return items


def kinds(weights: Mapping[str, np.ndarray]) -> dict[str, Kind]:
    """Return the shape and dtype of each weight.

    Raises
    ------
    ValueError
        A weight has no role: nobody would know how to draw or to train it.
    """
    for name, weight in weights.items():
        role = name.rpartition(".")[2]
        matrix = role in ("kernel", "whitening")
        if role not in TRAINED + STATE or (matrix and weight.ndim < 2):
            raise ValueError(
                f"a network cannot have the weight {name!r} of shape {weight.shape}: "
                "weights are a kernel or whitening, of inputs and outputs, or "
                f"{', '.join((*TRAINED, *STATE)[1:-1])}, a number an output."
            )
    return {name: Kind(w.shape, w.dtype) for name, w in weights.items()}


def draw(
    like: Mapping[str, Kind], rng: np.random.Generator, kernels: str = "glorot_uniform"
) -> Weights:
    """Draw initial weights, in the order of their sorted names.

    Parameters
    ----------
    like : mapping of str to Kind
    rng : Generator
    kernels : {"glorot_uniform", "he_normal", "dirac"}
        For all kernels but the output's, which is Glorot uniform always. He normal has
        variance 2 / fan_in (He, Zhang, Ren, Sun 2015, equation 10). Dirac: as many
        filters as there are channels pass one on, pixel by pixel, and the others are
        normal with variance 1 / (3 fan_in) (Zagoruyko, Komodakis 2017; Jordan 2024).

    Returns
    -------
    dict of str to array
        Gammas and variances are 1; biases, betas and means 0.
    """
    start = {"gamma": 1, "variance": 1}
    drawn = {}
    for name, (shape, dtype) in sorted(like.items()):
        layer, _, role = name.rpartition(".")
        if role != "kernel":
            drawn[name] = np.full(shape, start.get(role, 0), dtype)
        elif kernels in VARIANCES and layer != "output":
            fan_in = np.prod(shape[:2] if is_depthwise(name) else shape[:-1])
            std = np.sqrt(VARIANCES[kernels] / fan_in)
            drawn[name] = rng.normal(0, std, shape).astype(dtype)
            if kernels == "dirac":
                _pass_on(drawn[name])
        else:
            drawn[name] = _glorot_uniform(shape, rng).astype(dtype)
    return {name: drawn[name] for name in like}


def _pass_on(kernel: np.ndarray) -> None:
    """Let the first filters of (kh, kw, c, f) pass their channel on as it is."""
    kh, kw, c, f = kernel.shape
    some = np.arange(min(c, f))
    kernel[..., some] = 0
    kernel[kh // 2, kw // 2, some, some] = 1


def mean(several: Sequence[Weights]) -> Weights:
    """Return the mean of several networks' weights, summed in float64."""
    return {
        name: np.mean([weights[name] for weights in several], 0, float).astype(w.dtype)
        for name, w in several[0].items()
    }


def _glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot, Bengio 2010, equation 16)."""
    *window, inputs, outputs = shape
    limit = np.sqrt(6 / (np.prod(window) * (inputs + outputs)))
    return rng.uniform(-limit, limit, shape)


def check(given: Mapping[str, Any], like: Mapping[str, Kind]) -> Weights:
    """Return `given` as arrays, if they have the names, shapes, dtypes of `like`.

    Raises
    ------
    ValueError
        A name is missing or unknown, or an array has another shape or dtype.
    """
    unknown = [name for name in given if name not in like]
    missing = [name for name in like if name not in given]
    if unknown or missing:
        raise ValueError(
            f"the network's weights are {list(like)}: "
            f"missing {missing or 'none'}, unknown {unknown or 'none'}."
        )
    arrays = {name: np.asarray(given[name]) for name in like}
    for name, array in arrays.items():
        for what in ("shape", "dtype"):
            actual, expected = getattr(array, what), getattr(like[name], what)
            if actual != expected:
                raise ValueError(
                    f"weight {name!r} has {what} {actual}, but the network's has "
                    f"{what} {expected}."
                )
    return arrays
