"""Specification: what a published data set must be, checked once it is decoded."""

from dataclasses import dataclass

import numpy as np

from data.dataset import Arrays
from data.published.layout import Layout

TOLERANCE = 1e-4  # means and stds are published with four digits


@dataclass(frozen=True)
class Specification:
    """What is published of a data set, and what its arrays must be.

    Parameters
    ----------
    name : str
    layouts : tuple of Layout
        Its forms; the first is the one that is downloaded.
    classes : tuple of str
    image_shape : (h, w, c)
    train, test : tuple of int
        How many images of each class.
    mean, std : tuple of float, or None
        Of each channel over all pixels of the training images, in 0..1; None if no
        reliable figure is published.
    """

    name: str
    layouts: tuple[Layout, ...]
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train: tuple[int, ...]
    test: tuple[int, ...]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def check(self, arrays: Arrays) -> None:
        """Raise ValueError, with one sentence, unless the arrays are this data set."""
        for part in ("train", "test"):
            self._check_images(part, arrays[f"x_{part}"], arrays[f"y_{part}"])
        moments = _moments(arrays["x_train"])
        for what, found, expected in zip(
            ("mean", "std"), moments, (self.mean, self.std), strict=True
        ):
            if expected and np.abs(found - expected).max() > TOLERANCE:
                raise ValueError(
                    f"{self.name} has training images of {what} {_text(found)}, "
                    f"expected {_text(expected)}."
                )

    def _check_images(self, part: str, x: np.ndarray, y: np.ndarray) -> None:
        counts = getattr(self, part)
        if len(x) != sum(counts) or len(y) != len(x):
            raise ValueError(
                f"{self.name} has {len(x):,} {part} images and {len(y):,} labels, "
                f"expected {sum(counts):,}."
            )
        if x.shape[1:] != self.image_shape or x.dtype != np.uint8:
            raise ValueError(
                f"{self.name} has {part} images of {x.dtype} {x.shape[1:]}, "
                f"expected uint8 {self.image_shape}."
            )
        if y.dtype.kind not in "iu":
            raise ValueError(f"{self.name} has labels of {y.dtype}, expected integers.")
        for number, expected in enumerate(counts):
            has = np.count_nonzero(y == number)
            if has != expected:
                raise ValueError(
                    f"{self.name} has {has:,} {part} images of class "
                    f"{self.classes[number]}, expected {expected:,}."
                )


def _moments(x: np.ndarray, block: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Return each channel's exact mean and std in 0..1: each byte is counted."""
    channels, values = x.shape[-1], np.arange(256)
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(x), block):
        pixels = x[start : start + block].reshape(-1, channels)
        for channel, count in enumerate(counts):
            count += np.bincount(pixels[:, channel], minlength=256)
    total = counts[0].sum()
    mean = counts @ values / total
    return mean / 255, np.sqrt(counts @ values**2 / total - mean**2) / 255


def _text(values: np.ndarray | tuple[float, ...]) -> str:
    return " ".join(f"{value:.4f}" for value in values)
