"""Learning rates: one for each step of a fit."""

import numpy as np

SCHEDULES = ("constant", "cosine", "one_cycle")
PEAK = 0.25  # where one_cycle has its highest rate, unless `warmup` says


def rates(
    schedule: str, learning_rate: float, steps: int, warmup: float | None = None
) -> np.ndarray:
    """Return the learning rate of each step.

    Parameters
    ----------
    schedule : {"constant", "cosine", "one_cycle"}
        What follows the warm-up: the same rate; half a cosine to 0 (Loshchilov, Hutter
        2017, without restarts); or a straight line to 0 (Smith, Topin 2018).
    learning_rate : float
        The highest.
    steps : int
    warmup : float or None
        Share of the steps in which the rate rises on a straight line; None: a quarter
        of one_cycle, nothing of the others.

    Returns
    -------
    (steps,) array
        All above 0: the rate after the last step would be 0.
    """
    if warmup is None:
        warmup = PEAK if schedule == "one_cycle" else 0.0
    rising = round(warmup * steps)
    up = np.arange(1, rising + 1) / max(rising, 1)
    gone = np.arange(steps - rising) / max(steps - rising, 1)
    down = {
        "constant": np.ones_like(gone),
        "cosine": (1 + np.cos(np.pi * gone)) / 2,
        "one_cycle": 1 - gone,
    }
    return learning_rate * np.concatenate([up, down[schedule]])
