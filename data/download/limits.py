"""How long a download may take, and how slow a source may be."""

import math
from dataclasses import dataclass, fields

LONGEST = 1e9  # no clock or socket waits for longer, and nobody would


@dataclass(frozen=True)
class Limits:
    """When to leave a source for the next one, and when to give up.

    Parameters
    ----------
    slowest : float
        Bytes a second below which another source is tried. If all are slower, the
        slow ones may finish.
    total : float
        Seconds for all archives of a data set, from all sources together.
    patience : float
        Seconds over which speed is measured, and for which a source may be silent.
    connect : float
        Seconds to connect to a source.
    """

    slowest: float = 200e3
    total: float = 3600
    patience: float = 10
    connect: float = 5

    def __post_init__(self) -> None:
        """Raise ValueError unless each is a number that can be waited for."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "slowest":
                least, usable = "0 or more", 0 <= value < math.inf
            else:
                least, usable = f"above 0, at most {LONGEST:g}", 0 < value <= LONGEST
            if not usable:
                raise ValueError(f"{NAMES[field.name]} is {value:g}, expected {least}.")


NAMES = {
    "slowest": "the slowest speed (--slowest)",
    "total": "the time limit (--time-limit)",
    "patience": "the patience with a source, in seconds,",
    "connect": "the time to connect, in seconds,",
}


DEFAULTS = Limits()
