"""A convolution 1x1 and the batch norm after it, as one product.

Of y = W x, the mean and the variance follow from those of x: they are W mean(x), and
the diagonal of W cov(x) W.T. So they are known before y is, and the norm can be in the
kernel, as it is in prediction: y itself is never computed. Backwards, y would be needed
for the norm's two sums and for the gradient of x. The sums follow from the gradient of
the kernel, and what y adds to the gradient of x is a product of x with a small matrix.

Where a convolution makes many channels of few, that saves two thirds of the passes over
the many, and one array of that size.
"""

import numpy as np

from frameworks.fast.channels import as_rows, bands
from frameworks.fast.norms import FAR, SharedNorm
from frameworks.fast.owned import target
from frameworks.fast.pointwise import PointwiseConv2D, over_pixels
from frameworks.fast.products import times
from frameworks.fast.scratch import aligned
from frameworks.fast.twins import neighbours
from frameworks.layers import Sequential

CANCELLED = 0.01  # of a variance's terms: where less is left, digits are lost
MOST = 64  # channels of the input: with more, their products take too long


class DeferredConv2D(PointwiseConv2D):
    """A convolution that the norm after it computes; it has the weights."""

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """Any shape -> the same array."""
        return x

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """Any shape -> the same array."""
        return dout


class NormedConv2D(SharedNorm):
    """The convolution before a norm, the norm, and the activation after it.

    Attributes
    ----------
    conv : DeferredConv2D
        Has the kernel, and is given its gradient.
    """

    def __init__(self, conv: DeferredConv2D, norm: SharedNorm) -> None:
        vars(self).update(vars(norm))
        self.conv = conv

    @staticmethod
    def serves(conv: object, norm: object) -> bool:
        """Return whether two layers can be computed so, and whether it pays."""
        if type(conv) is not PointwiseConv2D or type(norm) is not SharedNorm:
            return False
        c, f = conv.kernel.shape[2:]
        return "bias" not in conv.roles and c <= MOST and 2 * c <= f

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, h, w, n) -> (f, h, w, n), in training."""
        matrix = self.conv.kernel[0, 0].T
        self._measure(as_rows(x))
        # y - mean is a product with the rows as well, for the last of them is 1
        last = matrix @ self.origin - self.batch_mean
        self.centred = np.column_stack([matrix, last])
        matrix = self.centred * self.scale[:, None]
        matrix[:, -1] += self.beta
        out = times(matrix, self.rows)
        if self.activation:
            for band in bands(out.shape):
                self.activation.forward(band, out[band])
            self.out = out
        return out.reshape(-1, *x.shape[1:])

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """(f, h, w, n) -> (c, h, w, n)."""
        drows = as_rows(dout)
        dnormed = target(self, drows) if self.activation else drows
        sums = np.empty((len(self.rows), len(drows)), drows.dtype)
        for band in bands(drows.shape):
            part = dnormed[band]
            if self.activation:
                self.activation.backward(band, drows[band], self.out[band], part)
            sums[-1, band] = part @ self.rows[-1]
        sums[:-1] = over_pixels(self.rows[:-1], dnormed, self.scratch)
        self.dbeta = sums[-1].copy()
        self.dgamma = np.vecdot(self.centred, sums.T) / self.std

        dbeta, dgamma = self._total(np.stack([self.dbeta, self.dgamma])) / self.values
        # The gradient of y is scale (dnormed - rest @ rows)
        rest = self.centred * (dgamma / self.std)[:, None]
        rest[:, -1] += dbeta
        sums -= self.products @ rest.T
        sums *= self.scale
        dkernel = sums[:-1] + np.outer(self.origin, sums[-1])
        self.conv.dkernel = dkernel.reshape(self.conv.kernel.shape)
        if not self.conv.needs_dx:
            return np.empty(0, dout.dtype)
        kernel = self.conv.kernel[0, 0] * self.scale
        dx = times(kernel, dnormed)
        dx -= times(kernel @ rest, self.rows)
        return dx.reshape(-1, *dout.shape[1:])

    def _statistics(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of the batch's outputs, from the inputs (c, pixels).

        Kept are the inputs with a row of ones, the products of these rows with each
        other, and the inputs' origin: 0, or their means, where those are so far from 0
        that the products lose digits.
        """
        c, pixels = rows.shape
        self.rows = aligned((c + 1, pixels), rows.dtype)
        self.rows[:-1], self.rows[-1] = rows, 1
        self.origin = np.zeros(c, rows.dtype)
        means, scatter = self._moments()
        if (pixels * means**2 > FAR**2 * np.diag(scatter)).any():
            self.origin = means.astype(rows.dtype)
            self.rows[:-1] -= self.origin[:, None]
            means, scatter = self._moments()
        matrix = self.conv.kernel[0, 0].T
        within = np.vecdot(matrix @ scatter, matrix)
        if (within < CANCELLED * (np.square(matrix) @ np.diag(scatter))).any():
            means, scatter = self._moments("float64")
            within = np.maximum(np.vecdot(matrix @ scatter, matrix), 0)
        return self._of_all(pixels, matrix @ (self.origin + means), within)

    def _moments(self, dtype: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of the rows, and the products around these means."""
        rows = self.rows.astype(dtype or self.rows.dtype, copy=False)
        self.products = rows @ rows.T
        *products, sums = self.products[:, :-1].astype(float)
        means = sums / self.rows.shape[1]
        return means, products - np.outer(means, sums)


def with_normed_convolutions(net: Sequential) -> Sequential:
    """Let norms compute the convolutions before them; change the network, return it."""
    for layers, name, after in neighbours(net):
        conv, norm = layers[name], layers[after]
        if NormedConv2D.serves(conv, norm):
            layers[name] = DeferredConv2D(conv, conv.scratch)
            layers[after] = NormedConv2D(layers[name], norm)
    return net
