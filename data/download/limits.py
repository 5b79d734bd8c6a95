"""How long a download may take, and how slow a source may be."""

from dataclasses import dataclass


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


DEFAULTS = Limits()
