"""A norm, its activation, and the max pool after them: the pool is computed first.

With a gamma above 0, a norm leaves the largest pixel of a window the largest, and so do
ReLU and ReLU6. So the pool may look at the norm's input, and norm and activation have a
quarter of the pixels left, forwards and backwards; only mean and variance are of all of
them. What comes out is the same, to the bit: rounding keeps the order as well.
"""

from itertools import pairwise

import numpy as np

from frameworks.fast.activations import Cut
from frameworks.fast.channels import as_rows, bands
from frameworks.fast.norms import SharedNorm
from frameworks.fast.pooled_tiles import PooledConv2D
from frameworks.fast.scratch import aligned
from frameworks.fast.twins import in_a_row
from frameworks.layers import Identity, MaxPool2D, Sequential


class PooledNorm(SharedNorm):
    """A norm, its activation, and the pool after them."""

    def __init__(self, norm: SharedNorm, pool: MaxPool2D) -> None:
        vars(self).update(vars(norm))
        self.pool = pool

    @staticmethod
    def serves(norm: object, pool: object) -> bool:
        """Return whether two layers can be computed so."""
        if type(norm) is not SharedNorm or not isinstance(pool, MaxPool2D):
            return False
        return norm.activation is None or isinstance(norm.activation, Cut)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, H, W, n) -> (c, h, w, n), in training."""
        self.pool_first = bool((self.gamma > 0).all())
        if not self.pool_first:
            return self.pool.forward(super().forward(x, training), training)
        self._measure(as_rows(x))
        pooled = self.pool.forward(x, training)
        self.pooled = as_rows(pooled)
        return self._normed(self.pooled).reshape(pooled.shape)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(c, h, w, n) -> (c, H, W, n)."""
        if not self.pool_first:
            return super().backward(self.pool.backward(dout))
        drows = as_rows(dout)
        dpooled = aligned(drows.shape, drows.dtype)
        dnormed = self._derived(drows, self.pooled, dpooled)
        np.multiply(dnormed, self.scale[:, None], out=dpooled)
        dx = self.pool.backward(dpooled.reshape(dout.shape))
        dx_rows = as_rows(dx)
        for band in bands(dx_rows.shape):
            dx_rows[band] += self._through_statistics(band)
        return dx_rows.reshape(dx.shape)


def with_pools_first(net: Sequential) -> Sequential:
    """Let what can compute the pools after it; change the network, return it."""
    for (layers, name), (later, after) in pairwise(in_a_row(net)):
        part, pool = layers[name], later[after]
        for kind in (PooledNorm, PooledConv2D):
            if kind.serves(part, pool):
                layers[name], later[after] = kind(part, pool), Identity()
    return net
