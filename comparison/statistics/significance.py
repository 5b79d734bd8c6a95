"""Medians, intervals, and when a difference between models may be called one.

A round is one seed: every model has the same weights and batches, one after another,
so that whatever slows the machine for a while slows them all. Models are compared
within rounds, never across.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

from comparison import records

CONFIDENCE = 0.95
# With n rounds that all agree, chance alone gives the same signs once in 2^(n-1): 1 in
# 16 for five, 1 in 32 for six. Below six nothing can be claimed at 5 %; and the largest
# interval for a median, from the smallest value to the largest, covers it in less than
# 95 % of the runs.
MIN_ROUNDS = 6
MAX_FLIPS = 2**14  # all of them up to 14 rounds, and so many random ones beyond


def spread(values: Sequence[float]) -> records.Spread:
    """Return the median, the smallest, the largest and the interval of the median.

    The interval is a percentile bootstrap of 95 %; None for less than MIN_ROUNDS.
    """
    return {
        "median": float(np.median(values)),
        "min": float(min(values)),
        "max": float(max(values)),
        "interval": _interval(values) if len(values) >= MIN_ROUNDS else None,
    }


def compare(ratios: Sequence[Sequence[float]]) -> list[records.Ratio]:
    """Return for each rival the spread of its ratios, and whether they differ from 1.

    Parameters
    ----------
    ratios : (rivals, rounds)
        Of each rival to the reference, in the same rounds.

    Returns
    -------
    list of records.Ratio
        A spread with `p_value` and `differs`: whether the interval excludes 1 and, of
        all rivals together, at most 5 % of such claims would be made by chance.
    """
    p_values = simultaneous_p_values(np.log(np.array(ratios).T))
    compared: list[records.Ratio] = []
    for values, p in zip(ratios, p_values, strict=True):
        ratio = spread(values)
        low, high = ratio["interval"] or (0, np.inf)
        differs = not low <= 1 <= high and p <= 1 - CONFIDENCE
        compared.append({**ratio, "p_value": float(p), "differs": bool(differs)})
    return compared


def simultaneous_p_values(differences: np.ndarray) -> np.ndarray:
    """Return each rival's p-value, adjusted for there being several rivals.

    If nothing differs, the signs of a round's differences might as well be the other
    ones, for all rivals at once. A rival's p-value is the share of all such exchanges
    in which some rival, not only itself, looks at least as far from zero (Westfall,
    Young 1993: the single-step maximum).

    Parameters
    ----------
    differences : (rounds, rivals)
        Logarithms of ratios.

    Returns
    -------
    (rivals,)
    """
    # One disturbed round must not hide the others. The bound depends on no sign, so
    # that all exchanges stay as likely as before.
    bound = 2 * np.median(np.abs(differences), axis=0)
    bounded = np.clip(differences, -bound, bound)
    size = np.linalg.norm(bounded, axis=0)
    standard = bounded / np.where(size > 0, size, 1)
    distance = np.abs(_signs(len(differences)) @ standard)  # as far as |t| would be
    farthest = distance.max(axis=1, keepdims=True)
    return (farthest >= distance[0] - 1e-12).mean(axis=0)


def _signs(rounds: int) -> np.ndarray:
    """Return exchanges of signs, one a row; in the first, all stay as they are."""
    if 2**rounds <= MAX_FLIPS:
        bits = np.arange(2**rounds)[:, None] >> np.arange(rounds) & 1
    else:
        bits = np.random.default_rng(0).integers(0, 2, (MAX_FLIPS, rounds))
        bits[0] = 0
    return 1.0 - 2 * bits


def _interval(values: Sequence[float]) -> tuple[float, float]:
    if min(values) == max(values):
        return values[0], values[0]
    interval = bootstrap(
        [values],
        np.median,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
