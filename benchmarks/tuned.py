"""Loops that an expert of each framework would tune for this work on a CPU.

Against them the classes' own `fit` is measured: the same network, batch size, loss and
optimiser, from uint8 images in memory, in a random order, with the options that each
framework's own documentation recommends. No contract, no history, no weights: what the
classes could reach at best.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from frameworks.cnn import conv_blocks
from frameworks.lazy import keras, nn, tf, torch

CLASSES, BATCH, RATE, MOMENTUM = 10, 64, 0.01, 0.9
Epoch = Callable[[], None]
Network = dict[str, Sequence[int]]


def _torch_network(shape: tuple[int, int, int], network: Network) -> Any:
    layers: list[Any] = []
    size = int(np.prod(shape))
    for block in conv_blocks(shape, network["filters"]):
        conv = nn.Conv2d(block.channels, block.filters, block.kernel)
        layers += [conv, nn.ReLU(), nn.MaxPool2d(block.pool)]
        size = int(np.prod(block.shape))
    layers.append(nn.Flatten())
    for units in network["hidden_units"]:
        layers += [nn.Linear(size, units), nn.ReLU()]
        size = units
    return nn.Sequential(*layers, nn.Linear(size, CLASSES))


def torch_loop(
    X: np.ndarray,
    y: np.ndarray,
    network: Network,
    *,
    channels_last: bool = True,
    fused: bool = False,
    compiled: bool = False,
) -> Epoch:
    """PyTorch's performance tuning guide: layout, fused optimiser, compiled model."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = _torch_network(X.shape[1:], network).to(memory_format=layout)
    step_model = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(
        model.parameters(), lr=RATE, momentum=MOMENTUM, fused=fused
    )
    # Channels first, in the order of memory that the layout asks for.
    images = torch.from_numpy(X).permute(0, 3, 1, 2)
    images = images if channels_last else images.contiguous()
    labels = torch.from_numpy(y)

    def epoch() -> None:
        for rows in torch.randperm(len(images)).split(BATCH):
            x = images[rows].to(torch.float32).div_(255).sub_(0.5)
            loss = nn.functional.cross_entropy(step_model(x), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return epoch


def tf_loop(
    X: np.ndarray,
    y: np.ndarray,
    network: Network,
    *,
    in_graph: bool,
    compiled: bool = False,
) -> Epoch:
    """TensorFlow's guides: a `tf.function` step, or the whole epoch over `tf.data`."""
    shapes = []
    size = int(np.prod(X.shape[1:]))
    blocks = conv_blocks(X.shape[1:], network["filters"])
    for block in blocks:
        shapes.append((*block.kernel, block.channels, block.filters))
        size = int(np.prod(block.shape))
    for units in [*network["hidden_units"], CLASSES]:
        shapes.append((size, units))
        size = units
    weights = [
        tf.Variable(part)
        for shape in shapes
        for part in (tf.random.normal(shape, stddev=0.05), tf.zeros(shape[-1]))
    ]
    velocities = [tf.Variable(tf.zeros_like(weight)) for weight in weights]

    def step(x: Any, labels: Any) -> None:
        x = tf.cast(x, tf.float32) / 255 - 0.5
        with tf.GradientTape() as tape:
            pairs = list(zip(weights[::2], weights[1::2], strict=True))
            for block, (kernel, bias) in zip(blocks, pairs, strict=False):
                x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias)
                x = tf.nn.max_pool2d(tf.nn.relu(x), block.pool, block.pool, "VALID")
            x = tf.reshape(x, (-1, shapes[len(blocks)][0]))
            for kernel, bias in pairs[len(blocks) : -1]:
                x = tf.nn.relu(x @ kernel + bias)
            logits = x @ pairs[-1][0] + pairs[-1][1]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, weights)
        for weight, velocity, gradient in zip(
            weights, velocities, gradients, strict=True
        ):
            velocity.assign(MOMENTUM * velocity - RATE * gradient)
            weight.assign_add(velocity)

    if not in_graph:
        graph_step = tf.function(step, reduce_retracing=True, jit_compile=compiled)

        rng = np.random.default_rng(0)

        def epoch() -> None:
            order = rng.permutation(len(X))
            for start in range(0, len(X), BATCH):
                rows = order[start : start + BATCH]
                graph_step(X[rows], y[rows])

        return epoch

    dataset = tf.data.Dataset.range(len(X)).shuffle(len(X)).batch(BATCH)
    images, labels = tf.constant(X), tf.constant(y)
    dataset = dataset.map(
        lambda rows: (tf.gather(images, rows), tf.gather(labels, rows))
    )
    dataset = dataset.prefetch(tf.data.AUTOTUNE)

    @tf.function
    def whole_epoch() -> None:
        for x, some in dataset:
            step(x, some)

    return whole_epoch


def keras_loop(
    X: np.ndarray,
    y: np.ndarray,
    network: Network,
    *,
    rescaling: bool,
    steps_per_execution: int = 32,
) -> Epoch:
    """Keras's guides: `fit` on arrays, or with scaled batches from `tf.data`."""
    layers = keras.layers
    model = [keras.Input(X.shape[1:])]
    if rescaling:
        model.append(layers.Rescaling(1 / 255, offset=-0.5))
    for block in conv_blocks(X.shape[1:], network["filters"]):
        model.append(layers.Conv2D(block.filters, block.kernel, activation="relu"))
        model.append(layers.MaxPool2D(block.pool))
    model.append(layers.Flatten())
    model += [layers.Dense(n, activation="relu") for n in network["hidden_units"]]
    net = keras.Sequential([*model, layers.Dense(CLASSES)])
    net.compile(
        keras.optimizers.SGD(RATE, MOMENTUM),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=steps_per_execution,
        jit_compile=False,
    )
    if rescaling:
        return lambda: net.fit(X, y, batch_size=BATCH, verbose=0)
    images, labels = tf.constant(X), tf.constant(y)

    def gather(rows: Any) -> Any:
        x = tf.cast(tf.gather(images, rows), tf.float32) / 255 - 0.5
        return x, tf.gather(labels, rows)

    dataset = tf.data.Dataset.range(len(X)).shuffle(len(X)).batch(BATCH)
    dataset = dataset.map(gather).prefetch(tf.data.AUTOTUNE)
    return lambda: net.fit(dataset, verbose=0)


# What each class is measured against: its name -> the name of a loop -> the loop.
LOOPS: dict[str, dict[str, Callable[..., Epoch]]] = {
    "torch": {
        "default layout": lambda *a: torch_loop(*a, channels_last=False),
        "channels last": lambda *a: torch_loop(*a),
        "channels last, fused SGD": lambda *a: torch_loop(*a, fused=True),
        "channels last, fused SGD, torch.compile": lambda *a: torch_loop(
            *a, fused=True, compiled=True
        ),
    },
    "tf": {
        "tf.function step": lambda *a: tf_loop(*a, in_graph=False),
        "tf.function step, XLA": lambda *a: tf_loop(*a, in_graph=False, compiled=True),
        "epoch in a tf.function, tf.data": lambda *a: tf_loop(*a, in_graph=True),
    },
    "keras": {
        "fit on arrays, Rescaling": lambda *a: keras_loop(*a, rescaling=True),
        "the same, one step an execution": lambda *a: keras_loop(
            *a, rescaling=True, steps_per_execution=1
        ),
        "fit from tf.data": lambda *a: keras_loop(*a, rescaling=False),
    },
}
