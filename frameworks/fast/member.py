"""One worker of any network: it computes a share of each batch, layer by layer."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from frameworks.engines import PlainNet
from frameworks.fast.banded import BandedConv2D
from frameworks.fast.channels import short_rows
from frameworks.fast.depthwise import TiledDepthwiseConv2D
from frameworks.fast.folded import folded
from frameworks.fast.fused import BandedActivation, with_activations, with_sums
from frameworks.fast.meeting import ForkedMeeting, Meeting
from frameworks.fast.normed import (
    DeferredConv2D,
    NormedConv2D,
    with_normed_convolutions,
)
from frameworks.fast.norms import SharedNorm
from frameworks.fast.owned import with_overwriting
from frameworks.fast.pointwise import PointwiseConv2D
from frameworks.fast.pooled import PooledNorm, with_pools_first
from frameworks.fast.pooled_tiles import PooledConv2D
from frameworks.fast.pools import SeparableMaxPool2D
from frameworks.fast.protocols import FastConvolution
from frameworks.fast.scratch import Scratch
from frameworks.fast.tiles import TiledConv2D
from frameworks.fast.twins import twin
from frameworks.layers import (
    BatchNorm2D,
    Dropout,
    Identity,
    Layer,
    MaxPool2D,
    Sequential,
)
from frameworks.weights import is_trained


class Member:
    """One worker: a twin of the network, for a share of each batch."""

    def __init__(
        self, net: Sequential, meeting: Meeting | ForkedMeeting, number: int
    ) -> None:
        scratch = {d: Scratch(d) for d in {w.dtype.str for w in net.weights().values()}}
        alone = partial(_fast, scratch)
        shared = twin(net, partial(_shared, alone, meeting, number, scratch))
        shared = with_activations(with_normed_convolutions(shared))
        with_sums(with_pools_first(shared))
        with_overwriting(shared)
        self.net = PlainNet(shared)
        self.predicting = PlainNet(with_activations(folded(twin(net, alone))))
        self.weighted = list(self.net.net.weighted().values())
        self.meeting = meeting

    def run(self, x: np.ndarray, layer: str, training: bool) -> np.ndarray:
        """(n, h, w, c) -> the output of a layer, images last."""
        net = self.net if training else self.predicting
        with short_rows():
            return self.meeting.attend(partial(net.forward, x, layer, training))

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """(n, h, w, c) -> [logits (classes, n)], in training."""
        return [self.run(x, "output", True)]

    def backward(self, dlogits: np.ndarray) -> list[np.ndarray]:
        """(classes, n) -> the gradient of each weight that is trained, in order."""
        with short_rows():
            self.meeting.attend(partial(self.net.backward, dlogits))
        return [getattr(layer, f"d{role}") for layer, role in trained(self.weighted)]


class SharedDropout(Dropout):
    """One worker's part of a dropout: its rows of the masks of the whole batch."""

    def __init__(
        self, layer: Dropout, meeting: Meeting | ForkedMeeting, worker: int
    ) -> None:
        super().__init__(layer.mask)
        self.meeting, self.worker = meeting, worker

    def place(self, n: int) -> tuple[int, int]:
        """Ask the other workers how many images they have."""
        mine = np.zeros(len(self.meeting.asked), int)
        mine[self.worker] = n
        sizes = self.meeting.total(self.worker, mine)
        return int(sizes[: self.worker].sum()), int(sizes.sum())


# The first that serves a convolution computes it.
CONVOLUTIONS: tuple[type[FastConvolution], ...] = (
    TiledConv2D,
    PointwiseConv2D,
    BandedConv2D,
    TiledDepthwiseConv2D,
)
WAYS: dict[type, str] = {  # in which a layer can be computed
    TiledConv2D: "by tiles",
    PooledConv2D: "by tiles that are pooled at once",
    TiledDepthwiseConv2D: "by depthwise tiles",
    PointwiseConv2D: "by small products",
    BandedConv2D: "by bands of rows",
    SeparableMaxPool2D: "axis by axis",
    BandedActivation: "some channels at a time",
    SharedNorm: "with sums over all shares",
    DeferredConv2D: "in the norm after them",
    NormedConv2D: "with the convolution before them",
    PooledNorm: "after the pool that follows them",
}


def ways(net: Sequential) -> dict[str, int]:
    """Return how many layers of a network are computed in which way, in training."""
    member = Member(net, Meeting(1), 0)
    kinds = [type(leaf) for _, leaf in member.net.net.leaves()]
    counts = {way: kinds.count(kind) for kind, way in WAYS.items()}
    plain = sum(kind not in (*WAYS, Identity) for kind in kinds)
    counts["plainly"] = plain
    return {way: count for way, count in counts.items() if count}


def trained(layers: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield each layer and each of its roles that is trained."""
    for layer in layers:
        yield from ((layer, role) for role in layer.roles if is_trained(role))


def _shared(
    fast: Callable[[Layer], Layer],
    meeting: Meeting | ForkedMeeting,
    worker: int,
    scratch: dict[str, Scratch],
    layer: Layer,
) -> Layer:
    """Return a worker's twin of a layer, for training: some ask the other workers."""
    if isinstance(layer, BatchNorm2D):
        return SharedNorm(layer, meeting, worker, scratch[layer.beta.dtype.str])
    if isinstance(layer, Dropout):
        return SharedDropout(layer, meeting, worker)
    return fast(layer)


def _fast(scratch: dict[str, Scratch], layer: Any) -> Any:
    """Return a faster twin of a layer that treats each image alone, if there is one.

    `scratch` is the worker's, by the type of its numbers.
    """
    for kind in CONVOLUTIONS:
        plain: Any = kind.__base__
        if type(layer) is plain and kind.serves(layer):
            return kind(layer, scratch[layer.kernel.dtype.str])
    if type(layer) is MaxPool2D and SeparableMaxPool2D.serves(layer):
        return SeparableMaxPool2D(layer, scratch)
    return copy.copy(layer)
