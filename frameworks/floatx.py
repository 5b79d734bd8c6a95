"""Keras's global settings: the dtype of everything that it creates."""

import contextlib
from collections.abc import Iterator

from frameworks.lazy import keras


@contextlib.contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Let Keras create in `dtype`, and give the user's own settings back afterwards.

    Optimisers and losses follow `floatx`; layers follow the dtype policy, which Keras
    derives from `floatx` once, when the first layer is made.
    """
    settings = keras.config.floatx(), keras.config.dtype_policy()
    try:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        yield
    finally:
        keras.config.set_floatx(settings[0])
        keras.config.set_dtype_policy(settings[1])
