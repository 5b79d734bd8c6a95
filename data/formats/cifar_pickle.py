"""CIFAR's pickles, read without running anything that they name.

The official files name three objects of NumPy and nothing else; files that were saved
again name two more. Each is replaced by a stand-in, so not even NumPy's own code runs
at a file's request.
"""

import io
import pickle
from typing import Any

import numpy as np


class _DType:
    """Stands in for numpy.dtype, which the files only use for uint8."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: Any) -> None:
        pass  # byte order and alignment, which single bytes do not have


class _Array:
    """Stands in for numpy.ndarray: keeps the bytes, if they are pixels."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        if dtype.code not in ("u1", b"u1") or fortran:
            raise pickle.UnpicklingError("it holds an array that is not of uint8")
        self.pixels = np.frombuffer(content, np.uint8).reshape(shape)


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _encode(text: str, _: str) -> bytes:
    return text.encode("latin1")


ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    # In files that were saved again: NumPy 2's name of the first, and how Python 3
    # writes bytes for Python 2.
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ADMITTED[module, name]


def batch(content: bytes, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of one of CIFAR's pickles.

    Parameters
    ----------
    content : bytes
    labels : str
        The key of the labels: "labels", or "fine_labels".

    Returns
    -------
    (n, 3072) uint8, (n,) uint8

    Raises
    ------
    ValueError
        It is damaged, or holds something that CIFAR's files do not.
    """
    try:
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        texts = {k.decode() if isinstance(k, bytes) else k: v for k, v in found.items()}
        return texts["data"].pixels, np.array(texts[labels], np.uint8)
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(f"it is not one of CIFAR's pickles: {error}") from None
