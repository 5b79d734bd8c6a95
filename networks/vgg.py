"""VGG: nothing but convolutions 3x3, one after the other.

Simonyan, Zisserman 2015, "Very deep convolutional networks for large-scale image
recognition". Two convolutions 3x3 see as much of an image as one of 5x5, with fewer
weights and one more activation between them. So all windows are the smallest that know
left from right, and the network is deep instead: pools halve the image five times, and
filters double meanwhile.

For small images, each convolution has a batch norm, and one dense layer takes the place
of three: after five pools, an image of 32 x 32 pixels is a single one.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    Dense,
    GlobalAvgPool2D,
    MaxPool2D,
    ReLU,
    Sequential,
    conv_norm,
)
from frameworks.lazy import keras, nn, tf
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class LayerSizes(NamedTuple):
    """A convolution, or a pool after the convolutions of a stage."""

    name: str
    inputs: int  # channels
    filters: int
    window: tuple[int, int]
    pools: bool = False


class VGG(DeepFamily):
    """Stages of convolution -> norm -> ReLU, each with a max pool at its end; dense.

    Parameters
    ----------
    blocks : sequence of int, default=(1, 1, 2, 2, 2)
        Convolutions of each stage.
    width : int, default=64
        Filters of the first stage. From stage to stage they double, up to 8 times.
    """

    family = "vgg"
    sizes: ClassVar = {"blocks": (1, 1, 2, 2, 2), "width": 64}
    narrow: ClassVar = {"width": 4}
    before = ()

    def plan(self) -> Iterator[LayerSizes]:
        """Yield convolutions and pools, in order; pools are clipped to the image."""
        h, w, inputs = self.image_shape_
        for stage, count in enumerate(self.blocks_, 1):
            filters = self.width_ * min(2 ** (stage - 1), 8)
            for number in range(1, count + 1):
                name = f"stage{stage}.block{number}"
                yield LayerSizes(name, inputs, filters, (3, 3))
                inputs = filters
            window = (min(2, h), min(2, w))
            yield LayerSizes(f"stage{stage}.pool", filters, filters, window, pools=True)
            h, w = h // window[0], w // window[1]


class Skylark_VGG(VGG, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        net, f = {}, self.image_shape_[2]
        for b in self.plan():
            if b.pools:
                net[b.name] = MaxPool2D(b.window)  # (f, h / 2, w / 2, n)
            else:
                options = {"dtype": self.dtype_, "needs_dx": bool(net)}
                conv = conv_norm(b.inputs, b.filters, 3, ReLU, **options)
                net[b.name] = conv  # (f, h, w, n)
            f = b.filters
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), self.dtype_)  # (classes, n)
        return Sequential(**net)


class Keras_VGG(VGG, Keras_CNN):
    """Keras."""

    def network(self):
        layers, conv_norm = keras.layers, functional.conv_norm
        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        for b in self.plan():
            if b.pools:
                name = functional.layer_name(b.name)
                x = layers.MaxPool2D(b.window, name=name)(x)  # (n, h / 2, w / 2, f)
            else:
                x = conv_norm(x, b.name, b.filters, 3, "relu")  # (n, h, w, f)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_VGG(VGG, Torch_CNN):
    """PyTorch."""

    def network(self):
        conv_norm, net, f = modules.conv_norm, {}, self.image_shape_[2]
        for b in self.plan():
            if b.pools:
                net[b.name] = nn.MaxPool2d(b.window)  # (n, f, h / 2, w / 2)
            else:
                net[b.name] = conv_norm(b.inputs, b.filters, 3, nn.ReLU)  # (n, f, h, w)
            f = b.filters
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_VGG(VGG, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, conv_norm = self.variables_, variables.conv_norm
        for b in self.plan():
            if b.pools:
                x = tf.nn.max_pool2d(x, b.window, b.window, "VALID")
            else:
                x = conv_norm(v, x, b.name, b.filters, 3, tf.nn.relu, training=training)
            yield b.name, x  # (n, h, w, f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_VGG,
    "keras": Keras_VGG,
    "torch": Torch_VGG,
    "tf": TF_VGG,
}
PRESETS: dict[str, dict[str, Any]] = {
    "vgg_small": {"blocks": (1, 1, 2, 2), "width": 16},
    "vgg11": {"blocks": (1, 1, 2, 2, 2), "width": 64},
    "vgg16": {"blocks": (2, 2, 3, 3, 3), "width": 64},
}
