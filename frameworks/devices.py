"""Where a framework computes: on the CPU, or on a CUDA device that it can see."""

import contextlib
import sys
from contextlib import AbstractContextManager

from frameworks.lazy import NAMES, keras, load, tf, torch


def choose(device: str, framework: str, any_device: bool = False) -> str:
    """Return "cpu" or "cuda" for a `device` of "auto", "cpu" or "cuda".

    Raises
    ------
    ValueError
        CUDA is asked for, and the framework sees no CUDA device; with `any_device`,
        the CPU stands in for it.
    """
    if device == "cpu" or framework == "numpy":
        found = False
    elif _library(framework) == "torch":
        found = torch.cuda.is_available()
    elif _library(framework) == "jax":
        found = any(d.platform == "gpu" for d in load("jax").devices())
    else:
        found = bool(tf.config.list_physical_devices("GPU"))
    if device == "cuda" and not found and not any_device:
        who = NAMES.get(framework, "NumPy, which computes on the CPU,")
        raise ValueError(
            f"device='cuda', but {who} sees no CUDA device here: "
            "use device='auto' or device='cpu'."
        )
    return "cuda" if found else "cpu"


def _library(framework: str) -> str:
    """Return the library that computes: Keras's backend, or the framework itself."""
    return keras.config.backend() if framework == "keras" else framework


def scope(device: str, framework: str) -> AbstractContextManager[object]:
    """Return the context in which the framework computes on `device`.

    PyTorch needs none: its tensors carry their device.
    """
    if framework == "keras" and _library(framework) == "torch":
        return keras.device(device)  # "cpu:0" is another device to it, and a copy
    if framework == "keras":
        return keras.device("gpu:0" if device == "cuda" else "cpu:0")
    if framework == "tensorflow":
        return tf.device("GPU:0" if device == "cuda" else "CPU:0")
    return contextlib.nullcontext()


def synchronise() -> None:
    """Wait until every device has finished what was asked of it; for clocks."""
    if "torch" in sys.modules and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    if "tensorflow" in sys.modules and tf.config.list_logical_devices("GPU"):
        tf.test.experimental.sync_devices()
