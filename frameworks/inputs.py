"""Reading what users pass: images, labels and weights, as scikit-learn reads them."""

import warnings
from math import ceil
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import (
    check_array,
    check_consistent_length,
    column_or_1d,
    compute_class_weight,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, assert_all_finite
from sklearn.utils.validation import validate_data as validate_table

Shape = tuple[int, int, int]
CHANNELS = (1, 3, 4)  # that images have: grey, RGB, RGBA
UNSCALED = 30  # more than standardised pixels reach, less than unscaled ones


def read_images(estimator: BaseEstimator, X: Any, *, fitted: bool) -> np.ndarray:
    """Return X as images (n, h, w, c), without a copy where it is an array already.

    X is (n, h, w, c), (n, h, w) with one channel, or a table (n, d), whose rows are
    read through `image_shape`, or without it as (1, d, 1). uint8 stays uint8, floats
    stay what they are, and other numbers become floats.

    Raises
    ------
    ValueError
        X is empty, not numeric or not finite, or its images have another shape than
        `image_shape` or than those that the estimator was fitted on.
    """
    shape = estimator.image_shape_ if fitted else estimator.image_shape
    dtype = np.dtype(estimator.dtype_ if fitted else estimator.dtype)
    dtypes = [dtype, np.uint8, np.float64, np.float32]
    if not hasattr(X, "ndim"):
        X = np.asarray(X)
    if X.ndim < 3:
        X = validate_table(estimator, X, reset=not fitted, dtype=dtypes)
        shape = (1, X.shape[1], 1) if shape is None else tuple(shape)
        if X.shape[1] != np.prod(shape):
            raise ValueError(
                f"X has {X.shape[1]} features a row, but image_shape={shape} needs "
                f"{np.prod(shape)}."
            )
        X = X.reshape(-1, *shape)
    else:
        X = _read_stack(estimator, X, shape, dtypes, fitted=fitted)
    if fitted and (X.dtype == np.uint8) != estimator._takes_bytes:
        now, then = ("uint8", "floats") if X.dtype == np.uint8 else ("floats", "uint8")
        raise ValueError(
            f"X holds {now}, but {type(estimator).__name__} was fitted on {then}: "
            "the same pixels would mean something else."
        )
    return X


def _read_stack(
    estimator: BaseEstimator,
    X: Any,
    shape: Shape | None,
    dtypes: list,
    *,
    fitted: bool,
) -> np.ndarray:
    """Return X, of three dimensions or more, as images (n, h, w, c)."""
    who = type(estimator).__name__
    X = check_array(X, allow_nd=True, dtype=dtypes, estimator=estimator)
    if X.ndim == 3:
        X = X[..., None]
    if X.ndim != 4 or 0 in X.shape:
        raise ValueError(
            f"X has shape {X.shape}, but {who} expects images (n, h, w, c) or "
            "(n, h, w) with at least one pixel, or a table (n, d)."
        )
    if shape is not None and X.shape[1:] != tuple(shape):
        reason = "was fitted on images of" if fitted else "has image_shape"
        raise ValueError(
            f"X has images of shape {X.shape[1:]}, but {who} {reason} {tuple(shape)}."
        )
    if not fitted:
        _warn_of_odd_pixels(X)
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_  # an earlier fit's, on a table with names
    return X


def _warn_of_odd_pixels(X: np.ndarray) -> None:
    """Warn of images that can be trained on, but that probably mean something else."""
    said = []
    _, first, h, last = X.shape
    if first in CHANNELS and last not in CHANNELS and (first != 1 or h == last):
        said.append(
            f"the images have the shape {X.shape[1:]}, read as (h, w, c): if the "
            f"channels come first, pass X.transpose(0, 2, 3, 1)."
        )
    if X.dtype != np.uint8 and X.min() >= 0 and X.max() > UNSCALED:
        said.append(
            f"the pixels go up to {X.max():,.6g} and are taken as they are: pass "
            "pixels of 0 to 255 as uint8, and scale others to 0 to 1."
        )
    for sentence in said:
        warnings.warn(sentence, UserWarning, stacklevel=6)


def check_image_shape(shape: Any) -> None:
    """Raise ValueError unless `shape` is (h, w, c)."""
    whole = [
        isinstance(side, Integral) and not isinstance(side, bool) and int(side) > 0
        for side in shape
    ]
    if len(whole) == 3 and all(whole):
        return
    hint = f": for grey images, ({shape[0]}, {shape[1]}, 1)" if len(whole) == 2 else ""
    raise ValueError(
        f"image_shape must be (h, w, c), three whole numbers, got {tuple(shape)}{hint}."
    )


def described(value: Any) -> str:
    """Return what a value is, in a few words."""
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"of type {type(value).__name__}"


def read_labels(estimator: BaseEstimator, X: np.ndarray, y: Any) -> np.ndarray:
    """Return y as a vector (n,) of class labels of any type.

    Raises
    ------
    ValueError
        y or a label in it is missing, it is not one label an image, or the labels are
        no classes.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype == object:
        missing = [i for i, label in enumerate(y) if _is_missing(label)]
        if missing:
            raise ValueError(
                f"y has no label for {len(missing)} of {len(y)} images, the first "
                f"number {missing[0]} ({y[missing[0]]!r}): leave these images out."
            )
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    check_consistent_length(X, y)
    return y


def _is_missing(label: Any) -> bool:
    """Return whether a label is None, NaN, or pandas's NA or NaT."""
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def encode_labels(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each label's place in the sorted classes, (n,) int64.

    Raises
    ------
    ValueError
        y holds labels that are not among the classes.
    """
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y contains labels that are not among the classes {classes.tolist()}: "
            f"{unknown.tolist()}."
        )
    return np.searchsorted(classes, y).astype(np.int64)


def find_classes(
    y: np.ndarray, classes: Any = None, earlier: np.ndarray | None = None
) -> np.ndarray:
    """Return the sorted classes: those announced, or else all that are in y.

    Raises
    ------
    ValueError
        There are fewer than two, or others than in an earlier call.
    """
    if earlier is not None:
        if classes is not None and not np.array_equal(np.unique(classes), earlier):
            raise ValueError(
                f"classes={np.unique(classes).tolist()} are not those of the first "
                f"call, {earlier.tolist()}."
            )
        return earlier
    found = np.unique(y if classes is None else classes)
    if len(found) < 2:
        raise ValueError(
            f"y has only one class, {found[0]!r}: a classifier needs at least two."
        )
    return found


def read_weights(
    sample_weight: Any,
    class_weight: Any,
    classes: np.ndarray,
    y: np.ndarray,
    dtype: str,
) -> np.ndarray:
    """Return each image's weight (n,): sample_weight x class_weight, 1 without.

    Raises
    ------
    ValueError
        A weight is negative or not finite, all are 0, there is not one an image, or
        `class_weight` names an unknown class.
    """
    weights = _check_sample_weight(
        sample_weight, y, dtype=np.dtype(dtype), ensure_non_negative=True, copy=True
    )
    if class_weight is not None:
        of_class = compute_class_weight(class_weight, classes=classes, y=y)
        weights *= of_class[np.searchsorted(classes, y)]
        if not weights.any():
            raise ValueError("class_weight leaves no image with a weight above 0.")
    return weights


def hold_out(
    rows: np.ndarray, y: np.ndarray, classes: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on, sorted, and those to validate with.

    Parameters
    ----------
    rows : (n,)
        Rows of X.
    y : (N,)
        The place of each image's label among the classes.
    classes : (n_classes,)
    fraction : float
        Of the rows, class by class, to validate with.
    seed : int

    Raises
    ------
    ValueError
        There are too few images for every class to be in both.
    """
    found, counts = np.unique(y[rows], return_counts=True)
    held = ceil(fraction * len(rows))
    reason = ""
    if counts.min() < 2:
        reason = f"label {classes[found[counts.argmin()]]!r} has one image alone"
    elif min(held, len(rows) - held) < len(found):
        reason = f"{len(rows)} images are too few for {len(found)} labels"
    if reason:
        raise ValueError(
            f"early_stopping holds out validation_fraction={fraction} of the images, "
            f"some of each label, but {reason}: pass validation_data."
        )
    from sklearn.model_selection import train_test_split  # slow, and rarely needed

    train, validate = train_test_split(
        rows, test_size=fraction, stratify=y[rows], random_state=seed
    )
    return np.sort(train), validate
