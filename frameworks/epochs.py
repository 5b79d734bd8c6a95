"""What happens at the end of every epoch, the same for all four frameworks."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from frameworks.libraries import synchronise

Validate = Callable[[], tuple[float, float]]


@dataclass(frozen=True)
class Epoch:
    """One epoch: what was measured, and what follows from it.

    Parameters
    ----------
    measures : dict of str to float
        `loss`, `accuracy`, `seconds`, and `val_loss`, `val_accuracy` where there are
        validation images.
    images : int
        How many were trained on.
    improved : bool
        The validation loss is the lowest so far.
    stop : bool
        It has not improved for as many epochs as early stopping waits.
    """

    measures: dict[str, float]
    images: int
    improved: bool
    stop: bool

    @property
    def diverged(self) -> bool:
        """Whether the loss is infinite or no number."""
        return not np.isfinite(self.measures["loss"])


class Epochs:
    """Averages the steps of each epoch of one fit, under one clock.

    Parameters
    ----------
    rows : (n,)
        The rows of X to train on.
    validate : callable or None
        Returns (loss, accuracy) on the validation images; not on the clock.
    patience : int or None
        After how many epochs without a lower validation loss to stop; None: never.
    """

    def __init__(
        self, rows: np.ndarray, validate: Validate | None, patience: int | None
    ) -> None:
        self.rows = rows
        self.validate = validate
        self.patience = patience
        self.steps: list[tuple[Any, Any, int]] = []
        self.lowest, self.epochs_since = np.inf, 0
        self.start()

    def start(self) -> None:
        """Start the clock of an epoch."""
        self.started = perf_counter()

    def step(self, loss: Any, accuracy: Any, images: int) -> None:
        """Note a step's loss and accuracy, which may still be on a device."""
        self.steps.append((loss, accuracy, images))

    def end(self) -> Epoch:
        """Stop the clock, and return the epoch."""
        losses, accuracies, images = zip(*self.steps, strict=True)
        self.steps.clear()
        loss = np.average([float(loss) for loss in losses], weights=images)
        accuracy = np.average([float(a) for a in accuracies], weights=images)
        synchronise()
        seconds = perf_counter() - self.started
        measures = {"loss": float(loss), "accuracy": float(accuracy)}
        measures["seconds"] = seconds
        if self.validate:
            measures["val_loss"], measures["val_accuracy"] = self.validate()
        improved = measures.get("val_loss", np.nan) < self.lowest
        if improved:
            self.lowest, self.epochs_since = measures["val_loss"], 0
        else:
            self.epochs_since += 1
        stop = self.patience is not None and self.epochs_since >= self.patience
        return Epoch(measures, len(self.rows), improved, stop)
