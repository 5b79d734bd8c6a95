"""Arrays that a user has saved: which is which, what labels and pixels mean.

What has one meaning is taken; for anything else a ValueError says in one sentence what
was found and what to do.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.dataset import ARRAYS, Arrays
from data.formats.npz import beside
from data.text import printable

KINDS = {
    "x": {"x", "image", "images", "img", "imgs", "data", "input", "inputs"},
    "y": {"y", "label", "labels", "target", "targets"},
}
PARTS = {"train": "train(ing)?", "test": "test(ing)?", "val": "val(id(ation)?)?|dev"}
BLOCK = 1000  # images that are looked at at once
LOUDEST = 10  # root mean square; floats that are scaled for training are about 1

Shape = tuple[int, ...]


def assign(keys: Iterable[str]) -> dict[str, str]:
    """Return which key of a file is x_train, y_train, x_test and y_test.

    Other spellings are taken (train_images, Y-test, targets_train ...). Without test
    images, those for validation are for testing; without either, or with x and y
    alone, x_test and y_test are left out.

    Raises
    ------
    KeyError
        The names do not tell.
    """
    keys = list(keys)
    if set(ARRAYS) <= set(keys):
        return {name: name for name in ARRAYS}
    found: dict[tuple[str, str], str] = {}
    for key in keys:
        role = _role(key)
        if role is None:
            continue
        if role in found:
            raise KeyError(key)
        found[role] = key
    train = "train" if ("x", "train") in found else ""
    held_out = "test" if ("x", "test") in found else "val"
    names = {"x_train": ("x", train), "y_train": ("y", train)}
    if ("x", held_out) in found or ("y", held_out) in found:
        names |= {"x_test": ("x", held_out), "y_test": ("y", held_out)}
    return {name: found[role] for name, role in names.items()}


def advice(shapes: Mapping[str, Shape], path: Path) -> str:
    """Return what to write to save a file's arrays under names that are understood.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        The arrays of the file, by its keys.
    path : Path
        The file.
    """
    images = sorted((k for k, s in shapes.items() if len(s) in (3, 4)), key=_by(shapes))
    labels = sorted((k for k, s in shapes.items() if len(s) == 1), key=_by(shapes))
    lengths = [[shapes[key][:1] for key in found] for found in (images, labels)]
    targets = {1: ("x", "y"), 2: ARRAYS}.get(len(images))
    if targets is None or lengths[0] != lengths[1]:
        return "it needs images (n, h, w, c) or (n, h, w), and n labels for them."
    in_order = [key for pair in zip(images, labels, strict=True) for key in pair]
    pairs = ", ".join(
        f"{target}=a[{key!r}]" for target, key in zip(targets, in_order, strict=True)
    )
    return f"a = numpy.load({str(path)!r}); numpy.savez({beside(path)!r}, {pairs})"


def check_shapes(shapes: Mapping[str, Shape]) -> None:
    """Raise ValueError unless arrays are images and labels, as many of each."""
    for x, y in _pairs(shapes):
        n, *image = shapes[x] or (0,)
        if len(image) in (2, 3) and not n:
            raise ValueError(f"{x} of shape {shapes[x]}: there are no images in it.")
        if len(image) not in (2, 3) or not all(image):
            raise ValueError(
                f"{x} of shape {shapes[x]}: expected images (n, h, w, c) or (n, h, w)."
            )
        if _is_channels_first(image):
            raise ValueError(
                f"{x} of shape {shapes[x]}: looks like (n, c, h, w). Save "
                f"{x}.transpose(0, 2, 3, 1), which is (n, h, w, c)."
            )
        if len(shapes[y]) not in (1, 2) or shapes[y][0] != n:
            raise ValueError(
                f"{y} of shape {shapes[y]}: expected one label for each of {n:,} "
                f"images of {x}."
            )
    if "x_test" in shapes and shapes["x_test"][1:] != shapes["x_train"][1:]:
        raise ValueError(
            f"x_test of shape {shapes['x_test']}: its images are of another size than "
            f"those of x_train, {shapes['x_train']}."
        )


def labels(arrays: Arrays) -> Arrays:
    """Return y_train and y_test, where they are, as (n,) whole numbers or words.

    Columns (n, 1) are flattened, one-hot rows are counted through.
    """
    found = {name: _labels(name, y) for name, y in arrays.items() if name[0] == "y"}
    kinds = {y.dtype.kind == "U" for y in found.values()}
    if len(kinds) > 1:
        raise ValueError("y_train and y_test: one holds words, the other numbers.")
    if len(found) > 1:
        unknown = np.setdiff1d(found["y_test"], found["y_train"])
        if len(unknown):
            raise ValueError(
                "y_test has labels that y_train lacks: "
                f"{printable(', '.join(map(str, unknown[:10])))}."
            )
    return found


@dataclass(frozen=True)
class Pixels:
    """How images are stored: a dtype, and what makes it of a block of them."""

    dtype: np.dtype
    convert: Callable[[np.ndarray], np.ndarray]


def pixels(arrays: Arrays) -> Pixels:
    """Return how x_train and x_test are stored: as uint8, or as the floats they are.

    Whole numbers in 0..255 are pixels, of whatever dtype. Of uint16, 65535 is white;
    of bool, True.
    """
    ranges = {name: _range(name, x) for name, x in arrays.items() if name[0] == "x"}
    rules = {name: _rule(name, found) for name, found in ranges.items()}
    if len({rule.dtype for rule in rules.values()}) > 1:
        kinds = " and ".join(
            f"{name} {found.dtype} ({found.in_words})" for name, found in ranges.items()
        )
        raise ValueError(
            f"{kinds}: training and testing need the same kind of pixels. Save both "
            "as uint8, 0 to 255, or both as floats of one range."
        )
    sixteen = [name for name, found in ranges.items() if found.is_sixteen_bits]
    return rules[sixteen[0]] if sixteen else next(iter(rules.values()))


def digests(x: np.ndarray) -> Iterator[bytes]:
    """Yield a digest of each image's pixels."""
    for image in x:
        yield hashlib.sha256(np.ascontiguousarray(image).data).digest()


@dataclass(frozen=True)
class _Range:
    """What values an array of images holds."""

    dtype: np.dtype
    low: float
    high: float
    whole: bool
    root_mean_square: float

    @property
    def is_sixteen_bits(self) -> bool:
        return self.dtype == np.uint16 and self.high > 255

    @property
    def in_words(self) -> str:
        what = "whole numbers" if self.whole else "floats"
        return f"{what} from {self.low:g} to {self.high:g}"


def _range(name: str, x: np.ndarray) -> _Range:
    if x.dtype == np.uint8:
        return _Range(x.dtype, 0, 255, True, 0)
    if x.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} of {x.dtype}: pixels are numbers. Images of several sizes must be "
            "scaled to one."
        )
    low, high, whole, squares = np.inf, -np.inf, True, 0.0
    for start in range(0, len(x), BLOCK):
        block = np.asarray(x[start : start + BLOCK], np.float64)
        if not np.isfinite(block).all():
            raise ValueError(f"{name} holds values that are not finite (NaN or inf).")
        low, high = min(low, block.min()), max(high, block.max())
        whole = whole and bool((block == np.floor(block)).all())
        squares += float(np.square(block).mean(dtype=np.float64)) * len(block)
    return _Range(x.dtype, low, high, whole, float(np.sqrt(squares / len(x))))


def _rule(name: str, found: _Range) -> Pixels:
    """Return how an array of such a range is stored."""
    byte = np.dtype(np.uint8)
    if found.dtype.kind == "b":
        return Pixels(byte, lambda x: x * byte.type(255))
    is_float = found.dtype.kind == "f"
    if found.whole and found.low >= 0 and (not is_float or found.high > 1):
        if found.high <= 255:
            return Pixels(byte, lambda x: x.astype(byte))
        if found.is_sixteen_bits:
            return Pixels(byte, lambda x: np.round(x * (255 / 65535)).astype(byte))
    if is_float and found.root_mean_square <= LOUDEST:
        dtype = np.dtype(np.float64 if found.dtype.itemsize >= 8 else np.float32)
        return Pixels(dtype, lambda x: x.astype(dtype))
    how = (
        "divide them by their largest, for values from 0 to 1"
        if is_float
        else "save them as uint8, 0 to 255, or as uint16, where 65535 is white"
    )
    raise ValueError(f"{name} holds {found.in_words}, which are no pixels: {how}.")


def _labels(name: str, y: np.ndarray) -> np.ndarray:
    if y.dtype.kind == "S":
        y = np.char.decode(y, "utf-8", "backslashreplace")
    if y.dtype.kind not in "biufU":
        raise ValueError(
            f"{name} of {y.dtype}: labels are numbers or words; save them as "
            f"{name}.astype(str)."
        )
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        one_hot = y.dtype.kind != "U" and np.isin(y, (0, 1)).all()
        if not one_hot or (y.sum(axis=1) != 1).any():
            raise ValueError(
                f"{name} of shape {y.shape}: expected one label for each image, or "
                "rows that are 1 at their class and 0 elsewhere."
            )
        y = y.argmax(axis=1)
    if y.dtype.kind == "f":
        if not (np.isfinite(y).all() and (y == np.floor(y)).all()):
            raise ValueError(
                f"{name} holds fractions or NaN: labels are whole numbers."
            )
        y = y.astype(np.int64)
    return np.ascontiguousarray(y)


def _role(key: str) -> tuple[str, str] | None:
    """Return ("x" or "y", part) of a key, the part "" for all; None for no such key."""
    letters = re.sub("[^a-z]", "", key.lower())
    for part, pattern in {**PARTS, "": ""}.items():
        rest = re.fullmatch(f"(?P<before>[a-z]*?)({pattern})(?P<after>[a-z]*)", letters)
        if rest is None:
            continue
        for kind, names in KINDS.items():
            if rest["before"] + rest["after"] in names:
                return kind, part
    return None


def _is_channels_first(image: list[int]) -> bool:
    """Return whether a shape is rather (c, h, w): few, then two similar sides."""
    if len(image) < 3:
        return False
    c, h, w = image
    return c in (1, 3, 4) and w > 4 and h <= 4 * w and not (c > 1 and h == 1)


def _pairs(shapes: Mapping[str, Shape]) -> list[tuple[str, str]]:
    return [(x, f"y{x[1:]}") for x in shapes if x[0] == "x"]


def _by(shapes: Mapping[str, Shape]) -> Callable[[str], int]:
    return lambda key: -shapes[key][0]
