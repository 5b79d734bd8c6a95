"""Reading what users pass: images, labels and weights, as scikit-learn reads them."""

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
    if not fitted and hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_  # an earlier fit's, on a table with names
    return X


def read_labels(estimator: BaseEstimator, X: np.ndarray, y: Any) -> np.ndarray:
    """Return y as a vector (n,) of class labels of any type.

    Raises
    ------
    ValueError
        y is missing, not one label an image, not finite, or not classes.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is "
            "None."
        )
    y = column_or_1d(y, warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    check_consistent_length(X, y)
    return y


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
