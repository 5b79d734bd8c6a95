"""A few images on their way through the network and back."""

import copy
from math import prod

import numpy as np

from frameworks.fast.block import Block, BlockShard
from frameworks.fast.scratch import LINE, Room, Scratch
from frameworks.layers import Layer, Sequential

ODD = 1  # a bit of the number of lines


class Shard:
    """The network for a number of images, whose memory is allocated once.

    The blocks at its beginning are fused; the layers after them are the plain ones.
    """

    def __init__(
        self,
        blocks: list[Block],
        layers: dict[str, Layer],
        x: np.ndarray,
        scratch: Scratch,
        keep: bool,
    ) -> None:
        """Serve images like x, (n, H, W, c); with `keep`, also backwards."""
        n, H, W, c = x.shape
        self.apart = _apart(Room(scratch, x.dtype), x)
        self.x = images = np.empty((H, c, W, n), x.dtype)
        self.blocks: list[BlockShard] = []
        for block in blocks:
            self.blocks.append(BlockShard(block, images, scratch, keep))
            images = self.blocks[-1].out
        twins = {name: _twin(layer) for name, layer in layers.items()}
        self.layers = Sequential(**twins)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, H, W, c) -> (classes, n)."""
        np.copyto(self.apart, x)
        np.copyto(self.x, self.apart.transpose(1, 3, 2, 0))
        out = self.x
        for block in self.blocks:
            block.forward.run()
            out = block.out
        return self.layers.forward(out.swapaxes(0, 1))  # (h, f, w, n) -> (f, h, w, n)

    def backward(self, dlogits: np.ndarray) -> list[np.ndarray]:
        """(classes, n) -> the gradient of each kernel and bias, in order."""
        d = self.layers.backward(dlogits)
        if self.blocks:
            np.copyto(self.blocks[-1].out, d.swapaxes(0, 1))
        found: list[np.ndarray] = []
        for block in reversed(self.blocks):
            block.backward.run()
            found = block.gradients() + found
        for layer in self.layers.weighted().values():
            for role in layer.roles:
                found.append(getattr(layer, f"d{role}"))
                delattr(layer, f"d{role}")  # it can go when it is used
        return found


def _apart(room: Room, x: np.ndarray) -> np.ndarray:
    """Return an array like x whose images are an odd number of cache lines apart.

    To put all images side by side, a pixel of each is read in turn. 32 x 32 x 3 floats
    are 3 x 4096 bytes, and pixels so far apart share one set of the cache, where each
    drives out another: without the odd number, 0.77 of the speed on one core (seed).
    """
    n, *shape = x.shape
    lines = -(-prod(shape) * x.itemsize // LINE) | ODD
    apart = room.take(n, lines * LINE // x.itemsize)
    return apart[:, : prod(shape)].reshape(x.shape)


def _twin(layer: Layer) -> Layer:
    """Return a layer with the same weights, that remembers a batch of its own."""
    twin = copy.copy(layer)
    if isinstance(twin, Sequential):
        twin.layers = {name: _twin(part) for name, part in twin.layers.items()}
    return twin
