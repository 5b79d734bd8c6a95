"""A few images on their way through the network and back."""

from math import prod

import numpy as np

from frameworks.fast.block import BlockShard, FusedBlock
from frameworks.fast.scratch import LINE, Plan, aligned
from frameworks.fast.twins import twin
from frameworks.layers import Layer, Sequential

ODD = 1  # set in the number of lines; 0 leaves the number as it is


class Shard:
    """The network for a fixed number of images; its memory is allocated once.

    The blocks at its beginning are fused; the layers after them are the plain ones.
    """

    def __init__(
        self,
        blocks: list[FusedBlock],
        layers: dict[str, Layer],
        x: np.ndarray,
        buffer: np.ndarray,
        keep: bool,
    ) -> None:
        """Serve images like x, (n, H, W, c); with `keep`, backwards too.

        The buffer has at least `scratch_size` bytes.
        """
        n, H, W, c = x.shape
        apart = _plan_apart(x).bind(buffer)["apart"]
        self.apart = apart[:, : H * W * c].reshape(x.shape)
        self.x = images = aligned((H, c, W, n), x.dtype)
        self.blocks: list[BlockShard] = []
        for block in blocks:
            self.blocks.append(BlockShard(block, images, buffer, keep))
            images = self.blocks[-1].out
        twins = {name: twin(layer) for name, layer in layers.items()}
        self.layers = Sequential(**twins)
        self.weighted = list(self.layers.weighted().values())
        self.keep = keep

    def forward(self, x: np.ndarray) -> np.ndarray:
        """(n, H, W, c) -> (classes, n)."""
        np.copyto(self.apart, x)
        np.copyto(self.x, self.apart.transpose(1, 3, 2, 0))
        out = self.x
        for block in self.blocks:
            block.forward.run()
            out = block.out
        x = out.swapaxes(0, 1)  # (h, f, w, n) -> (f, h, w, n)
        return self.layers.forward(x, training=self.keep)

    def backward(self, dlogits: np.ndarray) -> list[np.ndarray]:
        """(classes, n) -> the gradient of each kernel and bias, in order."""
        d = self.layers.backward(dlogits)
        if self.blocks:
            np.copyto(self.blocks[-1].out, d.swapaxes(0, 1))
        found: list[np.ndarray] = []
        for block in reversed(self.blocks):
            block.backward.run()
            found = block.gradients() + found
        for layer in self.weighted:
            for role in layer.roles:
                found.append(getattr(layer, f"d{role}"))
                delattr(layer, f"d{role}")  # nobody else needs it
        return found


def scratch_size(blocks: list[FusedBlock], x: np.ndarray, keep: bool) -> int:
    """Return the bytes of scratch memory that a shard of images like x needs."""
    n = len(x)
    plans = [block.plan(rows, n, keep) for block in blocks for rows in block.bands(n)]
    return max(plan.size for plan in [_plan_apart(x), *plans])


def _plan_apart(x: np.ndarray) -> Plan:
    """Return the plan of a copy of x: images an odd number of cache lines apart.

    The change of layout reads the same pixel of all images in turn. Images of 32 x 32 x
    3 floats are 3 x 4096 bytes, and pixels so far apart share one set of the cache,
    where each evicts another: without the odd number, 0.77 of the speed on one core
    (seed).
    """
    n, *shape = x.shape
    lines = -(-prod(shape) * x.itemsize // LINE) | ODD
    plan = Plan(x.dtype)
    plan.add("apart", n, lines * LINE // x.itemsize)
    return plan
