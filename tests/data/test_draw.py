"""N of many images: of each class its share, never fewer classes."""

import numpy as np
import pytest

import data


def test_all_are_taken_where_there_are_no_more():
    labels = np.arange(10)
    for count in None, 10, 11:
        assert labels[data.draw(labels, count)].tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ((50, 50, 50), 3, [1, 1, 1]),
        ((50, 50, 50), 10, [4, 3, 3]),
        ((60, 30, 10), 10, [6, 3, 1]),
        ((1000, 10, 1), 4, [2, 1, 1]),  # the rare ones more than their share
        ((500, 500), 999, [500, 499]),
    ],
)
@pytest.mark.parametrize("kind", [int, str])
def test_each_class_keeps_its_share(sizes, count, expected, kind):
    labels = np.repeat(np.arange(len(sizes)), sizes).astype(kind)
    for order in labels, np.random.default_rng(1).permutation(labels):
        chosen = data.draw(order, count)
        assert len(np.unique(chosen)) == count
        assert (np.diff(chosen) > 0).all()
        assert np.unique(order[chosen], return_counts=True)[1].tolist() == expected


def test_they_are_the_same_every_time_and_not_the_first():
    labels = np.repeat([0, 1], 1000)
    first, second = data.draw(labels, 20), data.draw(labels, 20)
    assert first.tolist() == second.tolist()
    assert first[:10].max() > 500


def test_fewer_images_than_classes_are_refused():
    with pytest.raises(ValueError, match="2 images cannot be of all 3 classes"):
        data.draw(np.arange(3).repeat(5), 2)
