"""The layers of Skylark: NumPy, a whole batch at a time.

Every layer has `forward(x, training)`, which returns its output, and in training keeps
what `backward` needs; and `backward(dout)`, which keeps the gradients of its weights
and returns the gradient of its input. A gradient is named d + name. The letters,
in all these files:

    n       images in the batch
    c, f    channels of the input, filters (channels of the output)
    g       groups of channels
    H, W    height and width of the input
    h, w    height and width of the output
    kh, kw  height and width of the window; i, j a position in it

Images are (c, H, W, n). With the batch innermost, a window shifted by (i, j), and every
second row or column, are long contiguous runs: fast to copy, to add and to compare.
With channels outermost, some of the channels are a view. Kernels are (kh, kw, c / g, f)
as everywhere in the project.
"""

from frameworks.layers.activations import Identity, ReLU, ReLU6, Sigmoid, Swish
from frameworks.layers.blocks import conv_norm, depthwise_norm, squeeze_excite
from frameworks.layers.containers import (
    Add,
    Concat,
    Container,
    DualPath,
    Gate,
    Sequential,
    Split,
)
from frameworks.layers.convolution import Conv2D, DepthwiseConv2D
from frameworks.layers.dense import Dense, Flatten
from frameworks.layers.dropout import Dropout, dropout
from frameworks.layers.norm import BatchNorm2D
from frameworks.layers.pooling import AvgPool2D, GlobalAvgPool2D, MaxPool2D
from frameworks.layers.protocol import Layer, Weighted
from frameworks.layers.shuffle import Shuffle
from frameworks.layers.whitening import Whitening

__all__ = [
    "Add",
    "AvgPool2D",
    "BatchNorm2D",
    "Concat",
    "Container",
    "Conv2D",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "DualPath",
    "Flatten",
    "Gate",
    "GlobalAvgPool2D",
    "Identity",
    "Layer",
    "MaxPool2D",
    "ReLU",
    "ReLU6",
    "Sequential",
    "Shuffle",
    "Sigmoid",
    "Split",
    "Swish",
    "Weighted",
    "Whitening",
    "conv_norm",
    "depthwise_norm",
    "dropout",
    "squeeze_excite",
]
