"""ResNet: blocks that learn what to add to their input.

He, Zhang, Ren, Sun 2016, "Deep residual learning for image recognition". A layer more
should never harm, for it could learn to do nothing; but to learn that is hard. So the
input of each block goes around it, on a shortcut, and is added to what the block makes
of it: doing nothing is then all weights at zero. Gradients take the shortcuts too, and
networks of hundreds of layers can be trained.

These are the paper's networks for small images (section 4.2): the stem is one
convolution 3x3 at stride 1, without a pool. Where a block changes the shape, a
convolution 1x1 with a norm is on the shortcut (the paper's option B).
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from frameworks.family import Family
from frameworks.layers import (
    Add,
    BatchNorm2D,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Identity,
    ReLU,
    Sequential,
)
from frameworks.lazy import keras, nn, tf
from frameworks.modules import batch_norm_2d
from frameworks.variables import batch_norm, conv2d, dense
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """A residual block: two convolutions 3x3, and the shortcut around them."""

    name: str
    inputs: int  # channels
    filters: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether the shortcut needs a convolution, for the shape changes."""
        return self.stride > 1 or self.inputs != self.filters


class ResNet(Family):
    """Stem -> stages of residual blocks -> global average pool -> dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 1)
        Blocks of each stage. From stage to stage filters double, and the image halves.
    width : int, default=16
        Filters of the stem and of the first stage.
    """

    family = "resnet"
    sizes: ClassVar = {"blocks": (1, 1, 1), "width": 16}
    narrow: ClassVar = {"width": 4}

    def layer_names(self) -> list[str]:
        """Return the names of stem, blocks, pool and output."""
        return ["stem", *(block.name for block in self.plan()), "pool", "output"]

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order."""
        inputs = self.width_
        for stage, count in enumerate(self.blocks_, 1):
            filters = self.width_ * 2 ** (stage - 1)
            for number in range(1, count + 1):
                stride = 2 if stage > 1 and number == 1 else 1
                yield BlockSizes(f"stage{stage}.block{number}", inputs, filters, stride)
                inputs = filters


class Skylark_ResNet(ResNet, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        def conv(c, f, window, stride=1, **options):
            options |= {"stride": stride, "padding": window // 2, "use_bias": False}
            return Conv2D(c, f, (window, window), self.dtype_, **options)

        def norm(c):
            return BatchNorm2D(c, self.dtype_)

        def block(c, f, stride, projects):
            main = Sequential(
                conv1=conv(c, f, 3, stride),  # (f, h', w', n)
                norm1=norm(f),
                relu1=ReLU(),
                conv2=conv(f, f, 3),  # (f, h', w', n)
                norm2=norm(f),
            )
            around = Sequential(conv=conv(c, f, 1, stride), norm=norm(f))
            shortcut = around if projects else Identity()
            return Sequential(Add(main, shortcut=shortcut), ReLU())

        c, f = self.image_shape_[2], self.width_
        stem = {"conv": conv(c, f, 3, needs_dx=False), "norm": norm(f), "relu": ReLU()}
        net = {"stem": Sequential(**stem)}  # (f, h, w, n)
        for b in self.plan():
            net[b.name] = block(b.inputs, b.filters, b.stride, b.projects)
            f = b.filters
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_ResNet(ResNet, Keras_CNN):
    """Keras."""

    def network(self):
        layers = keras.layers

        def conv_norm(x, name, f, window, stride=1, conv="conv", norm="norm"):
            padding = "same" if stride == 1 else "valid"
            if stride > 1:  # Keras's "same" pads right and below first
                x = layers.ZeroPadding2D(window // 2)(x)
            x = layers.Conv2D(
                f, window, stride, padding, use_bias=False, name=f"{name}-{conv}"
            )(x)
            return layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, name=f"{name}-{norm}"
            )(x)

        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = layers.ReLU(name="stem")(conv_norm(x, "stem", self.width_, 3))
        for b in self.plan():
            name = b.name.replace(".", "-")  # PyTorch, below Keras, takes no dots
            out = conv_norm(x, name, b.filters, 3, b.stride, "conv1", "norm1")
            out = layers.ReLU()(out)  # (n, h', w', f)
            out = conv_norm(out, name, b.filters, 3, 1, "conv2", "norm2")
            if b.projects:
                x = conv_norm(x, f"{name}-shortcut", b.filters, 1, b.stride)
            x = layers.ReLU(name=name)(layers.Add()([out, x]))  # (n, h', w', f)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_ResNet(ResNet, Torch_CNN):
    """PyTorch."""

    def network(self):
        def conv(c, f, window, stride=1):
            return nn.Conv2d(c, f, window, stride, window // 2, bias=False)

        class Block(nn.Module):
            def __init__(self, c, f, stride, projects):
                super().__init__()
                self.conv1, self.norm1 = conv(c, f, 3, stride), batch_norm_2d(f)
                self.conv2, self.norm2 = conv(f, f, 3), batch_norm_2d(f)
                self.shortcut = nn.Identity()
                if projects:
                    # A pool of 1 x 1 picks every second pixel, as a stride would; with
                    # a stride PyTorch 2.15 corrupts memory on a CPU if channels are few
                    around = {"pixels": nn.AvgPool2d(1, stride), "conv": conv(c, f, 1)}
                    around["norm"] = batch_norm_2d(f)
                    self.shortcut = nn.Sequential(OrderedDict(around))

            def forward(self, x):
                out = nn.functional.relu(self.norm1(self.conv1(x)))  # (n, f, h', w')
                out = self.norm2(self.conv2(out))  # (n, f, h', w')
                return nn.functional.relu(out + self.shortcut(x))

        c, f = self.image_shape_[2], self.width_
        stem = {"conv": conv(c, f, 3), "norm": batch_norm_2d(f), "relu": nn.ReLU()}
        net = OrderedDict(stem=nn.Sequential(OrderedDict(stem)))  # (n, f, h, w)
        for b in self.plan():
            stage, _, name = b.name.partition(".")
            block = Block(b.inputs, b.filters, b.stride, b.projects)
            net.setdefault(stage, nn.Sequential()).add_module(name, block)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return nn.Sequential(net)


class TF_ResNet(ResNet, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v = self.variables_

        def conv_norm(x, name, f, window, stride=1, conv="conv", norm="norm"):
            options = {"stride": stride, "padding": window // 2, "use_bias": False}
            x = conv2d(v, x, f"{name}.{conv}", f, (window, window), **options)
            return batch_norm(v, x, f"{name}.{norm}", training)

        x = tf.nn.relu(conv_norm(x, "stem", self.width_, 3))
        yield "stem", x  # (n, h, w, f)
        for b in self.plan():
            out = conv_norm(x, b.name, b.filters, 3, b.stride, "conv1", "norm1")
            out = tf.nn.relu(out)  # (n, h', w', f)
            out = conv_norm(out, b.name, b.filters, 3, 1, "conv2", "norm2")
            if b.projects:
                x = conv_norm(x, f"{b.name}.shortcut", b.filters, 1, b.stride)
            x = tf.nn.relu(out + x)
            yield b.name, x  # (n, h', w', f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        yield "output", dense(v, x, "output", len(self.classes_))  # (n, classes)


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
}
