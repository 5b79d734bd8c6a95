"""The tables in the pages are those that the benchmarks have measured."""

import json
from pathlib import Path

import pytest

from benchmarks import cores, speed

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / f"docs/{page}.md" for page in ("results", "fairness", "numpy-speed")]
FOUND = json.loads(speed.FILE.read_text("utf-8"))


@pytest.mark.parametrize(("name", "text"), speed.page(FOUND).items())
def test_tables_come_out_of_the_results(name, text):
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    assert any(block in page.read_text("utf-8") for page in PAGES)


def test_a_slow_loop_takes_part_in_one_round_only():
    first = {
        "TF_CNN": [{"train": 10}],
        "tf: a": [{"train": 5}],
        "tf: b": [{"train": 9}],
    }
    assert speed._is_slow("tf: a", first)
    assert not speed._is_slow("tf: b", first)
    assert not speed._is_slow("TF_CNN", first)
    rounds = {"TF_CNN": [{"train": 10}, {"train": 8}], "tf: a": [{"train": 5}, {}]}
    assert "| TF_CNN | a | 5 | 2.00 | 2.00 to 2.00 |" in speed.tuned(rounds)


def test_the_model_of_cores():
    """2 ms a step and 0.5 ms an image: the line finds both."""
    fixed, each = cores.fitted({n: 2e-3 + n * 5e-4 for n in cores.SIZES})
    assert (fixed, each) == (pytest.approx(2e-3), pytest.approx(5e-4))
    assert cores.model(fixed, each, 4, threads=False) == pytest.approx(10e-3)
    assert cores.model(fixed, each, 4, threads=True) == pytest.approx(10e-3)
    assert cores.model(fixed, each, 16, threads=False) == pytest.approx(4e-3)
    assert cores.model(fixed, each, 16, threads=True) == pytest.approx(32e-3)
