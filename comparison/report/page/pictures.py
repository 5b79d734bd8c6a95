"""The pictures of the inside of a network, from `inside.npz`."""

import base64
import io
import zipfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from comparison import records, results
from comparison.report.page.svg import Canvas
from data.text import printable

GAP = 1  # pixels between maps
DRAWN_CLASSES = 20  # above which a confusion matrix is a list
PAIRS = 20  # of that list


class Picture(NamedTuple):
    """An image as a data URI, its size in pixels, and what it shows."""

    uri: str
    width: int
    height: int
    text: str
    caption: str = ""


class Inside(NamedTuple):
    """All that the section shows."""

    image: Picture
    label: str
    filters: Picture
    layers: list[Picture]
    confusion: str  # SVG; empty where there are too many classes
    pairs: list[tuple[str, str, int]]  # (true, predicted, how many), most first
    wrong: list[Picture]


def read(folder: Path, run: records.Run, words: Any) -> Inside | str:
    """Return the pictures, or a sentence that says why there are none."""
    path = folder / results.INSIDE
    try:
        from PIL import Image  # noqa: F401
    except ModuleNotFoundError:
        return words["inside_needs_pillow"]
    if not path.is_file():
        return words["inside_missing"]
    try:
        with np.load(path, allow_pickle=False) as file:
            kept = {name: file[name] for name in file.files}
        return _inside(kept, run["dataset"]["classes"], words)
    except (OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return words["inside_damaged"]


def _inside(kept: dict[str, np.ndarray], classes: list[str], words: Any) -> Inside:
    names = [printable(name, 60) for name in classes]
    label = names[int(kept["label"])]
    layers = []
    for name, features in kept.items():
        if name.startswith("features/"):
            layer = name.removeprefix("features/")
            text = f"{words['maps_of']} {layer}"
            layers.append(_picture(_sheet(_maps(features)), text, layer))
    filters = kept["filters"]  # (kh, kw, c, f)
    colours = filters if filters.shape[2] == 3 else filters.mean(2, keepdims=True)
    sheet = _sheet([_stretched(f) for f in np.moveaxis(colours, -1, 0)], 255)
    wrong = []
    for image, true, predicted, sure in zip(
        *(kept[f"wrong_{n}"] for n in ("images", "labels", "predicted", "sure")),
        strict=True,
    ):
        said = f"{names[int(predicted)]} {sure:.0%}"
        was = f"{words['is_a']} {names[int(true)]}"
        wrong.append(_picture(_bytes(image), f"{said}; {was}", f"{said}|{was}"))
    matrix = kept["confusion"]
    return Inside(
        _picture(_bytes(kept["image"]), label),
        label,
        _picture(sheet, words["filters_text"]),
        layers,
        _matrix(matrix, names, words) if len(names) <= DRAWN_CLASSES else "",
        _pairs(matrix, names),
        wrong,
    )


def _pairs(matrix: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, int]]:
    """Return which classes are most often taken for which."""
    wrong = np.array(matrix)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    places = np.unravel_index(order, wrong.shape)
    return [
        (names[i], names[j], int(wrong[i, j]))
        for i, j in zip(*places, strict=True)
        if wrong[i, j]
    ]


def _matrix(matrix: np.ndarray, names: Sequence[str], words: Any) -> str:
    """Draw the confusion matrix: rows are true, columns predicted."""
    cell, shown = 34, [name if len(name) <= 12 else f"{name[:11]}…" for name in names]
    left = 12 + 8 * max(map(len, shown))
    canvas = Canvas(left + cell * len(names) + 8, cell * len(names) + 84)
    top = 58
    canvas.text(left, 14, words["predicted_as"], "small")
    canvas.text(4, 14, words["true_label"], "small")
    rows = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    for i, name in enumerate(shown):
        middle = top + cell * i + cell / 2
        canvas.text(left - 6, middle + 4, name, "small", "end")
        canvas.parts.append(
            f'<g transform="translate({left + cell * i + cell / 2 + 4:g} {top - 6}) '
            'rotate(-38)">'
        )
        canvas.text(0, 0, name, "small")
        canvas.parts.append("</g>")
        for j in range(len(names)):
            depth = min(4, ceil(rows[i, j] * 5 - 1e-9)) if matrix[i, j] else 0
            right = "right" if i == j else "wrong"
            tip = f"{names[i]} → {names[j]}: {matrix[i, j]}"
            x, y = left + cell * j, top + cell * i
            canvas.box(x, y, cell - 1, cell - 1, f"cell {right} depth{depth}", tip)
            count = str(matrix[i, j])
            canvas.text(x + cell / 2 - 0.5, y + cell / 2 + 4, count, "count", "middle")
    return canvas.svg(words["confusion_text"])


def _maps(features: np.ndarray) -> list[np.ndarray]:
    """Return a layer's output as pictures: maps, or one row of numbers."""
    if features.ndim == 3:
        low, high = float(features.min()), float(features.max())
        return [_grey(features[..., i], low, high) for i in range(features.shape[2])]
    row = features.reshape(1, -1)[:, :256]
    return [_grey(np.repeat(row, 4, axis=0), float(row.min()), float(row.max()))]


def _grey(map_: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return numbers from low to high as bytes."""
    scaled = (map_.astype(float) - low) / ((high - low) or 1)
    return (np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def _stretched(filter_: np.ndarray) -> np.ndarray:
    """Return a filter (kh, kw, c) as a picture; 0 is the middle of grey."""
    most = float(np.abs(filter_).max()) or 1.0
    return _bytes(((filter_ / most + 1) * 127.5).astype(np.uint8))


def _bytes(image: np.ndarray) -> np.ndarray:
    """Return an image (h, w, c) as bytes (h, w) or (h, w, 3)."""
    if image.dtype != np.uint8:
        image = _grey(image, float(image.min()), float(image.max()))
    if image.ndim == 3 and image.shape[2] != 3:
        return image[..., 0]
    return image


def _sheet(maps: Sequence[np.ndarray], ground: int = 128) -> np.ndarray:
    """Return pictures of one size in rows."""
    h, w = maps[0].shape[:2]
    across = min(len(maps), 16 if h <= 12 else 8)
    down = ceil(len(maps) / across)
    size = (down * (h + GAP) - GAP, across * (w + GAP) - GAP, *maps[0].shape[2:])
    sheet = np.full(size, ground, np.uint8)
    for n, map_ in enumerate(maps):
        i, j = divmod(n, across)
        sheet[i * (h + GAP) :, j * (w + GAP) :][:h, :w] = map_
    return sheet


def _picture(pixels: np.ndarray, text: str, caption: str = "") -> Picture:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    h, w = pixels.shape[:2]
    return Picture(uri, w, h, text, caption)
