"""Our classes against torchvision's own models, with our weights in them.

Their small-image parts are put in: the stem, strides, no pool after it.
"""

import numpy as np
import pytest

import networks
from frameworks.lazy import load

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def torch():
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    return load("torch")


def stem(torch, filters):
    return torch.nn.Conv2d(3, filters, 3, padding=1, bias=False)


def vgg(torch, models, name):
    net = getattr(models, f"{name}_bn")(num_classes=10)
    net.avgpool = torch.nn.AdaptiveAvgPool2d(1)
    net.classifier = torch.nn.Linear(512, 10)
    for layer in net.features:  # their convolutions have biases, before norms
        if isinstance(layer, torch.nn.Conv2d):
            layer.bias = None
    return net


def resnet(torch, models, name):
    net = getattr(models, name)(num_classes=10)
    net.conv1, net.maxpool = stem(torch, 64), torch.nn.Identity()
    return net


def mobilenet(torch, models, name):
    settings = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2)]
    settings += [(6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    net = models.MobileNetV2(10, inverted_residual_setting=settings)
    net.features[0][0].stride = (1, 1)
    return net


def googlenet(torch, models, name):
    from torchvision.models.googlenet import BasicConv2d

    options = {"aux_logits": False, "transform_input": False, "init_weights": False}
    net = models.googlenet(num_classes=10, **options)
    net.conv1 = BasicConv2d(3, 192, kernel_size=3, padding=1)
    for layer in ("maxpool1", "conv2", "conv3", "maxpool2"):
        setattr(net, layer, torch.nn.Identity())
    net.maxpool3, net.maxpool4 = (torch.nn.MaxPool2d(3, 2, 1) for _ in range(2))
    for block in net.children():
        if hasattr(block, "branch3"):
            reduce, conv = block.branch3  # theirs has one convolution 3x3
            f = conv.conv.out_channels
            again = BasicConv2d(f, f, kernel_size=3, padding=1)
            block.branch3 = torch.nn.Sequential(reduce, conv, again)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.eps = 1e-5
    return net


def efficientnet(torch, models, name):
    net = models.efficientnet_b0(num_classes=10)
    net.features[0][0].stride = (1, 1)
    unstrided(torch, net.features[2])
    return net


def densenet(torch, models, name):
    growth = {"densenet_cifar": 12, "densenet121": 32}[name]
    net = models.DenseNet(growth, (6, 12, 24, 16), 2 * growth, num_classes=10)
    net.features.conv0 = stem(torch, 2 * growth)
    for layer in ("norm0", "relu0", "pool0"):
        setattr(net.features, layer, torch.nn.Identity())
    return net


def shufflenet(torch, models, name):
    scale = {"shufflenetv2_x05": "x0_5", "shufflenetv2_x1": "x1_0"}[name]
    net = getattr(models, f"shufflenet_v2_{scale}")(num_classes=10)
    net.conv1[0].stride, net.maxpool = (1, 1), torch.nn.Identity()
    return net


def regnet(torch, models, name):
    from torchvision.models.regnet import BlockParams, RegNet

    if name == "regnety_400mf":
        net = models.regnet_y_400mf(num_classes=10)
    else:  # the paper's table 5, which they have no name for
        params = BlockParams.from_init_params(
            depth=13, w_0=24, w_a=36.44, w_m=2.49, group_width=8
        )
        net = RegNet(params, num_classes=10)
    net.stem[0].stride = (1, 1)
    unstrided(torch, net.trunk_output.block1)
    unstrided(torch, net.trunk_output.block2)
    return net


def unstrided(torch, part):
    for layer in part.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.stride = (1, 1)


def weighted(torch, net):
    """The layers with weights, in the order in which they were made."""
    kinds = torch.nn.Conv2d, torch.nn.Linear, torch.nn.BatchNorm2d
    return [layer for layer in net.modules() if isinstance(layer, kinds)]


REFERENCES = {
    "vgg11": vgg,
    "vgg16": vgg,
    "resnet18": resnet,
    "resnet50": resnet,
    "mobilenetv2": mobilenet,
    "googlenet": googlenet,
    "efficientnet_b0": efficientnet,
    "densenet_cifar": densenet,
    "densenet121": densenet,
    "shufflenetv2_x05": shufflenet,
    "shufflenetv2_x1": shufflenet,
    "regnetx_200mf": regnet,
    "regnety_400mf": regnet,
}


@pytest.mark.parametrize("name", REFERENCES)
def test_outputs_are_those_of_torchvisions_own(name, torch):
    from torchvision import models

    theirs = REFERENCES[name](torch, models, name)
    classes, sizes = networks.load(name)
    ours = classes["torch"](**sizes)
    ours.image_shape_, ours.classes_ = (32, 32, 3), np.arange(10)
    ours.device_, ours.dtype = "cpu", "float32"
    ours.build()
    pairs = zip(weighted(torch, ours.net_), weighted(torch, theirs), strict=True)
    torch.manual_seed(0)
    for mine, other in pairs:
        for key, values in mine.state_dict().items():
            if mine.weight.ndim == 1 and values.is_floating_point():
                values.uniform_(0.8, 1.2)  # norms in which every number counts
            own = getattr(other, key)
            own.data = values.reshape(own.shape).clone()
    x = torch.rand(4, 32, 32, 3) - 0.5
    with torch.inference_mode():
        found = ours.forward(x)
        expected = theirs.eval()(x.permute(0, 3, 1, 2))
    assert expected.std() > 1e-3
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)
