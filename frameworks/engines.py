"""The engines of Skylark: three ways to compute the same layers."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from numbers import Integral
from typing import Protocol

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from frameworks.layers import (
    Container,
    Conv2D,
    Dense,
    Flatten,
    Identity,
    Layer,
    MaxPool2D,
    ReLU,
    Sequential,
)

ENGINES = ("fast", "plain", "loops")
# Modules of their own, which are imported when they are first used. Where "fast" does
# not know all layers of a network, it is "shared".
MODULES = {
    "fast": "frameworks.fast.net",
    "shared": "frameworks.fast.shared",
    "loops": "frameworks.loops",
}
CONSTRAINTS = {
    "engine": [StrOptions(set(ENGINES))],
    "n_jobs": [
        Interval(Integral, 1, 1024, closed="both"),  # each has memory of its own
        Options(Integral, {-1}),
        None,
    ],
}
# The layers that fast and loops know, of convolutions the plainest; each of them treats
# every image by itself.
KNOWN = (Conv2D, Dense, Flatten, Identity, MaxPool2D, ReLU)
# Where those are that shared knows: in another one, images may meet.
OURS = "frameworks.layers."


class Network(Protocol):
    """What every engine makes of a `Sequential`: images in, gradients out.

    Images come as everywhere in the project, (n, h, w, c); each engine copies them into
    the layout that it computes in. What it returns has the images last.

    Attributes
    ----------
    net : Sequential
        The layers, which hold the weights and, after `backward`, their gradients.
    """

    net: Sequential

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """Return the output of a layer for images x (n, h, w, c).

        Logits are (classes, n); what a convolution or a pool returns is (f, h', w', n).
        With `training`, keep what `backward` needs.
        """

    def backward(self, dlogits: np.ndarray) -> None:
        """Give all weights their gradients, from that of the logits (classes, n)."""


class PlainNet:
    """The layers themselves, whose own layout is (c, h, w, n)."""

    def __init__(self, net: Sequential) -> None:
        self.net = net

    def forward(
        self, x: np.ndarray, layer: str = "output", training: bool = False
    ) -> np.ndarray:
        """(n, h, w, c) -> (classes, n), or the output of the layer of that name."""
        return self.net.forward(x.transpose(3, 1, 2, 0), training, layer)

    def backward(self, dlogits: np.ndarray) -> None:
        """(classes, n): give all weights their gradients."""
        self.net.backward(dlogits)


def start(
    engine: str, net: Sequential, image_shape: tuple[int, int, int], n_jobs: int | None
) -> Network:
    """Return the network that computes these layers for images (h, w, c).

    It is the engine's own where the engine knows all the layers, otherwise another: see
    `runs`. `n_jobs` is for "fast" alone, and for "shared".
    """
    engine = runs(engine, net)
    if engine == "plain":
        return PlainNet(net)
    return import_module(MODULES[engine]).start(net, image_shape, n_jobs)


def runs(engine: str, net: Sequential) -> str:
    """Return the name of the engine that `start` takes: `engine`, "shared" or "plain".

    A layer must be of a known type itself: what a subclass computes, only its own
    `forward` and `backward` know.
    """
    if _known(net):
        return engine
    return "shared" if engine == "fast" and _can_be_shared(net) else "plain"


def _known(layer: Layer) -> bool:
    if type(layer) is Sequential:
        return all(map(_known, layer.layers.values()))
    if type(layer) is Conv2D:
        has_bias = "bias" in layer.roles
        return has_bias and (layer.stride, layer.padding, layer.groups) == (1, 0, 1)
    if type(layer) is MaxPool2D:
        return (layer.stride, layer.padding) == (layer.window, 0)
    return type(layer) in KNOWN


def _can_be_shared(layer: Layer) -> bool:
    inside = layer.layers.values() if isinstance(layer, Container) else ()
    ours = type(layer).__module__.startswith(OURS)
    return ours and all(map(_can_be_shared, inside))


def training(net: Network, images: int) -> AbstractContextManager[None]:
    """Return the context in which to train a network: with its processes, if any.

    `images` is how many there are in all epochs.
    """
    processes = getattr(net, "processes", None)
    return processes(images) if processes else nullcontext()
