"""CIFAR-10 and MNIST: torchvision downloads, verifies and decodes them.

In a process of its own, for PyTorch must not be loaded beside TensorFlow:
`python -m data.downloads NAME ARCHIVES FOLDER`.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from data import cache
from data.dataset import ARRAYS, Dataset, Unavailable, write_about

HOSTS = {
    "cifar10": "https://www.cs.toronto.edu",
    "mnist": "https://ossci-datasets.s3.amazonaws.com",
}
FILES = {
    "cifar10": ["cifar-10-python.tar.gz"],
    "mnist": [
        f"MNIST/raw/{part}-{what}-ubyte.gz"
        for part in ("train", "t10k")
        for what in ("images-idx3", "labels-idx1")
    ],
}
AIRPLANE_TO_TRUCK = (
    "airplane automobile bird cat deer dog frog horse ship truck"  # the labels' order
)
CLASSES = {
    "cifar10": AIRPLANE_TO_TRUCK.split(),
    "mnist": [str(digit) for digit in range(10)],
}
SECONDS_TO_CONNECT = 5


def load(name: str) -> Dataset:
    """Return a named data set: from the cache, SKYLARK_DATA, or its host.

    Raises
    ------
    Unavailable
        It is in none of them.
    """

    def make(folder: Path) -> None:
        archives = cache.root() / "archives"
        source = HOSTS[name]
        if _borrow(name, archives):
            source = "SKYLARK_DATA"
        elif not (archives / FILES[name][0]).exists() and not _reachable(source):
            raise Unavailable(
                f"{name} is not in the cache, and {source} cannot be reached: name a "
                "file with --dataset FILE.npz, or set SKYLARK_DATA to a folder with "
                f"{FILES[name][0]}."
            )
        if error := _decode(name, archives, folder):
            raise Unavailable(f"{name} cannot be had from {source}: {error}")
        digest = hashlib.sha256()
        for array in ARRAYS:
            digest.update((folder / f"{array}.npy").read_bytes())
        write_about(
            folder,
            name=name,
            source=source,
            classes=CLASSES[name],
            sha256=digest.hexdigest(),
        )

    return cache.prepare(name, make)


def _reachable(url: str) -> bool:
    try:
        address = urlsplit(url).hostname, 443
        with socket.create_connection(address, SECONDS_TO_CONNECT):
            return True
    except OSError:
        return False


def _borrow(name: str, archives: Path) -> bool:
    """Copy the archives that SKYLARK_DATA has; torchvision writes beside them."""
    given = Path(os.environ.get("SKYLARK_DATA") or archives)
    if given == archives or not all((given / file).exists() for file in FILES[name]):
        return False
    for file in FILES[name]:
        (archives / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given / file, archives / file)
    return True


def _decode(name: str, archives: Path, folder: Path) -> str:
    """Run this module as a process; return its last line of error, or nothing."""
    command = [sys.executable, "-m", "data.downloads"]
    done = subprocess.run(
        [*command, name, str(archives), str(folder)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def main(name: str, archives: str, folder: str) -> None:
    """Write a data set's arrays into a folder."""
    from torchvision import datasets  # type: ignore[import-untyped]

    Source = {"cifar10": datasets.CIFAR10, "mnist": datasets.MNIST}[name]
    for part in ("train", "test"):
        images = Source(archives, train=part == "train", download=True)
        x = np.asarray(images.data)
        np.save(Path(folder, f"x_{part}.npy"), x if x.ndim == 4 else x[..., None])
        np.save(Path(folder, f"y_{part}.npy"), np.asarray(images.targets, np.uint8))


if __name__ == "__main__":
    main(*sys.argv[1:])
