"""Layers for TensorFlow, which has operations and no layers: variables by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    use_bias: bool = True,
) -> Any:
    """(n, h, w, c) -> (n, h', w', filters); `padding` zeros on every side."""
    kernel = v.variable(f"{name}.kernel", (*window, x.shape[-1], filters))
    if padding:  # "SAME" pads right and below first, where the stride is above 1
        x = tf.pad(x, [[0, 0], [padding] * 2, [padding] * 2, [0, 0]])
    x = tf.nn.conv2d(x, kernel, stride, "VALID")
    if use_bias:
        x = tf.nn.bias_add(x, v.variable(f"{name}.bias", (filters,)))
    return x


def dense(v: Variables, x: Any, name: str, units: int) -> Any:
    """(n, inputs) -> (n, units)."""
    kernel = v.variable(f"{name}.kernel", (x.shape[-1], units))
    return x @ kernel + v.variable(f"{name}.bias", (units,))


def batch_norm(v: Variables, x: Any, name: str, training: bool) -> Any:
    """(n, h, w, c) -> the same shape; variances are divided by the number of values.

    TensorFlow's fused operation divides the running one by one less, and is float32.
    """
    shape = x.shape[-1:]
    gamma, beta = (v.variable(f"{name}.{role}", shape) for role in ("gamma", "beta"))
    mean, variance = (
        v.variable(f"{name}.{role}", shape) for role in ("mean", "variance")
    )
    if training:
        batch = tf.nn.moments(x, [0, 1, 2])
        for running, value in zip((mean, variance), batch, strict=True):
            running.assign(MOMENTUM * running + (1 - MOMENTUM) * value)
        mean, variance = batch
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, EPSILON)
