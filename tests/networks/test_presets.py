"""The networks by name: parameters and multiply-adds as published, layers as said."""

import numpy as np
import pytest

import networks
from benchmarks.families import NETWORKS as SMALL
from comparison.explanation import explain
from comparison.network import preset

# Trained parameters, and multiply-adds in millions, of 32 x 32 x 3 and 10 classes: of
# the papers and of torchvision's own models.
PUBLISHED = {
    "vgg11": (9_228_362, 153),
    "vgg16": (14_724_042, 313),
    "resnet20": (272_474, 41),
    "resnet18": (11_173_962, 555),
    "resnet50": (23_520_842, 1_298),
    "mobilenetv2": (2_236_682, 88),
    "googlenet": (6_158_346, 1_522),
    "efficientnet_b0": (4_020_358, 116),
    "densenet_cifar": (1_000_618, 125),
    "densenet121": (6_956_298, 888),
    "shufflenetv2_x05": (352_042, 11),
    "shufflenetv2_x1": (1_263_854, 45),
    "regnetx_200mf": (2_319_482, 221),
    "regnety_400mf": (3_907_554, 449),
    "dpn26": (11_574_842, 665),
    "dpn92": (34_236_634, 2_042),
}


def layers(name):
    described, _ = preset(name)
    return explain(described)


def points(rows):
    """The rows that are not parts of others."""
    return [row for row in rows if not row.name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_multiply_adds_are_the_published_ones(name):
    rows = points(layers(name))
    parameters, millions = PUBLISHED[name]
    assert sum(row.parameters for row in rows) == parameters
    assert round(sum(row.multiply_adds for row in rows) / 1e6) == millions


def test_every_family_has_a_small_network():
    families = {networks.load(name)[0]["skylark"].family for name in SMALL}
    pages = {page.MODELS["skylark"].family for page in networks.PAGES}
    assert families == pages - {"speedrun"}  # is small for its accuracy alone


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_are_small(name):
    """mobilenet_small's sizes are given: 16.2 million."""
    rows = points(layers(name))
    most = 16.5e6 if name == "mobilenet_small" else 12.6e6
    assert 5e6 < sum(row.multiply_adds for row in rows) < most


@pytest.mark.parametrize("name", networks.NAMES[2:])
def test_points_are_what_transform_takes(name):
    classes, sizes = networks.load(name)
    model = classes["skylark"](**sizes)
    model.image_shape_, model.classes_ = (32, 32, 3), np.arange(10)
    assert [row.point for row in points(layers(name))] == model.layer_names()


def test_parts_add_up():
    rows = layers("efficientnet_small")
    for point in points(rows):
        inside = [row for row in rows if row.point == point.point and row.name]
        if inside:
            for measure in ("parameters", "multiply_adds"):
                parts = sum(getattr(row, measure) for row in inside)
                assert getattr(point, measure) == parts


def test_a_convolution_by_hand():
    """The first of resnet8: 3 x 3 x 3 x 16 weights, at 32 x 32 places."""
    stem, conv, norm, relu = layers("resnet8")[:4]
    assert conv[2:] == ("Conv2D", (32, 32, 16), 432, 432 * 1024)
    assert norm[2:] == ("BatchNorm2D", (32, 32, 16), 32, 0)
    assert relu[2:] == ("ReLU", (32, 32, 16), 0, 0)
    assert stem == ("stem", "", "", (32, 32, 16), 464, 432 * 1024)


@pytest.mark.parametrize(
    ("name", "sizes", "message"),
    [
        ("mobilenet_small", {"blocks": (1,) * 8}, "blocks must be 1 to 7 whole"),
        ("efficientnet_small", {"blocks": ()}, "blocks must be 1 to 7 whole"),
        ("googlenet_small", {"blocks": (3, 1, 1)}, r"at most \(2, 5, 2\), as the"),
        ("googlenet_small", {"blocks": (0, 1)}, "whole numbers of at least 1"),
        ("shufflenet_small", {"width": 9}, "width must be even, got 9"),
        ("regnet_small", {"blocks": (1, 2)}, "a number for each stage"),
        ("regnet_small", {"group_width": 5}, "multiples of group_width, 5"),
        ("dpn_small", {"dense": (1, 2)}, "a number for each stage"),
        ("dpn_small", {"groups": 5}, "width must be a multiple of groups, 5"),
    ],
)
def test_sizes_that_make_no_network_are_refused(name, sizes, message):
    classes, preset = networks.load(name)
    X, y = np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1]
    with pytest.raises(ValueError, match=message):
        classes["skylark"](**preset | sizes).fit(X, y)


@pytest.mark.parametrize("name", networks.NAMES)
def test_narrowed_sizes_are_still_a_network(name):
    classes, sizes = networks.load(name)
    Model = classes["skylark"]
    narrow = Model.narrowed(sizes)
    Model(**narrow)._validate_params()
    Model(**narrow).check_sizes()
    for blocks in ("blocks", "filters"):
        assert len(narrow.get(blocks, ())) == len(sizes.get(blocks, ()))


class TestRegistry:
    def test_names(self):
        assert networks.NAMES[:2] == ("seed", "small")
        assert {"resnet8", "resnet20", "resnet18"} <= set(networks.NAMES)

    @pytest.mark.parametrize("name", networks.NAMES)
    def test_a_preset_is_four_classes_their_sizes_and_a_recipe(self, name):
        classes, parameters = networks.load(name)
        assert list(classes) == ["skylark", "keras", "torch", "tf"]
        for Model in classes.values():
            assert Model(**parameters).get_params().items() >= parameters.items()
            has_recipe = not parameters.keys() <= Model.sizes.keys()
            assert has_recipe == name.startswith("speedrun")

    def test_what_is_returned_can_be_changed(self):
        networks.load("resnet8")[1]["width"] = 1
        assert networks.load("resnet8")[1]["width"] == 16

    def test_a_wrong_name(self):
        with pytest.raises(ValueError, match="did you mean 'resnet20'"):
            networks.load("resnet-20")
        with pytest.raises(
            ValueError, match="there is no network 'xyzzy': seed, small"
        ):
            networks.load("xyzzy")
