"""EfficientNet: blocks whose channels are weighted by what is in the image.

Tan, Le 2019, "EfficientNet: rethinking model scaling for convolutional neural
networks". The block is MobileNetV2's, with two things more: a gate turns each channel
up or down, after looking at the means of all of them (squeeze and excite); and swish,
a smooth ReLU, is the activation. Which blocks there are was found by search; from this
network, B0, larger ones follow by one rule for depth, width and image size.

For small images, the stem and the second stage have stride 1. Dropout and drop-connect
are left out.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import Family, check_stages, multiple_of_8
from frameworks.layers import (
    Add,
    Dense,
    GlobalAvgPool2D,
    Identity,
    Sequential,
    Swish,
    conv_norm,
    depthwise_norm,
    squeeze_excite,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN

WIDTHS = (16, 24, 40, 80, 112, 192, 320)  # of each stage, where the stem has 32
STRIDES = (1, 1, 2, 2, 1, 2, 1)
WINDOWS = (3, 3, 5, 3, 5, 5, 3)


class BlockSizes(NamedTuple):
    """Expand 1x1, depthwise, squeeze and excite, project 1x1."""

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

    @property
    def squeezed(self) -> int:
        """Channels in the middle of squeeze and excite: a quarter of the inputs."""
        return max(1, self.inputs // 4)


class EfficientNet(Family):
    """Stem -> stages of gated inverted residuals -> head 1x1 -> global pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 1, 2, 1, 1, 1)
        Blocks of each stage: seven, or fewer.
    width : int, default=16
        Filters of the stem; those of the stages are in proportion (WIDTHS for 32),
        rounded to multiples of 8.
    expansion : int, default=4
        Channels inside a block, for each of its input (6 in the paper); in the first
        stage it is 1.
    head : int, default=320
        Filters of the last convolution.
    """

    family = "efficientnet"
    sizes: ClassVar = {
        "blocks": (1, 1, 1, 2, 1, 1, 1),
        "width": 16,
        "expansion": 4,
        "head": 320,
    }
    narrow: ClassVar = {"width": 4, "expansion": 2, "head": 8}

    def check_sizes(self) -> None:
        """Raise ValueError where there are more than seven stages."""
        super().check_sizes()
        check_stages(self, "blocks", len(WIDTHS))

    def layer_names(self) -> list[str]:
        """Return the names of stem, blocks, head, pool and output."""
        blocks = [block.name for block in self.plan()]
        return ["stem", *blocks, "head", "pool", "output"]

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        inputs = self.width_
        stages = zip(self.blocks_, WIDTHS, WINDOWS, STRIDES, strict=False)
        for stage, (count, width, window, stride) in enumerate(stages, 1):
            filters = multiple_of_8(width * self.width_ / 32)
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


class Skylark_EfficientNet(EfficientNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        dtype = self.dtype_

        def block(b):
            layers = {}
            if b.expands:  # (hidden, h, w, n)
                layers["expand"] = conv_norm(b.inputs, b.hidden, 1, Swish, dtype=dtype)
            layers["depthwise"] = depthwise_norm(
                b.hidden, b.window, Swish, stride=b.stride, dtype=dtype
            )  # (hidden, h', w', n)
            layers["gate"] = squeeze_excite(b.hidden, b.squeezed, Swish, dtype=dtype)
            layers["project"] = conv_norm(b.hidden, b.filters, 1, dtype=dtype)
            main = Sequential(**layers)  # (f, h', w', n)
            return Add(main, Identity()) if b.adds else main

        c, f = self.image_shape_[2], self.width_
        net = {"stem": conv_norm(c, f, 3, Swish, dtype=dtype, needs_dx=False)}
        for b in self.plan():
            net[b.name] = block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, Swish, dtype=dtype)
        net["pool"] = GlobalAvgPool2D()  # (head, n)
        net["output"] = Dense(self.head_, len(self.classes_), dtype)  # (classes, n)
        return Sequential(**net)


class Keras_EfficientNet(EfficientNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv_norm = keras.layers, functional.conv_norm

        def block(x, b):
            out = x
            if b.expands:  # (n, h, w, hidden)
                out = conv_norm(out, f"{b.name}.expand", b.hidden, 1, "swish")
            out = functional.depthwise_norm(
                out, f"{b.name}.depthwise", b.window, "swish", stride=b.stride
            )  # (n, h', w', hidden)
            gate = f"{b.name}.gate"
            out = functional.squeeze_excite(out, gate, b.squeezed, "swish")
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            return layers.Add()([out, x]) if b.adds else out

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv_norm(x, "stem", self.width_, 3, "swish")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = conv_norm(x, "head", self.head_, 1, "swish")  # (n, h, w, head)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, head)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_EfficientNet(EfficientNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv_norm, swish = modules.conv_norm, nn.SiLU

        class Block(nn.Sequential):
            def __init__(self, b):
                super().__init__()
                if b.expands:  # (n, hidden, h, w)
                    self.expand = conv_norm(b.inputs, b.hidden, 1, swish)
                self.depthwise = conv_norm(
                    b.hidden,
                    b.hidden,
                    b.window,
                    swish,
                    stride=b.stride,
                    groups=b.hidden,
                )  # (n, hidden, h', w')
                self.gate = modules.squeeze_excite(b.hidden, b.squeezed, swish)
                self.project = conv_norm(b.hidden, b.filters, 1)  # (n, f, h', w')
                self.adds = b.adds

            def forward(self, x):
                out = super().forward(x)
                return out + x if self.adds else out

        net = {"stem": conv_norm(self.image_shape_[2], self.width_, 3, swish)}
        for b in self.plan():
            net[b.name] = Block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, swish)  # (n, head, h, w)
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, head)
        net["output"] = nn.Linear(self.head_, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_EfficientNet(EfficientNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, swish = self.variables_, tf.nn.silu
        conv_norm = partial(variables.conv_norm, v, training=training)
        depthwise_norm = partial(variables.depthwise_norm, v, training=training)

        def block(x, b):
            out = x
            if b.expands:  # (n, h, w, hidden)
                out = conv_norm(out, f"{b.name}.expand", b.hidden, 1, swish)
            out = depthwise_norm(
                out, f"{b.name}.depthwise", b.window, swish, stride=b.stride
            )  # (n, h', w', hidden)
            gate = f"{b.name}.gate"
            out = variables.squeeze_excite(v, out, gate, b.squeezed, swish)
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            return out + x if b.adds else out

        x = conv_norm(x, "stem", self.width_, 3, swish)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = conv_norm(x, "head", self.head_, 1, swish)
        yield "head", x  # (n, h, w, head)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, head)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_EfficientNet,
    "keras": Keras_EfficientNet,
    "torch": Torch_EfficientNet,
    "tf": TF_EfficientNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "efficientnet_small": {
        "blocks": (1, 1, 1, 2, 1, 1, 1),
        "width": 16,
        "expansion": 4,
        "head": 320,
    },
    "efficientnet_b0": {
        "blocks": (1, 2, 2, 3, 3, 4, 1),
        "width": 32,
        "expansion": 6,
        "head": 1280,
    },
}
