"""Text from outside - names of files, error texts, headers - made fit to be shown."""

LONGEST = 500  # characters; what is longer is no name or sentence


def printable(text: object, limit: int = LONGEST) -> str:
    """Return a text as one line that a terminal or a file can take.

    What could steer a terminal, or is no character at all (control characters, line
    ends, bytes of a file name that are not UTF-8), is written as an escape sequence.

    Parameters
    ----------
    text : object
        Its `str` is taken.
    limit : int
        The most characters that are kept; an ellipsis says that there were more.
    """
    whole = str(text)
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in whole[:limit]
    )
    return shown[:limit] + "…" * (len(whole) > limit or len(shown) > limit)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 image", "2,000 images"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
