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

from frameworks import weights
from frameworks.family import Family
from frameworks.files import NOT_OURS, read_arrays, write_arrays
from frameworks.inputs import check_image_shape

LEARNED = {  # attributes that `fit` sets, and what they are in a file
    "history_": dict,
    "n_iter_": int,
    "_shuffle_seed": int,
    "_split_seed": int,
    "_takes_bytes": bool,
}
ABOUT = LEARNED | {
    "class": str,
    "params": dict,
    "classes": list,
    "classes_dtype": str,
    "image_shape": list,
    "feature_names": list,
}
NOT_KEPT = ("checkpoint", "on_epoch_end")  # parameters that are of one computer alone
MOST_BYTES = 2**24  # of the labels of all classes


class Portable(Family, BaseEstimator):
    """Gives an estimator `save`, `load`, and a state for pickle without a framework.

    The network itself stays behind, with its momentum; the weights travel as NumPy
    arrays, and the network is built anew around them, on a device that is there.
    """

    def save(self, path: str | os.PathLike) -> None:
        """Write weights, parameters and classes to one safetensors file.

        Any of the four classes opens it with `load`. Not kept: momentum, and
        parameters that are Python objects (`on_epoch_end`, a random generator) or of
        this computer (`checkpoint`). Of the parameters that make a network, those are
        saved that made this one.

        Raises
        ------
        ValueError
            A parameter is of a kind that a file cannot hold, or was changed after
            `fit` and cannot be used.
        """
        check_is_fitted(self)
        self.check_parameters()
        write_arrays(Path(path), self.get_weights(), self._about())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Return a fitted estimator of this class from a file written by `save`.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            It was not written by `save`, holds a network of another family, or does not
            hold the weights of the network that it describes.
        """
        path = Path(path)
        arrays, about = _read(path)
        family = about.get("family", "cnn")  # older files have the small CNN alone
        if family != cls.family:
            raise ValueError(
                f"{path} holds a network of the family {family!r}, but "
                f"{cls.__name__} is of {cls.family!r}: open it with {about['class']}, "
                "or with another class of that page."
            )
        try:
            model = cls(**cls._parameters(about["params"]))
            model.check_parameters()
            for name in LEARNED:
                setattr(model, name, about[name])
            model.classes_ = _labels(about)
            model.image_shape_ = _image_shape(about)
            model.n_features_in_ = int(np.prod(model.image_shape_))
            if about["feature_names"]:
                model.feature_names_in_ = np.array(about["feature_names"], object)
            model._check_network(arrays)
            model._build(arrays, any_device=True)
        except ModuleNotFoundError:
            raise
        except MemoryError as error:
            raise ValueError(
                f"{path} cannot be opened: the network that it describes does not fit "
                "into memory."
            ) from error
        except (ArithmeticError, LookupError, RuntimeError) as error:
            raise ValueError(f"{path} cannot be opened: {error!r}.") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} cannot be opened: {error}") from error
        return model

    @classmethod
    def _parameters(cls, saved: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters in a file that this class takes."""
        known = cls._get_param_names()
        params = {name: value for name, value in saved.items() if name in known}
        if isinstance(params.get("class_weight"), list):
            params["class_weight"] = dict(params["class_weight"])
        for name, value in params.items():
            if isinstance(value, list):  # JSON knows no tuples
                params[name] = tuple(value)
        return params

    def _check_network(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Raise ValueError unless these are the weights of the network as described.

        The layers of NumPy are asked, for their weights take no memory before they are
        written to: a file of a few bytes may describe a network that fits nowhere.
        """
        twin_class = self.written_in_numpy.get(self.family)
        if twin_class is None or self._page() != twin_class._page():
            return  # a user's own network, which is checked when it is built
        settings = {n: v for n, v in self.settings().items() if n in self.sizes}
        twin = twin_class(**settings, dtype=self.dtype)
        twin.classes_, twin.image_shape_ = self.classes_, self.image_shape_
        weights.check(arrays, like=weights.kinds(twin.network().weights()))

    @classmethod
    def _page(cls) -> str:
        """Return the module in which the network of this class is written."""
        return cls.network.__module__

    def _about(self) -> dict[str, Any]:
        """Return what a file says beside the weights; every value fits JSON."""
        params = self.get_params(deep=False) | dict.fromkeys(NOT_KEPT)
        params |= {name: getattr(self, f"{name}_") for name in self.settings()}
        if not isinstance(params["random_state"], Integral):
            params["random_state"] = None
        if isinstance(params["class_weight"], dict):  # JSON's own keys are strings
            params["class_weight"] = list(params["class_weight"].items())
        about = {name: getattr(self, name) for name in LEARNED} | {
            "class": type(self).__name__,
            "family": self.family,
            "params": params,
            "classes": _label_list(self.classes_),
            "classes_dtype": self.classes_.dtype.str,
            "image_shape": self.image_shape_,
            "feature_names": getattr(self, "feature_names_in_", np.empty(0)).tolist(),
        }
        try:
            return json.loads(json.dumps(about, default=_plain))
        except (TypeError, ValueError) as error:
            raise ValueError(f"this estimator cannot be saved: {error}") from error

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


def _label_list(classes: np.ndarray) -> list:
    """Return the labels as JSON can hold them: dates are numbers."""
    if classes.dtype.kind in "mM":
        return classes.astype(np.int64).tolist()
    return classes.tolist()


def _labels(about: dict) -> np.ndarray:
    """Return the labels that a file holds, which were sorted when it was written."""
    dtype, labels = np.dtype(about["classes_dtype"]), about["classes"]
    if len(labels) < 2 or len(labels) * dtype.itemsize > MOST_BYTES:
        raise ValueError(f"it says {len(labels)} classes of dtype {dtype}.")
    if dtype.kind in "mM":
        return np.array(labels, np.int64).astype(dtype)
    classes = np.array(labels, dtype)
    if classes.ndim != 1:
        raise ValueError("its classes are not labels.")
    return classes


def _image_shape(about: dict) -> tuple[int, int, int]:
    """Return the shape of the images that the network takes."""
    shape = tuple(about["image_shape"])
    check_image_shape(shape)
    return shape


def _plain(value: Any) -> Any:
    """Return a value of NumPy's as one of Python's."""
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | range):
        return list(value)
    raise TypeError(f"a file cannot hold {value!r}.")


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the weights in a file, and what else it says."""
    try:
        arrays, about = read_arrays(path)
        for name, kind in ABOUT.items():
            if type(about[name]) is not kind or (kind is int and about[name] < 0):
                raise TypeError(name)
    except NOT_OURS:
        raise ValueError(f"{path} was not written by save().") from None
    return arrays, about
