"""The libraries that compute: how each is seeded, placed on a device and waited for.

One record a library: what depends on which library it is, is here and nowhere else.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.held import Held
from frameworks.lazy import TITLES, keras, load, tf, torch


class Library:
    """What holds for most libraries: the CPU alone, and nothing to wait for."""

    name: str  # under which it is imported
    title: str  # as people write it
    initialises = True  # it has initial weights of its own

    def seed(self, number: int) -> None:
        """Seed its own initialisers."""

    def sees_cuda(self) -> bool:
        """Return whether it can compute on a CUDA device here."""
        return False

    def scope(self, device: str) -> AbstractContextManager[object]:
        """Return the context in which it computes on "cpu" or "cuda".

        float32 is then float32 on a GPU too. Left alone, each library rounds the inputs
        of some operations there to the 10 bits of TF32, and not all the same ones.
        """
        return nullcontext()

    def synchronise(self) -> None:
        """Wait until its devices have finished what was asked of them."""

    def threads(self) -> dict[str, int]:
        """Return how many threads it says it uses, by what they are for."""
        return {}

    def momentum(self, model: Any) -> list[np.ndarray]:
        """Return copies of what an estimator's optimiser carries to the next step."""
        raise NotImplementedError

    def set_momentum(self, model: Any, arrays: Sequence[np.ndarray]) -> None:
        """Give an estimator, once built, what `momentum` has returned."""
        raise NotImplementedError


class NumPy(Library):
    """NumPy: weights start as zeros, and its threads are those of BLAS."""

    name, title = "numpy", "NumPy, which computes on the CPU,"
    initialises = False

    def momentum(self, model: Any) -> list[np.ndarray]:
        """Return the velocities."""
        return [velocity.copy() for *_, velocity in model.optimizer_.velocities]

    def set_momentum(self, model: Any, arrays: Sequence[np.ndarray]) -> None:
        """Write into the velocities: they may be shared by processes."""
        for (*_, velocity), array in zip(
            model.optimizer_.velocities, arrays, strict=True
        ):
            velocity[...] = array


class PyTorch(Library):
    """PyTorch: each tensor carries its device, so a scope sets the precision alone."""

    name, title = "torch", TITLES["torch"]

    def __init__(self) -> None:
        self.in_float32 = Held(_torch_in_float32)

    def seed(self, number: int) -> None:
        """Seed every device's generator."""
        torch.manual_seed(number)

    def sees_cuda(self) -> bool:
        """Ask PyTorch."""
        return torch.cuda.is_available()

    def scope(self, device: str) -> AbstractContextManager[object]:
        """Compute convolutions and products in float32."""
        return self.in_float32

    def synchronise(self) -> None:
        """Wait for the CUDA device, if it was used."""
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def threads(self) -> dict[str, int]:
        """Return those inside an operation."""
        return {"torch": torch.get_num_threads()}

    def momentum(self, model: Any) -> list[np.ndarray]:
        """Return the buffers, and the learning rate, which their scale depends on."""
        rate = np.array(model.optimizer_.param_groups[0]["lr"])
        states = map(model.optimizer_.state.get, _parameters(model))
        buffers = [state["momentum_buffer"] for state in states if state]
        return [rate, *(b.numpy(force=True).copy() for b in buffers if b is not None)]

    def set_momentum(self, model: Any, arrays: Sequence[np.ndarray]) -> None:
        """Make the buffers: PyTorch has none before the first step."""
        rate, *buffers = arrays
        for group in model.optimizer_.param_groups:
            group["lr"] = rate.item()
        for parameter, buffer in zip(_parameters(model), buffers, strict=False):
            like = torch.empty_like(parameter).copy_(torch.from_numpy(buffer))
            model.optimizer_.state[parameter]["momentum_buffer"] = like


class TensorFlow(Library):
    """TensorFlow: a device is a context."""

    name, title = "tensorflow", TITLES["tensorflow"]

    def __init__(self) -> None:
        self.in_float32 = Held(_tensorflow_in_float32)

    def seed(self, number: int) -> None:
        """Seed its global generator."""
        tf.random.set_seed(number)

    def sees_cuda(self) -> bool:
        """Ask TensorFlow."""
        return bool(tf.config.list_physical_devices("GPU"))

    @contextmanager
    def scope(self, device: str) -> Iterator[None]:
        """Compute in TensorFlow's own context, in float32."""
        name = "GPU:0" if device == "cuda" else "CPU:0"
        with self.in_float32, tf.device(name):
            yield

    def synchronise(self) -> None:
        """Wait for all devices, if there is more than the CPU."""
        if tf.config.list_logical_devices("GPU"):
            tf.test.experimental.sync_devices()

    def threads(self) -> dict[str, int]:
        """Return those inside an operation, and those that run operations side by side.

        TensorFlow says 0 where it takes a number from the environment, which is then
        that one. The threads that run operations side by side can be counted in the
        system, but those that feed Keras with batches have the same name: only fewer
        than the number tell anything.
        """
        says = tf.config.threading
        inside = says.get_intra_op_parallelism_threads()
        beside = says.get_inter_op_parallelism_threads()
        beside = beside or _variable("TF_NUM_INTEROP_THREADS")
        counted = thread_names().count("tf_Compute")
        return {
            "tensorflow": inside or _variable("TF_NUM_INTRAOP_THREADS"),
            "tensorflow inter-op": min(beside, counted or beside),
        }

    def momentum(self, model: Any) -> list[np.ndarray]:
        """Return the velocities."""
        return [velocity.numpy() for velocity in model.velocities_.values()]

    def set_momentum(self, model: Any, arrays: Sequence[np.ndarray]) -> None:
        """Assign the velocities."""
        for velocity, array in zip(model.velocities_.values(), arrays, strict=True):
            velocity.assign(array)


class JAX(Library):
    """JAX, as a backend of Keras."""

    name, title = "jax", TITLES["jax"]

    def sees_cuda(self) -> bool:
        """Ask JAX."""
        return any(device.platform == "gpu" for device in load("jax").devices())

    def scope(self, device: str) -> AbstractContextManager[object]:
        """Compute in float32; the device is Keras's to choose."""
        return load("jax").default_matmul_precision("highest")


class Keras(Library):
    """Keras: it computes with its backend, another of these libraries."""

    name, title = "keras", TITLES["keras"]

    @property
    def backend(self) -> Library:
        """The library that computes."""
        return LIBRARIES[keras.config.backend()]

    def seed(self, number: int) -> None:
        """Seed Keras and its backend."""
        keras.utils.set_random_seed(number)

    def sees_cuda(self) -> bool:
        """Ask the backend."""
        return self.backend.sees_cuda()

    @contextmanager
    def scope(self, device: str) -> Iterator[None]:
        """Compute in Keras's context, in its backend's words, and in that one's."""
        name = "gpu:0" if device == "cuda" else "cpu:0"
        if self.backend.name == "torch":
            name = device  # "cpu:0" is another device to it, and a copy
        with keras.device(name), self.backend.scope(device):
            yield

    def momentum(self, model: Any) -> list[np.ndarray]:
        """Return the momenta; there are none without momentum."""
        return [momentum.numpy() for momentum in model.net_.optimizer.momentums]

    def set_momentum(self, model: Any, arrays: Sequence[np.ndarray]) -> None:
        """Assign the momenta."""
        momenta = model.net_.optimizer.momentums
        for momentum, array in zip(momenta, arrays, strict=True):
            momentum.assign(array)


def _parameters(model: Any) -> list[Any]:
    """Return the parameters of a PyTorch estimator, as its optimiser has them."""
    groups = model.optimizer_.param_groups
    return [parameter for group in groups for parameter in group["params"]]


def _torch_in_float32() -> Callable[[], None]:
    """Switch TF32 off in PyTorch; return what switches it on again."""
    places = torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = [place.fp32_precision for place in places]

    def undo() -> None:
        for place, precision in zip(places, before, strict=True):
            place.fp32_precision = precision

    for place in places:
        place.fp32_precision = "ieee"
    return undo


def _tensorflow_in_float32() -> Callable[[], None]:
    """Switch TF32 off in TensorFlow; return what switches it on again."""
    settings = tf.config.experimental
    before = settings.tensor_float_32_execution_enabled()
    settings.enable_tensor_float_32_execution(False)
    return partial(settings.enable_tensor_float_32_execution, before)


LIBRARIES = {
    library.name: library
    for library in (NumPy(), Keras(), PyTorch(), TensorFlow(), JAX())
}


def loaded() -> Iterator[Library]:
    """Yield the libraries that this process has imported."""
    for name, library in LIBRARIES.items():
        if name in sys.modules:
            yield library


def synchronise() -> None:
    """Wait until every device has finished what was asked of it; for clocks."""
    for library in loaded():
        library.synchronise()


def choose_device(device: str, library: Library, any_device: bool = False) -> str:
    """Return "cpu" or "cuda" for a `device` of "auto", "cpu" or "cuda".

    Raises
    ------
    ValueError
        CUDA is asked for, and the library sees no CUDA device; with `any_device`, the
        CPU is taken instead.
    """
    if device == "cpu":
        return "cpu"
    found = library.sees_cuda()
    if device == "cuda" and not found and not any_device:
        raise ValueError(
            f"device='cuda', but {library.title} sees no CUDA device here: "
            "use device='auto' or device='cpu'."
        )
    return "cuda" if found else "cpu"


def thread_names() -> list[str]:
    """Return the names of this process's threads, where the system tells them."""
    names = []
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # one that has just ended
            names.append(task.read_text().strip())
    return names


def _variable(name: str) -> int:
    """Return the number in an environment variable, or 0."""
    return int(os.environ.get(name, 0))
