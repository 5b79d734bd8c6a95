"""Modules for PyTorch, where its own differ from what the other frameworks compute.

A class is made when it is first used: to derive it from one of PyTorch's imports that.
"""

from functools import cache
from typing import Any

from frameworks.lazy import nn, torch


def batch_norm_2d(channels: int) -> Any:
    """Return PyTorch's own, but for the running variance: divided by n, not n - 1."""
    return _batch_norm_2d()(channels)


@cache
def _batch_norm_2d() -> Any:
    class BatchNorm2d(nn.BatchNorm2d):
        def forward(self, x: Any) -> Any:
            if not self.training:
                return super().forward(x)
            step = torch.zeros_like(self.running_var)  # momentum * unbiased variance
            state = self.weight, self.bias, self.running_mean, step
            cudnn = torch.backends.cudnn.enabled
            # nn.functional.batch_norm would refuse a channel of one value
            out = torch.batch_norm(x, *state, True, self.momentum, self.eps, cudnn)
            n = x.numel() // x.shape[1]
            self.running_var.mul_(1 - self.momentum)
            if n > 1:  # the variance of one value is 0
                self.running_var.add_(step, alpha=(n - 1) / n)
            return out

    return BatchNorm2d
