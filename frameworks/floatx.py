"""Keras's one global setting: the dtype of everything that it creates."""

import contextlib
from collections.abc import Iterator

from frameworks.lazy import keras


@contextlib.contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Let Keras create in `dtype`, and give the user's own setting back afterwards."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
