"""Layers that often go together, each group under one name."""

from collections.abc import Callable

from frameworks.layers.activations import Sigmoid
from frameworks.layers.containers import Gate, Sequential
from frameworks.layers.convolution import Conv2D, DepthwiseConv2D
from frameworks.layers.dense import Dense
from frameworks.layers.norm import BatchNorm2D
from frameworks.layers.pooling import GlobalAvgPool2D
from frameworks.layers.protocol import Layer

Activation = Callable[[], Layer]


def conv_norm(
    c: int,
    f: int,
    window: int,
    activation: Activation | None = None,
    *,
    dtype: str,
    stride: int = 1,
    groups: int = 1,
    needs_dx: bool = True,
) -> Sequential:
    """Return convolution -> norm -> activation; it is padded by window // 2."""
    conv = Conv2D(
        c,
        f,
        (window, window),
        dtype,
        stride=stride,
        padding=window // 2,
        groups=groups,
        use_bias=False,
        needs_dx=needs_dx,
    )
    return _with_norm(conv, f, activation, dtype)


def depthwise_norm(
    c: int,
    window: int,
    activation: Activation | None = None,
    *,
    dtype: str,
    stride: int = 1,
) -> Sequential:
    """Return depthwise convolution -> norm -> activation, padded by window // 2."""
    conv = DepthwiseConv2D(
        c, (window, window), dtype, stride=stride, padding=window // 2
    )
    return _with_norm(conv, c, activation, dtype)


def _with_norm(
    conv: Layer, f: int, activation: Activation | None, dtype: str
) -> Sequential:
    layers: dict[str, Layer] = {"conv": conv, "norm": BatchNorm2D(f, dtype)}
    if activation:
        layer = activation()
        layers[type(layer).__name__.lower()] = layer
    return Sequential(**layers)


def squeeze_excite(
    c: int, squeezed: int, activation: Activation, *, dtype: str
) -> Gate:
    """Return a gate for each channel, made from the means of all (Hu et al. 2018)."""
    return Gate(
        pool=GlobalAvgPool2D(),
        squeeze=Dense(c, squeezed, dtype),
        between=activation(),
        excite=Dense(squeezed, c, dtype),
        sigmoid=Sigmoid(),
    )
