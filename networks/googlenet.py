"""GoogLeNet: windows of several sizes side by side.

Szegedy et al. 2015, "Going deeper with convolutions". Which window suits an image
depends on how large things are in it, so each block looks through all of them at once,
1x1, 3x3, 5x5, and a max pool, and puts what it sees side by side. Convolutions 1x1
first reduce the channels that the larger windows are given: the network is deeper than
those before it, and has twelve times fewer weights.

For small images, the stem is one convolution 3x3 at stride 1, without a pool. Each
convolution has a batch norm, and the 5x5 is two of 3x3, as in the later Inception v2.
The auxiliary outputs are left out, and dropout is off.
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
    MaxPool2D,
    ReLU,
    Sequential,
    conv_norm,
    dropout,
)
from frameworks.lazy import keras, nn, tf, torch
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN

STEM = 192
STAGES = (  # table 1: 1x1; reduced, 3x3; reduced, 5x5; after the pool
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class BlockSizes(NamedTuple):
    """The filters of a block's convolutions; or a pool between two stages."""

    name: str
    inputs: int  # channels
    one: int
    reduced3: int
    three: int
    reduced5: int
    five: int
    pooled: int

    @property
    def pools(self) -> bool:
        """Whether it is a pool alone."""
        return not self.one

    @property
    def filters(self) -> int:
        """Channels of the output."""
        return self.one + self.three + self.five + self.pooled or self.inputs


class GoogLeNet(DeepFamily):
    """Stem -> stages of inception blocks, max pools between -> global pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 2, 1)
        Blocks of each stage, at most 2, 5, 2: the first ones of the paper's table.
    width : int, default=8
        Filters of the first block's 1x1; all others are in proportion (64 in the
        paper).
    dropout : float, default=0.0
        Share of the features that are 0 before the dense layer, in training (0.4 in the
        paper).
    """

    family = "googlenet"
    sizes: ClassVar = {"blocks": (1, 2, 1), "width": 8, "dropout": 0.0}
    narrow: ClassVar = {"width": 4}

    def check_sizes(self) -> None:
        """Raise ValueError where the paper's table has fewer blocks."""
        super().check_sizes()
        most = tuple(map(len, STAGES))
        if not 1 <= len(self.blocks) <= len(most) or any(
            count > limit for count, limit in zip(self.blocks, most, strict=False)
        ):
            raise ValueError(
                f"blocks must be at most {most}, as the paper's stages, "
                f"got {tuple(self.blocks)}."
            )

    def scaled(self, filters: int) -> int:
        """Return how many filters there are in place of the paper's."""
        return max(1, filters * self.width_ // 64)

    def plan(self) -> Iterator[BlockSizes]:
        """Yield blocks, and the pools between stages, in order."""
        inputs = self.scaled(STEM)
        for stage, count in enumerate(self.blocks_, 1):
            if stage > 1:
                yield BlockSizes(f"stage{stage}.pool", inputs, 0, 0, 0, 0, 0, 0)
            for number, paper in enumerate(STAGES[stage - 1][:count], 1):
                filters = map(self.scaled, paper)
                block = BlockSizes(f"stage{stage}.block{number}", inputs, *filters)
                yield block
                inputs = block.filters


class Skylark_GoogLeNet(GoogLeNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        conv = partial(conv_norm, activation=ReLU, dtype=self.dtype_)

        def block(b):
            return Concat(
                one=conv(b.inputs, b.one, 1),  # (one, h, w, n)
                three=Sequential(
                    reduce=conv(b.inputs, b.reduced3, 1),
                    conv1=conv(b.reduced3, b.three, 3),  # (three, h, w, n)
                ),
                five=Sequential(
                    reduce=conv(b.inputs, b.reduced5, 1),
                    conv1=conv(b.reduced5, b.five, 3),
                    conv2=conv(b.five, b.five, 3),  # (five, h, w, n)
                ),
                pooled=Sequential(
                    pool=MaxPool2D((3, 3), stride=1, padding=1),
                    project=conv(b.inputs, b.pooled, 1),  # (pooled, h, w, n)
                ),
            )

        c, f = self.image_shape_[2], self.scaled(STEM)
        net = {"stem": conv(c, f, 3, needs_dx=False)}  # (f, h, w, n)
        for b in self.plan():
            pool = MaxPool2D((3, 3), stride=2, padding=1)  # (f, h / 2, w / 2, n)
            net[b.name] = pool if b.pools else block(b)
            f = b.filters
        drop = dropout(self.mask("pool", self.dropout_))
        net["pool"] = Sequential(GlobalAvgPool2D(), drop)  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_GoogLeNet(GoogLeNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, max_pool = keras.layers, functional.max_pool
        conv = partial(functional.conv_norm, activation="relu")

        def block(x, b):
            one = conv(x, f"{b.name}.one", b.one, 1)  # (n, h, w, one)
            three = conv(x, f"{b.name}.three.reduce", b.reduced3, 1)
            three = conv(three, f"{b.name}.three.conv1", b.three, 3)
            five = conv(x, f"{b.name}.five.reduce", b.reduced5, 1)
            five = conv(five, f"{b.name}.five.conv1", b.five, 3)
            five = conv(five, f"{b.name}.five.conv2", b.five, 3)
            pooled = conv(max_pool(x, 3, 1), f"{b.name}.pooled.project", b.pooled, 1)
            return layers.Concatenate()([one, three, five, pooled])

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv(x, "stem", self.scaled(STEM), 3)
        for b in self.plan():
            x = max_pool(x, 3, 2) if b.pools else block(x, b)
            x = functional.named(x, b.name)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = functional.dropout(x, self.mask("pool", self.dropout_))
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_GoogLeNet(GoogLeNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv = partial(modules.conv_norm, activation=nn.ReLU)

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                self.one = conv(b.inputs, b.one, 1)
                self.three = modules.chain(
                    reduce=conv(b.inputs, b.reduced3, 1),
                    conv1=conv(b.reduced3, b.three, 3),
                )
                self.five = modules.chain(
                    reduce=conv(b.inputs, b.reduced5, 1),
                    conv1=conv(b.reduced5, b.five, 3),
                    conv2=conv(b.five, b.five, 3),
                )
                self.pooled = modules.chain(
                    pool=nn.MaxPool2d(3, stride=1, padding=1),
                    project=conv(b.inputs, b.pooled, 1),
                )

            def forward(self, x):
                return torch.cat([branch(x) for branch in self.children()], 1)

        f = self.scaled(STEM)
        net = {"stem": conv(self.image_shape_[2], f, 3)}  # (n, f, h, w)
        for b in self.plan():
            pool = nn.MaxPool2d(3, stride=2, padding=1)  # (n, f, h / 2, w / 2)
            net[b.name] = pool if b.pools else Block(b)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["pool"].append(modules.dropout(self.mask("pool", self.dropout_)))
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_GoogLeNet(GoogLeNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, max_pool = self.variables_, variables.max_pool
        options = {"activation": tf.nn.relu, "training": training}
        conv = partial(variables.conv_norm, v, **options)

        def block(x, b):
            one = conv(x, f"{b.name}.one", b.one, 1)  # (n, h, w, one)
            three = conv(x, f"{b.name}.three.reduce", b.reduced3, 1)
            three = conv(three, f"{b.name}.three.conv1", b.three, 3)
            five = conv(x, f"{b.name}.five.reduce", b.reduced5, 1)
            five = conv(five, f"{b.name}.five.conv1", b.five, 3)
            five = conv(five, f"{b.name}.five.conv2", b.five, 3)
            pooled = conv(max_pool(x, 3, 1), f"{b.name}.pooled.project", b.pooled, 1)
            return tf.concat([one, three, five, pooled], 3)

        x = conv(x, "stem", self.scaled(STEM), 3)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = max_pool(x, 3, 2) if b.pools else block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dropout(x, self.mask("pool", self.dropout_), training)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_GoogLeNet,
    "keras": Keras_GoogLeNet,
    "torch": Torch_GoogLeNet,
    "tf": TF_GoogLeNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "googlenet_small": {"blocks": (1, 2, 1), "width": 8},
    "googlenet": {"blocks": (2, 5, 2), "width": 64},
}
