"""CIFAR-10 and CIFAR-100, as their authors pack them: pickles, or plain bytes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data.dataset import Arrays
from data.formats import cifar_pickle

SIDE, CHANNELS = 32, 3
PIXELS = SIDE * SIDE * CHANNELS


def pickles(
    files: Mapping[str, bytes],
    train: Sequence[str],
    test: Sequence[str],
    labels: str,
) -> Arrays:
    """Return the arrays of the python version; `labels` is their key."""
    return _join(
        files, train, test, lambda content: cifar_pickle.batch(content, labels)
    )


def binary(
    files: Mapping[str, bytes],
    train: Sequence[str],
    test: Sequence[str],
    label_bytes: int,
) -> Arrays:
    """Return the arrays of the binary version.

    A row is `label_bytes` labels, of which the last is the image's, and its pixels.
    """

    def rows(content: bytes) -> tuple[np.ndarray, np.ndarray]:
        table = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + PIXELS)
        return table[:, label_bytes:], table[:, label_bytes - 1]

    return _join(files, train, test, rows)


def _join(
    files: Mapping[str, bytes],
    train: Sequence[str],
    test: Sequence[str],
    read: Callable[[bytes], tuple[np.ndarray, np.ndarray]],
) -> Arrays:
    arrays = {}
    for part, names in ("train", train), ("test", test):
        batches = []
        for name in names:
            try:
                x, y = read(files[name])
                if x.shape[1:] != (PIXELS,) or len(x) != len(y):
                    raise ValueError(f"it has data of {x.shape} and {len(y):,} labels")
                batches.append((x, y))
            except ValueError as error:
                raise ValueError(f"{name} cannot be read: {error}.") from None
        x, y = (np.concatenate(both) for both in zip(*batches, strict=True))
        planes = x.reshape(-1, CHANNELS, SIDE, SIDE)
        arrays[f"x_{part}"] = planes.transpose(0, 2, 3, 1)
        arrays[f"y_{part}"] = y
    return arrays
