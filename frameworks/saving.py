"""Estimators that travel: pickled, copied, or saved to a file that all four open."""

import json
import os
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from frameworks.family import Family
from frameworks.lazy import load

LEARNED = ("history_", "n_iter_", "_shuffle_seed", "_split_seed", "_takes_bytes")


class Portable(Family, BaseEstimator):
    """Gives an estimator `save`, `load`, and a state for pickle without a framework.

    The network itself stays behind, with its momentum; the weights travel as NumPy
    arrays, and the network is built anew around them, on a device that is there.
    """

    def save(self, path: str | os.PathLike) -> None:
        """Write weights, parameters and classes to one safetensors file.

        Any of the four classes opens it with `load`. Not kept: momentum, and
        parameters that are Python objects (`on_epoch_end`, a random generator).
        """
        check_is_fitted(self)
        _write(Path(path), self.get_weights(), self._about())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Return a fitted estimator of this class from a file written by `save`.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            It was not written by `save`, or holds a network of another family.
        """
        weights, about = _read(Path(path))
        family = about.get("family", "cnn")  # older files have the small CNN alone
        if family != cls.family:
            raise ValueError(
                f"{path} holds a network of the family {family!r}, but "
                f"{cls.__name__} is of {cls.family!r}: open it with {about['class']}, "
                "or with another class of that page."
            )
        known = cls._get_param_names()
        params = {k: v for k, v in about["params"].items() if k in known}
        if isinstance(params["class_weight"], list):
            params["class_weight"] = dict(params["class_weight"])
        for name, value in params.items():
            if isinstance(value, list):  # JSON knows no tuples
                params[name] = tuple(value)
        model = cls(**params)
        for name in LEARNED:
            setattr(model, name, about[name])
        model.classes_ = np.array(about["classes"], about["classes_dtype"])
        model.image_shape_ = tuple(about["image_shape"])
        model.n_features_in_ = int(np.prod(model.image_shape_))
        if about["feature_names"]:
            model.feature_names_in_ = np.array(about["feature_names"], object)
        model._build(weights, any_device=True)
        return model

    def _about(self) -> dict[str, Any]:
        """Return what a file says beside the weights; every value fits JSON."""
        params = self.get_params(deep=False) | {"on_epoch_end": None}
        if not isinstance(params["random_state"], Integral):
            params["random_state"] = None
        if isinstance(params["class_weight"], dict):  # JSON's own keys are strings
            params["class_weight"] = list(params["class_weight"].items())
        return {name: getattr(self, name) for name in LEARNED} | {
            "class": type(self).__name__,
            "family": self.family,
            "params": params,
            "classes": self.classes_.tolist(),
            "classes_dtype": self.classes_.dtype.str,
            "image_shape": self.image_shape_,
            "feature_names": getattr(self, "feature_names_in_", np.empty(0)).tolist(),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but what the framework made, with the weights as arrays."""
        state = dict(super().__getstate__())
        for name in state.pop("_built", ()):
            del state[name]
        if "classes_" in state:
            state["_weights"] = self.get_weights()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the network anew around the weights."""
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            self._build(weights, any_device=True)


def _write(path: Path, weights: Mapping[str, np.ndarray], about: dict) -> None:
    """Write a file beside its place and rename it: it is whole, or the old one."""
    safetensors = load("safetensors.numpy")
    text = json.dumps(about, default=lambda scalar: scalar.item())
    arrays = {name: np.ascontiguousarray(weight) for name, weight in weights.items()}
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        safetensors.save_file(arrays, beside, {"skylark": text})
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the weights in a file, and what else it says."""
    safetensors = load("safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            about = json.loads(file.metadata()["skylark"])
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, about
    except (safetensors.SafetensorError, KeyError, TypeError):
        raise ValueError(f"{path} was not written by save().") from None
