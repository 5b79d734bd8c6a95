"""Who is whose turn: the order of the models in each round."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Model = TypeVar("Model")


def orders(models: Sequence[Model]) -> Iterator[list[Model]]:
    """Yield the order of each round, one after another without end.

    What comes first or last in a round, or after a certain other model, may be faster
    for that reason alone: the machine is cool, a file is in memory. In as many rounds
    as there are models, each is in each place once and comes after each other one once
    (Williams 1949); for an odd number of models, in twice as many rounds.
    """
    count = len(models)
    # 0, 1, n - 1, 2, n - 2 ...: every step between neighbours is another one.
    steps = [0, *(n for k in range(1, count) for n in (k, count - k))][:count]
    by_step = dict(zip(steps, models, strict=True))  # the first round is as given
    while True:
        for shift in range(count):
            yield [by_step[(step + shift) % count] for step in steps]
        if count % 2:
            for shift in range(count):
                yield [by_step[(step + shift) % count] for step in reversed(steps)]
