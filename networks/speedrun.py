"""Speedrun: a network and a recipe made to learn small images in minutes.

After Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (arXiv 2404.00498),
and Page 2018, "How to train your ResNet". A short network of wide convolutions needs
few epochs if everything around it helps. The first layer is computed from the images,
and not trained. Pools come before norms, so norms and activations have a quarter of the
work; norms have no gamma. Convolutions start by passing their input on, and their steps
are made orthogonal (Muon). The rate rises quickly to a value that would be far too high
for long, and falls to nothing on a straight line.

Where it differs: batch norms have epsilon and momentum as everywhere here, all weights
have one rate and one momentum, and the last pool is a mean, so images of any size will
do.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from frameworks import functional, modules, variables
from frameworks.family import DeepFamily
from frameworks.layers import (
    BatchNorm2D,
    Conv2D,
    Dense,
    GlobalAvgPool2D,
    Identity,
    MaxPool2D,
    Sequential,
    Swish,
    Whitening,
)
from frameworks.lazy import keras, nn, tf
from frameworks.whitening import filters_of, whitening
from models import TF_CNN, Keras_CNN, Skylark_CNN, Torch_CNN


class BlockSizes(NamedTuple):
    """Convolution -> pool, in the first block of a stage -> norm -> activation."""

    name: str
    inputs: int  # channels
    filters: int
    pool: tuple[int, int] | None


class Speedrun(DeepFamily):
    """Whitening -> stages of convolutions 3x3, each after a max pool -> mean -> dense.

    Parameters
    ----------
    widths : sequence of int, default=(64, 128, 128)
        Filters of each stage.
    depth : int, default=2
        Convolutions of a stage.
    """

    family = "speedrun"
    sizes: ClassVar = {"widths": (64, 128, 128), "depth": 2}
    narrow: ClassVar = {"widths": 4}
    kernels: ClassVar = "dirac"

    def plan(self) -> Iterator[BlockSizes]:
        """Yield the blocks, in order; pools are clipped to the image."""
        (h, w), inputs = self.patches(), self.stem_filters()
        for stage, filters in enumerate(self.widths_, 1):
            pool = (min(2, h), min(2, w))
            h, w = h // pool[0], w // pool[1]
            for number in range(1, self.depth_ + 1):
                name = f"stage{stage}.block{number}"
                yield BlockSizes(name, inputs, filters, pool if number == 1 else None)
                inputs = filters

    def window(self) -> tuple[int, int]:
        """Return the window of the whitening: 2x2, clipped to the image."""
        h, w, _ = self.image_shape_
        return min(2, h), min(2, w)

    def patches(self) -> tuple[int, int]:
        """Return how many windows the whitening has along h and w."""
        (h, w, _), (kh, kw) = self.image_shape_, self.window()
        return h - kh + 1, w - kw + 1

    def stem_filters(self) -> int:
        """Return how many filters the whitening has."""
        return filters_of(self.image_shape_[2], self.window())

    def first_state(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Return the whitening's kernel, computed from the training images."""
        return {"stem.conv.whitening": whitening(X, self.window(), self.dtype_)}


class Skylark_Speedrun(Speedrun, Skylark_CNN):
    """NumPy alone."""

    def network(self):
        c, f, dtype = self.image_shape_[2], self.stem_filters(), self.dtype_
        whiten = Whitening(c, f, self.window(), dtype)
        net = {"stem": Sequential(conv=whiten, swish=Swish())}  # (f, h - 1, w - 1, n)
        for b in self.plan():
            f, options = b.filters, {"padding": 1, "use_bias": False}
            options["needs_dx"] = len(net) > 1  # the stem has nothing to train
            net[b.name] = Sequential(  # (f, h / 2, w / 2, n), or (f, h, w, n)
                conv=Conv2D(b.inputs, f, (3, 3), dtype, **options),
                pool=MaxPool2D(b.pool) if b.pool else Identity(),
                norm=BatchNorm2D(f, dtype, scale=False),
                swish=Swish(),
            )
        net["pool"] = GlobalAvgPool2D()  # (f, n)
        net["output"] = Dense(f, len(self.classes_), dtype)  # (classes, n)
        return Sequential(**net)


class Keras_Speedrun(Speedrun, Keras_CNN):
    """Keras."""

    def network(self):
        layers = keras.layers
        x = inputs = keras.Input(self.image_shape_)  # (n, h, w, c)
        x = functional.whitening(x, "stem.conv", self.stem_filters(), self.window())
        x = layers.Activation("silu", name="stem")(x)  # (n, h - 1, w - 1, f)
        for b in self.plan():
            x = functional.conv2d(x, f"{b.name}.conv", b.filters, 3)
            if b.pool:
                x = layers.MaxPool2D(b.pool)(x)  # (n, h / 2, w / 2, f)
            x = functional.batch_norm(x, f"{b.name}.norm", scale=False)
            name = functional.layer_name(b.name)
            x = layers.Activation("silu", name=name)(x)  # (n, h, w, f)
        x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, f)
        x = layers.Dense(len(self.classes_), name="output")(x)  # (n, classes)
        return keras.Model(inputs, x)


class Torch_Speedrun(Speedrun, Torch_CNN):
    """PyTorch."""

    def network(self):
        c, f = self.image_shape_[2], self.stem_filters()
        whiten = modules.whitening(c, f, self.window())
        net = {
            "stem": modules.chain(conv=whiten, silu=nn.SiLU())
        }  # (n, f, h - 1, w - 1)
        for b in self.plan():
            f = b.filters
            net[b.name] = modules.chain(  # (n, f, h / 2, w / 2), or (n, f, h, w)
                conv=modules.conv2d(b.inputs, f, 3),
                pool=nn.MaxPool2d(b.pool) if b.pool else nn.Identity(),
                norm=modules.batch_norm_2d(f, scale=False),
                silu=nn.SiLU(),
            )
        net["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # (n, f)
        net["output"] = nn.Linear(f, len(self.classes_))  # (n, classes)
        return modules.chain(**net)


class TF_Speedrun(Speedrun, TF_CNN):
    """TensorFlow without Keras."""

    def network(self, x, training):
        v, options = self.variables_, {"padding": 1, "use_bias": False}
        x = variables.whitening(v, x, "stem.conv", self.stem_filters(), self.window())
        x = tf.nn.silu(x)
        yield "stem", x  # (n, h - 1, w - 1, f)
        for b in self.plan():
            x = variables.conv2d(v, x, f"{b.name}.conv", b.filters, (3, 3), **options)
            if b.pool:
                x = tf.nn.max_pool2d(x, b.pool, b.pool, "VALID")
            x = variables.batch_norm(v, x, f"{b.name}.norm", training, scale=False)
            x = tf.nn.silu(x)
            yield b.name, x  # (n, h / 2, w / 2, f), or (n, h, w, f)
        x = tf.reduce_mean(x, (1, 2))
        yield "pool", x  # (n, f)
        x = variables.dense(v, x, "output", len(self.classes_))
        yield "output", x  # (n, classes)


MODELS = {
    "skylark": Skylark_Speedrun,
    "keras": Keras_Speedrun,
    "torch": Torch_Speedrun,
    "tf": TF_Speedrun,
}
RECIPE: dict[str, Any] = {
    "batch_size": 1024,
    "learning_rate": 0.24,
    "momentum": 0.6,
    "nesterov": True,
    "muon": True,
    "schedule": "one_cycle",
    "warmup": 0.23,
    "label_smoothing": 0.2,
    "augment": "flip+crop",
    "crop_padding": 2,
    "test_augment": "flip+shift",
}
PRESETS: dict[str, dict[str, Any]] = {
    "speedrun93": {"widths": (64, 128, 128), "depth": 2, "epochs": 18} | RECIPE,
    "speedrun94": {"widths": (64, 256, 256), "depth": 2, "epochs": 20} | RECIPE,
}
