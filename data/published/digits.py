"""Digits: 1,797 grey images of 8 x 8 pixels, included in scikit-learn."""

from pathlib import Path

import numpy as np

from data.cache import prepare
from data.dataset import Dataset, write

TRAIN, TEST = 1437, 360


def load() -> Dataset:
    """Return the digits, 0..16 scaled to 0..255; the first 1,437 are for training."""
    return prepare("digits", _make)


def _make(folder: Path) -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = np.round(images * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    y = labels.astype(np.uint8)
    arrays = {}
    for name, array in ("x", x), ("y", y):
        arrays[f"{name}_train"], arrays[f"{name}_test"] = array[:TRAIN], array[TRAIN:]
    write(
        folder,
        arrays,
        name="digits",
        source="scikit-learn's load_digits",
        classes=tuple("0123456789"),
    )
