"""From trials to one row a model: medians, intervals, and ratios to a reference."""

from collections.abc import Iterable
from typing import Any

from comparison import records
from comparison.records import Measure
from comparison.statistics import significance

MEASURES: dict[Measure, tuple[str, ...]] = {
    "test_accuracy": ("test_accuracy",),
    "test_accuracy_plain": ("test_accuracy_plain",),
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
SPEEDS: tuple[Measure, ...] = ("train_images_per_second", "predict_images_per_second")


def summarise(
    models: Iterable[str], trials: Iterable[records.Trial], reference: str
) -> dict[str, records.Row]:
    """Return one row a model.

    Parameters
    ----------
    models : iterable of str
    trials : iterable of records.Trial
    reference : str
        The model that speeds are compared with, round by round.

    Returns
    -------
    dict of str to records.Row
        Ratios are those of SPEEDS, where there are rounds in common.
    """
    trials = list(trials)
    rows = {model: _row([t for t in trials if t["model"] == model]) for model in models}
    for measure in SPEEDS:
        for model, ratio in _ratios(rows, trials, measure, reference).items():
            rows[model]["ratios"][measure] = ratio
    return rows


def _row(trials: list[records.Trial]) -> records.Row:
    """Return one model's row, without ratios yet."""
    finished = [trial for trial in trials if trial["status"] == "ok"]
    errors = [trial["error"] for trial in trials if trial["error"]]
    error = errors[0] if errors else None
    row: records.Row = {"trials": len(finished), "ratios": {}, "error": error}
    for measure in MEASURES:
        values = [_value(trial, measure) for trial in finished]
        known = [value for value in values if value is not None]
        if known:
            row[measure] = significance.spread(known)
    if finished:
        row["parameters"] = finished[0]["parameters"]
    return row


def _ratios(
    models: Iterable[str], trials: list[records.Trial], measure: Measure, reference: str
) -> dict[str, records.Ratio]:
    """Return each rival's ratios to the reference, over the rounds all finished."""
    rounds: dict[str, dict[int, float]] = {model: {} for model in models}
    for trial in trials:
        if trial["status"] == "ok":
            rounds[trial["model"]][trial["seed"]] = _value(trial, measure)
    finished = {model: values for model, values in rounds.items() if values}
    if reference not in finished or len(finished) == 1:
        return {}
    common = sorted(set.intersection(*(set(seeds) for seeds in finished.values())))
    rivals = [model for model in finished if model != reference]
    if not common:
        return {}
    base = finished[reference]
    ratios = [[finished[rival][s] / base[s] for s in common] for rival in rivals]
    compared = significance.compare(ratios, comparisons=len(rivals) * len(SPEEDS))
    return dict(zip(rivals, compared, strict=True))


def _value(trial: records.Trial, measure: Measure) -> Any:
    value: Any = trial
    for key in MEASURES[measure]:
        value = value.get(key)
    return value
