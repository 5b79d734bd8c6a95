"""Layers for TensorFlow, which has operations and no layers: variables by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from frameworks.dropout import Mask
from frameworks.lazy import tf
from frameworks.weights import is_trained

EPSILON, MOMENTUM = 1e-5, 0.9  # of batch normalisation


class Variables(dict):
    """The variables of a network, by name; each is made when a layer first asks for it.

    Kernels start as in TensorFlow's tutorials: truncated normal, 0.1 wide.
    """

    def __init__(self, dtype: str) -> None:
        super().__init__()
        self.dtype = dtype
        self.complete = True

    @contextmanager
    def made(self) -> Iterator[None]:
        """Let layers make variables meanwhile: each of them once.

        Raises
        ------
        ValueError
            Two layers ask for one name.
        """
        self.complete = False
        yield
        self.complete = True

    def variable(self, name: str, shape: tuple[int, ...]) -> Any:
        """Return the variable of a name."""
        if not self.complete:
            if name in self:
                raise ValueError(f"two layers of the network are named {name!r}.")
            role = name.rpartition(".")[2]
            if role == "kernel":
                start = tf.random.truncated_normal(shape, stddev=0.1, dtype=self.dtype)
            else:
                ones = role in ("gamma", "variance")
                start = (tf.ones if ones else tf.zeros)(shape, self.dtype)
            self[name] = tf.Variable(start, trainable=is_trained(name))
        return self[name]


def conv2d(
    v: Variables,
    x: Any,
    name: str,
    filters: int,
    window: tuple[int, int],
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    use_bias: bool = True,
) -> Any:
    """(n, h, w, c) -> (n, h', w', filters); `padding` zeros on every side."""
    kernel = v.variable(f"{name}.kernel", (*window, x.shape[-1] // groups, filters))
    same = stride == 1 and groups == 1 and window == (2 * padding + 1,) * 2
    if not same:  # at other strides "SAME" pads right and below first
        x = pad(x, padding)
    if groups > 1 and not _takes_groups(x.dtype):
        parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
        x = tf.concat([tf.nn.conv2d(*part, stride, "VALID") for part in parts], -1)
    else:
        x = tf.nn.conv2d(x, kernel, stride, "SAME" if same else "VALID")
    if use_bias:
        x = tf.nn.bias_add(x, v.variable(f"{name}.bias", (filters,)))
    return x


def _takes_groups(dtype: Any) -> bool:
    """Return whether TensorFlow has gradients of grouped convolutions here.

    On a CPU it has them in float32 alone, with oneDNN's kernels. One is tried.
    """
    with tf.init_scope(), suppress(tf.errors.OpError):  # now, and in no graph
        one = tf.ones((1, 1, 1, 2), dtype)  # a pixel of two channels; its kernel
        tf.nn.conv2d_transpose(one, one, one.shape, 1)
        return True
    return False


def depthwise_conv2d(
    v: Variables, x: Any, name: str, window: int, *, stride: int = 1
) -> Any:
    """(n, h, w, c) -> (n, h', w', c); padded by window // 2, without bias."""
    kernel = v.variable(f"{name}.kernel", (window, window, x.shape[-1], 1))
    if stride == 1:
        return tf.nn.depthwise_conv2d(x, kernel, (1, 1, 1, 1), "SAME")
    strides = (1, stride, stride, 1)
    return tf.nn.depthwise_conv2d(pad(x, window // 2), kernel, strides, "VALID")


def pad(x: Any, padding: int, value: float = 0.0) -> Any:
    """(n, h, w, c) -> (n, h + 2 padding, w + 2 padding, c)."""
    sides = [padding, padding]
    if padding:
        x = tf.pad(x, [[0, 0], sides, sides, [0, 0]], constant_values=value)
    return x


def max_pool(x: Any, window: int, stride: int) -> Any:
    """(n, h, w, c) -> (n, h', w', c); window // 2 pixels of -infinity on every side."""
    x = pad(x, window // 2, -float("inf"))
    return tf.nn.max_pool2d(x, window, stride, "VALID")


def dense(v: Variables, x: Any, name: str, units: int) -> Any:
    """(n, inputs) -> (n, units)."""
    kernel = v.variable(f"{name}.kernel", (x.shape[-1], units))
    return x @ kernel + v.variable(f"{name}.bias", (units,))


def whitening(
    v: Variables, x: Any, name: str, filters: int, window: tuple[int, int]
) -> Any:
    """(n, h, w, c) -> (n, h', w', filters): a convolution that is not trained."""
    kernel = v.variable(f"{name}.whitening", (*window, x.shape[-1], filters))
    return tf.nn.conv2d(x, kernel, 1, "VALID")


def batch_norm(
    v: Variables, x: Any, name: str, training: bool, *, scale: bool = True
) -> Any:
    """(n, h, w, c) -> the same shape; variances are divided by the number of values.

    TensorFlow's fused operation is 1.3 to 1.7 times as fast for a whole network, but
    float32 alone, and divides the running variance by one less.
    """
    shape = x.shape[-1:]
    gamma = v.variable(f"{name}.gamma", shape) if scale else tf.ones(shape, x.dtype)
    beta = v.variable(f"{name}.beta", shape)
    mean, variance = (
        v.variable(f"{name}.{role}", shape) for role in ("mean", "variance")
    )
    if not training:
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)
    if x.dtype == tf.float32:
        none: list[float] = []
        out, *batch, _, _, _ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=none, variance=none, epsilon=EPSILON
        )
        values = tf.cast(tf.size(x) // shape[0], x.dtype)
        batch[1] *= (values - 1) / values
    else:
        batch = tf.nn.moments(x, [0, 1, 2])
        out = tf.nn.batch_normalization(x, *batch, beta, gamma, EPSILON)
    for running, value in zip((mean, variance), batch, strict=True):
        running.assign(MOMENTUM * running + (1 - MOMENTUM) * value)
    return out


def conv_norm(
    v: Variables,
    x: Any,
    name: str,
    filters: int,
    window: int,
    activation: Callable[[Any], Any] | None = None,
    *,
    training: bool,
    stride: int = 1,
    groups: int = 1,
) -> Any:
    """Convolution -> norm -> activation: (n, h, w, c) -> (n, h', w', filters)."""
    x = conv2d(
        v,
        x,
        f"{name}.conv",
        filters,
        (window, window),
        stride=stride,
        padding=window // 2,
        groups=groups,
        use_bias=False,
    )
    return _with_norm(v, x, name, activation, training)


def depthwise_norm(
    v: Variables,
    x: Any,
    name: str,
    window: int,
    activation: Callable[[Any], Any] | None = None,
    *,
    training: bool,
    stride: int = 1,
) -> Any:
    """Depthwise convolution -> norm -> activation: (n, h, w, c) -> (n, h', w', c)."""
    x = depthwise_conv2d(v, x, f"{name}.conv", window, stride=stride)
    return _with_norm(v, x, name, activation, training)


def _with_norm(
    v: Variables,
    x: Any,
    name: str,
    activation: Callable[[Any], Any] | None,
    training: bool,
) -> Any:
    x = batch_norm(v, x, f"{name}.norm", training)
    return activation(x) if activation else x


def dropout(x: Any, mask: Mask, training: bool) -> Any:
    """Dropout by these masks: (n, c) or (n, h, w, c)."""
    if not (training and mask.rate):
        return x
    n, c = tf.shape(x)[0], x.shape[-1]
    factors = tf.numpy_function(mask.draw, [n, c], tf.float64)
    ones = [1] * (len(x.shape) - 2)
    factors = tf.reshape(factors, (-1, *ones, 1 if mask.whole else c))
    return x * tf.cast(factors, x.dtype)


def squeeze_excite(
    v: Variables, x: Any, name: str, squeezed: int, activation: Callable[[Any], Any]
) -> Any:
    """Multiply x by a gate for each channel, made from all means (Hu et al. 2018)."""
    gate = tf.reduce_mean(x, (1, 2))  # (n, c)
    gate = activation(dense(v, gate, f"{name}.squeeze", squeezed))
    gate = tf.sigmoid(dense(v, gate, f"{name}.excite", x.shape[-1]))
    return x * gate[:, None, None]
