"""The engines of Skylark: three ways to compute the same layers."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, Options, StrOptions

from frameworks.layers import Sequential

# Each with its module, which is imported when it is first used.
ENGINES = {
    "fast": "frameworks.fast.net",
    "plain": "frameworks.layers",
    "loops": "frameworks.loops",
}
CONSTRAINTS = {
    "engine": [StrOptions(set(ENGINES))],
    "n_jobs": [
        Interval(Integral, 1, None, closed="left"),
        Options(Integral, {-1}),
        None,
    ],
}


def start(
    engine: str, net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Any:
    """Return what computes a network: something that looks like it, or `net` itself."""
    module = import_module(ENGINES[engine])
    if engine == "plain":
        return net
    return module.start(net, image_shape, n_jobs)


def training(net: Any) -> AbstractContextManager[None]:
    """Return the context in which to train a network: with its processes, if any."""
    return getattr(net, "processes", nullcontext)()
