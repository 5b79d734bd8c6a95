"""The work of a network is that which `compare.py --explain` shows."""

import numpy as np
import pytest

import networks
from comparison import network
from comparison.explanation import explain
from frameworks.fast.work import multiply_adds


@pytest.mark.parametrize("name", ["seed", "resnet8", "regnet_small", "speedrun93"])
def test_multiply_adds(name):
    classes, sizes = networks.load(name)
    model = classes["skylark"](**sizes)
    model.image_shape_, model.classes_ = (32, 32, 3), np.arange(10)
    described, _ = network.preset(name)
    rows = [row for row in explain(described) if not row.name]
    expected = sum(row.multiply_adds for row in rows)
    assert multiply_adds(model.network(), (32, 32, 3)) == expected
