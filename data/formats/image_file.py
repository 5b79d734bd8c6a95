"""One image file of any kind, as 8-bit pixels: grey, or red, green and blue."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# What is read: Pillow's names of the formats, and the endings of their files' names.
FORMATS = {
    "AVIF": (".avif",),
    "BMP": (".bmp", ".dib"),
    "GIF": (".gif",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "JPEG2000": (".jp2", ".j2k"),
    "PNG": (".png", ".apng"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "TGA": (".tga",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
ENDINGS = {ending for endings in FORMATS.values() for ending in endings}
GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}


# Decoded at once by all threads, and so the most that one image may have: a small file
# can say that it has any number.
MOST_PIXELS = 50_000_000


class Unreadable(Exception):  # noqa: N818, it is what the file is
    """A file cannot be read as an image; the message says why, and not which."""


class _Budget:
    """How many pixels are being decoded by all threads together."""

    def __init__(self, most: int) -> None:
        self.most, self.used = most, 0
        self.changed = Condition()

    @contextmanager
    def of(self, pixels: int) -> Iterator[None]:
        """Wait until so many more can be decoded; Unreadable if they never can."""
        if pixels > self.most:
            raise Unreadable(
                f"has {pixels:,} pixels, more than {self.most:,}: scale it down"
            )
        with self.changed:
            self.changed.wait_for(lambda: self.used + pixels <= self.most)
            self.used += pixels
        try:
            yield
        finally:
            with self.changed:
                self.used -= pixels
                self.changed.notify_all()


_in_flight = _Budget(MOST_PIXELS)


def is_called_image(path: Path) -> bool:
    """Return whether a file's name ends like one of the formats that are read."""
    return path.suffix.lower() in ENDINGS


def can_decode() -> bool:
    """Return whether Pillow is installed."""
    try:
        import PIL  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def is_grey(path: Path) -> bool:
    """Return whether an image's header says one channel; Unreadable if it has none."""
    from PIL import Image, UnidentifiedImageError

    if not path.stat().st_size:
        raise Unreadable("is empty")
    try:
        with Image.open(path, formats=list(FORMATS)) as image:
            return image.mode in GREY
    except UnidentifiedImageError:
        raise Unreadable("is not an image") from None
    except Exception as error:  # a damaged file may raise anything in its decoder
        raise Unreadable(f"cannot be decoded ({error})") from None


def pixels(
    file: Path | BinaryIO, size: tuple[int, int] | None, grey: bool
) -> np.ndarray:
    """Return the pixels of an image, upright.

    Parameters
    ----------
    file : Path or binary file
    size : (h, w), optional
        The image is scaled to cover it, then cropped to its centre: not distorted.
    grey : bool
        One channel rather than three.

    Returns
    -------
    (h, w, c) uint8
        Transparent pixels become white; 16 bits are scaled to 8.

    Raises
    ------
    Unreadable
        The file is damaged, or has pixels without a fixed range, or too many of them.
        (A large photo as JPEG that is to be scaled is decoded in fewer.)
    """
    from PIL import Image, ImageOps

    mode = "L" if grey else "RGB"
    try:
        with Image.open(file, formats=list(FORMATS)) as image:
            if size and prod(image.size) > MOST_PIXELS:
                image.draft(mode, (2 * max(size),) * 2)  # a JPEG in an eighth, say
            with _in_flight.of(prod(image.size)):
                upright = ImageOps.exif_transpose(image)
                flat = _on_white(_eight_bit(upright)).convert(mode)
                if size and flat.size != size[::-1]:
                    flat = ImageOps.fit(flat, size[::-1])
    except Unreadable:
        raise
    except Exception as error:  # a damaged file may raise anything in its decoder
        raise Unreadable(f"cannot be decoded ({error})") from None
    array = np.asarray(flat)
    return array[..., None] if grey else array


def _eight_bit(image: "Image.Image") -> "Image.Image":
    """Return 16-bit grey as 8 bits: Pillow's own conversion would clip at 255."""
    from PIL import Image

    if image.mode == "F":
        raise Unreadable("has floating-point pixels, whose range is not known")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("has pixels of more than 16 bits")
    return Image.fromarray(np.round(values * (255 / 65535)).astype(np.uint8))


def _on_white(image: "Image.Image") -> "Image.Image":
    """Return an image whose transparent pixels are white, whatever they hide."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    above = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
