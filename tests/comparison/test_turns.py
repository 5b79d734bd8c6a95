"""The order of the models in each round."""

from collections import Counter
from itertools import chain, islice, pairwise

import pytest

from comparison.turns import orders


@pytest.mark.parametrize("count", range(1, 9))
def test_every_place_and_every_predecessor_comes_equally_often(count):
    models = "abcdefgh"[:count]
    rounds = list(islice(orders(models), 2 * count if count % 2 else count))
    assert rounds[0] == list(models)
    assert all(sorted(order) == list(models) for order in rounds)
    places = Counter(chain.from_iterable(map(enumerate, rounds)))
    assert len(set(places.values())) == 1
    assert len(places) == count**2
    follows = Counter(chain.from_iterable(map(pairwise, rounds)))
    assert len(follows) == count * (count - 1)
    assert len(set(follows.values())) <= 1


def test_it_goes_on():
    found = list(islice(orders("abcd"), 12))
    assert found[:4] == found[4:8] == found[8:]
