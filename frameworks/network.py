"""The network that the constructor describes: its blocks, and its layers' names."""

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple


class Block(NamedTuple):
    """One convolution block: convolution -> ReLU -> max pool."""

    channels: int
    filters: int
    kernel: tuple[int, int]
    pool: tuple[int, int]
    shape: tuple[int, int, int]  # (h, w, c) after the pool


def blocks(image_shape: tuple[int, int, int], filters: Sequence[int]) -> list[Block]:
    """Return the convolution blocks; windows are clipped, so no image is too small."""
    h, w, channels = image_shape
    found = []
    for count in filters:
        kernel = (min(3, h), min(3, w))
        h, w = h - kernel[0] + 1, w - kernel[1] + 1
        pool = (min(2, h), min(2, w))
        h, w = h // pool[0], w // pool[1]
        found.append(Block(channels, count, kernel, pool, (h, w, count)))
        channels = count
    return found


def layer_names(filters: Sequence[int], hidden_units: Sequence[int]) -> list[str]:
    """Return the names of the layers, from the first convolution to the output."""
    pairs = [(f"conv{i}", f"pool{i}") for i, _ in enumerate(filters, 1)]
    dense = [f"dense{i}" for i, _ in enumerate(hidden_units, 1)]
    return [name for pair in pairs for name in pair] + dense + ["output"]


def check_sizes(name: str, sizes: Sequence[int]) -> None:
    """Raise ValueError unless all `sizes` are whole numbers of at least 1."""
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(
                f"{name} must be whole numbers of at least 1, got {tuple(sizes)}."
            )
