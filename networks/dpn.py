"""DPN: a shortcut that adds and a shortcut that keeps, in one block.

Chen, Li, Xiao, Jin, Yan, Feng 2017, "Dual path networks". ResNet's blocks refine the
features that are there; DenseNet's find new ones and keep the old. Here each block does
both: most channels of its output are added to the shortcut, and a few are put beside
it. What they share is computed once.

For small images, the stem is one convolution 3x3 at stride 1, without a pool. Norm and
ReLU come after each convolution, not before it, and the first block of a stage makes
the dense channels of the shortcut once, where the paper makes them twice.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily, check_one_a_stage
from frameworks.layers import (
    Dense,
    DualPath,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
    conv_norm,
)
from frameworks.lazy import keras, nn, tf, torch
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """A dual path block: 1x1, 3x3 in groups, 1x1, and the two shortcuts around them."""

    name: str
    inputs: int  # channels
    hidden: int  # inside
    residual: int  # added to the shortcut
    dense: int  # put beside it
    stride: int
    projects: bool  # its shortcut has a convolution

    @property
    def made(self) -> int:
        """Channels that its convolutions make."""
        return self.residual + self.dense

    @property
    def filters(self) -> int:
        """Channels of the output."""
        return (self.made if self.projects else self.inputs) + self.dense


class DPN(DeepFamily):
    """Stem -> stages of dual path blocks -> global average pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 2, 1)
        Blocks of each stage; the first of each stage projects its shortcut.
    dense : sequence of int, default=(8, 8, 8)
        Channels that each block of a stage adds beside the others.
    width : int, default=16
        Channels inside the blocks of the first stage. From stage to stage they double.
    residual : int, default=32
        Channels of the residual path in the first stage, which double likewise.
    groups : int, default=4
        Of the convolution 3x3; it divides `width`.
    stem : int, default=16
        Filters of the stem.
    """

    family = "dpn"
    sizes: ClassVar = {
        "blocks": (1, 2, 1),
        "dense": (8, 8, 8),
        "width": 16,
        "residual": 32,
        "groups": 4,
        "stem": 16,
    }
    narrow: ClassVar = {"dense": 2, "width": 4, "residual": 4, "groups": 2, "stem": 4}

    def check_sizes(self) -> None:
        """Raise ValueError where stages or groups do not come out even."""
        super().check_sizes()
        check_one_a_stage(self, "blocks", "dense")
        if self.width % self.groups:
            raise ValueError(
                f"width must be a multiple of groups, {self.groups}, got {self.width}."
            )

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        inputs = self.stem_
        stages = zip(self.blocks_, self.dense_, strict=True)
        for stage, (count, dense) in enumerate(stages, 1):
            scale = 2 ** (stage - 1)
            for number in range(1, count + 1):
                first = number == 1
                block = BlockSizes(
                    f"stage{stage}.block{number}",
                    inputs,
                    self.width_ * scale,
                    self.residual_ * scale,
                    dense,
                    stride=2 if first and stage > 1 else 1,
                    projects=first,
                )
                yield block
                inputs = block.filters


class Skylark_DPN(DPN, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        conv = partial(conv_norm, dtype=self.dtype_)

        def block(b):
            options = {"stride": b.stride, "groups": self.groups_}
            main = Sequential(
                first=conv(b.inputs, b.hidden, 1, ReLU),  # (hidden, h, w, n)
                grouped=conv(b.hidden, b.hidden, 3, ReLU, **options),
                last=conv(b.hidden, b.made, 1),  # (residual + dense, h', w', n)
            )
            shortcut = Identity()
            if b.projects:
                shortcut = conv(b.inputs, b.made, 1, stride=b.stride)
            return Sequential(DualPath(b.residual, main, shortcut=shortcut), ReLU())

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3, ReLU, needs_dx=False)}  # (f, h, w, n)
        for b in self.plan():
            net[b.name] = block(b)
            f = b.filters
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_DPN(DPN, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv = keras.layers, functional.conv_norm

        def block(x, b):
            r, options = b.residual, {"stride": b.stride, "groups": self.groups_}
            out = conv(x, f"{b.name}.first", b.hidden, 1, "relu")  # (n, h, w, hidden)
            out = conv(out, f"{b.name}.grouped", b.hidden, 3, "relu", **options)
            out = conv(out, f"{b.name}.last", b.made, 1)  # (n, h', w', r + dense)
            if b.projects:
                x = conv(x, f"{b.name}.shortcut", b.made, 1, stride=b.stride)
            added = out[..., :r] + x[..., :r]
            x = layers.Concatenate()([added, x[..., r:], out[..., r:]])
            return layers.ReLU()(x)  # (n, h', w', f)

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv(x, "stem", self.stem_, 3, "relu")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_DPN(DPN, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv, groups = modules.conv_norm, self.groups_

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                c, h, self.residual = b.inputs, b.hidden, b.residual
                self.first = conv(c, h, 1, nn.ReLU)
                self.grouped = conv(h, h, 3, nn.ReLU, stride=b.stride, groups=groups)
                self.last = conv(h, b.made, 1)
                self.shortcut = nn.Identity()
                if b.projects:
                    self.shortcut = conv(c, b.made, 1, stride=b.stride)

            def forward(self, x):
                out = self.last(self.grouped(self.first(x)))  # (n, r + dense, h', w')
                r, x = self.residual, self.shortcut(x)
                added = out[:, :r] + x[:, :r]
                return torch.cat([added, x[:, r:], out[:, r:]], 1).relu()

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3, nn.ReLU)}  # (n, f, h, w)
        for b in self.plan():
            net[b.name] = Block(b)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_DPN(DPN, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, relu = self.variables_, tf.nn.relu
        conv = partial(variables.conv_norm, v, training=training)

        def block(x, b):
            r, options = b.residual, {"stride": b.stride, "groups": self.groups_}
            out = conv(x, f"{b.name}.first", b.hidden, 1, relu)  # (n, h, w, hidden)
            out = conv(out, f"{b.name}.grouped", b.hidden, 3, relu, **options)
            out = conv(out, f"{b.name}.last", b.made, 1)  # (n, h', w', r + dense)
            if b.projects:
                x = conv(x, f"{b.name}.shortcut", b.made, 1, stride=b.stride)
            added = out[..., :r] + x[..., :r]
            return relu(tf.concat([added, x[..., r:], out[..., r:]], 3))

        x = conv(x, "stem", self.stem_, 3, relu)
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            x = block(x, b)
            yield b.name, x  # (n, h', w', f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_DPN,
    "keras": Keras_DPN,
    "torch": Torch_DPN,
    "tf": TF_DPN,
}
PRESETS: dict[str, dict[str, Any]] = {
    "dpn_small": {
        "blocks": (1, 2, 1),
        "dense": (8, 8, 8),
        "width": 16,
        "residual": 32,
        "groups": 4,
        "stem": 16,
    },
    "dpn26": {
        "blocks": (2, 2, 2, 2),
        "dense": (16, 32, 24, 128),
        "width": 96,
        "residual": 256,
        "groups": 32,
        "stem": 64,
    },
    "dpn92": {
        "blocks": (3, 4, 20, 3),
        "dense": (16, 32, 24, 128),
        "width": 96,
        "residual": 256,
        "groups": 32,
        "stem": 64,
    },
}
