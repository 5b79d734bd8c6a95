"""Statistics, on simulated rounds whose answer is known."""

import json

import numpy as np
import pytest
from scipy import stats

from benchmarks import alike
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


def noises(rng, shape):
    """Logarithms of the speeds of one class under several names: (.., names, rounds).

    Normal; with heavy tails; with bursts of other work; of a machine that is slower in
    some trials by the same factor; and with names that are noisier than others.
    """
    normal = rng.normal(size=shape)
    slower = rng.random(shape)
    bursts = np.where(slower < 0.15, rng.uniform(0.1, 0.7, shape), 0)
    noisier = 1 + 9 * (np.arange(shape[-2]) == 1)[:, None]
    return {
        "normal": 0.05 * normal,
        "heavy tails": 0.05 * rng.standard_t(3, shape),
        "bursts": 0.02 * normal - bursts,
        "two states": 0.01 * normal - 0.3 * (slower < 0.3),
        "a rare state": 0.01 * normal - 0.5 * (slower < 0.05),
        "one is noisier": 0.01 * normal * noisier,
        "the reference is noisier": 0.01 * normal * np.roll(noisier, -1, 0),
    }


@pytest.mark.parametrize("rounds", range(3, 11))
def test_rate_of_false_winners(rounds):
    """Where nothing differs, any winner at all is named in at most 5 % of the runs.

    Both speeds are looked at. 5 % are 200 of 4,000 runs.
    """
    rng = np.random.default_rng(rounds)
    runs, speeds = 4000, 2
    for kind, logs in noises(rng, (runs, speeds, RIVALS + 1, rounds)).items():
        ratios = logs[:, :, 1:] - logs[:, :, :1]
        low, high, _ = significance.intervals(ratios, speeds * RIVALS)
        false = ((low > 1) | (high < 1)).any((1, 2)).sum()
        print(f"{kind}, {rounds} rounds: {false / runs:.1%} false winners")
        assert false <= 200, kind


def test_false_winners_with_the_noise_that_occurs():
    """One class under four names, 20 rounds: subsets of them, each as a run."""
    shares = alike.false_winners(json.loads(alike.FILE.read_text("utf-8")))
    assert list(shares) == list(range(3, 11))
    assert max(shares.values()) <= 0.05


@pytest.mark.parametrize(("rounds", "found"), [(2, 0), (3, 1), (5, 1), (10, 1)])
def test_a_real_difference_is_found(rounds, found):
    """Half as fast again, with 2 % of noise: seen from three rounds on."""
    rng = np.random.default_rng(0)
    runs = [significance.compare(simulate(rng, rounds, 1.5, 0.01)) for _ in range(40)]
    shares = [row["differs"] for run in runs for row in run]
    assert abs(np.mean(shares) - found) < 0.2
    medians = [row["median"] for run in runs for row in run]
    assert np.median(medians) == pytest.approx(1.5, rel=0.02)


def test_a_factor_of_twelve_in_three_rounds_is_not_chance():
    ratios = [0.05, 0.08, 0.09], [0.7, 0.75, 0.72], [0.8, 0.7, 0.9]
    twelve, *others = significance.compare(ratios, 6)
    assert twelve["differs"]
    assert twelve["interval"][1] < 0.5
    assert not any(row["differs"] for row in others)


def test_one_rival_that_differs_does_not_lend_it_to_others():
    rng = np.random.default_rng(0)
    ratio = np.array([[2.0], [1.0], [1.0]])
    runs = [significance.compare(simulate(rng, 8, ratio)) for _ in range(200)]
    differs = np.array([[row["differs"] for row in run] for run in runs])
    assert differs[:, 0].mean() > 0.95
    assert differs[:, 1:].any(1).mean() <= 0.05


def test_the_interval_is_students():
    """One rival: the interval and the p-value of SciPy's test of the logarithms."""
    logs = np.random.default_rng(0).normal(0.1, 0.2, 7)
    test = stats.ttest_1samp(logs, 0)
    (found,) = significance.compare([np.exp(logs)])
    assert found["p_value"] == pytest.approx(test.pvalue)
    expected = np.exp(test.confidence_interval(0.95))
    assert found["interval"] == pytest.approx(tuple(expected))
    several = significance.compare([np.exp(logs)], comparisons=6)[0]
    assert several["p_value"] == pytest.approx(1 - (1 - test.pvalue) ** 6)
    assert several["interval"][0] < found["interval"][0]


def test_two_rounds_claim_nothing():
    (found,) = significance.compare([[0.5, 0.5]])
    assert found["interval"] is None
    assert not found["differs"]
    assert found["p_value"] == 1


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
