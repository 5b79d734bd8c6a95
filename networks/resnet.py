"""ResNet: blocks that learn what to add to their input.

He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition". A layer more
should never harm, for it could learn to do nothing; but to learn that is hard. So the
input of each block goes around it, on a shortcut, and is added to what the block makes
of it: doing nothing is then all weights at zero. Gradients take the shortcuts too, and
networks of hundreds of layers can be trained.

`resnet8` and `resnet20` are the paper's networks for small images (section 4.2): the
stem is one convolution 3x3 at stride 1, without a pool. `resnet18` and `resnet50` are
those of section 4.1 behind the same stem; a bottleneck's stride is in its 3x3, not in
the 1x1 before it. Where a block changes the shape, a convolution 1x1 with a norm is on
the shortcut (the paper's option B).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    Add,
    BatchNorm2D,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
    conv_norm,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class ConvSizes(NamedTuple):
    """A convolution."""

    inputs: int  # channels
    filters: int
    window: int
    stride: int


class BlockSizes(NamedTuple):
    """A residual block: some convolutions, and the shortcut around them."""

    name: str
    convolutions: list[ConvSizes]

    @property
    def filters(self) -> int:
        """Channels of the output."""
        return self.convolutions[-1].filters

    @property
    def shortcut(self) -> ConvSizes | None:
        """The convolution on the shortcut, if the shape changes."""
        inputs = self.convolutions[0].inputs
        stride = max(conv.stride for conv in self.convolutions)
        if stride == 1 and inputs == self.filters:
            return None
        return ConvSizes(inputs, self.filters, 1, stride)


class ResNet(DeepFamily):
    """Stem -> stages of residual blocks -> global average pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 1)
        Blocks of each stage. From stage to stage filters double, and the image halves.
    width : int, default=16
        Filters of the stem and of the first stage.
    bottleneck : bool, default=False
        Whether a block is 1x1, 3x3, 1x1, the last with four times the filters, in place
        of two convolutions 3x3.
    """

    family = "resnet"
    sizes: ClassVar = {"blocks": (1, 1, 1), "width": 16, "bottleneck": False}
    narrow: ClassVar = {"width": 4}

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        c = self.width_
        for stage, count in enumerate(self.blocks_, 1):
            f = self.width_ * 2 ** (stage - 1)
            for number in range(1, count + 1):
                stride = 2 if stage > 1 and number == 1 else 1
                if self.bottleneck_:
                    sizes = [(c, f, 1, 1), (f, f, 3, stride), (f, 4 * f, 1, 1)]
                else:
                    sizes = [(c, f, 3, stride), (f, f, 3, 1)]
                convolutions = [ConvSizes(*size) for size in sizes]
                block = BlockSizes(f"stage{stage}.block{number}", convolutions)
                yield block
                c = block.filters


class Skylark_ResNet(ResNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        dtype = self.dtype_

        def conv(c, f, window, stride):
            options = {"stride": stride, "padding": window // 2, "use_bias": False}
            return Conv2D(c, f, (window, window), dtype, **options)

        def block(b):
            layers = {}
            for i, sizes in enumerate(b.convolutions, 1):
                if i > 1:
                    layers[f"relu{i}"] = ReLU()
                layers[f"conv{i}"] = conv(*sizes)  # (f, h', w', n)
                layers[f"norm{i}"] = BatchNorm2D(sizes.filters, dtype)
            shortcut = Identity()
            if b.shortcut:
                c, f, window, stride = b.shortcut
                shortcut = conv_norm(c, f, window, stride=stride, dtype=dtype)
            return Sequential(Add(Sequential(**layers), shortcut=shortcut), ReLU())

        c, f = self.image_shape_[2], self.width_
        net = {"stem": conv_norm(c, f, 3, ReLU, dtype=dtype, needs_dx=False)}
        for b in self.plan():
            net[b.name] = block(b)
            f = b.filters
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), dtype)  # (classes, n)
        return Sequential(**net)


class Keras_ResNet(ResNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers = keras.layers

        def block(x, b):
            out = x
            for i, (_, f, window, stride) in enumerate(b.convolutions, 1):
                out = layers.ReLU()(out) if i > 1 else out
                out = functional.conv2d(
                    out, f"{b.name}.conv{i}", f, window, stride=stride
                )  # (n, h', w', f)
                out = functional.batch_norm(out, f"{b.name}.norm{i}")
            if b.shortcut:
                _, f, window, stride = b.shortcut
                shortcut = f"{b.name}.shortcut"
                x = functional.conv_norm(x, shortcut, f, window, stride=stride)
            return layers.ReLU()(layers.Add()([out, x]))

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = functional.conv_norm(x, "stem", self.width_, 3, "relu")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_ResNet(ResNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv_norm = modules.conv_norm

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                for i, (c, f, window, stride) in enumerate(b.convolutions, 1):
                    if i > 1:
                        self.add_module(f"relu{i}", nn.ReLU())
                    self.add_module(f"conv{i}", modules.conv2d(c, f, window, stride))
                    self.add_module(f"norm{i}", modules.batch_norm_2d(f))
                self.shortcut = nn.Identity()
                if b.shortcut:
                    c, f, window, stride = b.shortcut
                    self.shortcut = conv_norm(c, f, window, stride=stride)

            def forward(self, x):
                *main, shortcut = self.children()
                out = x
                for layer in main:
                    out = layer(out)  # (n, f, h', w')
                return nn.functional.relu(out + shortcut(x))

        c, f = self.image_shape_[2], self.width_
        net = {"stem": conv_norm(c, f, 3, nn.ReLU)}  # (n, f, h, w)
        for b in self.plan():
            net[b.name] = Block(b)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_ResNet(ResNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, relu = self.variables_, tf.nn.relu
        conv_norm = partial(variables.conv_norm, v, training=training)

        def block(x, b):
            out = x
            for i, (_, f, window, stride) in enumerate(b.convolutions, 1):
                out = relu(out) if i > 1 else out
                out = variables.conv2d(
                    v,
                    out,
                    f"{b.name}.conv{i}",
                    f,
                    (window, window),
                    stride=stride,
                    padding=window // 2,
                    use_bias=False,
                )  # (n, h', w', f)
                out = variables.batch_norm(v, out, f"{b.name}.norm{i}", training)
            if b.shortcut:
                _, f, window, stride = b.shortcut
                x = conv_norm(x, f"{b.name}.shortcut", f, window, stride=stride)
            return relu(out + x)

        x = conv_norm(x, "stem", self.width_, 3, relu)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_ResNet,
    "keras": Keras_ResNet,
    "torch": Torch_ResNet,
    "tf": TF_ResNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "resnet8": {"blocks": (1, 1, 1), "width": 16},
    "resnet20": {"blocks": (3, 3, 3), "width": 16},
    "resnet18": {"blocks": (2, 2, 2, 2), "width": 64},
    "resnet50": {"blocks": (3, 4, 6, 3), "width": 64, "bottleneck": True},
}
