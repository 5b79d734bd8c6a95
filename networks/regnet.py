"""RegNet: a network that follows from a few numbers.

Radosavovic, Kosaraju, Girshick, He, Dollar 2020, "Designing network design spaces".
Instead of one network, its authors searched for rules that good networks obey: widths
grow along a line, stages get deeper, and a bottleneck pays nothing. What is left is
ResNet's block with as many channels inside as outside, whose 3x3 works in groups of a
fixed number of channels: RegNetX. RegNetY adds squeeze and excite.

For small images, the stem and the first two stages have stride 1.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily, check_one_a_stage
from frameworks.layers import (
    Add,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
    conv_norm,
    squeeze_excite,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """A residual block: 1x1, 3x3 in groups, perhaps a gate, 1x1."""

    name: str
    inputs: int  # channels
    filters: int
    stride: int
    groups: int
    squeezed: int  # channels in the middle of squeeze and excite; 0: there is none
    projects: bool  # its shortcut has a convolution


class RegNet(DeepFamily):
    """Stem -> stages of residual blocks in groups -> global average pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 2, 2)
        Blocks of each stage; the first of each stage projects its shortcut.
    widths : sequence of int, default=(16, 24, 40, 64)
        Channels of each stage, multiples of `group_width`.
    group_width : int, default=8
        Channels of each group.
    stem : int, default=16
        Filters of the stem.
    squeeze_excite : bool, default=False
        Whether blocks have gates: RegNetY.
    """

    family = "regnet"
    sizes: ClassVar = {
        "blocks": (1, 1, 2, 2),
        "widths": (16, 24, 40, 64),
        "group_width": 8,
        "stem": 16,
        "squeeze_excite": False,
    }
    narrow: ClassVar = {"widths": 6, "group_width": 3, "stem": 4}

    def check_sizes(self) -> None:
        """Raise ValueError where stages or groups do not come out even."""
        super().check_sizes()
        check_one_a_stage(self, "blocks", "widths")
        if any(width % self.group_width for width in self.widths):
            raise ValueError(
                f"widths must be multiples of group_width, {self.group_width}, "
                f"got {tuple(self.widths)}."
            )

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        inputs = self.stem_
        stages = zip(self.blocks_, self.widths_, strict=True)
        for stage, (count, filters) in enumerate(stages, 1):
            for number in range(1, count + 1):
                first = number == 1
                yield BlockSizes(
                    f"stage{stage}.block{number}",
                    inputs,
                    filters,
                    stride=2 if first and stage > 2 else 1,
                    groups=filters // self.group_width_,
                    squeezed=max(1, round(inputs / 4)) if self.squeeze_excite_ else 0,
                    projects=first,
                )
                inputs = filters


class Skylark_RegNet(RegNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        conv = partial(conv_norm, dtype=self.dtype_)

        def block(b):
            c, f, stride = b.inputs, b.filters, b.stride
            layers = {"first": conv(c, f, 1, ReLU)}  # (f, h, w, n)
            options = {"stride": stride, "groups": b.groups}
            layers["grouped"] = conv(f, f, 3, ReLU, **options)  # (f, h', w', n)
            if b.squeezed:
                layers["gate"] = squeeze_excite(f, b.squeezed, ReLU, dtype=self.dtype_)
            layers["last"] = conv(f, f, 1)
            shortcut = conv(c, f, 1, stride=stride) if b.projects else Identity()
            return Sequential(Add(Sequential(**layers), shortcut=shortcut), ReLU())

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3, ReLU, needs_dx=False)}  # (f, h, w, n)
        for b in self.plan():
            net[b.name] = block(b)
            f = b.filters
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_RegNet(RegNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv = keras.layers, functional.conv_norm

        def block(x, b):
            f, stride = b.filters, b.stride
            out = conv(x, f"{b.name}.first", f, 1, "relu")  # (n, h, w, f)
            options = {"stride": stride, "groups": b.groups}
            out = conv(out, f"{b.name}.grouped", f, 3, "relu", **options)
            if b.squeezed:  # (n, h', w', f)
                gate = f"{b.name}.gate"
                out = functional.squeeze_excite(out, gate, b.squeezed, "relu")
            out = conv(out, f"{b.name}.last", f, 1)
            if b.projects:
                x = conv(x, f"{b.name}.shortcut", f, 1, stride=stride)
            return layers.ReLU()(layers.Add()([out, x]))

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = conv(x, "stem", self.stem_, 3, "relu")
        for b in self.plan():
            x = functional.named(block(x, b), b.name)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_RegNet(RegNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv, relu = modules.conv_norm, nn.ReLU

        class Block(nn.Module):
            def __init__(self, b):
                super().__init__()
                c, f, stride = b.inputs, b.filters, b.stride
                self.shortcut = nn.Identity()
                if b.projects:
                    self.shortcut = conv(c, f, 1, stride=stride)
                self.first = conv(c, f, 1, relu)
                self.grouped = conv(f, f, 3, relu, stride=stride, groups=b.groups)
                self.gate = nn.Identity()
                if b.squeezed:
                    self.gate = modules.squeeze_excite(f, b.squeezed, relu)
                self.last = conv(f, f, 1)

            def forward(self, x):
                out = self.grouped(self.first(x))  # (n, f, h', w')
                out = self.last(self.gate(out))  # (n, f, h', w')
                return nn.functional.relu(out + self.shortcut(x))

        c, f = self.image_shape_[2], self.stem_
        net = {"stem": conv(c, f, 3, relu)}  # (n, f, h, w)
        for b in self.plan():
            net[b.name] = Block(b)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_RegNet(RegNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, relu = self.variables_, tf.nn.relu
        conv = partial(variables.conv_norm, v, training=training)

        def block(x, b):
            f, stride = b.filters, b.stride
            out = conv(x, f"{b.name}.first", f, 1, relu)  # (n, h, w, f)
            options = {"stride": stride, "groups": b.groups}
            out = conv(out, f"{b.name}.grouped", f, 3, relu, **options)
            if b.squeezed:  # (n, h', w', f)
                gate = f"{b.name}.gate"
                out = variables.squeeze_excite(v, out, gate, b.squeezed, relu)
            out = conv(out, f"{b.name}.last", f, 1)
            if b.projects:
                x = conv(x, f"{b.name}.shortcut", f, 1, stride=stride)
            return relu(out + x)

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
    "skylark": Skylark_RegNet,
    "keras": Keras_RegNet,
    "torch": Torch_RegNet,
    "tf": TF_RegNet,
}
PRESETS: dict[str, dict[str, Any]] = {
    "regnet_small": {
        "blocks": (1, 1, 2, 2),
        "widths": (16, 24, 40, 64),
        "group_width": 8,
        "stem": 16,
        "squeeze_excite": True,
    },
    "regnetx_200mf": {
        "blocks": (1, 1, 4, 7),
        "widths": (24, 56, 152, 368),
        "group_width": 8,
        "stem": 32,
        "squeeze_excite": False,
    },
    "regnety_400mf": {
        "blocks": (1, 3, 6, 6),
        "widths": (48, 104, 208, 440),
        "group_width": 8,
        "stem": 32,
        "squeeze_excite": True,
    },
}
