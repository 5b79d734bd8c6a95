"""Layers of several workers that have the same weights, and images of their own."""

import copy
from collections.abc import Callable
from typing import Any

from frameworks.layers import Container, Layer


def twin(layer: Layer, leaf: Callable[[Any], Any] = copy.copy) -> Any:
    """Return a layer with the same weights, which keeps images of its own.

    `leaf` makes the twin of a layer that is not made of others.
    """
    if not isinstance(layer, Container):
        return leaf(layer)
    whole: Any = copy.copy(layer)
    whole.layers = {name: twin(part, leaf) for name, part in layer.layers.items()}
    return whole
