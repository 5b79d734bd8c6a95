"""MNIST's own format, which Fashion-MNIST and KMNIST share: a header, then bytes."""

import struct
from collections.abc import Mapping

import numpy as np

from data.dataset import Arrays

BYTES = 0x08  # the type code of unsigned bytes


def decode(files: Mapping[str, bytes]) -> Arrays:
    """Return the arrays of the four files."""
    arrays = {}
    for part, prefix in ("train", "train"), ("test", "t10k"):
        images = _array(files, f"{prefix}-images-idx3-ubyte", 3)
        arrays[f"x_{part}"] = images[..., None]
        arrays[f"y_{part}"] = _array(files, f"{prefix}-labels-idx1-ubyte", 1)
    return arrays


def _array(files: Mapping[str, bytes], name: str, ndim: int) -> np.ndarray:
    content = files[name]
    header = 4 + 4 * ndim
    if content[:4] != bytes([0, 0, BYTES, ndim]) or len(content) < header:
        raise ValueError(f"{name} does not begin as an idx file of {ndim} dimensions.")
    shape = struct.unpack(f">{ndim}I", content[4:header])
    pixels = np.frombuffer(content, np.uint8, offset=header)
    if pixels.size != np.prod(shape, dtype=object):
        raise ValueError(f"{name} has {pixels.size:,} bytes, but says {shape}.")
    return pixels.reshape(shape)
