"""One's own images: train/CLASS/* and test/CLASS/*, as torchvision's ImageFolder."""

import hashlib
from pathlib import Path

import numpy as np

from data.cache import prepare
from data.dataset import Dataset, write_about

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm"}


def load(path: Path) -> Dataset:
    """Return the images below a folder, which must all be of one size.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    ValueError
        It has no such images, or a file cannot be read as one.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}.")
    classes = sorted(p.name for p in (path / "train").glob("*") if p.is_dir())
    files = {
        part: [
            (file, number)
            for number, name in enumerate(classes)
            for file in sorted((path / part / name).glob("*"))
            if file.suffix.lower() in ENDINGS
        ]
        for part in ("train", "test")
    }
    if not files["train"] or not files["test"]:
        raise ValueError(
            f"{path} has no images at train/CLASS/* and test/CLASS/* "
            f"({', '.join(sorted(ENDINGS))})."
        )
    digest = hashlib.sha256()
    for part, entries in files.items():
        for file, number in entries:
            digest.update(f"{part}/{number}/{file.name}\n".encode())
            digest.update(file.read_bytes())

    def make(folder: Path) -> None:
        for part, entries in files.items():
            images = [_read(file) for file, _ in entries]
            shapes = {image.shape for image in images}
            if len(shapes) > 1:
                raise ValueError(f"{path} has images of several shapes: {shapes}.")
            np.save(folder / f"x_{part}.npy", np.stack(images))
            np.save(folder / f"y_{part}.npy", np.array([n for _, n in entries]))
        write_about(
            folder,
            name=path.name,
            source=str(path),
            classes=classes,
            sha256=digest.hexdigest(),
        )

    return prepare(f"{path.name}-{digest.hexdigest()[:16]}", make)


def _read(file: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            grey = image.mode in ("1", "L", "I", "F", "I;16")
            array = np.asarray(image.convert("L" if grey else "RGB"))
    except (UnidentifiedImageError, OSError):
        raise ValueError(f"{file} cannot be read as an image.") from None
    return array[..., None] if array.ndim == 2 else array
