"""Settings of the whole process that are held in another state for a while."""

import os
from collections.abc import Callable
from threading import Lock, get_ident
from weakref import WeakSet


class Held:
    """A context in which a setting is changed, for however many threads are in it.

    The first to come changes the setting, and the last to go undoes that. If each undid
    its own change, the first to go would take the setting from the others, and the last
    would leave it as it found it: changed.

    Parameters
    ----------
    change : callable
        Changes the setting, and returns what undoes it.
    """

    def __init__(self, change: Callable[[], Callable[[], object]]) -> None:
        self.change = change
        self.lock = ForkSafeLock()
        self.holders: list[int] = []
        all_held.add(self)

    def __enter__(self) -> None:
        with self.lock:
            if not self.holders:
                self.undo = self.change()
            self.holders.append(get_ident())

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.holders.remove(get_ident())
            if not self.holders:
                self.undo()

    def forget_other_threads(self) -> None:
        """In a forked process, which has none of them, hold for this one alone."""
        held, self.holders = self.holders, [h for h in self.holders if h == get_ident()]
        if held and not self.holders:
            self.undo()


class ForkSafeLock:
    """A lock that is open in a forked process, whoever held it in the parent."""

    def __init__(self) -> None:
        self.lock = Lock()
        all_locks.add(self)

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


all_locks: WeakSet[ForkSafeLock] = WeakSet()
all_held: WeakSet[Held] = WeakSet()


def _after_fork() -> None:
    for lock in all_locks:
        lock.lock = Lock()
    for held in all_held:
        held.forget_other_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
