"""SVHN's cropped digits: two MATLAB files."""

import io
from collections.abc import Mapping

import numpy as np

from data.dataset import Arrays


def decode(files: Mapping[str, bytes]) -> Arrays:
    """Return the arrays of train_32x32.mat and test_32x32.mat; their digit 10 is 0."""
    from scipy.io import loadmat  # installed with scikit-learn, and slow to import

    arrays = {}
    for part in ("train", "test"):
        name = f"{part}_32x32.mat"
        try:
            found = loadmat(io.BytesIO(files[name]), variable_names=["X", "y"])
            x, y = found["X"].transpose(3, 0, 1, 2), found["y"].ravel() % 10
        except Exception as error:  # a damaged file may raise anything
            raise ValueError(f"{name} cannot be read: {error}.") from None
        arrays[f"x_{part}"], arrays[f"y_{part}"] = x, y.astype(np.uint8)
    return arrays
