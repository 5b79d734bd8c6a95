"""ShuffleNetV2: half of the channels rest in each block, and then all are shuffled.

Ma, Zhang, Zheng, Sun 2018, "ShuffleNet V2: practical guidelines for efficient CNN
architecture design". Multiply-adds do not say how long a network takes: reading and
writing memory counts, and so do many small steps. So a block works on half of the
channels alone, with as many channels in as out, and adds nothing; the other half goes
past it for free. Then both are shuffled, and the next block gets some of each.

For small images, the stem has stride 1, and no pool is after it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    Concat,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
    Shuffle,
    Split,
    conv_norm,
    depthwise_norm,
)
from frameworks.lazy import keras, nn, tf, torch
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """A unit: at stride 2 both of its branches see all channels, otherwise half."""

    name: str
    inputs: int  # channels of each branch
    filters: int  # of each branch
    stride: int


class ShuffleNet(DeepFamily):
    """Stem -> stages of units -> head 1x1 -> global average pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(2, 4, 2)
        Units of each stage; the first has stride 2.
    width : int, default=48
        Channels of the first stage, an even number; from stage to stage they double.
    stem : int, default=24
        Filters of the stem.
    head : int, default=512
        Filters of the last convolution.
    """

    family = "shufflenet"
    sizes: ClassVar = {"blocks": (2, 4, 2), "width": 48, "stem": 24, "head": 512}
    narrow: ClassVar = {"width": 8, "stem": 4, "head": 8}
    after = ("head", "pool", "output")

    def check_sizes(self) -> None:
        """Raise ValueError where channels cannot be halved."""
        super().check_sizes()
        if self.width % 2:
            raise ValueError(f"width must be even, got {self.width}.")

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the units, in order."""
        inputs = self.stem_
        for stage, count in enumerate(self.blocks_, 1):
            half = self.width_ * 2 ** (stage - 1) // 2
            for number in range(1, count + 1):
                name = f"stage{stage}.block{number}"
                if number == 1:
                    yield BlockSizes(name, inputs, half, stride=2)
                else:
                    yield BlockSizes(name, half, half, stride=1)
            inputs = 2 * half


class Skylark_ShuffleNet(ShuffleNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        dtype = self.dtype_
        conv = partial(conv_norm, activation=ReLU, dtype=dtype)

        def block(b):
            c, f, stride = b.inputs, b.filters, b.stride
            right = Sequential(
                conv1=conv(c, f, 1),  # (f, h, w, n)
                depthwise=depthwise_norm(f, 3, stride=stride, dtype=dtype),
                conv2=conv(f, f, 1),  # (f, h', w', n)
            )
            if stride == 1:
                return Sequential(Split(left=Identity(), right=right), Shuffle(2))
            left = Sequential(
                depthwise=depthwise_norm(c, 3, stride=stride, dtype=dtype),
                conv=conv(c, f, 1),  # (f, h', w', n)
            )
            return Sequential(Concat(left=left, right=right), Shuffle(2))

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3, needs_dx=False)}  # (f, h, w, n)
        for b in self.plan():
            net[b.name] = block(b)
            f = 2 * b.filters
        net["head"] = conv(f, self.head_, 1)  # (head, h, w, n)
        net["pool"] = GlobalAvgPool2D()  # (head, n)
        net["output"] = Dense(self.head_, len(self.classes_), dtype)  # (classes, n)
        return Sequential(**net)


class Keras_ShuffleNet(ShuffleNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, depthwise = keras.layers, functional.depthwise_norm
        conv = partial(functional.conv_norm, activation="relu")

        def shuffled(left, right):
            h, w, f = left.shape[1:]
            x = keras.ops.stack([left, right], axis=-1)  # (n, h, w, f, 2)
            return layers.Reshape((h, w, 2 * f))(x)

        def block(x, b):
            left = right = x
            if b.stride == 1:
                left, right = keras.ops.split(x, 2, axis=-1)  # (n, h, w, c / 2)
            right = conv(right, f"{b.name}.right.conv1", b.filters, 1)  # (n, h, w, f)
            right = depthwise(right, f"{b.name}.right.depthwise", 3, stride=b.stride)
            right = conv(right, f"{b.name}.right.conv2", b.filters, 1)
            if b.stride > 1:
                left = depthwise(left, f"{b.name}.left.depthwise", 3, stride=b.stride)
                left = conv(left, f"{b.name}.left.conv", b.filters, 1)
            return shuffled(left, right)  # (n, h', w', 2 f)

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv(x, "stem", self.stem_, 3)
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = conv(x, "head", self.head_, 1)  # (n, h, w, head)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, head)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_ShuffleNet(ShuffleNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv = partial(modules.conv_norm, activation=nn.ReLU)

        def depthwise(c, stride):
            return modules.conv_norm(c, c, 3, stride=stride, groups=c)

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                c, f, stride = b.inputs, b.filters, b.stride
                if stride > 1:
                    self.left = modules.chain(
                        depthwise=depthwise(c, stride),
                        conv=conv(c, f, 1),  # (n, f, h', w')
                    )
                self.right = modules.chain(
                    conv1=conv(c, f, 1),  # (n, f, h, w)
                    depthwise=depthwise(f, stride),
                    conv2=conv(f, f, 1),  # (n, f, h', w')
                )
                self.stride = stride

            def forward(self, x):
                if self.stride == 1:
                    left, right = x.chunk(2, 1)  # (n, c / 2, h, w)
                else:
                    left, right = self.left(x), x
                pairs = torch.stack([left, self.right(right)], 2)  # (n, f, 2, h', w')
                return pairs.flatten(1, 2)  # (n, 2 f, h', w')

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3)}  # (n, f, h, w)
        for b in self.plan():
            net[b.name] = Block(b)
            f = 2 * b.filters
        net["head"] = conv(f, self.head_, 1)  # (n, head, h, w)
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, head)
        net["output"] = nn.Linear(self.head_, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_ShuffleNet(ShuffleNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v = self.variables_
        options = {"activation": tf.nn.relu, "training": training}
        conv = partial(variables.conv_norm, v, **options)
        depthwise = partial(variables.depthwise_norm, v, training=training)

        def shuffled(left, right):
            _, h, w, f = left.shape
            x = tf.stack([left, right], axis=-1)  # (n, h, w, f, 2)
            return tf.reshape(x, (-1, h, w, 2 * f))

        def block(x, b):
            left = right = x
            if b.stride == 1:
                left, right = tf.split(x, 2, axis=-1)  # (n, h, w, c / 2)
            right = conv(right, f"{b.name}.right.conv1", b.filters, 1)  # (n, h, w, f)
            right = depthwise(right, f"{b.name}.right.depthwise", 3, stride=b.stride)
            right = conv(right, f"{b.name}.right.conv2", b.filters, 1)
            if b.stride > 1:
                left = depthwise(left, f"{b.name}.left.depthwise", 3, stride=b.stride)
                left = conv(left, f"{b.name}.left.conv", b.filters, 1)
            return shuffled(left, right)  # (n, h', w', 2 f)

        x = conv(x, "stem", self.stem_, 3)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', 2 f)
        x = conv(x, "head", self.head_, 1)
        yield "head", x  # (n, h, w, head)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, head)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_ShuffleNet,
    "keras": Keras_ShuffleNet,
    "torch": Torch_ShuffleNet,
    "tf": TF_ShuffleNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "shufflenet_small": {"blocks": (2, 4, 2), "width": 48, "stem": 24, "head": 512},
    "shufflenetv2_x05": {"blocks": (4, 8, 4), "width": 48, "stem": 24, "head": 1024},
    "shufflenetv2_x1": {"blocks": (4, 8, 4), "width": 116, "stem": 24, "head": 1024},
}
