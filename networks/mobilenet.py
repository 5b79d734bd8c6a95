"""MobileNetV2: thin between blocks, wide inside them, where every channel is alone.

Sandler, Howard, Zhu, Zhmoginov, Chen 2018, "MobileNetV2: inverted residuals and linear
bottlenecks". A convolution 3x3 costs as much as it does because all channels meet at
every position of its window. Here they meet in convolutions 1x1 alone, and each has its
own 3x3 (depthwise). A block expands few channels to many, filters these, and projects
them back to few, without an activation at its end, which would lose what few channels
hold; the shortcut is between the thin ends.

For small images, the stem and the second stage have stride 1, and dropout is off.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    Add,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU6,
    Sequential,
    conv_norm,
    depthwise_norm,
    dropout,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """An inverted residual block: expand 1x1, depthwise, project 1x1."""

    name: str
    inputs: int  # channels
    hidden: int  # after the expansion; as many as inputs: there is none
    filters: int
    window: int
    stride: int
    adds: bool  # its input to its output

    @property
    def expands(self) -> bool:
        """Whether the block begins with a convolution 1x1."""
        return self.hidden != self.inputs


class MobileNet(DeepFamily):
    """Stem -> stages of inverted residual blocks -> head 1x1 -> global pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 2, 2, 2, 1, 1, 1)
        Blocks of each stage: seven, or fewer.
    width : int, default=16
        Filters of the stem; those of the stages are in proportion, rounded to multiples
        of 8.
    expansion : int, default=6
        Channels inside a block, for each of its input; in the first stage it is 1.
    head : int, default=320
        Filters of the last convolution.
    dropout : float, default=0.0
        Share of the features that are 0 before the dense layer, in training.

    Attributes
    ----------
    widths, strides, windows : tuple of int
        Of each stage; widths where the stem has 32.
    """

    family = "mobilenet"
    sizes: ClassVar = {
        "blocks": (1, 2, 2, 2, 1, 1, 1),
        "width": 16,
        "expansion": 6,
        "head": 320,
        "dropout": 0.0,
    }
    narrow: ClassVar = {"width": 4, "expansion": 2, "head": 8}
    after = ("head", "pool", "output")
    widths = (16, 24, 32, 64, 96, 160, 320)
    strides = (1, 1, 2, 2, 1, 2, 1)
    windows = (3, 3, 3, 3, 3, 3, 3)

    def check_sizes(self) -> None:
        """Raise ValueError where there are more than seven stages."""
        super().check_sizes()
        if not 1 <= len(self.blocks) <= len(self.widths):
            raise ValueError(
                f"blocks must be 1 to {len(self.widths)} whole numbers, one a stage, "
                f"got {tuple(self.blocks)}."
            )

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        inputs = self.width_
        tables = self.widths, self.windows, self.strides
        stages = zip(self.blocks_, *tables, strict=False)
        for stage, (count, width, window, stride) in enumerate(stages, 1):
            filters = max(8, int(width * self.width_ / 32 + 4) // 8 * 8)
            for number in range(1, count + 1):
                first = number == 1
                yield BlockSizes(
                    f"stage{stage}.block{number}",
                    inputs,
                    inputs if stage == 1 else self.expansion_ * inputs,
                    filters,
                    window,
                    stride if first else 1,
                    adds=not first,
                )
                inputs = filters


class Skylark_MobileNet(MobileNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        dtype = self.dtype_

        def block(b):
            layers = {}
            if b.expands:  # (hidden, h, w, n)
                layers["expand"] = conv_norm(b.inputs, b.hidden, 1, ReLU6, dtype=dtype)
            layers["depthwise"] = depthwise_norm(
                b.hidden, b.window, ReLU6, stride=b.stride, dtype=dtype
            )  # (hidden, h', w', n)
            layers["project"] = conv_norm(b.hidden, b.filters, 1, dtype=dtype)
            main = Sequential(**layers)  # (f, h', w', n)
            return Add(main, Identity()) if b.adds else main

        c, f = self.image_shape_[2], self.width_
        net = {"stem": conv_norm(c, f, 3, ReLU6, dtype=dtype, needs_dx=False)}
        for b in self.plan():
            net[b.name] = block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, ReLU6, dtype=dtype)
        drop = dropout(self.mask("pool", self.dropout_))
        net["pool"] = Sequential(GlobalAvgPool2D(), drop)  # (head, n)
        net["output"] = Dense(self.head_, len(self.classes_), dtype)  # (classes, n)
        return Sequential(**net)


class Keras_MobileNet(MobileNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv_norm = keras.layers, functional.conv_norm

        def block(x, b):
            out = x
            if b.expands:  # (n, h, w, hidden)
                out = conv_norm(out, f"{b.name}.expand", b.hidden, 1, "relu6")
            out = functional.depthwise_norm(
                out, f"{b.name}.depthwise", b.window, "relu6", stride=b.stride
            )  # (n, h', w', hidden)
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            return layers.Add()([out, x]) if b.adds else out

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv_norm(x, "stem", self.width_, 3, "relu6")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = conv_norm(x, "head", self.head_, 1, "relu6")  # (n, h, w, head)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, head)
        x = functional.dropout(x, self.mask("pool", self.dropout_))
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_MobileNet(MobileNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv_norm, relu6 = modules.conv_norm, nn.ReLU6

        class Block(nn.Sequential):
            def __init__(self, b):
                super().__init__()
                if b.expands:  # (n, hidden, h, w)
                    self.expand = conv_norm(b.inputs, b.hidden, 1, relu6)
                self.depthwise = conv_norm(
                    b.hidden,
                    b.hidden,
                    b.window,
                    relu6,
                    stride=b.stride,
                    groups=b.hidden,
                )  # (n, hidden, h', w')
                self.project = conv_norm(b.hidden, b.filters, 1)  # (n, f, h', w')
                self.adds = b.adds

            def forward(self, x):
                out = super().forward(x)
                return out + x if self.adds else out

        net = {"stem": conv_norm(self.image_shape_[2], self.width_, 3, relu6)}
        for b in self.plan():
            net[b.name] = Block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, relu6)  # (n, head, h, w)
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, head)
        net["pool"].append(modules.dropout(self.mask("pool", self.dropout_)))
        net["output"] = nn.Linear(self.head_, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_MobileNet(MobileNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, relu6 = self.variables_, tf.nn.relu6
        conv_norm = partial(variables.conv_norm, v, training=training)
        depthwise_norm = partial(variables.depthwise_norm, v, training=training)

        def block(x, b):
            out = x
            if b.expands:  # (n, h, w, hidden)
                out = conv_norm(out, f"{b.name}.expand", b.hidden, 1, relu6)
            out = depthwise_norm(
                out, f"{b.name}.depthwise", b.window, relu6, stride=b.stride
            )  # (n, h', w', hidden)
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            return out + x if b.adds else out

        x = conv_norm(x, "stem", self.width_, 3, relu6)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = conv_norm(x, "head", self.head_, 1, relu6)
        yield "head", x  # (n, h, w, head)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, head)
        x = variables.dropout(x, self.mask("pool", self.dropout_), training)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_MobileNet,
    "keras": Keras_MobileNet,
    "torch": Torch_MobileNet,
    "tf": TF_MobileNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "mobilenet_small": {"blocks": (1, 2, 2, 2, 1, 1, 1), "width": 16, "head": 320},
    "mobilenetv2": {"blocks": (1, 2, 3, 4, 3, 3, 1), "width": 32, "head": 1280},
}
