"""Convolutions and norms of Keras and TensorFlow against Skylark's.

In both dtypes: in float32, TensorFlow computes groups at once, and norms fused.
"""

import os

import numpy as np
import pytest

from frameworks import functional, lazy, variables
from frameworks.layers import BatchNorm2D, Conv2D, DepthwiseConv2D

CASES = [  # window, stride, groups; 0 groups: depthwise
    (3, 1, 1),
    (3, 2, 1),
    (1, 2, 1),
    (3, 1, 2),
    (3, 2, 4),
    (5, 1, 0),
    (5, 2, 0),
]
LIMITS = {"float32": 1e-5, "float64": 1e-13}
C, F = 8, 12


def ours(window, stride, groups, dtype, x, kernel, dout):
    """Output and gradients of images (n, h, w, c), in Skylark's own way."""
    options = {"stride": stride, "padding": window // 2}
    if groups:
        options |= {"groups": groups, "use_bias": False}
        conv = Conv2D(C, F, (window, window), dtype, **options)
    else:
        conv = DepthwiseConv2D(C, (window, window), dtype, **options)
    conv.kernel[:] = kernel
    out = conv.forward(np.moveaxis(x, (0, -1), (-1, 0)))
    dx = conv.backward(np.moveaxis(dout, (0, -1), (-1, 0)))
    return (np.moveaxis(a, (0, -1), (-1, 0)) for a in (out, dx)), conv.dkernel


@pytest.mark.tf
def test_tensorflow_has_onednn_unless_it_is_told_not_to(monkeypatch):
    name = "TF_ENABLE_ONEDNN_OPTS"
    monkeypatch.delenv(name, raising=False)
    lazy.load("tensorflow")
    assert os.environ[name] == "1"
    monkeypatch.setenv(name, "0")
    lazy.load("tensorflow")
    assert os.environ[name] == "0"


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize(("window", "stride", "groups"), CASES)
@pytest.mark.parametrize(
    "framework",
    [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("keras", "tf")],
)
def test_it_is_skylarks(framework, window, stride, groups, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 6, 7, C)).astype(dtype)
    shape = (window, window, C // groups, F) if groups else (window, window, C, 1)
    kernel = rng.normal(size=shape).astype(dtype)
    tf = lazy.load("tensorflow")
    if framework == "keras":
        keras = lazy.load("keras")
        inputs = keras.Input(x.shape[1:], dtype=dtype)
        keras.config.set_dtype_policy(dtype)
        if groups:
            options = {"stride": stride, "groups": groups}
            made = functional.conv2d(inputs, "conv", F, window, **options)
        else:
            options = {"stride": stride}
            made = functional.depthwise_conv2d(inputs, "conv", window, **options)
        keras.config.set_dtype_policy("float32")
        model = keras.Model(inputs, made)
        model.layers[-1].kernel.assign(kernel)
        weight = model.layers[-1].kernel.value

        def forward(x):
            return model(x)

    else:
        v = variables.Variables(dtype)
        weight = v["conv.kernel"] = tf.Variable(kernel)
        options = {"stride": stride}

        def forward(x):
            if not groups:
                return variables.depthwise_conv2d(v, x, "conv", window, **options)
            size = (window, window)
            padded = options | {"padding": window // 2, "groups": groups}
            return variables.conv2d(v, x, "conv", F, size, use_bias=False, **padded)

    @tf.function(autograph=False)
    def both(x, dout):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = forward(x)
            loss = tf.reduce_sum(out * dout)
        return out, *tape.gradient(loss, (x, weight))

    shape = forward(tf.constant(x)).shape
    dout = rng.normal(size=shape).astype(dtype)
    (out, dx), dkernel = ours(window, stride, groups, dtype, x, kernel, dout)
    found = both(tf.constant(x), tf.constant(dout))
    for theirs, expected in zip(found, (out, dx, dkernel), strict=True):
        error = np.linalg.norm(theirs.numpy() - expected) / np.linalg.norm(expected)
        assert error < LIMITS[dtype]


@pytest.mark.tf
@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("shape", [(3, 6, 7, 4), (1, 1, 1, 4), (2, 1, 1, 4)])
def test_tensorflows_norm_is_skylarks(dtype, shape):
    """Outputs, gradients and running statistics; one channel hardly varies."""
    rng = np.random.default_rng(0)
    x = rng.normal(1, 2, shape).astype(dtype)
    x[..., 0] *= 1e-3
    dout = rng.normal(size=shape).astype(dtype)
    ours = BatchNorm2D(shape[-1], dtype)
    ours.gamma[:], ours.beta[:] = rng.uniform(1, 2, (2, shape[-1]))
    tf = lazy.load("tensorflow")
    v = variables.Variables(dtype)
    for role in ours.roles:
        v[f"norm.{role}"] = tf.Variable(getattr(ours, role))

    @tf.function(autograph=False)
    def both(x, dout):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = variables.batch_norm(v, x, "norm", training=True)
            loss = tf.reduce_sum(out * dout)
        return out, *tape.gradient(loss, (x, v["norm.gamma"], v["norm.beta"]))

    out = ours.forward(np.moveaxis(x, (0, -1), (-1, 0)))
    dx = ours.backward(np.moveaxis(dout, (0, -1), (-1, 0)))
    expected = [np.moveaxis(a, (0, -1), (-1, 0)) for a in (out, dx)]
    expected += [ours.dgamma, ours.dbeta, ours.mean, ours.variance]
    found = [*both(tf.constant(x), tf.constant(dout))]
    found += [v["norm.mean"], v["norm.variance"]]
    limit = 30 * LIMITS[dtype]
    for theirs, array in zip(found, expected, strict=True):
        error = np.linalg.norm(theirs.numpy() - array)
        assert error <= limit * max(np.linalg.norm(array), 1)
