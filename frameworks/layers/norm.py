"""Batch normalisation."""

import numpy as np


class BatchNorm2D:
    """out = gamma (x - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    In training, mean and variance are those of the batch, over pixels and images; the
    running ones follow, 0.9 running + 0.1 batch, and serve prediction (Ioffe, Szegedy
    2015). Every variance is divided by the number of values, not by one less. Without
    `scale`, gamma is 1 and no weight.
    """

    EPSILON, MOMENTUM = 1e-5, 0.9

    def __init__(self, c: int, dtype: str = "float32", *, scale: bool = True) -> None:
        self.roles = (*(["gamma"] if scale else []), "beta", "mean", "variance")
        self.gamma, self.beta = np.ones(c, dtype), np.zeros(c, dtype)
        self.mean, self.variance = np.zeros(c, dtype), np.ones(c, dtype)

    def forward(self, x: np.ndarray, training: bool = True) -> np.ndarray:
        """(c, h, w, n) -> the same shape."""
        rows = x.reshape(len(x), -1)
        mean, variance = self.mean, self.variance
        if training:
            mean = rows.sum(1) / rows.shape[1]
        out = rows - mean[:, None]
        if training:
            variance = np.vecdot(out, out) / rows.shape[1]
            self.follow(mean, variance)
        std = np.sqrt(variance + self.EPSILON)
        out *= (self.gamma / std)[:, None]
        out += self.beta[:, None]
        if training:
            self.rows, self.batch_mean, self.std = rows, mean, std
        return out.reshape(x.shape)

    def backward(self, dout: np.ndarray) -> np.ndarray:
        """The same shape: the batch's mean and variance depend on x as well."""
        rows = dout.reshape(len(dout), -1)
        dx = self.rows - self.batch_mean[:, None]
        self.dgamma, self.dbeta = np.vecdot(rows, dx) / self.std, rows.sum(1)
        values = rows.shape[1]
        dx *= (self.dgamma / values / -self.std)[:, None]
        dx += rows
        dx -= (self.dbeta / values)[:, None]
        dx *= (self.gamma / self.std)[:, None]
        return dx.reshape(dout.shape)

    def follow(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Let the running statistics follow those of a batch."""
        for running, batch in ((self.mean, mean), (self.variance, variance)):
            running *= self.MOMENTUM
            running += (1 - self.MOMENTUM) * batch
