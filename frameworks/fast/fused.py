"""Layers of a worker's network that compute the activation after them."""

import numpy as np

from frameworks.fast.activations import ACTIVATIONS, Activation
from frameworks.fast.channels import as_rows, bands
from frameworks.fast.folded import FoldedConv2D
from frameworks.fast.norms import SharedNorm
from frameworks.fast.scratch import aligned
from frameworks.fast.twins import neighbours
from frameworks.layers import Add, Identity, Sequential


class ActivatedAdd(Add):
    """The sum of what several layers make of the same input, and its activation."""

    def __init__(self, add: Add, activation: Activation) -> None:
        vars(self).update(vars(add))
        self.activation = activation

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape, the same from each layer."""
        outs = [layer.forward(x, training=training) for layer in self.layers.values()]
        first, second, *others = map(as_rows, outs)
        out = aligned(first.shape, first.dtype)
        for band in bands(first.shape):
            part = np.add(first[band], second[band], out=out[band])
            for other in others:
                part += other[band]
            self.activation.forward(band, part, training)
        if training:
            self.out = out
        return out.reshape(outs[0].shape)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the sum of the gradients of x."""
        drows = as_rows(dout)
        dsum = aligned(drows.shape, drows.dtype)
        for band in bands(drows.shape):
            self.activation.backward(band, drows[band], self.out[band], dsum[band])
        return super().backward(dsum.reshape(dout.shape))


def with_activations(net: Sequential) -> Sequential:
    """Let what can inside of a network's layers compute the activation after it.

    What the network is a chain of keeps the outputs that it had. The network is
    changed, and returned.
    """
    for layers, name, after in neighbours(net):
        part, activation = layers[name], layers[after]
        if type(activation) not in ACTIVATIONS:
            continue
        if isinstance(part, SharedNorm | FoldedConv2D):
            part.activation = ACTIVATIONS[type(activation)]()
        elif type(part) is Add and len(part.layers) > 1:
            layers[name] = ActivatedAdd(part, ACTIVATIONS[type(activation)]())
        else:
            continue
        layers[after] = Identity()
    return net
