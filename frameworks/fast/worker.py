"""The work of one thread or one process: its share of each batch, in shards."""

import numpy as np

from frameworks.fast.block import FusedBlock
from frameworks.fast.scratch import aligned
from frameworks.fast.shard import Shard, scratch_size
from frameworks.layers import Conv2D, Layer, MaxPool2D, ReLU, Sequential

# Images. Larger shards overflow a core's cache; smaller ones make too many calls.
SHARD = 64

Shards = dict[tuple[int, int], Shard]


class Worker:
    """Computes a share of each batch; shares only the weights with other workers.

    `operations` is the number of floating-point operations that a forward pass takes
    for one image.
    """

    def __init__(self, net: Sequential, image: tuple[int, int]) -> None:
        """Serve images of H x W pixels."""
        self.blocks, self.layers = fuse(net, image)
        layers = Sequential(**self.layers).weighted().values()
        self.operations = sum(block.operations for block in self.blocks) + sum(
            2 * layer.kernel.size for layer in layers
        )
        # By first image and number of images, for the last two batches: those to
        # predict, and those to train on.
        self.shards: list[tuple[Shards, Shards]] = [({}, {}), ({}, {})]
        self.active: list[Shard] = []
        self.buffer = np.empty(0, np.uint8)

    def predict(self, x: np.ndarray) -> list[np.ndarray]:
        """(n, H, W, c) -> [logits (classes, n)]."""
        return self._forward(x, keep=False)

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """The same, and keep what `backward` needs."""
        return self._forward(x, keep=True)

    def backward(self, dlogits: np.ndarray) -> list[np.ndarray]:
        """(classes, n) -> the gradient of each kernel and bias, in order."""
        total: list[np.ndarray] = []
        for k, shard in enumerate(self.active):
            more = shard.backward(dlogits[:, k * SHARD : (k + 1) * SHARD])
            total = add(total, more) if total else more
        return total

    def _forward(self, x: np.ndarray, keep: bool) -> list[np.ndarray]:
        for block in self.blocks:
            block.product.prepare()
        last, before = self.shards[keep]
        now: Shards = {}
        active, outs = [], []
        for k in range(0, len(x), SHARD):
            part = x[k : k + SHARD]
            key = k if keep else 0, len(part)  # predictions take turns in one shard
            found = now.get(key) or last.get(key) or before.get(key)
            shard = now[key] = found or self._shard(part, keep)
            outs.append(shard.forward(part))
            active.append(shard)
        self.shards[keep] = now, last
        if keep:
            self.active = active
        return [np.concatenate(outs, axis=1)]

    def _shard(self, x: np.ndarray, keep: bool) -> Shard:
        """Return a shard for images like x, whose scratch memory is in the buffer."""
        size = scratch_size(self.blocks, x, keep)
        if size > len(self.buffer):  # shards that have the old one keep it
            self.buffer = aligned((size,), np.uint8)
        return Shard(self.blocks, self.layers, x, self.buffer, keep)


def add(total: list[np.ndarray], more: list[np.ndarray]) -> list[np.ndarray]:
    """Add `more` to the arrays of `total`, one by one, and return them."""
    for a, b in zip(total, more, strict=True):
        a += b
    return total


def fuse(
    net: Sequential, image: tuple[int, int]
) -> tuple[list[FusedBlock], dict[str, Layer]]:
    """Return the blocks at the beginning of a network, and the layers after them."""
    blocks: list[FusedBlock] = []
    layers = list(net.layers.items())
    while len(layers) > 1:
        match [layer for _, layer in layers[:2]]:
            case [Sequential() as first, MaxPool2D(window=pool)] if max(pool) <= 2:
                conv, *activation = first.layers.values()
            case _:
                break
        if not isinstance(conv, Conv2D):
            break
        relu = any(isinstance(layer, ReLU) for layer in activation)
        blocks.append(FusedBlock(conv, relu, pool, image))
        image = blocks[-1].windows
        layers = layers[2:]
    return blocks, dict(layers)
