"""A tiny data set in CIFAR-10's own formats: pickles as Python 2 wrote them, a tar."""

import gzip
import hashlib
import io
import struct
import tarfile
from functools import partial

import numpy as np

from data.download.archive import Archive
from data.formats import cifar_batches
from data.published.layout import Layout
from data.published.specification import Specification

CLASSES = ("cat", "dog")
TRAIN, TEST = (30, 20), (6, 4)
FOLDER = "cifar-10-batches-py"
BATCHES = ("data_batch_1", "data_batch_2")
NAME = "archive.tar.gz"


def arrays(seed=0):
    """Return random images of both classes, mixed."""
    rng = np.random.default_rng(seed)
    found = {}
    for part, counts in ("train", TRAIN), ("test", TEST):
        labels = np.repeat(np.arange(2, dtype=np.uint8), counts)
        found[f"y_{part}"] = rng.permutation(labels)
        shape = (sum(counts), 32, 32, 3)
        found[f"x_{part}"] = rng.integers(0, 256, shape, dtype=np.uint8)
    return found


def planes(images):
    """Return images as CIFAR keeps them: (n, 3072), one colour after the other."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def text(value):
    return b"U" + bytes([len(value)]) + value  # SHORT_BINSTRING


def named(module, name):
    return f"c{module}\n{name}\n".encode()  # GLOBAL


def number(value):
    return b"J" + struct.pack("<i", value)  # BININT


def pickled(images, labels, reconstruct=("numpy.core.multiarray", "_reconstruct")):
    """Return a batch as Python 2's cPickle wrote it, protocol 2, opcode by opcode."""
    content = planes(images)
    shape = b"".join(map(number, content.shape)) + b"\x86"
    dtype = named("numpy", "dtype") + text(b"u1") + number(0) + number(1) + b"\x87R"
    dtype += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(0) + b"tb"
    raw = b"T" + struct.pack("<i", content.size) + content.tobytes()  # BINSTRING
    empty = named(*reconstruct) + named("numpy", "ndarray")
    empty += number(0) + b"\x85" + text(b"b") + b"\x87R"
    array = empty + b"(" + number(1) + shape + dtype + b"\x89" + raw + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    items = text(b"data") + array + text(b"labels") + listed
    return b"\x80\x02}(" + items + b"u."


def files(found):
    """Return the contents of the extracted files."""
    half = len(found["x_train"]) // 2
    first, second = slice(None, half), slice(half, None)
    return {
        "data_batch_1": pickled(found["x_train"][first], found["y_train"][first]),
        "data_batch_2": pickled(found["x_train"][second], found["y_train"][second]),
        "test_batch": pickled(found["x_test"], found["y_test"]),
    }


def binary_files(found):
    """Return the contents of the extracted files of the binary version."""
    contents = {}
    for name, part in ("data_batch_1.bin", "train"), ("test_batch.bin", "test"):
        labels = found[f"y_{part}"][:, None]
        contents[name] = np.hstack([labels, planes(found[f"x_{part}"])]).tobytes()
    return contents


def tar_gz(contents, folder=FOLDER):
    """Return a .tar.gz of files below a folder; always the same bytes."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def archive(content, urls=(), name=NAME):
    """Return what is known of a file with such content."""
    md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    return Archive(name, len(content), md5, sha256, tuple(urls))


def spec(urls=(), content=None):
    """Return the tiny data set, and its archive's content."""
    found = arrays()
    content = content or tar_gz(files(found))
    pixels = found["x_train"] / 255
    python = Layout(
        archives=(archive(content, urls),),
        folder=FOLDER,
        files=dict.fromkeys((*BATCHES, "test_batch"), 1 << 20),
        decode=partial(
            cifar_batches.pickles, train=BATCHES, test=("test_batch",), labels="labels"
        ),
    )
    packed = tar_gz(binary_files(found), "cifar-10-batches-bin")
    binary = Layout(
        archives=(archive(packed, name="binary.tar.gz"),),
        folder="cifar-10-batches-bin",
        files=dict.fromkeys(("data_batch_1.bin", "test_batch.bin"), 1 << 20),
        decode=partial(
            cifar_batches.binary,
            train=("data_batch_1.bin",),
            test=("test_batch.bin",),
            label_bytes=1,
        ),
    )
    tiny = Specification(
        name="tiny",
        layouts=(python, binary),
        classes=CLASSES,
        image_shape=(32, 32, 3),
        train=TRAIN,
        test=TEST,
        mean=tuple(pixels.mean(axis=(0, 1, 2)).round(4)),
        std=tuple(pixels.std(axis=(0, 1, 2)).round(4)),
    )
    return tiny, content
