"""Files of named arrays and words about them: safetensors, whole at any moment."""

import json
import os
import stat
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from frameworks.lazy import load

# What reading a file that is not ours may raise.
NOT_OURS = (AttributeError, LookupError, TypeError, ValueError, RecursionError)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], about: dict) -> None:
    """Write named arrays, and what is said about them, in one step."""
    safetensors = load("safetensors.numpy")
    text = json.dumps(about)
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_whole(path, safetensors.save(whole, {"skylark": text}))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it: it is whole, or the old one.

    A link stays a link, to the new file; what is no file, as a device, is written to.
    """
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        path.write_bytes(content)
        return
    path = path.resolve()
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with beside.open("xb") as file:  # with the rights that a new file has here
            file.write(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays in a file, and what is said about them.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        `write_arrays` has not written it.
    """
    safetensors = load("safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        with safetensors.safe_open(path, "numpy") as file:
            about = json.loads(file.metadata()["skylark"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (safetensors.SafetensorError, *NOT_OURS):
        raise ValueError(f"{path} holds no arrays of ours.") from None
