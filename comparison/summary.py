"""From trials to one row a model: medians and ranges over the seeds."""

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

MEASURES = {
    "test_accuracy": ("test_accuracy",),
    "train_accuracy": ("train_accuracy",),
    "train_images_per_second": ("images_per_second", "train"),
    "predict_images_per_second": ("images_per_second", "predict"),
    "import_seconds": ("seconds", "import"),
    "build_seconds": ("seconds", "build"),
    "first_step_seconds": ("seconds", "first_step"),
    "fit_seconds": ("seconds", "fit"),
    "predict_seconds": ("seconds", "predict"),
    "peak_memory_bytes": ("peak_memory_bytes",),
}


def summarise(
    models: Iterable[str], trials: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return for each model its finished trials' number, and each measure's spread.

    A measure is {"median", "min", "max"} over the seeds. A model without a finished
    trial has its reason under `error` alone.
    """
    rows: dict[str, dict[str, Any]] = {}
    trials = list(trials)
    for model in models:
        mine = [trial for trial in trials if trial["model"] == model]
        finished = [trial for trial in mine if trial["status"] == "ok"]
        errors = [trial["error"] for trial in mine if trial["error"]]
        rows[model] = {"trials": len(finished), "error": errors[0] if errors else None}
        for name, path in MEASURES.items():
            values = [_dig(trial, path) for trial in finished]
            if values:
                spread = {"median": median(values), "min": min(values)}
                rows[model][name] = spread | {"max": max(values)}
        if finished:
            rows[model]["parameters"] = finished[0]["parameters"]
    return rows


def _dig(trial: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value: Any = trial
    for key in path:
        value = value[key]
    return value
