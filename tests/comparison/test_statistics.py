"""Statistics, on simulated rounds whose answer is known."""

import numpy as np
import pytest

from comparison.statistics import significance
from comparison.statistics.summary import summarise

RIVALS = 3


def simulate(rng, rounds, ratio=1.0, noise=0.05):
    """Ratios of three rivals to a reference that has noise of its own.

    Heavy tails, as a machine with other work to do has them; and a common slowness
    of each round, which pairing has to take out.
    """
    times = np.exp(noise * rng.standard_t(3, (RIVALS + 1, rounds)))
    times *= np.exp(rng.normal(0, 0.5, rounds))
    times[1:] *= ratio
    return times[1:] / times[0]


@pytest.mark.parametrize("rounds", [3, 5, 6, 7, 8, 10])
def test_rate_of_false_winners(rounds):
    """Where nothing differs, any winner at all is named in at most 7 % of the runs."""
    rng = np.random.default_rng(rounds)
    runs = 300
    false = sum(
        any(row["differs"] for row in significance.compare(simulate(rng, rounds)))
        for _ in range(runs)
    )
    print(f"{rounds} rounds: {false / runs:.1%} false winners")
    assert false / runs <= (0.07 if rounds >= significance.MIN_ROUNDS else 0)


@pytest.mark.parametrize(("rounds", "found"), [(5, 0), (6, 1), (10, 1)])
def test_a_real_difference_is_found(rounds, found):
    """Half as fast again, with 2 % of noise: seen from six rounds on, never before."""
    rng = np.random.default_rng(0)
    runs = [significance.compare(simulate(rng, rounds, 1.5, 0.02)) for _ in range(20)]
    shares = [row["differs"] for run in runs for row in run]
    assert abs(np.mean(shares) - found) < 0.2
    medians = [row["median"] for run in runs for row in run]
    assert np.median(medians) == pytest.approx(1.5, rel=0.02)


def test_one_rival_that_differs_does_not_lend_it_to_others():
    rng = np.random.default_rng(0)
    ratio = np.array([[2.0], [1.0], [1.0]])
    runs = [significance.compare(simulate(rng, 8, ratio)) for _ in range(200)]
    differs = np.array([[row["differs"] for row in run] for run in runs])
    assert differs[:, 0].mean() > 0.95
    assert differs[:, 1:].any(1).mean() <= 0.07


def test_p_values_are_exact():
    """Six rounds that agree: the signs, and all of them exchanged, of 64."""
    same = np.full((6, 1), 0.1)
    assert significance.simultaneous_p_values(same) == pytest.approx([2 / 64])
    assert significance.simultaneous_p_values(np.zeros((6, 2))) == pytest.approx([1, 1])


def test_one_disturbed_round_does_not_hide_a_difference():
    ratios = [0.57, 0.84, 0.55, 0.02, 0.51, 0.59], [0.06, 0.06, 0.07, 0.05, 0.06, 0.06]
    assert [row["differs"] for row in significance.compare(ratios)] == [True, True]


def test_many_rounds_use_random_exchanges():
    p = significance.simultaneous_p_values(np.full((40, 1), 0.1))
    assert 0 < p[0] < 0.001


@pytest.mark.parametrize("rounds", [6, 10])
def test_coverage_of_the_interval(rounds):
    """The interval holds the true median about as often as it says."""
    rng = np.random.default_rng(rounds)
    inside = 0
    for _ in range(300):
        low, high = significance.spread(rng.standard_t(3, rounds).tolist())["interval"]
        inside += low <= 0 <= high
    assert inside / 300 >= 0.9


def test_few_values_have_no_interval():
    assert significance.spread([1.0]) == {
        "median": 1.0,
        "min": 1.0,
        "max": 1.0,
        "interval": None,
    }
    assert significance.spread([1.0, 2.0, 4.0, 5.0, 6.0])["interval"] is None
    assert significance.spread([3.0] * 6)["interval"] == (3.0, 3.0)


def trial(model, seed, speed, status="ok"):
    return {
        "model": model,
        "seed": seed,
        "status": status,
        "error": None if status == "ok" else "why",
        "test_accuracy": 0.5,
        "train_accuracy": 0.5,
        "parameters": 7,
        "seconds": dict.fromkeys(
            ["import", "build", "first_step", "fit", "predict"], 1.0
        ),
        "images_per_second": {"train": speed, "predict": speed},
        "peak_memory_bytes": 1,
    }


def test_ratios_are_paired_by_round():
    """Every round is three times slower than the one before: within, always half."""
    trials = [
        trial(model, seed, speed / 3**seed)
        for seed in range(8)
        for model, speed in {"a": 100.0, "b": 50.0}.items()
    ]
    rows = summarise(["a", "b"], reversed(trials), "a")
    assert rows["a"]["ratios"] == {}
    ratio = rows["b"]["ratios"]["train_images_per_second"]
    assert ratio["median"] == ratio["min"] == ratio["max"] == pytest.approx(0.5)
    assert ratio["differs"]


def test_a_round_that_one_model_lacks_is_left_out():
    trials = [trial("a", 0, 100.0), trial("b", 0, 50.0), trial("a", 1, 100.0)]
    failed = {k: trial("b", 1, 9.0, "failed")[k] for k in ("model", "seed", "status")}
    rows = summarise(["a", "b"], [*trials, failed | {"error": "why"}], "a")
    assert rows["b"]["ratios"]["train_images_per_second"]["median"] == 0.5
    assert rows["b"]["trials"] == 1
    assert rows["b"]["error"] == "why"
    assert summarise(["a", "b"], trials, "c")["b"]["ratios"] == {}
