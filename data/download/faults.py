"""Why a download ends without its archive."""


class Fault(Exception):  # noqa: N818, it is the source's, and expected
    """What a source did wrong, as a verb and its object: "answers 404 Not Found"."""


class TooSlow(Fault):
    """The source sends, but more slowly than is allowed."""


class OutOfTime(Exception):  # noqa: N818, no source is to blame
    """The time for all sources together has run out."""
