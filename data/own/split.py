"""Test images taken from training images: a fifth of each class, by content."""

from collections import Counter
from collections.abc import Sequence

from data.text import printable

TEST_SHARE = 5  # one image in five is for testing


def too_few(name: str) -> str:
    """Return what to say of a class that cannot be split."""
    return (
        f"one image of the class {printable(name)}, or copies of one: two are needed, "
        "for training and for testing."
    )


def choose_test(images: Sequence[tuple[int, str]]) -> list[bool]:
    """Return, for each image, whether it is for testing.

    Of each class it is the fifth with the smallest digests, and at least one: the same
    images whatever their order and names. Equal images are on one side.

    Parameters
    ----------
    images : sequence of (label, digest)

    Raises
    ------
    IndexError
        A class has no two different images; its label is the error's argument.
    """
    by_class: dict[int, list[str]] = {}
    for label, digest in sorted(images, key=lambda image: image[1]):
        by_class.setdefault(label, []).append(digest)
    is_test: dict[str, bool] = {}  # by digest: a copy in another class is on its side
    # First the classes of the fewest images: others have some that are free as well.
    for label, digests in sorted(
        by_class.items(), key=lambda c: (len(set(c[1])), c[0])
    ):
        copies = Counter(digests)
        placed = {digest: is_test[digest] for digest in copies if digest in is_test}
        free = [digest for digest in copies if digest not in placed]
        wanted = max(1, round(len(digests) / TEST_SHARE))
        wanted -= sum(copies[digest] for digest, test in placed.items() if test)
        for_training = None if False in placed.values() else -1  # one at least
        for digest in free[:for_training]:
            is_test[digest] = wanted > 0
            wanted -= copies[digest]
        for digest in free:
            is_test.setdefault(digest, False)
        if len({is_test[digest] for digest in copies}) < 2:
            raise IndexError(label)
    return [is_test[digest] for _, digest in images]
