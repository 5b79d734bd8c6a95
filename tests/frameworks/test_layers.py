"""Skylark's layers against finite differences, in float64, and against PyTorch."""

import numpy as np
import pytest

from frameworks.layers import (
    Add,
    AvgPool2D,
    BatchNorm2D,
    Concat,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    DualPath,
    Flatten,
    GlobalAvgPool2D,
    Identity,
    MaxPool2D,
    ReLU,
    ReLU6,
    Sequential,
    Shuffle,
    Sigmoid,
    Split,
    Swish,
    squeeze_excite,
)
from frameworks.weights import is_trained

CONVOLUTIONS = [  # c, f, window, (H, W), n
    (1, 8, (3, 3), (32, 32), 1),
    (3, 4, (3, 3), (7, 6), 5),
    (2, 3, (1, 3), (1, 9), 4),
    (3, 2, (3, 1), (8, 1), 2),
    (2, 5, (1, 1), (1, 1), 3),
    (4, 3, (2, 3), (5, 4), 2),
]
STRIDED = [  # c, f, window, (H, W), and the options
    (2, 3, (3, 3), (7, 6), {"stride": 2, "padding": 1}),
    (2, 3, (3, 3), (6, 7), {"stride": 2}),
    (3, 2, (1, 1), (5, 4), {"stride": 2, "use_bias": False}),
    (2, 2, (3, 3), (1, 4), {"padding": 1}),
    (4, 6, (3, 3), (5, 4), {"padding": 1, "groups": 2}),
    (4, 4, (3, 3), (6, 5), {"stride": 2, "padding": 1, "groups": 4}),
    (2, 2, (5, 5), (4, 4), {"stride": 3, "padding": 2}),
    (2, 3, (3, 3), (1, 1), {"padding": 1}),
]
DEPTHWISE = [  # c, window, (H, W), and the options
    (3, (3, 3), (7, 6), {"padding": 1}),
    (2, (3, 3), (7, 6), {"padding": 1, "stride": 2}),
    (2, (5, 5), (4, 3), {"padding": 2, "stride": 2}),
    (1, (2, 3), (5, 6), {}),
    (2, (3, 3), (1, 1), {"padding": 1}),
]
OVERLAPPING = [  # window, stride, padding, (H, W)
    ((3, 3), 2, 1, (6, 7)),
    ((3, 3), 1, 1, (4, 5)),
    ((3, 3), 2, 1, (1, 1)),
    ((2, 2), 1, 0, (4, 3)),
]
POOLS = [((2, 2), (6, 4)), ((2, 2), (7, 5)), ((1, 2), (1, 5)), ((2, 1), (4, 1))]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def signed(rng, *shape):
    """Values of both signs, none near zero: zeros hide errors."""
    return rng.uniform(0.1, 1, shape) * rng.choice([-1, 1], shape)


def make_conv(rng, c, f, window, **options):
    return drawn(Conv2D(c, f, window, "float64", **options), rng)


def drawn(layer, rng):
    """The layer with all its weights drawn; variances are positive."""
    for role in layer.roles:
        weight = getattr(layer, role)
        weight[:] = signed(rng, *weight.shape)
        if role == "variance":
            weight[:] = np.abs(weight)
    return layer


def make_dense(rng, inputs, units):
    return drawn(Dense(inputs, units, "float64"), rng)


def differences(function, array, step=1e-6):
    """The gradient of a scalar function of `array`, by central differences."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        gradient[index] = (above - function()) / (2 * step)
        array[index] = kept
    return gradient


def assert_gradients(layer, x, rng):
    """Check d(sum(out * dout)) for the input and for every weight."""
    dout = signed(rng, *layer.forward(x).shape)

    def weighted_sum():
        return np.sum(layer.forward(x) * dout)

    dx = layer.backward(dout)
    np.testing.assert_allclose(dx, differences(weighted_sum, x), rtol=1e-6, atol=1e-8)
    for name in filter(is_trained, getattr(layer, "roles", ())):
        expected = differences(weighted_sum, getattr(layer, name))
        layer.forward(x)
        layer.backward(dout)
        actual = getattr(layer, f"d{name}")
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("c", "f", "window", "size", "n"), CONVOLUTIONS[1:])
def test_convolution_gradients(c, f, window, size, n, rng):
    assert_gradients(make_conv(rng, c, f, window), signed(rng, c, *size, n), rng)


@pytest.mark.parametrize(("c", "f", "window", "size", "options"), STRIDED)
def test_strided_and_grouped_convolution_gradients(c, f, window, size, options, rng):
    conv = make_conv(rng, c, f, window, **options)
    assert_gradients(conv, signed(rng, c, *size, 3), rng)


@pytest.mark.parametrize(("c", "window", "size", "options"), DEPTHWISE)
def test_depthwise_convolution_gradients(c, window, size, options, rng):
    conv = drawn(DepthwiseConv2D(c, window, "float64", **options), rng)
    assert_gradients(conv, signed(rng, c, *size, 3), rng)


@pytest.mark.parametrize(("window", "stride", "padding", "size"), OVERLAPPING)
def test_overlapping_pool_gradients(window, stride, padding, size, rng):
    x = rng.permutation(np.arange(3.0 * size[0] * size[1] * 2) - 20)  # no ties
    pool = MaxPool2D(window, stride, padding)
    assert_gradients(pool, x.reshape(3, *size, 2), rng)


def test_a_padded_pool_takes_none_of_its_padding():
    """Minus infinity is around it, not zero."""
    x = np.full((1, 2, 2, 1), -3.0)
    assert (MaxPool2D((3, 3), 2, 1).forward(x) == -3).all()


def test_batch_norm_gradients(rng):
    norm = drawn(BatchNorm2D(3, "float64"), rng)
    assert_gradients(norm, signed(rng, 3, 4, 2, 5), rng)


def test_batch_norm_by_its_formula(rng):
    """Batch statistics in training, running ones in prediction, divided by n."""
    norm = drawn(BatchNorm2D(2, "float64"), rng)
    mean, variance = norm.mean.copy(), norm.variance.copy()
    x = signed(rng, 2, 3, 4, 5)
    out = norm.forward(x, training=True)
    for c in range(2):
        std = np.sqrt(np.mean((x[c] - x[c].mean()) ** 2) + 1e-5)
        expected = norm.gamma[c] * (x[c] - x[c].mean()) / std + norm.beta[c]
        np.testing.assert_allclose(out[c], expected, rtol=1e-12)
        assert norm.mean[c] == pytest.approx(0.9 * mean[c] + 0.1 * x[c].mean())
        assert norm.variance[c] == pytest.approx(0.9 * variance[c] + 0.1 * x[c].var())
    running = norm.mean.copy(), norm.variance.copy()
    out = norm.forward(x, training=False)
    for c in range(2):
        std = np.sqrt(running[1][c] + 1e-5)
        expected = norm.gamma[c] * (x[c] - running[0][c]) / std + norm.beta[c]
        np.testing.assert_allclose(out[c], expected, rtol=1e-12)
    assert (norm.mean == running[0]).all()
    assert (norm.variance == running[1]).all()


def test_batch_norm_of_one_value_is_beta(rng):
    norm = drawn(BatchNorm2D(3, "float64"), rng)
    out = norm.forward(signed(rng, 3, 1, 1, 1), training=True)
    assert out.ravel().tolist() == norm.beta.tolist()


def test_a_prediction_keeps_nothing(rng):
    """Nor does it disturb what a training step has kept."""
    net = Sequential(
        make_conv(rng, 2, 3, (3, 3)),
        drawn(BatchNorm2D(3, "float64"), rng),
        ReLU(),
        MaxPool2D((2, 2)),
        Flatten(),
        make_dense(rng, 12, 2),
    )
    x, dout = signed(rng, 2, 6, 6, 4), signed(rng, 2, 4)
    found = []
    for between in (lambda: None, lambda: net.forward(x[..., :1], training=False)):
        net.forward(x)
        between()
        found.append(net.backward(dout))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("window", "size"), POOLS)
def test_pool_gradients(window, size, rng):
    x = rng.permutation(np.arange(3.0 * size[0] * size[1] * 2) - 20)  # no ties
    assert_gradients(MaxPool2D(window), x.reshape(3, *size, 2), rng)


def test_dense_gradients(rng):
    assert_gradients(make_dense(rng, 7, 4), signed(rng, 7, 5), rng)


@pytest.mark.parametrize(
    "layer",
    [
        *(ReLU(), ReLU6(), Sigmoid(), Swish(), Identity(), Flatten()),
        *(GlobalAvgPool2D(), AvgPool2D((2, 2)), AvgPool2D((1, 3)), Shuffle(2)),
        *(Split(Identity(), Swish()), Concat(ReLU(), Identity(), Sigmoid())),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_gradients_without_weights(layer, rng):
    assert_gradients(layer, 7 * signed(rng, 4, 4, 5, 2), rng)


def test_a_gates_gradients(rng):
    gate = squeeze_excite(4, 2, Swish, dtype="float64")
    for layer in gate.weighted().values():
        drawn(layer, rng)
    assert_gradients(gate, signed(rng, 4, 3, 2, 5), rng)
    assert list(gate.weighted()) == ["squeeze", "excite"]


def test_a_dual_paths_gradients_and_order(rng):
    """Sums, then the rest of the shortcut, then what the convolution has made."""
    conv = make_conv(rng, 5, 4, (1, 1))
    path = DualPath(3, conv, shortcut=Identity())
    x = signed(rng, 5, 3, 2, 4)
    assert_gradients(path, x, rng)
    made, out = conv.forward(x), path.forward(x)
    np.testing.assert_array_equal(
        out, np.concatenate([made[:3] + x[:3], x[3:], made[3:]])
    )


def test_a_shuffle_deals_from_each_half_in_turn():
    x = np.arange(6.0).reshape(6, 1, 1, 1)
    assert Shuffle(2).forward(x).ravel().tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("Layer", [Sigmoid, Swish])
def test_large_numbers_do_not_overflow(Layer):
    x = np.array([-1e4, 0, 1e4], "float32")
    layer = Layer()
    out = layer.forward(x)
    assert out.tolist() == ([0, 0.5, 1] if Layer is Sigmoid else [0, 0, 1e4])
    assert np.isfinite(layer.backward(np.ones_like(x))).all()


def test_sequential_gradients(rng):
    conv, dense = make_conv(rng, 2, 3, (3, 3)), make_dense(rng, 6, 4)
    net = Sequential(
        conv1=Sequential(conv, ReLU()),
        pool1=MaxPool2D((2, 2)),
        flatten=Flatten(),
        output=dense,
    )
    assert_gradients(net, signed(rng, 2, 5, 6, 3), rng)
    assert net.weighted() == {"conv1": conv, "output": dense}


def test_a_sum_of_branches(rng):
    branch = Sequential(conv=make_conv(rng, 2, 3, (1, 1)), relu=ReLU())
    net = Add(make_conv(rng, 2, 3, (3, 3), padding=1), shortcut=branch)
    assert_gradients(net, signed(rng, 2, 4, 3, 3), rng)
    assert list(net.weighted()) == ["", "shortcut.conv"]


def test_a_weight_is_called_by_the_names_on_the_way_to_it(rng):
    block = Sequential(Add(Sequential(conv1=make_conv(rng, 2, 2, (1, 1)))), ReLU())
    net = Sequential(**{"stage1.block1": block})
    assert list(net.weights()) == [
        "stage1.block1.conv1.kernel",
        "stage1.block1.conv1.bias",
    ]


def test_two_layers_of_one_name_are_an_error(rng):
    pair = Sequential(make_conv(rng, 2, 2, (1, 1)), make_conv(rng, 2, 2, (1, 1)))
    with pytest.raises(ValueError, match="two layers of the network are named 'conv'"):
        Sequential(conv=pair).weighted()


def test_the_originals_shapes(rng):
    """One grey image: 32x32x1 -> 30x30x8 -> 15x15x8."""
    image = signed(rng, 1, 32, 32, 1)
    out = make_conv(rng, 1, 8, (3, 3)).forward(image)
    assert out.shape == (8, 30, 30, 1)
    assert MaxPool2D((2, 2)).forward(out).shape == (8, 15, 15, 1)


def test_the_first_of_tied_pixels_wins():
    pool = MaxPool2D((2, 2))
    x = np.array([[0, 0, 1, 2], [0, 0, 2, 2]], float).reshape(1, 2, 4, 1)
    pool.forward(x)
    dx = pool.backward(np.array([5.0, 7.0]).reshape(1, 1, 2, 1))
    assert dx[0, :, :, 0].tolist() == [[5, 0, 0, 7], [0, 0, 0, 0]]


def test_the_odd_edge_is_dropped(rng):
    pool = MaxPool2D((2, 2))
    x = signed(rng, 2, 5, 3, 4)
    assert pool.forward(x).shape == (2, 2, 1, 4)
    dx = pool.backward(np.ones((2, 2, 1, 4)))
    assert not dx[:, 4].any()
    assert not dx[:, :, 2].any()


def test_relu_gives_no_gradient_at_zero():
    relu = ReLU()
    relu.forward(np.array([-1.0, 0.0, 1.0]))
    assert relu.backward(np.ones(3)).tolist() == [0, 0, 1]


def test_flatten_is_in_the_order_h_w_c():
    x = np.arange(24.0).reshape(2, 3, 4, 1)  # (c, h, w, n)
    assert Flatten().forward(x)[:3, 0].tolist() == [x[0, 0, 0, 0], x[1, 0, 0, 0], 1]


@pytest.mark.torch
class TestAgainstPyTorch:
    """The same layer, forward and backward, in PyTorch's own layout."""

    @pytest.fixture
    def torch(self):
        return pytest.importorskip("torch")

    def assert_same(self, torch, layer, module, x, rng):
        """Compare with `module` on images moved from (c, h, w, n) to (n, c, h, w)."""
        theirs = torch.from_numpy(np.moveaxis(x, -1, 0).copy()).requires_grad_()
        out, expected = layer.forward(x), module(theirs)
        np.testing.assert_allclose(
            np.moveaxis(out, -1, 0), expected.detach().numpy(), rtol=1e-12
        )
        dout = signed(rng, *out.shape)
        expected.backward(torch.from_numpy(np.moveaxis(dout, -1, 0).copy()))
        dx = np.moveaxis(layer.backward(dout), -1, 0)
        np.testing.assert_allclose(dx, theirs.grad.numpy(), rtol=1e-11, atol=1e-13)

    @pytest.mark.parametrize(("c", "f", "window", "size", "n"), CONVOLUTIONS)
    def test_convolution(self, torch, c, f, window, size, n, rng):
        conv = make_conv(rng, c, f, window)
        module = torch.nn.Conv2d(c, f, window, dtype=torch.float64)
        kernel = np.moveaxis(conv.kernel, (-1, -2), (0, 1))
        module.weight.data = torch.from_numpy(kernel.copy())
        module.bias.data = torch.from_numpy(conv.bias.copy())
        self.assert_same(torch, conv, module, signed(rng, c, *size, n), rng)
        np.testing.assert_allclose(
            np.moveaxis(conv.dkernel, (-1, -2), (0, 1)),
            module.weight.grad.numpy(),
            rtol=1e-10,
            atol=1e-12,
        )
        np.testing.assert_allclose(
            conv.dbias, module.bias.grad.numpy(), rtol=1e-10, atol=1e-12
        )

    @pytest.mark.parametrize(("c", "f", "window", "size", "options"), STRIDED)
    def test_strided_and_grouped_convolution(
        self, torch, c, f, window, size, options, rng
    ):
        conv = make_conv(rng, c, f, window, **options)
        names = {"use_bias": "bias"}
        options = {names.get(name, name): value for name, value in options.items()}
        module = torch.nn.Conv2d(c, f, window, **options, dtype=torch.float64)
        kernel = np.moveaxis(conv.kernel, (-1, -2), (0, 1))
        module.weight.data = torch.from_numpy(kernel.copy())
        if module.bias is not None:
            module.bias.data = torch.from_numpy(conv.bias.copy())
        self.assert_same(torch, conv, module, signed(rng, c, *size, 4), rng)
        dkernel = np.moveaxis(conv.dkernel, (-1, -2), (0, 1))
        grad = module.weight.grad.numpy()
        np.testing.assert_allclose(dkernel, grad, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize(("c", "window", "size", "options"), DEPTHWISE)
    def test_depthwise_convolution(self, torch, c, window, size, options, rng):
        conv = drawn(DepthwiseConv2D(c, window, "float64", **options), rng)
        options = options | {"groups": c, "bias": False, "dtype": torch.float64}
        module = torch.nn.Conv2d(c, c, window, **options)
        kernel = np.moveaxis(conv.kernel, (-2, -1), (0, 1))
        module.weight.data = torch.from_numpy(kernel.copy())
        self.assert_same(torch, conv, module, signed(rng, c, *size, 4), rng)
        dkernel = np.moveaxis(conv.dkernel, (-2, -1), (0, 1))
        grad = module.weight.grad.numpy()
        np.testing.assert_allclose(dkernel, grad, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize(("window", "stride", "padding", "size"), OVERLAPPING)
    def test_overlapping_pool(self, torch, window, stride, padding, size, rng):
        """Without ties, where PyTorch may choose another pixel than the first."""
        x = rng.permutation(np.arange(3.0 * size[0] * size[1] * 2)).reshape(3, *size, 2)
        pool = MaxPool2D(window, stride, padding)
        module = torch.nn.MaxPool2d(window, stride, padding)
        self.assert_same(torch, pool, module, x, rng)

    @pytest.mark.parametrize(
        ("layer", "module"),
        [(ReLU6(), "ReLU6"), (Sigmoid(), "Sigmoid"), (Swish(), "SiLU")],
    )
    def test_activations(self, torch, layer, module, rng):
        x = 7 * signed(rng, 3, 4, 5, 2)
        x[0, 0, 0] = 0, 6
        self.assert_same(torch, layer, getattr(torch.nn, module)(), x, rng)

    def test_average_pool(self, torch, rng):
        x = signed(rng, 3, 5, 4, 2)
        self.assert_same(torch, AvgPool2D((2, 2)), torch.nn.AvgPool2d(2), x, rng)

    def test_shuffle(self, torch, rng):
        module = torch.nn.ChannelShuffle(3)
        self.assert_same(torch, Shuffle(3), module, signed(rng, 6, 2, 3, 4), rng)

    def test_batch_norm(self, torch, rng):
        """Over two batches; PyTorch divides the running variance by n - 1."""
        norm, module = BatchNorm2D(3, "float64"), torch.nn.BatchNorm2d(3)
        module = module.double()
        drawn(norm, rng)
        norm.variance[:], norm.mean[:] = 1, 0
        module.weight.data = torch.from_numpy(norm.gamma.copy())
        module.bias.data = torch.from_numpy(norm.beta.copy())
        for _ in range(2):
            self.assert_same(torch, norm, module, signed(rng, 3, 4, 2, 5), rng)
            running_mean = module.running_mean.numpy()
            np.testing.assert_allclose(norm.mean, running_mean, rtol=1e-12)
        grad = module.weight.grad.numpy()  # of both batches
        assert grad.shape == norm.dgamma.shape
        unbiased = (module.running_var.numpy() - 0.9**2) * 39 / 40
        np.testing.assert_allclose(norm.variance - 0.9**2, unbiased, rtol=1e-12)

    def test_global_average_pool(self, torch, rng):
        module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        x = signed(rng, 3, 4, 5, 2)
        self.assert_same(torch, GlobalAvgPool2D(), module, x, rng)

    @pytest.mark.parametrize(("window", "size"), POOLS)
    def test_pool(self, torch, window, size, rng):
        """With ties: small whole numbers."""
        x = rng.integers(0, 3, (3, *size, 8)).astype(float)
        self.assert_same(torch, MaxPool2D(window), torch.nn.MaxPool2d(window), x, rng)

    def test_relu(self, torch, rng):
        x = rng.integers(-1, 2, (3, 4, 5, 2)).astype(float)
        self.assert_same(torch, ReLU(), torch.nn.ReLU(), x, rng)

    def test_dense(self, torch, rng):
        dense = make_dense(rng, 7, 4)
        module = torch.nn.Linear(7, 4, dtype=torch.float64)
        module.weight.data = torch.from_numpy(dense.kernel.T.copy())
        module.bias.data = torch.from_numpy(dense.bias.copy())
        self.assert_same(torch, dense, module, signed(rng, 7, 5), rng)
        np.testing.assert_allclose(dense.dkernel.T, module.weight.grad.numpy())
        np.testing.assert_allclose(dense.dbias, module.bias.grad.numpy())
