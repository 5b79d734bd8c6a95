"""DenseNet: each layer sees what all those before it have made.

Huang, Liu, van der Maaten, Weinberger 2017, "Densely connected convolutional networks".
A shortcut that adds mixes old features with new ones. Here new ones are put beside the
old, and no layer has to make again what is already there: each adds a few channels, so
the network is narrow, and small for its accuracy. Between stages, a transition halves
channels and image.

For small images, the stem is one convolution 3x3 at stride 1, without a norm or a pool.
Each layer has a bottleneck, and transitions halve the channels (DenseNet-BC).
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    AvgPool2D,
    BatchNorm2D,
    Concat,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
)
from frameworks.lazy import keras, nn, tf, torch
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """A dense layer; or, where it has a pool, the transition after a stage."""

    name: str
    inputs: int  # channels
    filters: int  # new ones; of a transition, all
    pool: tuple[int, int] | None = None

    @property
    def outputs(self) -> int:
        """Channels of the output."""
        return self.filters if self.pool else self.inputs + self.filters


class DenseNet(DeepFamily):
    """Stem -> stages of dense layers, transitions between -> head -> pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(2, 2, 2, 2)
        Layers of each stage.
    growth : int, default=8
        Channels that each layer adds; the stem has twice as many.
    """

    family = "densenet"
    sizes: ClassVar = {"blocks": (2, 2, 2, 2), "growth": 8}
    narrow: ClassVar = {"growth": 2}
    after = ("head", "pool", "output")

    def plan(self) -> Iterator[BlockSizes]:
        """Yield layers and transitions, in order; pools are clipped to the image."""
        h, w, _ = self.image_shape_
        inputs = 2 * self.growth_
        for stage, count in enumerate(self.blocks_, 1):
            for number in range(1, count + 1):
                name = f"stage{stage}.block{number}"
                block = BlockSizes(name, inputs, self.growth_)
                yield block
                inputs = block.outputs
            if stage < len(self.blocks_):
                pool = (min(2, h), min(2, w))
                name = f"stage{stage}.transition"
                block = BlockSizes(name, inputs, inputs // 2, pool)
                yield block
                h, w, inputs = h // pool[0], w // pool[1], block.outputs


class Skylark_DenseNet(DenseNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        def conv(c, f, window, **options):
            options |= {"padding": window // 2, "use_bias": False}
            return Conv2D(c, f, (window, window), self.dtype_, **options)

        def norm(c):
            return BatchNorm2D(c, self.dtype_)

        def block(b):
            middle = 4 * b.filters
            new = Sequential(
                norm1=norm(b.inputs),
                relu1=ReLU(),
                conv1=conv(b.inputs, middle, 1),  # (4 growth, h, w, n)
                norm2=norm(middle),
                relu2=ReLU(),
                conv2=conv(middle, b.filters, 3),  # (growth, h, w, n)
            )
            return Concat(Identity(), new)  # (c + growth, h, w, n)

        def transition(b):
            return Sequential(
                norm=norm(b.inputs),
                relu=ReLU(),
                conv=conv(b.inputs, b.filters, 1),
                pool=AvgPool2D(b.pool),  # (c / 2, h / 2, w / 2, n)
            )

        c, f = self.image_shape_[2], 2 * self.growth_
        net = {"stem": conv(c, f, 3, needs_dx=False)}  # (f, h, w, n)
        for b in self.plan():
            net[b.name] = transition(b) if b.pool else block(b)
            f = b.outputs
        net["head"] = Sequential(norm=norm(f), relu=ReLU())  # (f, h, w, n)
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_DenseNet(DenseNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv = keras.layers, functional.conv2d

        def norm_relu(x, name):
            return layers.ReLU()(functional.batch_norm(x, name))

        def block(x, b):
            new = norm_relu(x, f"{b.name}.norm1")
            new = conv(new, f"{b.name}.conv1", 4 * b.filters, 1)  # (n, h, w, 4 growth)
            new = norm_relu(new, f"{b.name}.norm2")
            new = conv(new, f"{b.name}.conv2", b.filters, 3)  # (n, h, w, growth)
            return layers.Concatenate()([x, new])  # (n, h, w, c + growth)

        def transition(x, b):
            x = norm_relu(x, f"{b.name}.norm")
            x = conv(x, f"{b.name}.conv", b.filters, 1)
            return layers.AveragePooling2D(b.pool)(x)  # (n, h / 2, w / 2, c / 2)

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv(x, "stem", 2 * self.growth_, 3)
        for b in self.plan():
            x = transition(x, b) if b.pool else block(x, b)
            x = functional.named(x, b.name)
        x = functional.named(norm_relu(x, "head.norm"), "head")  # (n, h, w, f)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_DenseNet(DenseNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv, norm, chain = modules.conv2d, modules.batch_norm_2d, modules.chain

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                middle = 4 * b.filters
                self.norm1, self.conv1 = norm(b.inputs), conv(b.inputs, middle, 1)
                self.norm2, self.conv2 = norm(middle), conv(middle, b.filters, 3)

            def forward(self, x):
                new = self.conv1(self.norm1(x).relu())  # (n, 4 growth, h, w)
                new = self.conv2(self.norm2(new).relu())  # (n, growth, h, w)
                return torch.cat([x, new], 1)  # (n, c + growth, h, w)

        def transition(b):
            return chain(
                norm=norm(b.inputs),
                relu=nn.ReLU(),
                conv=conv(b.inputs, b.filters, 1),
                pool=nn.AvgPool2d(b.pool),  # (n, c / 2, h / 2, w / 2)
            )

        c, f = self.image_shape_[2], 2 * self.growth_
        net = {"stem": conv(c, f, 3)}  # (n, f, h, w)
        for b in self.plan():
            net[b.name] = transition(b) if b.pool else Block(b)
            f = b.outputs
        net["head"] = chain(norm=norm(f), relu=nn.ReLU())  # (n, f, h, w)
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return chain(**net)


class TF_DenseNet(DenseNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v = self.variables_

        def conv(x, name, f, window):
            options = {"padding": window // 2, "use_bias": False}
            return variables.conv2d(v, x, name, f, (window, window), **options)

        def norm_relu(x, name):
            return tf.nn.relu(variables.batch_norm(v, x, name, training))

        def block(x, b):
            new = norm_relu(x, f"{b.name}.norm1")
            new = conv(new, f"{b.name}.conv1", 4 * b.filters, 1)  # (n, h, w, 4 growth)
            new = norm_relu(new, f"{b.name}.norm2")
            new = conv(new, f"{b.name}.conv2", b.filters, 3)  # (n, h, w, growth)
            return tf.concat([x, new], 3)  # (n, h, w, c + growth)

        def transition(x, b):
            x = norm_relu(x, f"{b.name}.norm")
            x = conv(x, f"{b.name}.conv", b.filters, 1)
            return tf.nn.avg_pool2d(x, b.pool, b.pool, "VALID")

        x = conv(x, "stem", 2 * self.growth_, 3)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = transition(x, b) if b.pool else block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = norm_relu(x, "head.norm")
        yield "head", x  # (n, h, w, f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_DenseNet,
    "keras": Keras_DenseNet,
    "torch": Torch_DenseNet,
    "tf": TF_DenseNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "densenet_small": {"blocks": (2, 2, 2, 2), "growth": 8},
    "densenet_cifar": {"blocks": (6, 12, 24, 16), "growth": 12},
    "densenet121": {"blocks": (6, 12, 24, 16), "growth": 32},
}
