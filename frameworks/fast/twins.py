"""Layers of several workers that have the same weights, and images of their own."""

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from frameworks.layers import Container, Identity, Layer, Sequential


def twin(layer: Layer, leaf: Callable[[Any], Any] = copy.copy) -> Any:
    """Return a layer with the same weights, which keeps images of its own.

    `leaf` makes the twin of a layer that is not made of others.
    """
    if not isinstance(layer, Container):
        return leaf(layer)
    whole: Any = copy.copy(layer)
    whole.layers = {name: twin(part, leaf) for name, part in layer.layers.items()}
    return whole


def in_a_row(net: Sequential) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where the layers are that come one after the other, but for identities."""
    for name, part in net.layers.items():
        if type(part) is Sequential:
            yield from in_a_row(part)
        elif type(part) is not Identity:
            yield net.layers, name


def neighbours(net: Container) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield the layers of each chain inside a network, and the names of neighbours.

    What the network itself is a chain of is left out: it keeps the outputs that it has.
    """
    for part in net.layers.values():
        if not isinstance(part, Container):
            continue
        yield from neighbours(part)
        if isinstance(part, Sequential):
            for name, after in pairwise(list(part.layers)):
                yield part.layers, name, after
