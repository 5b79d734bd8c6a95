"""Gradients that a layer may overwrite, for they are for nobody else.

Memory that has just been written is in the cache, and new memory is not.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from frameworks.fast.scratch import aligned
from frameworks.fast.twins import in_a_row
from frameworks.layers import Container, Sequential


def target(layer: Any, drows: np.ndarray) -> np.ndarray:
    """Return where a layer may write a gradient of the shape of the given one."""
    if layer.overwrites and drows.flags.writeable:
        return drows
    return aligned(drows.shape, drows.dtype)


def with_overwriting(net: Container) -> None:
    """Let layers overwrite the gradients that they alone are given.

    A layer that another one follows in a chain is given what that one has made for it.
    The last of a chain may share its gradient with other branches of a sum.
    """
    if type(net) is Sequential:
        for (layers, name), _ in pairwise(in_a_row(net)):
            if hasattr(layers[name], "overwrites"):
                layers[name].overwrites = True
    for part in net.layers.values():
        if isinstance(part, Container):
            with_overwriting(part)
