"""Layers that often go together, for Keras's functional API.

A name has dots, as in the other frameworks. Keras's own have "-": PyTorch, which may be
below Keras, takes no dots.
"""

from functools import cache
from typing import Any

from frameworks.dropout import Mask
from frameworks.lazy import keras, tf


def layer_name(path: str) -> str:
    """Return what Keras calls the layer at a path."""
    return path.replace(".", "-")


def named(x: Any, path: str) -> Any:
    """Return x itself, so that `transform` finds it under a name."""
    return keras.layers.Identity(name=layer_name(path))(x)


def conv2d(
    x: Any, path: str, filters: int, window: int, *, stride: int = 1, groups: int = 1
) -> Any:
    """(n, h, w, c) -> (n, h', w', filters); padded by window // 2, without bias."""
    x, padding = _padded(x, window, stride)
    Convolution = keras.layers.Conv2D if groups == 1 else _grouped_conv2d()
    return Convolution(
        filters,
        window,
        stride,
        padding,
        groups=groups,
        use_bias=False,
        name=layer_name(path),
    )(x)


@cache
def _grouped_conv2d() -> Any:
    class GroupedConv2D(keras.layers.Conv2D):
        """Keras's own, but for how it is computed with TensorFlow: group by group.

        Keras leaves it to XLA there, which is 100 times slower on a CPU.
        """

        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            if keras.config.backend() != "tensorflow":
                return super().convolution_op(inputs, kernel)
            parts = zip(
                keras.ops.split(inputs, self.groups, axis=-1),
                keras.ops.split(kernel, self.groups, axis=-1),
                strict=True,
            )
            outs = [keras.ops.conv(*part, self.strides, self.padding) for part in parts]
            return keras.ops.concatenate(outs, axis=-1)

    return GroupedConv2D


def depthwise_conv2d(x: Any, path: str, window: int, *, stride: int = 1) -> Any:
    """(n, h, w, c) -> (n, h', w', c); padded by window // 2, without bias."""
    x, padding = _padded(x, window, stride)
    return keras.layers.DepthwiseConv2D(
        window, stride, padding, use_bias=False, name=layer_name(path)
    )(x)


def _padded(x: Any, window: int, stride: int) -> tuple[Any, str]:
    """Return x, and the `padding` with which window // 2 zeros are on every side."""
    if stride == 1:
        return x, "same"  # at other strides it pads right and below first
    return (keras.layers.ZeroPadding2D(window // 2)(x) if window > 1 else x), "valid"


def batch_norm(x: Any, path: str, *, scale: bool = True) -> Any:
    """(n, h, w, c) -> the same shape, with PyTorch's epsilon and momentum."""
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, scale=scale, name=layer_name(path)
    )(x)


def whitening(x: Any, path: str, filters: int, window: tuple[int, int]) -> Any:
    """(n, h, w, c) -> (n, h', w', filters): a convolution that is not trained."""
    return _whitening()(filters, window, name=layer_name(path))(x)


@cache
def _whitening() -> Any:
    class Whitening(keras.layers.Layer):
        def __init__(self, filters: int, window: tuple[int, int], **options: Any):
            super().__init__(**options)
            self.filters, self.window = filters, window

        def build(self, input_shape: tuple[int, ...]) -> None:
            self.whitening = self.add_weight(
                name="whitening",
                shape=(*self.window, input_shape[-1], self.filters),
                initializer="zeros",
                trainable=False,
            )

        def call(self, inputs: Any) -> Any:
            return keras.ops.conv(inputs, self.whitening)

    return Whitening


def conv_norm(
    x: Any,
    path: str,
    filters: int,
    window: int,
    activation: str | None = None,
    *,
    stride: int = 1,
    groups: int = 1,
) -> Any:
    """Convolution -> norm -> activation: (n, h, w, c) -> (n, h', w', filters)."""
    x = conv2d(x, f"{path}.conv", filters, window, stride=stride, groups=groups)
    return _with_norm(x, path, activation)


def depthwise_norm(
    x: Any, path: str, window: int, activation: str | None = None, *, stride: int = 1
) -> Any:
    """Depthwise convolution -> norm -> activation: (n, h, w, c) -> (n, h', w', c)."""
    x = depthwise_conv2d(x, f"{path}.conv", window, stride=stride)
    return _with_norm(x, path, activation)


def _with_norm(x: Any, path: str, activation: str | None) -> Any:
    x = batch_norm(x, f"{path}.norm")
    return keras.layers.Activation(activation, name=layer_name(path))(x)


def dropout(x: Any, mask: Mask) -> Any:
    """Dropout by these masks: (n, c) or (n, h, w, c)."""
    return _dropout()(mask)(x) if mask.rate else x


@cache
def _dropout() -> Any:
    class Dropout(keras.layers.Layer):
        def __init__(self, mask: Mask) -> None:
            super().__init__()
            self.mask = mask

        def call(self, inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            size = tf.shape(inputs)[0], inputs.shape[-1]
            factors = tf.numpy_function(self.mask.draw_next, size, tf.float64)
            ones = [1] * (len(inputs.shape) - 2)
            factors = tf.reshape(
                factors, (-1, *ones, 1 if self.mask.whole else size[1])
            )
            return inputs * tf.cast(factors, inputs.dtype)

    return Dropout


def max_pool(x: Any, window: int, stride: int) -> Any:
    """(n, h, w, c) -> (n, h', w', c); window // 2 pixels of -infinity on every side."""
    if stride == 1:
        return keras.layers.MaxPool2D(window, 1, "same")(x)
    sides = (window // 2, window // 2)
    x = keras.ops.pad(x, ((0, 0), sides, sides, (0, 0)), constant_values=-float("inf"))
    return keras.layers.MaxPool2D(window, stride)(x)


def squeeze_excite(x: Any, path: str, squeezed: int, activation: str) -> Any:
    """Multiply x by a gate for each channel, made from all means (Hu et al. 2018)."""
    layers, name = keras.layers, layer_name(path)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)  # (n, 1, 1, c)
    gate = layers.Dense(squeezed, activation, name=f"{name}-squeeze")(gate)
    gate = layers.Dense(x.shape[-1], "sigmoid", name=f"{name}-excite")(gate)
    return layers.Multiply()([x, gate])
