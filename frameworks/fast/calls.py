"""A pass through a layer as a list of calls, whose operands are known beforehand."""

from collections.abc import Callable
from functools import partial
from typing import Any


class Calls:
    """Calls that are made again and again on the same arrays.

    NumPy lets go of Python's lock while it computes. Between two calls a thread holds
    it, and one that comes back from its own call must be woken up first, which takes
    as long as many calls do. With every view made once, a call is all that is left:
    +20 % on two threads (network small).
    """

    def __init__(self) -> None:
        self._calls: list[partial] = []

    def add(self, function: Callable, *operands: Any, **out: Any) -> None:
        """Append function(*operands, out=out)."""
        self._calls.append(partial(function, *operands, **out))

    def run(self) -> None:
        """Make all the calls, in order."""
        for call in self._calls:
            call()
