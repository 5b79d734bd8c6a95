"""Training that was stopped and goes on: what the next epoch needs, in one file."""

import hashlib
import json
import warnings
from collections import deque
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.files import read_arrays, write_arrays

NO_MATTER = ("checkpoint", "on_epoch_end", "verbose")  # to the numbers of a fit


class Checkpoint:
    """The state of a fit after its last finished epoch, in a file.

    Parameters
    ----------
    path : path
        The file; it need not exist.
    fit : str
        Which fit it is, as `fingerprint` says.

    Raises
    ------
    ValueError
        The file holds another fit, or is no checkpoint.
    """

    def __init__(self, path: Path, fit: str) -> None:
        self.path, self.fit = path, fit
        self.arrays: dict[str, np.ndarray] = {}
        self.about: dict[str, Any] = {}
        if not path.exists():
            return
        try:
            self.arrays, self.about = read_arrays(path)
            other = self.about["fit"] != fit
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is not a checkpoint.") from None
        if other:
            raise ValueError(
                f"{path} is the checkpoint of another fit: of other images, parameters "
                "or another class. Name another file, or delete it to begin anew."
            )

    def write(self, model: Any, stopped: bool) -> None:
        """Replace the file by the state of a model in training, in one step.

        Where that fails, it warns: a full disk is no reason to stop training.
        """
        epochs = model._epochs
        several = {
            "weights": model.get_weights(),
            "best": model._best_weights or {},
            "momentum": _numbered(model._library.momentum(model)),
        }
        for number, weights in enumerate(model._last_weights):
            several[f"last{number}"] = weights
        arrays = {f"{k}/{n}": a for k, some in several.items() for n, a in some.items()}
        about = {
            "fit": self.fit,
            "n_iter": model.n_iter_,
            "history": model.history_,
            "seeds": [model._shuffle_seed, model._split_seed],
            "lowest": epochs.lowest,
            "epochs_since": epochs.epochs_since,
            "stopped": stopped,
        }
        try:
            write_arrays(self.path, arrays, about)
        except OSError as error:
            warnings.warn(
                f"{self.path}: {error.strerror}; training goes on, without a "
                f"checkpoint of epoch {model.n_iter_}.",
                RuntimeWarning,
                stacklevel=2,
            )

    def restore(self, model: Any) -> bool:
        """Put a model where the file left off; return whether its fit had ended."""
        if not self.about:
            return False
        weights = self._some("weights")
        model.set_weights(weights)
        model._library.set_momentum(model, list(self._some("momentum").values()))
        model._best_weights = self._some("best") or None
        lasts = (self._some(f"last{i}") for i in range(model.average_epochs))
        model._last_weights = deque(filter(None, lasts), maxlen=model.average_epochs)
        model.n_iter_, model.history_ = self.about["n_iter"], self.about["history"]
        model._epochs.lowest = self.about["lowest"]
        model._epochs.epochs_since = self.about["epochs_since"]
        return self.about["stopped"]

    @property
    def seeds(self) -> list[int] | None:
        """The seeds of the order of the images and of what is held out, if any yet."""
        return self.about.get("seeds")

    def _some(self, kind: str) -> dict[str, np.ndarray]:
        start = f"{kind}/"
        found = {k: a for k, a in self.arrays.items() if k.startswith(start)}
        return {name.removeprefix(start): found[name] for name in sorted(found)}


def fingerprint(model: Any, *arrays: np.ndarray) -> str:
    """Return a digest of all that a fit depends on: class, parameters and images."""
    params = model.get_params(deep=False)
    if not isinstance(params["random_state"], Integral):
        params["random_state"] = None  # a checkpoint has the seeds that were drawn
    kept = {name: repr(v) for name, v in params.items() if name not in NO_MATTER}
    start = getattr(model, "n_iter_", 0) if model.warm_start else 0
    digest = hashlib.sha256(json.dumps([type(model).__name__, start, kept]).encode())
    for array in arrays:
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _numbered(arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays by names whose order is theirs."""
    return {f"{number:06}": array for number, array in enumerate(arrays)}
