"""Copies of the classes, each with one fault that a comparison would not show."""

from unittest import mock

import numpy as np

from frameworks import modules, muon, variables
from frameworks.batches import Batches
from frameworks.layers import BatchNorm2D, ReLU
from frameworks.lazy import nn, tf, torch
from frameworks.loss import cross_entropy
from models import TF_CNN, Skylark_CNN, Torch_CNN
from networks import mobilenet
from networks.densenet import Torch_DenseNet
from networks.dpn import TF_DPN
from networks.efficientnet import (
    Skylark_EfficientNet,
    TF_EfficientNet,
    Torch_EfficientNet,
)
from networks.googlenet import TF_GoogLeNet
from networks.mobilenet import Skylark_MobileNet, TF_MobileNet
from networks.regnet import Torch_RegNet
from networks.resnet import Skylark_ResNet, TF_ResNet, Torch_ResNet
from networks.shufflenet import Torch_ShuffleNet


class MissingReLU(Torch_CNN):
    """The last activation is left out."""

    def build(self):
        super().build()
        last = [m for m in self.net_.children() if isinstance(m, nn.Sequential)][-1]
        last[1] = nn.Identity()


class OtherKernels(Torch_CNN):
    """Initial kernels are drawn as those of deep networks are."""

    kernels = "he_normal"


class ReLUAfterPool(Torch_CNN):
    """Equal in every gradient, for the maximum commutes; not in the features."""

    def build(self):
        super().build()
        self.net_.conv1[1] = nn.Identity()
        self.net_.pool1 = nn.Sequential(self.net_.pool1, nn.ReLU())


class TransposedImages(Skylark_CNN):
    """Rows and columns exchanged on the way in, as swapaxes(1, 3) does."""

    def forward(self, x, layer="output", training=False):
        return super().forward(x.swapaxes(1, 2), layer, training)


class OtherFlatten(Torch_CNN):
    """PyTorch's own order: channels, rows, columns."""

    def build(self):
        super().build()
        self.net_.to_hwc = nn.Identity()


class Dampening(Torch_CNN):
    """v = m v + (1 - m) g."""

    def build(self):
        super().build()
        for group in self.optimizer_.param_groups:
            group["dampening"] = self.momentum


class SoftmaxTwice(TF_CNN):
    """Probabilities are handed to a loss that expects logits."""

    def forward(self, x, layer="output", training=False):
        out = super().forward(x, layer, training)
        return tf.nn.softmax(out) if layer == "output" else out


class SummedLoss(Skylark_CNN):
    """The sum over the batch where the mean belongs."""

    def train_step(self, x, y, w):
        # forward
        logits = self.forward(x, training=True)
        # loss
        loss, dlogits = cross_entropy(logits, y, w)
        # backward
        self.net_.backward(dlogits * len(y))
        # update
        self.optimizer_.step()
        return loss, np.mean(logits.argmax(0) == y)


class DroppedLastBatch(Skylark_CNN):
    """As drop_last=True does."""

    def batches(self, X, y, w, epoch):
        batches = super().batches(X, y, w, epoch)
        if len(batches.order) % self.batch_size and len(batches) > 1:
            batches.starts = batches.starts[:-1]
        return batches


class OtherShuffle(Skylark_CNN):
    """Every epoch in the order of the first."""

    def batches(self, X, y, w, epoch):
        return super().batches(X, y, w, 0)


class ShuffledBatches(Skylark_CNN):
    """The batches are shuffled, the images within them never."""

    def batches(self, X, y, w, epoch):
        batches: Batches = super().batches(X, y, w, epoch)
        rng = np.random.default_rng(epoch)
        parts = np.array_split(np.argsort(batches.order), len(batches))
        now = np.concatenate([parts[i] for i in rng.permutation(len(parts))])
        for name in ("order", "y", "w"):
            setattr(batches, name, getattr(batches, name)[now])
        return batches


class DecayedBiases(Torch_CNN):
    """weight_decay for every parameter, as torch.optim.SGD(parameters) has it."""

    def build(self):
        super().build()
        for group in self.optimizer_.param_groups:
            group["weight_decay"] = self.weight_decay


class OtherLearningRate(Skylark_CNN):
    """Off by 1 %."""

    def steps(self, *arguments):
        for batch, rate in super().steps(*arguments):
            yield batch, 1.01 * rate


class UnscaledImages(Skylark_CNN):
    """Prediction forgets what training did to the pixels."""

    def predict_logits(self, x, layer="output"):
        return super().predict_logits(x + 0.5, layer)


class IgnoredWeights(Torch_CNN):
    """sample_weight is accepted and not used."""

    def train_step(self, x, y, w):
        return super().train_step(x, y, torch.ones_like(w))


class Rounded(Skylark_CNN):
    """Somewhere on the way, float32."""

    def forward(self, x, layer="output", training=False):
        x = x.astype("float32").astype(self.dtype)
        return super().forward(x, layer, training)


class VarianceOverNMinus1(Torch_ResNet):
    """The running variance as PyTorch's own module has it."""

    def build(self):
        with mock.patch.object(modules, "batch_norm_2d", nn.BatchNorm2d):
            super().build()


class OtherEpsilon(Skylark_ResNet):
    """Keras's default."""

    def network(self):
        net = super().network()
        for _, layer in net.leaves():
            if isinstance(layer, BatchNorm2D):
                layer.EPSILON = 1e-3
        return net


class OtherNormMomentum(Skylark_ResNet):
    """Keras's default."""

    def network(self):
        net = super().network()
        for _, layer in net.leaves():
            if isinstance(layer, BatchNorm2D):
                layer.MOMENTUM = 0.99
        return net


class AsymmetricPadding(TF_ResNet):
    """TensorFlow's own "SAME" at stride 2: right and below first."""

    def network(self, x, training):
        def same(v, x, name, filters, window, *, stride, **options):
            kernel = v.variable(f"{name}.kernel", (*window, x.shape[-1], filters))
            return tf.nn.conv2d(x, kernel, stride, "SAME")

        with mock.patch.object(variables, "conv2d", same):
            yield from super().network(x, training)


class ForgottenEval(Torch_ResNet):
    """Prediction takes the statistics of what is predicted."""

    def predict_logits(self, x, layer="output"):
        with torch.inference_mode():
            out = self.forward(torch.from_numpy(x), layer, training=True)
        return out.movedim(1, -1).numpy(force=True)


class DecayedGammas(DecayedBiases, Torch_ResNet):
    """The same in a network with norms."""


class DampenedSteps(Dampening, Torch_ResNet):
    """The same in a network with norms."""


class SlackKernels(Skylark_ResNet):
    """Kernels alone lose some of their momentum: too little for the loss to show."""

    def train_step(self, x, y, w):
        found = super().train_step(x, y, w)
        for _, role, velocity in self.optimizer_.velocities:
            if role == "kernel":
                velocity *= 0.9999
        return found


class BareShortcut(Torch_ResNet):
    """The convolution of a shortcut has no norm after it: as it starts, one is 1."""

    def network(self):
        net = super().network()
        net.stage2.block1.shortcut.norm.forward = lambda x: x
        return net


class NewBeforeOld(Torch_DenseNet):
    """New channels are put before the old ones, as in a zoo that many copy."""

    def network(self):
        cat = torch.cat
        net = super().network()
        for name, block in net.stage1.named_children():
            if name.startswith("block"):
                block.register_forward_hook(
                    lambda block, x, out: cat([out[:, x[0].shape[1] :], x[0]], 1)
                )
        return net


class UnlimitedReLU(Skylark_MobileNet):
    """ReLU where the paper has ReLU6."""

    def network(self):
        with mock.patch.object(mobilenet, "ReLU6", ReLU):
            return super().network()


class PaddedDepthwise(TF_MobileNet):
    """TensorFlow's own "SAME" at stride 2."""

    def network(self, x, training):
        def same(v, x, name, window, *, stride=1):
            kernel = v.variable(f"{name}.kernel", (window, window, x.shape[-1], 1))
            return tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")

        with mock.patch.object(variables, "depthwise_conv2d", same):
            yield from super().network(x, training)


class SamePool(TF_GoogLeNet):
    """The same of max pools."""

    def network(self, x, training):
        def same(x, window, stride):
            return tf.nn.max_pool2d(x, window, stride, "SAME")

        with mock.patch.object(variables, "max_pool", same):
            yield from super().network(x, training)


class Unshuffled(Torch_ShuffleNet):
    """The halves are put side by side, and stay there."""

    def network(self):
        net = super().network()
        for block in net.modules():
            if hasattr(block, "right"):
                block.register_forward_hook(
                    lambda block, x, out: (
                        out.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2)
                    )
                )
        return net


class OtherGroups(Torch_RegNet):
    """The channels of a group are not neighbours."""

    def network(self):
        net = super().network()
        grouped = net.stage1.block1.grouped.conv
        forward, groups = grouped.forward, grouped.groups
        grouped.forward = lambda x: forward(
            x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2)
        )
        return net


class HardGate(Torch_EfficientNet):
    """The gate's sigmoid made of straight lines."""

    def network(self):
        net = super().network()
        gate = net.stage1.block1.gate

        def forward(x):
            squeezed = gate.activation(gate.squeeze(x.mean((2, 3))))
            out = nn.functional.hardsigmoid(gate.excite(squeezed))
            return x * out[:, :, None, None]

        gate.forward = forward
        return net


class KeptBeforeNew(TF_DPN):
    """The two paths' channels beside the sum change places."""

    def network(self, x, training):
        concat = tf.concat

        def exchanged(parts, axis):
            if len(parts) == 3:
                parts = parts[0], parts[2], parts[1]
            return concat(parts, axis)

        with mock.patch.object(tf, "concat", exchanged):
            yield from super().network(x, training)


class FreeVelocity(Torch_CNN):
    """PyTorch's own momentum under a changing rate."""

    def steps(self, *arguments):
        for batch, rate in super().steps(*arguments):
            for group in self.optimizer_.param_groups:
                group["lr"] = rate
            yield batch, rate


class NoLookAhead(Skylark_CNN):
    """Momentum without Nesterov's look ahead."""

    def build(self):
        super().build()
        self.optimizer_.nesterov = False


class LateRates(TF_CNN):
    """Each step has the rate of the one before."""

    def steps(self, *arguments):
        before = self.learning_rate
        for batch, rate in super().steps(*arguments):
            yield batch, before
            before = rate


class SpreadOverOthers(Skylark_CNN):
    """The label itself has no part of what is spread."""

    def train_step(self, x, y, w):
        logits = self.forward(x, training=True)
        k = len(logits)
        spread = self.label_smoothing * k / (k - 1)
        loss, dlogits = cross_entropy(logits, y, w, spread)
        self.net_.backward(dlogits)
        self.optimizer_.step()
        return loss, np.mean(logits.argmax(0) == y)


class OtherMirrors(Skylark_CNN):
    """Each image is mirrored in the other epochs."""

    def batches(self, X, y, w, epoch):
        batches = super().batches(X, y, w, epoch)
        batches.augmentation.mirrored = ~batches.augmentation.mirrored
        return batches


class OtherMatrix(TF_CNN):
    """Muon takes a kernel as a matrix of rows and columns, inputs and filters."""

    def train_step(self, x, y, w, rate):
        def other(matrix, words):
            rows = tf.reshape(matrix, (3, -1))
            return tf.reshape(orthogonal(rows, words), matrix.shape)

        orthogonal = muon.orthogonal
        with mock.patch.object(muon, "orthogonal", other):
            return super().train_step(x, y, w, rate)


class FreeLength(Skylark_CNN):
    """Muon's steps add to the kernel's length."""

    def train_step(self, x, y, w):
        kernel = self.layers_.weighted()["conv1"].kernel
        before = kernel.copy()
        found = super().train_step(x, y, w)
        kernel *= (2 - np.vdot(kernel, before) / np.vdot(before, before)) ** 0.01
        return found


class EveryKernel(Skylark_CNN):
    """Muon turns dense kernels too."""

    def train_step(self, x, y, w):
        def every(shape):
            return len(shape) > 1

        with mock.patch.object(muon, "turns", every):
            return super().train_step(x, y, w)


class OwnMasks(Torch_EfficientNet):
    """Dropout as PyTorch draws it."""

    def network(self):
        with mock.patch.object(modules, "dropout", lambda mask: nn.Dropout(mask.rate)):
            return super().network()


class OneMask(Skylark_EfficientNet):
    """The masks of the first step serve in all others."""

    def steps(self, *arguments):
        for pair in super().steps(*arguments):
            self._masks.step[0] = 0
            yield pair


class ForgottenScale(TF_EfficientNet):
    """What is not dropped stays as it is."""

    def mask(self, *arguments, **options):
        mask = super().mask(*arguments, **options)
        draw = mask.draw
        mask.draw = lambda n, c: (draw(n, c) > 0).astype(float)
        return mask


# Each fault, and the first check that catches it.
FAULTS = {
    MissingReLU: "outputs_max_rel",
    ReLUAfterPool: "outputs_max_rel",
    TransposedImages: "outputs_max_rel",
    OtherFlatten: "outputs_max_rel",
    Dampening: "loss_max_rel",
    SoftmaxTwice: "outputs_max_rel",
    SummedLoss: "gradient_max_rel",
    DroppedLastBatch: "loss_max_rel",
    OtherShuffle: "loss_max_rel",
    ShuffledBatches: "loss_max_rel",
    DecayedBiases: "gradient_max_rel",
    OtherLearningRate: "gradient_max_rel",
    OtherKernels: "weights_max_rel",
    UnscaledImages: "outputs_max_rel",
    IgnoredWeights: "gradient_max_rel",
    Rounded: "outputs_max_rel",
}
RESNET_FAULTS = {
    VarianceOverNMinus1: "state_max_rel",
    OtherEpsilon: "outputs_max_rel",
    OtherNormMomentum: "state_max_rel",
    AsymmetricPadding: "outputs_max_rel",
    ForgottenEval: "outputs_max_rel",
    DecayedGammas: "gradient_max_rel",
    DampenedSteps: "loss_max_rel",
    SlackKernels: "moved_max_rel",
    BareShortcut: "outputs_max_rel",
}
RECIPE_FAULTS = {
    FreeVelocity: "loss_max_rel",
    NoLookAhead: "loss_max_rel",
    LateRates: "loss_max_rel",
    SpreadOverOthers: "gradient_max_rel",
    OtherMirrors: "gradient_max_rel",
}
MUON_FAULTS = {
    OtherMatrix: "gradient_max_rel",
    FreeLength: "gradient_max_rel",
    EveryKernel: "gradient_max_rel",
    NoLookAhead: "loss_max_rel",
}
# Of each family, faults that its own layers invite.
FAMILY_FAULTS = (
    NewBeforeOld,
    UnlimitedReLU,
    PaddedDepthwise,
    SamePool,
    Unshuffled,
    OtherGroups,
    HardGate,
    KeptBeforeNew,
    OwnMasks,
    OneMask,
    ForgottenScale,
)
