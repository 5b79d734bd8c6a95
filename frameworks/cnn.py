"""The small CNN of models.py as a family: sizes, names of layers, shapes of blocks."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from sklearn.utils._param_validation import StrOptions

from frameworks.family import Family


class ConvBlock(NamedTuple):
    """One convolution block: convolution -> ReLU -> max pool."""

    channels: int
    filters: int
    kernel: tuple[int, int]
    pool: tuple[int, int]
    shape: tuple[int, int, int]  # (h, w, c) after the pool


class CNN(Family):
    """Convolution 3x3 -> ReLU -> max pool 2x2, for each of `filters`; dense layers.

    Parameters
    ----------
    filters : sequence of int, default=(8,)
        Filters of each convolution block.
    hidden_units : sequence of int, default=()
        Units of each hidden dense layer, dense -> ReLU.
    activation : {"relu", None}, default="relu"
        None leaves out every ReLU.
    """

    family = "cnn"
    sizes: ClassVar = {"filters": (8,), "hidden_units": (), "activation": "relu"}
    kernels = "glorot_uniform"
    _parameter_constraints: ClassVar = {"activation": [StrOptions({"relu"}), None]}

    filters_: Sequence[int]
    hidden_units_: Sequence[int]
    image_shape_: tuple[int, int, int]

    def layer_names(self) -> list[str]:
        """Return the names from the first convolution to the output."""
        pairs = [(f"conv{i}", f"pool{i}") for i, _ in enumerate(self.filters_, 1)]
        dense = [f"dense{i}" for i, _ in enumerate(self.hidden_units_, 1)]
        return [name for pair in pairs for name in pair] + dense + ["output"]

    def conv_blocks(self) -> list[ConvBlock]:
        """Return the convolution blocks, their windows clipped to the image."""
        return conv_blocks(self.image_shape_, self.filters_)

    def flat_shape(self) -> tuple[int, int, int]:
        """Return (h, w, c) of what is flattened for the dense layers."""
        return ([self.image_shape_] + [block.shape for block in self.conv_blocks()])[-1]


def conv_blocks(
    image_shape: tuple[int, int, int], filters: Sequence[int]
) -> list[ConvBlock]:
    """Return the convolution blocks; windows are clipped, so no image is too small."""
    h, w, channels = image_shape
    blocks = []
    for count in filters:
        kernel = (min(3, h), min(3, w))
        h, w = h - kernel[0] + 1, w - kernel[1] + 1
        pool = (min(2, h), min(2, w))
        h, w = h // pool[0], w // pool[1]
        blocks.append(ConvBlock(channels, count, kernel, pool, (h, w, count)))
        channels = count
    return blocks
