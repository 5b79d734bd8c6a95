"""The maximum of a pool's windows as a tournament: pairs are compared, winners kept."""

import numpy as np

from frameworks.fast.calls import Calls
from frameworks.fast.scratch import aligned


class Match:
    """The larger of each pair; of equals, the first.

    The gradient goes to the winner alone. Only which one won is kept, in a byte; the
    values need not outlive the forward pass.
    """

    def __init__(self, shape: tuple[int, ...], keep: bool) -> None:
        self.first_won = aligned(shape, bool) if keep else None

    def forward(
        self, calls: Calls, first: np.ndarray, second: np.ndarray, out: np.ndarray
    ) -> None:
        """Write the larger of each pair to `out`."""
        if self.first_won is not None:
            calls.add(np.greater_equal, first, second, out=self.first_won)
        calls.add(np.maximum, first, second, out=out)

    def backward(
        self, calls: Calls, dout: np.ndarray, dfirst: np.ndarray, dsecond: np.ndarray
    ) -> None:
        """Write the gradients of both: subtracting is faster than a second mask."""
        calls.add(np.multiply, dout, self.first_won, out=dfirst)
        calls.add(np.subtract, dout, dfirst, out=dsecond)


class Tournament:
    """The maximum over windows of 1 or 2 x 1 or 2 pixels.

    The pixels come as phases (ph, pw, ...): one contiguous array for each position in
    the window, so that a comparison is one call on one long run, without an argmax.
    The two pixels of a row are compared first, then the winners of the two rows, so the
    first of equal pixels in row-major order wins, as in TensorFlow and PyTorch.
    """

    def __init__(self, phases: np.ndarray, winners: np.ndarray, keep: bool) -> None:
        """Work on the phases; winners (ph, ...) is memory for those of each row."""
        ph, pw, *shape = phases.shape
        self.phases, self.winners = phases, winners
        self.columns = Match((ph, *shape), keep) if pw == 2 else None
        self.rows = Match(tuple(shape), keep) if ph == 2 else None

    def forward(self, calls: Calls, out: np.ndarray) -> None:
        """Write the maximum to `out`."""
        winners = self.phases[:, 0]
        if self.columns:
            winners = self.winners if self.rows else out[None]
            left, right = self.phases.swapaxes(0, 1)
            self.columns.forward(calls, left, right, winners)
        if self.rows:
            top, bottom = winners
            self.rows.forward(calls, top, bottom, out)
        elif not self.columns:
            calls.add(np.copyto, out, winners[0])

    def backward(self, calls: Calls, dout: np.ndarray) -> None:
        """Write the gradient of the phases over the phases."""
        dwinners = self.winners if self.columns else self.phases[:, 0]
        if self.rows:
            top, bottom = dwinners
            self.rows.backward(calls, dout, top, bottom)
        else:
            calls.add(np.copyto, dwinners[0], dout)
        if self.columns:
            left, right = self.phases.swapaxes(0, 1)
            self.columns.backward(calls, dwinners, left, right)
