"""Layers that are made of layers."""

from collections.abc import Iterator
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from frameworks.layers.protocol import Layer
from frameworks.weights import full_name, unique


class Container:
    """A layer that is made of layers, which have a name or else a number.

    A weight is called by the names on the way to it, and numbers are left out: in
    Sequential(conv1=Sequential(Conv2D(...), ReLU())) it is `conv1.kernel`.
    """

    def __init__(self, *layers: Layer, **named: Layer) -> None:
        self.layers = {str(i): layer for i, layer in enumerate(layers)} | named
        for name, layer in self.layers.items():
            if not isinstance(layer, Container) and not hasattr(layer, "roles"):
                _check_has_no_weights(name, layer)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Yield the path to each layer that is not made of others, and the layer."""
        for name, layer in self.layers.items():
            if isinstance(layer, Container):
                for path, leaf in layer.leaves():
                    yield f"{name}.{path}", leaf
            else:
                yield name, layer

    def weighted(self) -> dict[str, Any]:
        """Return the layers that have weights (`Weighted`), by name.

        Raises
        ------
        ValueError
            Two of them have one name.
        """
        return unique(
            (full_name(path), layer)
            for path, layer in self.leaves()
            if hasattr(layer, "roles")
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights themselves, by name: `conv1.kernel`."""
        return {
            f"{name}.{role}": getattr(layer, role)
            for name, layer in self.weighted().items()
            for role in layer.roles
        }


def _check_has_no_weights(name: str, layer: Layer) -> None:
    """Raise ValueError where a layer without roles keeps weights: they would be lost.

    A layer is asked before it has seen any images, which it may keep as well.
    """
    for attribute, value in vars(layer).items():
        if isinstance(value, np.ndarray | Container) or hasattr(value, "roles"):
            raise ValueError(
                f"layer {name!r} keeps {attribute!r}, and its class "
                f"{type(layer).__name__} does not say what it is: name its weights in "
                "`roles`, or derive it from a layer that is made of layers."
            )


class Sequential(Container):
    """Layers, one after the other."""

    def forward(
        self, x: np.ndarray, training: bool = True, last: str | None = None
    ) -> np.ndarray:
        """Run every layer, or those up to and including the one named `last`."""
        for name, layer in self.layers.items():
            x = layer.forward(x, training=training)
            if name == last:
                break
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Run every layer backwards, as far as a gradient is asked for."""
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
            if not dout.size:
                break
        return dout


class Add(Container):
    """The sum of what several layers make of the same input."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape, the same from each layer."""
        outs = [layer.forward(x, training=training) for layer in self.layers.values()]
        return reduce(np.add, outs)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the sum of the gradients of x."""
        dxs = [layer.backward(dout) for layer in self.layers.values()]
        return reduce(np.add, dxs)


class Concat(Container):
    """The channels of what several layers make of the same input, one after another."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, ..) -> (sum of channels, ..)."""
        outs = [layer.forward(x, training=training) for layer in self.layers.values()]
        if training:
            self.ends = list(accumulate(map(len, outs)))
        return np.concatenate(outs)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the sum of the gradients of x."""
        parts = np.split(dout, self.ends[:-1])
        layers = self.layers.values()
        dxs = [layer.backward(d) for layer, d in zip(layers, parts, strict=True)]
        return reduce(np.add, dxs)


class Split(Container):
    """Each layer gets an equal share of the channels; its outputs are put together."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, ..) -> (sum of channels, ..)."""
        layers = self.layers.values()
        parts = np.split(x, len(layers))
        pairs = zip(layers, parts, strict=True)
        outs = [layer.forward(part, training=training) for layer, part in pairs]
        if training:
            self.ends = list(accumulate(map(len, outs)))
        return np.concatenate(outs)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the gradients of all shares of x."""
        parts = np.split(dout, self.ends[:-1])
        pairs = zip(self.layers.values(), parts, strict=True)
        return np.concatenate([layer.backward(d) for layer, d in pairs])


class Gate(Sequential):
    """out = x gate, where the layers make the gate from x: a number a channel."""

    def forward(
        self, x: np.ndarray, training: bool = True, last: str | None = None
    ) -> np.ndarray:
        """(c, h, w, n) -> the same shape."""
        gate = super().forward(x, training)[:, None, None]  # (c, 1, 1, n)
        if training:
            self.x, self.gate = x, gate
        return x * gate

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape: x acts by itself, and through the gate."""
        dgate = np.einsum("chwn,chwn->cn", dout, self.x)
        return dout * self.gate + super().backward(dgate)


class DualPath(Container):
    """Two layers' outputs: their first channels are added, and their others are kept.

    Of the output, `residual` channels are the sum, then come the others of the second
    layer, and then those of the first (Chen et al. 2017).
    """

    def __init__(self, residual: int, *layers: Layer, **named: Layer) -> None:
        super().__init__(*layers, **named)
        self.residual = residual

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, h, w, n) -> (f, h', w', n)."""
        r = self.residual
        first, second = (
            layer.forward(x, training=training) for layer in self.layers.values()
        )
        if training:
            self.end = len(second)
        return np.concatenate([first[:r] + second[:r], second[r:], first[r:]])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Return the sum of the gradients of x."""
        first, second = self.layers.values()
        dfirst = np.concatenate([dout[: self.residual], dout[self.end :]])
        return first.backward(dfirst) + second.backward(dout[: self.end])
