"""What happens at the end of every epoch, the same for all four frameworks."""

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from frameworks import devices
from frameworks.progress import Progress

Validate = Callable[[], tuple[float, float]]


class Epochs:
    """Records each epoch of one fit, and says when to stop.

    Parameters
    ----------
    estimator : ImageClassifier
        The one that is being fitted; its `history_` and `n_iter_` grow.
    epochs : int
        How many are planned; for the progress bar.
    images : int
        How many images one epoch trains on.
    validate : callable or None
        Returns (loss, accuracy) on the validation images.
    """

    def __init__(
        self, estimator: Any, epochs: int, images: int, validate: Validate | None
    ) -> None:
        self.estimator = estimator
        self.images = images
        self.validate = validate
        self.steps: list[tuple[Any, Any, int]] = []
        self.best_loss = np.inf
        self.best_weights: dict[str, np.ndarray] | None = None
        self.epochs_since_best = 0
        self.progress = Progress(type(estimator).__name__, epochs, estimator.verbose)
        self.started = perf_counter()

    def step(self, loss: Any, accuracy: Any, images: int) -> None:
        """Note a step's loss and accuracy, which may still be on a device."""
        self.steps.append((loss, accuracy, images))

    def end(self) -> bool:
        """Record the epoch; return whether to stop."""
        logs = self._summary()
        if self.validate:
            logs["val_loss"], logs["val_accuracy"] = self.validate()
        estimator = self.estimator
        for name in ("loss", "accuracy", "seconds", "val_loss", "val_accuracy"):
            if name in logs:
                estimator.history_.setdefault(name, []).append(logs[name])
        estimator.n_iter_ += 1
        stop = self._diverged(logs) or self._stopped_early(logs)
        logs |= {"epoch": estimator.n_iter_, "images": self.images}
        self.progress.update(logs)
        if estimator.on_epoch_end is not None:
            stop = bool(estimator.on_epoch_end(estimator, logs)) or stop
        self.started = perf_counter()
        return stop

    def close(self) -> None:
        """Finish the progress bar; give the estimator its best weights back."""
        self.progress.close()
        if self.best_weights is not None:
            self.estimator.set_weights(self.best_weights)

    def _summary(self) -> dict[str, Any]:
        losses, accuracies, images = zip(*self.steps, strict=True)
        self.steps.clear()
        loss = np.average([float(loss) for loss in losses], weights=images)
        accuracy = np.average([float(a) for a in accuracies], weights=images)
        devices.synchronise()
        seconds = perf_counter() - self.started
        return {"loss": float(loss), "accuracy": float(accuracy), "seconds": seconds}

    def _diverged(self, logs: dict[str, Any]) -> bool:
        if np.isfinite(logs["loss"]):
            return False
        warnings.warn(
            f"the loss became {logs['loss']} in epoch {self.estimator.n_iter_}, and "
            "training stopped: lower learning_rate, or scale the images.",
            ConvergenceWarning,
            stacklevel=5,
        )
        return True

    def _stopped_early(self, logs: dict[str, Any]) -> bool:
        if not self.estimator.early_stopping:
            return False
        if logs["val_loss"] < self.best_loss:
            self.best_loss = logs["val_loss"]
            self.best_weights = self.estimator.get_weights()
            self.epochs_since_best = 0
        else:
            self.epochs_since_best += 1
        return self.epochs_since_best >= self.estimator.patience
