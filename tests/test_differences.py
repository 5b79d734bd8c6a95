"""What the frameworks' defaults would do differently: the rows of docs/differences.md.

Each test shows one difference with numbers, so that the page cannot outlive it.
"""

import numpy as np
import pytest

from frameworks.lazy import load
from tests.conftest import model_params

pytestmark = [pytest.mark.torch, pytest.mark.keras, pytest.mark.tf]


@pytest.fixture
def torch():
    pytest.importorskip("torch")
    return load("torch")


@pytest.fixture
def tf(torch):
    pytest.importorskip("tensorflow")
    return load("tensorflow")


@pytest.fixture
def keras(tf):
    pytest.importorskip("keras")
    return load("keras")


def test_initialisers(torch, keras):
    """The spread of a kernel (1000, 100), and whether biases are zero."""
    theirs = torch.nn.Linear(1000, 100)
    ours = keras.layers.Dense(100)
    ours.build((None, 1000))
    assert theirs.weight.abs().max().item() == pytest.approx(1000**-0.5, rel=1e-3)
    assert np.abs(ours.kernel.numpy()).max() == pytest.approx(
        (6 / 1100) ** 0.5, rel=1e-3
    )
    assert theirs.bias.abs().max().item() > 0.02
    assert not ours.bias.numpy().any()


def test_padding(torch, tf):
    """3x3 ones, stride 2, 'same', image 0..15: TensorFlow pads right and below."""
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    ones = np.ones((3, 3, 1, 1))
    theirs = torch.nn.functional.conv2d(
        torch.from_numpy(image.reshape(1, 1, 4, 4)),
        torch.from_numpy(ones.reshape(1, 1, 3, 3)),
        stride=2,
        padding=1,
    )
    ours = tf.nn.conv2d(image, ones, 2, "SAME")
    assert theirs.flatten().tolist() == [10, 24, 51, 90]
    assert ours.numpy().ravel().tolist() == [45, 39, 66, 50]


def test_layout(torch, keras):
    """Channels last in Keras and TensorFlow, first in PyTorch; how not to convert."""
    image = np.arange(2 * 3 * 4).reshape(1, 2, 3, 4)  # (n, h, w, c)
    assert keras.config.image_data_format() == "channels_last"
    right = torch.from_numpy(image).permute(0, 3, 1, 2).numpy()  # (n, c, h, w)
    transposed = image.swapaxes(1, 3)  # (n, c, w, h)
    mixed = image.reshape(right.shape)
    assert right[0, 0].tolist() == [[0, 4, 8], [12, 16, 20]]
    assert transposed[0, 0].tolist() == [[0, 12], [4, 16], [8, 20]]
    assert mixed[0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_flatten_order(torch, keras):
    """The same image, two pixels of three channels."""
    image = np.array([[[["r1", "g1", "b1"], ["r2", "g2", "b2"]]]])  # (n, h, w, c)
    number = np.arange(6.0).reshape(image.shape)
    theirs = torch.nn.Flatten()(torch.from_numpy(number).permute(0, 3, 1, 2))
    ours = keras.layers.Flatten()(number).numpy()
    names = image.ravel()
    assert names[theirs.int().numpy()[0]].tolist() == [
        "r1",
        "r2",
        "g1",
        "g2",
        "b1",
        "b2",
    ]
    assert names[ours.astype(int)[0]].tolist() == ["r1", "g1", "b1", "r2", "g2", "b2"]


def test_epsilon_of_batch_normalisation(torch, keras):
    """A channel whose values are 0 and 0.02: its variance is 0.0001."""
    x = np.array([[0.0], [0.02]], "float32")
    theirs = torch.nn.BatchNorm1d(1)(torch.from_numpy(x))
    ours = keras.layers.BatchNormalization()(x, training=True)
    assert theirs.detach().numpy()[1, 0] == pytest.approx(0.953, abs=1e-3)
    assert ours.numpy()[1, 0] == pytest.approx(0.302, abs=1e-3)


def test_running_statistics_of_batch_normalisation(torch, keras):
    """After one batch of 0 and 2: mean 1, variance 1 biased, 2 unbiased."""
    x = np.array([[0.0], [2.0]], "float32")
    theirs = torch.nn.BatchNorm1d(1)
    theirs(torch.from_numpy(x))
    ours = keras.layers.BatchNormalization()
    ours(x, training=True)
    assert theirs.running_mean.item() == pytest.approx(0.1)  # 0.9 old + 0.1 new
    assert ours.moving_mean.numpy()[0] == pytest.approx(0.01)  # 0.99 old + 0.01 new
    assert theirs.running_var.item() == pytest.approx(0.9 + 0.1 * 2)  # unbiased
    assert ours.moving_variance.numpy()[0] == pytest.approx(0.99 + 0.01 * 1)  # biased


def two_steps(torch, keras, make_torch, make_keras, gradients, rates):
    """Where a weight that starts at 0 stands after two steps, in each framework."""
    theirs = torch.zeros(1, dtype=torch.float64)
    optimiser = make_torch([theirs], rates[0])
    ours = keras.Variable(np.zeros(1), dtype="float64")
    ours_optimiser = make_keras(rates[0])
    for gradient, rate in zip(gradients, rates, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        theirs.grad = torch.tensor([gradient], dtype=torch.float64)
        optimiser.step()
        ours_optimiser.learning_rate = rate
        ours_optimiser.apply(
            [keras.ops.convert_to_tensor(np.array([gradient]))], [ours]
        )
    return theirs.item(), ours.numpy()[0]


def test_momentum(torch, keras):
    """Equal while the rate is constant; when it falls, Keras keeps the old speed."""

    def make_torch(weights, rate):
        return torch.optim.SGD(weights, lr=rate, momentum=0.9)

    def make_keras(rate):
        return keras.optimizers.SGD(rate, momentum=0.9)

    makers = torch, keras, make_torch, make_keras
    theirs, ours = two_steps(*makers, gradients=(1, 1), rates=(1.0, 1.0))
    assert theirs == pytest.approx(-2.9)
    assert ours == pytest.approx(-2.9)
    theirs, ours = two_steps(*makers, gradients=(1, 1), rates=(1.0, 0.1))
    assert theirs == pytest.approx(-1.19)  # 1 + 0.1 * (0.9 * 1 + 1)
    assert ours == pytest.approx(-2.0)  # 1 + (0.9 * 1 + 0.1 * 1)


def test_adam(torch, keras):
    """A gradient of 1e-7 once: other epsilon, added at another place."""
    theirs, ours = two_steps(
        torch,
        keras,
        lambda weights, rate: torch.optim.Adam(weights, lr=rate),
        lambda rate: keras.optimizers.Adam(rate),
        gradients=(1e-7,),
        rates=(1.0,),
    )
    assert theirs == pytest.approx(-1e-7 / (1e-7 + 1e-8), rel=1e-6)  # -0.909
    # Keras divides by sqrt(v) + epsilon before the correction sqrt(1 - 0.999)
    assert ours == pytest.approx(-1e-7 / (1e-7 + 1e-7 / 0.001**0.5), rel=1e-3)  # -0.031


def test_last_batch(torch, keras, tf):
    """All keep a short one; the mean of batches' means is not the mean of images."""
    x = np.arange(5.0)
    assert [len(b) for b in torch.utils.data.DataLoader(x, batch_size=2)] == [2, 2, 1]
    assert [len(b) for b in tf.data.Dataset.from_tensor_slices(x).batch(2)] == [2, 2, 1]
    means = [batch.mean() for batch in np.split(x, [2, 4])]
    mean = keras.metrics.Mean()
    for batch in np.split(x, [2, 4]):
        mean.update_state(batch)
    assert np.mean(means) == pytest.approx(2.33, abs=0.01)  # a loop that sums items
    assert mean.result().numpy() == 2.0


def test_shuffle(torch, keras, tf):
    """Keras shuffles unasked, PyTorch only if asked, tf.data within a buffer."""
    x = np.arange(100.0)
    in_order = torch.cat(list(torch.utils.data.DataLoader(x, batch_size=10)))
    assert in_order.tolist() == x.tolist()
    seen = []

    def loss(y, prediction):
        if tf.is_tensor(y):  # Keras also calls it with a placeholder
            seen.extend(y.numpy().ravel().tolist())
        return (y - prediction) ** 2

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", loss, run_eagerly=True)
    model.fit(x[:, None], x, batch_size=10, verbose=0)
    assert sorted(seen) == x.tolist() != seen
    first = next(iter(tf.data.Dataset.from_tensor_slices(x).shuffle(5, seed=0)))
    assert first < 5  # 100 sorted images, and the first is one of the first five


def test_arguments_of_the_loss(torch, keras, tf):
    """Order, logits or probabilities, reduction, and what a weight is divided by."""
    logits = np.array([[2.0, 0.0], [0.0, 2.0]])
    y, w = np.array([0, 0]), np.array([1.0, 3.0])  # losses 0.127 and 2.127
    cross_entropy = torch.nn.functional.cross_entropy
    theirs = cross_entropy(torch.from_numpy(logits), torch.from_numpy(y))
    assert theirs.item() == pytest.approx(1.127, abs=1e-3)  # (logits, y), from logits
    Loss = keras.losses.SparseCategoricalCrossentropy
    assert float(Loss(from_logits=True)(y, logits)) == pytest.approx(1.127, abs=1e-3)
    assert float(Loss()(y, logits)) == pytest.approx(8.06, abs=0.01)  # taken as shares
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    assert each.numpy() == pytest.approx([0.127, 2.127], abs=1e-3)  # no reduction
    # A weight for each image: Keras divides by their number, PyTorch's `weight` for
    # each class by the sum of weights.
    weighted = Loss(from_logits=True)(y, logits, sample_weight=w)
    assert float(weighted) == pytest.approx((0.127 + 3 * 2.127) / 2, abs=1e-3)
    theirs = cross_entropy(
        torch.from_numpy(logits),
        torch.tensor([0, 1]),
        weight=torch.tensor([1.0, 3.0], dtype=torch.float64),
    )
    assert theirs.item() == pytest.approx((0.127 + 3 * 0.127) / 4, abs=1e-3)


def test_dtype_of_labels(torch, keras, tf):
    """int32 labels: PyTorch refuses; uint8: TensorFlow refuses; Keras takes floats."""
    logits = np.zeros((1, 2), "float32")
    with pytest.raises(RuntimeError, match="expected"):
        torch.nn.functional.cross_entropy(
            torch.from_numpy(logits), torch.tensor([0], dtype=torch.int32)
        )
    with pytest.raises((TypeError, tf.errors.InvalidArgumentError)):
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=np.array([0], "uint8"), logits=logits
        )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(np.array([0.0]), logits)) == pytest.approx(np.log(2))


def test_python_floats(keras):
    """Keras sends them through float32, also into float64."""
    rate = keras.optimizers.SGD(0.01).learning_rate
    assert float(rate.numpy()) == float(np.float32(0.01)) != 0.01


@pytest.mark.parametrize("Model", model_params("keras", "torch", "tf"))
def test_native_initialisers_train(Model):
    """init="native" leaves each framework its own, in a repeatable way."""
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (30, 8, 8, 1), dtype=np.uint8), np.arange(30) % 3
    first, second, shared = (
        Model(epochs=1, random_state=0, init=init).fit(X, y).get_weights()
        for init in ("native", "native", "shared")
    )
    for name, weight in first.items():
        assert (weight == second[name]).all()
        if name.endswith(".kernel"):
            assert (weight != shared[name]).any()
