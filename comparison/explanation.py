"""What a network consists of: each layer, its output, parameters and multiply-adds.

Everything is computed, from Skylark's layers and one image; all four classes are the
same network.
"""

from typing import Any, NamedTuple

import numpy as np

from comparison import records
from comparison.network import classes_of
from frameworks.fast.member import ways
from frameworks.layers import Container, Identity, Sequential
from frameworks.weights import full_name, is_trained

IMAGE_SHAPE, CLASSES = (32, 32, 3), 10  # CIFAR-10's


class LayerSizes(NamedTuple):
    """One layer, for one image."""

    point: str  # what `transform` calls it, or what it is in: "stage1.block1"
    name: str  # in there, "conv1"; empty where it is the point itself
    kind: str  # its class; empty where it is made of others
    shape: tuple[int, ...]  # (h, w, c), or (units,)
    parameters: int  # trained ones
    multiply_adds: int  # of convolutions and dense layers


def explain(
    network: records.Network,
    image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    classes: int = CLASSES,
) -> list[LayerSizes]:
    """Return the layers of a network: each point, and after it what it is made of.

    Parameters
    ----------
    network : records.Network
    image_shape : (h, w, c)
        Of the one image that is looked at.
    classes : int
        How many outputs there are.

    Raises
    ------
    ValueError
        The network has sizes that do not go together.
    """
    h, w, c = image_shape
    net = skylarks_layers(network, image_shape, classes)
    x = np.zeros((c, h, w, 1), np.float32)
    layers = []
    for point, whole in net.layers.items():
        inside: list[LayerSizes] = []
        forward: Any = whole.forward
        if isinstance(whole, Container):
            for path, layer in whole.leaves():
                if not isinstance(layer, Identity):
                    name = full_name(path) or type(layer).__name__.lower()
                    layer.forward = _watched(point, name, layer, inside)
            x = forward(x, training=False)
            sums = [sum(row.parameters for row in inside)]
            sums += [sum(row.multiply_adds for row in inside)]
            layers.append(LayerSizes(point, "", "", _shape(x), *sums))
        else:
            x = _watched(point, "", whole, inside)(x, training=False)
        layers += inside
    return layers


def skylarks_layers(
    network: records.Network,
    image_shape: tuple[int, int, int] = IMAGE_SHAPE,
    classes: int = CLASSES,
) -> Sequential:
    """Return the layers of Skylark's class, for images (h, w, c)."""
    Model: Any = classes_of(network)["skylark"]
    model = Model(**network["sizes"])
    model.check_sizes()
    model.image_shape_, model.classes_ = image_shape, np.arange(classes)
    net: Sequential = model.network()
    return net


def ways_of(network: records.Network, dataset: records.Dataset) -> dict[str, int]:
    """Return in which ways the fast engine computes how many of Skylark's layers."""
    h, w, c = dataset["image_shape"]
    return ways(skylarks_layers(network, (h, w, c), len(dataset["classes"])))


def _watched(point: str, name: str, layer: Any, seen: list[LayerSizes]) -> Any:
    """Return the layer's `forward`, which also notes what it has seen."""
    forward = layer.forward
    roles = [role for role in getattr(layer, "roles", ()) if is_trained(role)]
    parameters = sum(getattr(layer, role).size for role in roles)
    kernel = layer.kernel.size if hasattr(layer, "kernel") else 0

    def watched(x: np.ndarray, training: bool = True) -> np.ndarray:
        out: np.ndarray = forward(x, training=training)
        shape, kind = _shape(out), type(layer).__name__
        pixels = int(np.prod(shape[:-1]))  # each meets the whole kernel
        seen.append(LayerSizes(point, name, kind, shape, parameters, pixels * kernel))
        return out

    return watched


def _shape(out: np.ndarray) -> tuple[int, ...]:
    """(c, h, w, 1) -> the shape as it is everywhere else: (h, w, c)."""
    c, *pixels, _ = out.shape
    return (*pixels, c)
