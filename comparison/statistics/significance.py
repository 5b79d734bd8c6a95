"""Medians, intervals, and when a difference between models may be called one.

A round is one seed: every model has the same weights and batches, one after another,
so that whatever slows the machine for a while slows them all. Models are compared
within rounds, never across.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from comparison import records

CONFIDENCE = 0.95
TINY = 1e-12  # a scatter of nothing but rounding
MIN_ROUNDS = 3  # two rounds may be near each other by chance
# The largest interval for a median, from the smallest value to the largest, covers it
# in less than 95 % of the runs if there are fewer values.
MIN_VALUES = 6


def spread(values: Sequence[float]) -> records.Spread:
    """Return the median, the smallest, the largest and the interval of the median.

    The interval is a percentile bootstrap of 95 %; None for less than MIN_VALUES.
    """
    interval = _interval(values) if len(values) >= MIN_VALUES else None
    return _spread(values, interval)


def compare(
    ratios: Sequence[Sequence[float]], comparisons: int | None = None
) -> list[records.Ratio]:
    """Return for each rival the spread of its ratios, and whether they differ from 1.

    Parameters
    ----------
    ratios : (rivals, rounds)
        Of each rival to the reference, in the same rounds.
    comparisons : int, optional
        How many are made in the whole run; by default one a rival.

    Returns
    -------
    list of records.Ratio
        A spread whose interval is that of the geometric mean, with `p_value` and
        `differs`: whether the interval excludes 1. All intervals of a run cover
        together: in at most 5 % of the runs, any at all excludes 1 by chance. Below
        MIN_ROUNDS there is no interval, and no claim.

    Notes
    -----
    The logarithms of the ratios, one a round, are held against their scatter (Student's
    t), and the confidence of each interval is raised until all of them have 95 % (Šidák
    1967, whatever their correlation). Unlike a test of signs alone it can speak below
    six rounds, for it knows how far the rounds are from 1, measured by how far they are
    from each other. The scatter is a rival's own, or that of all rivals where that is
    larger: three rounds of one may be near each other by chance. Noise with heavier
    tails than a normal distribution's makes it claim less, not more.
    """
    logs = np.log(np.array(ratios, float))
    if logs.shape[1] < MIN_ROUNDS:
        return [
            {**_spread(values, None), "p_value": 1.0, "differs": False}
            for values in ratios
        ]
    low, high, p_values = intervals(logs, comparisons or len(ratios))
    return [
        {
            **_spread(values, (float(low[rival]), float(high[rival]))),
            "p_value": float(p_values[rival]),
            "differs": bool(not low[rival] <= 1 <= high[rival]),
        }
        for rival, values in enumerate(ratios)
    ]


def intervals(
    logs: np.ndarray, comparisons: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two ends of each rival's interval, and its p-value; see `compare`.

    Parameters
    ----------
    logs : (..., rivals, rounds)
        Logarithms of ratios.
    comparisons : int

    Returns
    -------
    low, high, p_values : (..., rivals)
    """
    rounds = logs.shape[-1]
    own = logs.std(axis=-1, ddof=1)
    scatter = np.maximum(own, np.sqrt(np.mean(own**2, axis=-1, keepdims=True)))
    error = np.maximum(scatter / np.sqrt(rounds), TINY)
    mean = logs.mean(axis=-1)
    each = CONFIDENCE ** (1 / comparisons)  # of the single interval
    reach = stats.t.ppf((1 + each) / 2, rounds - 1) * error
    chance = 2 * stats.t.sf(np.abs(mean) / error, rounds - 1)
    p_values = 1 - (1 - chance) ** comparisons
    return np.exp(mean - reach), np.exp(mean + reach), p_values


def _spread(
    values: Sequence[float], interval: tuple[float, float] | None
) -> records.Spread:
    return {
        "median": float(np.median(values)),
        "min": float(min(values)),
        "max": float(max(values)),
        "interval": interval,
    }


def _interval(values: Sequence[float]) -> tuple[float, float]:
    if min(values) == max(values):
        return values[0], values[0]
    interval = stats.bootstrap(
        [values],
        np.median,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(interval.low), float(interval.high)
