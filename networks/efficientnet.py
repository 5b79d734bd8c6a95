"""EfficientNet: blocks whose channels are weighted by what is in the image.

Tan, Le 2019, "EfficientNet: rethinking model scaling for convolutional neural
networks". The block is MobileNetV2's, with two things more: a gate turns each channel
up or down, after looking at the means of all of them (squeeze and excite); and swish,
a smooth ReLU, is the activation. Which blocks there are was found by search; from this
network, B0, larger ones follow by one rule for depth, width and image size.

The plan of the blocks is MobileNetV2's as well (mobilenet.py), with other widths and
windows. For small images, the stem and the second stage have stride 1. Dropout and
drop-connect are off, unless asked for.
"""

from functools import partial
from typing import Any, ClassVar

from frameworks import functional, modules, variables
from frameworks.dropout import Mask
from frameworks.layers import (
    Add,
    Dense,
    GlobalAvgPool2D,
    Identity,
    Sequential,
    Swish,
    conv_norm,
    depthwise_norm,
    dropout,
    squeeze_excite,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN
from networks.mobilenet import BlockSizes, MobileNet


class EfficientNet(MobileNet):
    """Stem -> stages of gated inverted residuals -> head 1x1 -> global pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 1, 2, 1, 1, 1)
        Blocks of each stage: seven, or fewer.
    width : int, default=16
        Filters of the stem; those of the stages are in proportion, rounded to multiples
        of 8.
    expansion : int, default=4
        Channels inside a block, for each of its input (6 in the paper); in the first
        stage it is 1.
    head : int, default=320
        Filters of the last convolution.
    dropout : float, default=0.0
        Share of the features that are 0 before the dense layer, in training (0.2 in the
        paper).
    drop_connect : float, default=0.0
        Share of the images to which a block adds nothing, in training: none in the
        first block, so many after the last, in between on a straight line (0.2 in the
        paper).
    """

    family = "efficientnet"
    sizes: ClassVar = {
        "blocks": (1, 1, 1, 2, 1, 1, 1),
        "width": 16,
        "expansion": 4,
        "head": 320,
        "dropout": 0.0,
        "drop_connect": 0.0,
    }
    narrow: ClassVar = MobileNet.narrow
    widths = (16, 24, 40, 80, 112, 192, 320)
    windows = (3, 3, 5, 3, 5, 5, 3)

    def connects(self, block: BlockSizes) -> Mask:
        """Return the masks of a block's drop-connect."""
        names = [b.name for b in self.plan()]
        rate = self.drop_connect_ * names.index(block.name) / len(names)
        return self.mask(block.name, rate, whole=True)


def squeezed(block: BlockSizes) -> int:
    """Return the channels in the middle of its gate: a quarter of those it gets."""
    return max(1, block.inputs // 4)


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
            layers["gate"] = squeeze_excite(b.hidden, squeezed(b), Swish, dtype=dtype)
            layers["project"] = conv_norm(b.hidden, b.filters, 1, dtype=dtype)
            if b.adds:
                layers["drop"] = dropout(self.connects(b))
            main = Sequential(**layers)  # (f, h', w', n)
            return Add(main, Identity()) if b.adds else main

        c, f = self.image_shape_[2], self.width_
        net = {"stem": conv_norm(c, f, 3, Swish, dtype=dtype, needs_dx=False)}
        for b in self.plan():
            net[b.name] = block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, Swish, dtype=dtype)
        drop = dropout(self.mask("pool", self.dropout_))
        net["pool"] = Sequential(GlobalAvgPool2D(), drop)  # (head, n)
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
            out = functional.squeeze_excite(out, gate, squeezed(b), "swish")
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            if b.adds:
                out = layers.Add()([functional.dropout(out, self.connects(b)), x])
            return out

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv_norm(x, "stem", self.width_, 3, "swish")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = conv_norm(x, "head", self.head_, 1, "swish")  # (n, h, w, head)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, head)
        x = functional.dropout(x, self.mask("pool", self.dropout_))
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_EfficientNet(EfficientNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv_norm, swish, connects = modules.conv_norm, nn.SiLU, self.connects

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
                self.gate = modules.squeeze_excite(b.hidden, squeezed(b), swish)
                self.project = conv_norm(b.hidden, b.filters, 1)  # (n, f, h', w')
                if b.adds:
                    self.drop = modules.dropout(connects(b))
                self.adds = b.adds

            def forward(self, x):
                out = super().forward(x)
                return out + x if self.adds else out

        net = {"stem": conv_norm(self.image_shape_[2], self.width_, 3, swish)}
        for b in self.plan():
            net[b.name] = Block(b)
        net["head"] = conv_norm(b.filters, self.head_, 1, swish)  # (n, head, h, w)
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, head)
        net["pool"].append(modules.dropout(self.mask("pool", self.dropout_)))
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
            out = variables.squeeze_excite(v, out, gate, squeezed(b), swish)
            out = conv_norm(out, f"{b.name}.project", b.filters, 1)  # (n, h', w', f)
            if b.adds:
                out = x + variables.dropout(out, self.connects(b), training)
            return out

        x = conv_norm(x, "stem", self.width_, 3, swish)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = conv_norm(x, "head", self.head_, 1, swish)
        yield "head", x  # (n, h, w, head)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, head)
        x = variables.dropout(x, self.mask("pool", self.dropout_), training)
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
