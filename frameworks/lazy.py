"""Frameworks that are imported when they are first used, and not before."""

import importlib
import os
import sys
from types import ModuleType
from typing import Any

TITLES = {
    "keras": "Keras",
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "safetensors": "safetensors",
    "jax": "JAX",
}
NO_TENSORFLOW = (3, 14)  # the first Python that requirements.txt has none for


class Lazy:
    """A module that is imported when one of its names is first asked for.

    It stays out of `sys.modules`: libraries that look there for "torch" or
    "tensorflow" in order to support their arrays, as scikit-learn does, would
    otherwise really import them.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Import the module, and keep the name so that the next look-up is free."""
        if attribute.startswith("__"):  # copying and inspection import nothing
            raise AttributeError(attribute)
        value = getattr(load(self._name), attribute)
        setattr(self, attribute, value)
        return value

    def __repr__(self) -> str:
        """Say which module this stands for."""
        return f"Lazy({self._name!r})"


def load(name: str) -> ModuleType:
    """Import the module `name`, in an order in which the frameworks can live together.

    TensorFlow >= 2.20 and PyTorch builds with triton crash in one process
    (tensorflow/tensorflow#124205), unless all of PyTorch, `torch._dynamo` included,
    came first.

    Raises
    ------
    ModuleNotFoundError
        The library is not installed.
    RuntimeError
        PyTorch is asked for after TensorFlow was loaded.
    """
    package = name.partition(".")[0]
    if package == "torch" and "tensorflow" in sys.modules:
        if "torch._dynamo" not in sys.modules:
            raise RuntimeError(
                "PyTorch would crash in this process, because TensorFlow was loaded "
                "first (tensorflow/tensorflow#124205): use Torch_CNN before "
                "TF_CNN and Keras_CNN, or in a process of its own."
            )
    elif package in ("keras", "tensorflow"):
        # By itself, TensorFlow takes oneDNN's kernels only where there is AVX-512. With
        # AVX2 they train ResNet-8 1.8 times as fast, and PyTorch takes them anywhere.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        if "torch" in sys.modules:
            importlib.import_module("torch._dynamo")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in TITLES:
            raise
        raise ModuleNotFoundError(
            f"{TITLES[error.name]} is not installed: {_advice(error.name, package)}",
            name=error.name,
        ) from None


def _advice(missing: str, asked: str) -> str:
    """Return how to get a library that was needed for the one that was asked for."""
    install = f"pip install {missing}, or pip install -r requirements.txt."
    if missing == "jax":
        install = "pip install jax."
    elif missing == "tensorflow" and sys.version_info >= NO_TENSORFLOW:
        install = "requirements.txt has it for Python 3.11 to 3.13 alone."
    if (asked, missing) == ("keras", "tensorflow"):
        install += " Keras runs on PyTorch too: KERAS_BACKEND=torch, or keras:torch."
    return install


keras: Any = Lazy("keras")
tf: Any = Lazy("tensorflow")
torch: Any = Lazy("torch")
nn: Any = Lazy("torch.nn")
