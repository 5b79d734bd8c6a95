"""Modules that PyTorch lacks, and groups of its own that often go together.

A class is made when it is first used: to derive it from one of PyTorch's imports that.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

from frameworks.dropout import Mask
from frameworks.lazy import nn, torch


def chain(**named: Any) -> Any:
    """Return modules one after the other; "stage1.block2" is in a chain `stage1`."""
    whole = nn.Sequential()
    for path, module in named.items():
        *stages, name = path.split(".")
        inner = whole
        for stage in stages:
            if stage not in dict(inner.named_children()):
                inner.add_module(stage, nn.Sequential())
            inner = inner.get_submodule(stage)
        inner.add_module(name, module)
    return whole


def conv2d(c: int, f: int, window: int, stride: int = 1, groups: int = 1) -> Any:
    """Return a convolution without bias, padded by window // 2."""
    if window == 1 and stride > 1:
        # A pool of 1 x 1 picks every second pixel, as a stride would; with a stride
        # PyTorch 2.15 corrupts memory on a CPU if channels are few
        return nn.Sequential(nn.AvgPool2d(1, stride), conv2d(c, f, 1, groups=groups))
    return nn.Conv2d(c, f, window, stride, window // 2, groups=groups, bias=False)


def conv_norm(
    c: int,
    f: int,
    window: int,
    activation: Callable[[], Any] | None = None,
    *,
    stride: int = 1,
    groups: int = 1,
) -> Any:
    """Return convolution -> norm -> activation."""
    layers = {"conv": conv2d(c, f, window, stride, groups), "norm": batch_norm_2d(f)}
    if activation:
        layers["activation"] = activation()
    return nn.Sequential(OrderedDict(layers))


def batch_norm_2d(channels: int, *, scale: bool = True) -> Any:
    """Return PyTorch's own, but for the running variance: divided by n, not n - 1."""
    norm = _batch_norm_2d()(channels)
    if not scale:  # `affine` leaves out beta as well
        norm.register_parameter("weight", None)
    return norm


def whitening(c: int, f: int, window: tuple[int, int]) -> Any:
    """Return a convolution without padding whose kernel is not trained."""
    return _whitening()(c, f, window)


def squeeze_excite(c: int, squeezed: int, activation: Callable[[], Any]) -> Any:
    """Return a gate for each channel, made from the means of all (Hu et al. 2018)."""
    return _squeeze_excite()(c, squeezed, activation)


def dropout(mask: Mask) -> Any:
    """Return dropout by these masks: (n, c) or (n, c, h, w)."""
    return _dropout()(mask) if mask.rate else nn.Identity()


@cache
def _dropout() -> Any:
    class Dropout(nn.Module):
        def __init__(self, mask: Mask) -> None:
            super().__init__()
            self.mask = mask

        def forward(self, x: Any) -> Any:
            if not self.training:
                return x
            factors = torch.from_numpy(self.mask.draw(*x.shape[:2])).to(x)
            return x * factors.reshape(*factors.shape, *[1] * (x.ndim - 2))

    return Dropout


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


@cache
def _whitening() -> Any:
    class Whitening(nn.Module):
        def __init__(self, c: int, f: int, window: tuple[int, int]) -> None:
            super().__init__()
            self.register_buffer("whitening", torch.zeros(f, c, *window))

        def forward(self, x: Any) -> Any:
            return nn.functional.conv2d(x, self.whitening)

    return Whitening


@cache
def _squeeze_excite() -> Any:
    class SqueezeExcite(nn.Module):
        def __init__(
            self, c: int, squeezed: int, activation: Callable[[], Any]
        ) -> None:
            super().__init__()
            self.squeeze = nn.Linear(c, squeezed)
            self.activation = activation()
            self.excite = nn.Linear(squeezed, c)

        def forward(self, x: Any) -> Any:
            gate = self.activation(self.squeeze(x.mean((2, 3))))  # (n, squeezed)
            return x * self.excite(gate).sigmoid()[:, :, None, None]

    return SqueezeExcite
