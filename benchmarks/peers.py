"""Other CNNs in NumPy, from the package index: the same network, a plain SGD step.

Each is what its own documentation shows for a convolutional network, on batches that
are scaled already; where a library is not installed, its row is left out.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

CLASSES, BATCH, RATE = 10, 64, 0.01
Epoch = Callable[[], None]
Network = dict[str, Sequence[int]]


def _batches(X: np.ndarray, y: np.ndarray) -> Any:
    order = np.random.default_rng(0).permutation(len(X))
    for start in range(0, len(X), BATCH):
        rows = order[start : start + BATCH]
        yield X[rows].astype(np.float32) / 255 - 0.5, y[rows]


def _weights(shape: tuple[int, int, int], network: Network, first: bool) -> list:
    """Return kernels and biases; `first`: filters and channels lead, as in MyGrad."""
    rng, found = np.random.default_rng(0), []
    h, w, c = shape
    for f in network["filters"]:
        size = (f, c, 3, 3) if first else (3, 3, c, f)
        found += [rng.normal(0, 0.05, size), np.zeros(f)]
        h, w, c = (h - 2) // 2, (w - 2) // 2, f
    inputs = h * w * c
    for units in [*network["hidden_units"], CLASSES]:
        found += [rng.normal(0, 0.05, (inputs, units)), np.zeros(units)]
        inputs = units
    return [array.astype(np.float32) for array in found]


def autograd(X: np.ndarray, y: np.ndarray, network: Network) -> Epoch:
    """Autograd: derivatives of NumPy code, with a convolution like SciPy's.

    That one turns the kernel around, as mathematics does, which costs the same.
    """
    import autograd.numpy as anp  # type: ignore[import-not-found]
    from autograd import grad  # type: ignore[import-not-found]
    from autograd.scipy.signal import convolve  # type: ignore[import-not-found]
    from autograd.scipy.special import logsumexp  # type: ignore[import-not-found]

    weights = _weights(X.shape[1:], network, first=True)
    blocks = len(network["filters"])
    how = {"axes": ([2, 3], [2, 3]), "dot_axes": ([1], [1]), "mode": "valid"}

    def loss(weights: Any, x: Any, labels: np.ndarray) -> Any:
        for i in range(blocks):
            kernel, bias = weights[2 * i : 2 * i + 2]
            x = convolve(x, kernel, **how) + bias.reshape(1, -1, 1, 1)
            n, f, h, w = (*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2)
            x = x[:, :, : 2 * h, : 2 * w].reshape(n, f, h, 2, w, 2)
            x = anp.maximum(anp.max(anp.max(x, axis=5), axis=3), 0)
        x = x.reshape(len(labels), -1)
        for i in range(blocks, len(weights) // 2):
            x = anp.dot(x, weights[2 * i]) + weights[2 * i + 1]
            x = anp.maximum(x, 0) if 2 * i + 2 < len(weights) else x
        right = x[anp.arange(len(labels)), labels]
        return anp.mean(logsumexp(x, axis=1) - right)

    gradient = grad(loss)

    def epoch() -> None:
        for images, labels in _batches(X, y):
            found = gradient(weights, images.transpose(0, 3, 1, 2), labels)
            for weight, more in zip(weights, found, strict=True):
                weight -= RATE * more

    return epoch


def mygrad(X: np.ndarray, y: np.ndarray, network: Network) -> Epoch:
    """MyGrad: an autograd for NumPy, with its own convolution."""
    import mygrad as mg  # type: ignore[import-not-found]
    from mygrad.nnet.activations import relu  # type: ignore[import-not-found]
    from mygrad.nnet.layers import (  # type: ignore[import-not-found]
        conv_nd,
        max_pool,
    )
    from mygrad.nnet.losses import (  # type: ignore[import-not-found]
        softmax_crossentropy,
    )

    weights = [mg.tensor(a) for a in _weights(X.shape[1:], network, first=True)]
    blocks = len(network["filters"])

    def epoch() -> None:
        for images, labels in _batches(X, y):
            x: Any = images.transpose(0, 3, 1, 2)
            for i in range(blocks):
                kernel, bias = weights[2 * i : 2 * i + 2]
                x = conv_nd(x, kernel, stride=1) + bias.reshape(1, -1, 1, 1)
                even = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
                x = max_pool(relu(x)[:, :, : even[0], : even[1]], (2, 2), 2)
            x = x.reshape(len(images), -1)
            for i in range(blocks, len(weights) // 2):
                x = x @ weights[2 * i] + weights[2 * i + 1]
                x = relu(x) if 2 * i + 2 < len(weights) else x
            softmax_crossentropy(x, labels).backward()
            for weight in weights:
                weight.data -= RATE * weight.grad

    return epoch


def smallpebble(X: np.ndarray, y: np.ndarray, network: Network) -> Epoch:
    """SmallPebble: a minimal deep-learning library in NumPy."""
    import smallpebble as sp  # type: ignore[import-not-found]

    weights = [sp.Variable(a) for a in _weights(X.shape[1:], network, first=False)]
    blocks = len(network["filters"])

    def epoch() -> None:
        for images, labels in _batches(X, y):
            x = sp.Variable(images)
            for i in range(blocks):
                kernel, bias = weights[2 * i : 2 * i + 2]
                x = sp.conv2d(x, kernel, padding="VALID")
                x = sp.leaky_relu(sp.add(x, bias), 0)
                x = sp.maxpool2d(x, 2, 2, padding="VALID", strides=[2, 2])
            x = sp.reshape(x, (len(images), -1))
            for i in range(blocks, len(weights) // 2):
                x = sp.add(sp.matmul(x, weights[2 * i]), weights[2 * i + 1])
                x = sp.leaky_relu(x, 0) if 2 * i + 2 < len(weights) else x
            loss = sp.cross_entropy(sp.softmax(x), labels)
            gradients = sp.get_gradients(loss)
            for weight in weights:
                weight.array = weight.array - RATE * gradients[weight] / len(images)

    return epoch


PEERS: dict[str, Callable[[np.ndarray, np.ndarray, Network], Epoch]] = {
    "autograd": autograd,
    "mygrad": mygrad,
    "smallpebble": smallpebble,
}
