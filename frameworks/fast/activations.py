"""Activations of what another layer has just computed, some channels at a time.

By itself, an activation reads and writes all of its input again. What a norm or a sum
computes it can take while that is in the core's cache.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np

from frameworks.fast.scratch import aligned
from frameworks.layers import ReLU, ReLU6, Swish


class Activation(Protocol):
    """Works on bands: some rows (channels, numbers of a channel) of a layer's."""

    def forward(self, band: slice, rows: np.ndarray, training: bool = True) -> None:
        """Overwrite the rows with what comes out of them."""

    def backward(
        self, band: slice, dout: np.ndarray, out: np.ndarray, din: np.ndarray
    ) -> None:
        """Write the gradient of what came in, from that of `out`, what came out.

        `din` may be `dout` itself.
        """


class Cut:
    """out = min(max(x, 0), top): ReLU and ReLU6."""

    def __init__(self, top: float) -> None:
        self.top = top

    def forward(self, band: slice, rows: np.ndarray, training: bool = True) -> None:
        """Any rows."""
        rows.clip(0, self.top, out=rows)

    def backward(
        self, band: slice, dout: np.ndarray, out: np.ndarray, din: np.ndarray
    ) -> None:
        """Where nothing was cut, the gradient passes."""
        passed = out > 0
        if self.top < np.inf:
            passed &= out < self.top
        np.multiply(dout, passed, out=din)


class Gated:
    """out = x gate, gate = sigmoid(x): Swish. The slope is gate + out (1 - gate)."""

    def __init__(self) -> None:
        self.gates: dict[int, np.ndarray] = {}  # by where their band starts

    def forward(self, band: slice, rows: np.ndarray, training: bool = True) -> None:
        """Any rows."""
        gate = aligned(rows.shape, rows.dtype)
        if training:
            self.gates[band.start] = gate
        np.multiply(rows, 0.5, out=gate)
        np.tanh(gate, out=gate)  # sigmoid(x) = (1 + tanh(x / 2)) / 2
        gate += 1
        gate *= 0.5
        rows *= gate

    def backward(
        self, band: slice, dout: np.ndarray, out: np.ndarray, din: np.ndarray
    ) -> None:
        """Everything passes, times the slope."""
        slope = np.subtract(1, out)
        slope *= self.gates.pop(band.start)
        slope += out
        np.multiply(dout, slope, out=din)


ACTIVATIONS: dict[type, Callable[[], Activation]] = {
    ReLU: partial(Cut, np.inf),
    ReLU6: partial(Cut, 6.0),
    Swish: Gated,
}
