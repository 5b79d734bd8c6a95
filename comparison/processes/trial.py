"""One trial: one class, one seed, in a process of its own, under one clock.

The framework's import is timed, so what is imported here needs only the standard
library.
"""

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, TypedDict

from comparison.processes import process
from frameworks.lazy import load

# A class: "module:Name", the name of its framework to import (None for a user's class),
# and a further folder of modules.
ClassSpec = TypedDict("ClassSpec", {"class": str, "framework": str | None, "path": str})


class TrialSpec(ClassSpec):
    """What one trial is told: the class, the images, the constructor's parameters."""

    folder: str
    train_size: int | None
    test_size: int | None
    seed: int
    parameters: dict[str, Any]
    checkpoint: str | None  # a file, for classes on our base
    inside: str | None  # a file for what report.html shows of one trained network


class Epoch(TypedDict):
    """What a trial says after each epoch."""

    epoch: int
    loss: float
    accuracy: float
    images_per_second: float


def run(spec: TrialSpec, emit: Callable[..., None]) -> None:
    """Train and test one class; emit `epoch` events and one `result`.

    Parameters
    ----------
    spec : TrialSpec
    emit : callable
        emit(event, **values)
    """
    seconds: dict[str, float | None] = {"import": _import(spec)}

    import numpy as np

    import data
    from comparison.processes import inside, resources
    from frameworks.libraries import synchronise
    from frameworks.weights import is_trained

    Model = find_class(spec)
    dataset = data.Dataset.open(spec["folder"])
    train = data.draw(dataset.y_train, spec["train_size"])
    test = data.draw(dataset.y_test, spec["test_size"])
    X, y = dataset.x_train[train], dataset.y_train[train]
    X_test, y_test = dataset.x_test[test], dataset.y_test[test]
    parameters = spec["parameters"] | {"random_state": spec["seed"]}

    def timed(call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
        synchronise()
        start = perf_counter()
        result = call(*arguments)
        synchronise()
        return perf_counter() - start, result

    # One batch, from all over the data, pays for tracing, compilation, thread pools.
    model = Model(**parameters | {"epochs": 1})
    one = np.linspace(0, len(X) - 1, min(model.batch_size, len(X))).astype(int)
    first, _ = timed(model.fit, X[one], y[one])
    build = getattr(model, "build_seconds_", None)  # known to classes on our base
    seconds["build"] = build
    seconds["first_step"] = first - (build or 0)

    epochs_here = 0

    def report(model: Any, logs: Mapping[str, Any]) -> None:
        nonlocal epochs_here
        epochs_here += 1
        check_converges(logs["loss"], logs["epoch"])
        emit(
            "epoch",
            epoch=logs["epoch"],
            loss=logs["loss"],
            accuracy=logs["accuracy"],
            images_per_second=logs["images"] / logs["seconds"],
        )

    if spec["checkpoint"]:
        parameters["checkpoint"] = spec["checkpoint"]
    model = Model(**parameters, on_epoch_end=report)
    fit, _ = timed(model.fit, X, y)
    check_history(model.history_)
    earlier = model.history_["seconds"][: len(model.history_["seconds"]) - epochs_here]
    seconds["fit"] = fit + sum(earlier)
    model.predict(X_test)
    predict, predicted = timed(model.predict, X_test)
    check_labels(predicted, y_test)
    seconds["predict"] = predict
    memory = resources.peak_memory_bytes()
    further: dict[str, Any] = {"epochs_earlier": len(earlier)} if earlier else {}
    if parameters.get("test_augment"):
        model.set_params(test_augment=None)
        further["test_accuracy_plain"] = float((model.predict(X_test) == y_test).mean())
    if spec["inside"]:
        with suppress(OSError):  # pictures alone: the numbers are worth more
            inside.write(Path(spec["inside"]), inside.look(model, X_test, y_test))
    steady = model.history_["seconds"][1:] or model.history_["seconds"]
    emit(
        "result",
        test_accuracy=float((predicted == y_test).mean()),
        **further,
        train_accuracy=float((model.predict(X) == y).mean()),
        parameters=sum(w.size for n, w in model.get_weights().items() if is_trained(n)),
        history=model.history_,
        seconds=seconds,
        images_per_second={
            "train": len(X) * len(steady) / sum(steady),
            "predict": len(X_test) / predict,
        },
        peak_memory_bytes=memory,
        device=getattr(model, "device_", None),
        threads=resources.threads_in_use(),
        blas_kernel=resources.blas_kernel(),
    )


def check_converges(loss: float, epoch: int) -> None:
    """Raise FloatingPointError if the loss of an epoch is not finite."""
    if not isfinite(loss):
        raise FloatingPointError(f"diverged in epoch {epoch}: its loss is {loss}")


def check_history(history: Any) -> None:
    """Raise ValueError unless a class has kept what each epoch gave, as the base does.

    FloatingPointError, if a loss is not finite.
    """
    for name in ("loss", "accuracy", "seconds"):
        values = history.get(name) if isinstance(history, Mapping) else None
        if not values or not all(isinstance(value, float | int) for value in values):
            raise ValueError(f"history_ has no list of numbers {name!r}")
    for epoch, loss in enumerate(history["loss"], 1):
        check_converges(loss, epoch)
    if not all(0 < seconds < float("inf") for seconds in history["seconds"]):
        raise ValueError("history_ has an epoch that took no time, or less")


def check_labels(predicted: Any, expected: Any) -> None:
    """Raise ValueError unless `predict` has returned a label for each image."""
    shape = getattr(predicted, "shape", None)
    if shape != expected.shape:
        what = type(predicted).__name__ if shape is None else f"shape {shape}"
        raise ValueError(
            f"predict returned {what}, expected an array of {len(expected):,} labels"
        )


def find_class(spec: ClassSpec) -> type:
    """Return the class that `class`, "module:Name", names; `path` is searched last."""
    if spec["path"] and spec["path"] not in sys.path:
        sys.path.append(spec["path"])
    module, _, attribute = spec["class"].partition(":")
    return getattr(importlib.import_module(module), attribute)


def _import(spec: ClassSpec) -> float:
    """Import the framework; return the seconds.

    A user's module may import its framework itself, and scikit-learn with our base:
    the latter is loaded before the clock starts.
    """
    if spec["framework"]:
        started = perf_counter()
        load(spec["framework"])
        return perf_counter() - started
    started = perf_counter()
    load("numpy")  # is part of every framework's import
    numpy = perf_counter() - started
    importlib.import_module("models")
    started = perf_counter()
    Model = find_class(spec)
    load(getattr(Model, "framework", "numpy"))
    return numpy + perf_counter() - started


if __name__ == "__main__":
    process.serve(run)
