"""Several networks and batch sizes: a run each, one table, one plot."""

import json
import xml.etree.ElementTree as ET

import pytest

import compare
from comparison import results, series, sweep
from comparison.command_line import parser
from comparison.report import growth
from tests.comparison.test_outputs import made_up

QUICK = ["--dataset", "digits", "--models", "skylark", "--epochs", "1", "--seeds", "1"]
NETWORKS = ["--network", "seed", "small", "--train-size", "99"]
SWEPT = [*NETWORKS, "--batch-size", "32", "64"]


def test_a_sweep_from_its_beginning_to_its_end(tmp_path, capsys):
    """Over two networks and two batch sizes; in one test, for it takes long."""
    folder = tmp_path / "out"
    assert compare.main([*QUICK, *SWEPT, "--quiet", "--out", str(folder)]) == 0
    every_point_is_a_run_of_its_own(folder)
    there_are_one_table_and_one_plot(folder)
    capsys.readouterr()
    assert compare.main(["--show", str(folder)]) == 0
    assert "small-batch64" in capsys.readouterr().out
    what_is_missing_is_run(folder)


def every_point_is_a_run_of_its_own(folder):
    points = series.read(folder)
    names = ["seed-batch32", "seed-batch64", "small-batch32", "small-batch64"]
    assert [point.name for point in points] == names
    for point in points:
        network, _, batch = point.name.partition("-batch")
        assert point.run["network"]["name"] == network
        assert point.run["settings"]["batch_size"] == int(batch)
        assert len(results.done(point.run)) == 1
        assert (folder / point.name / results.PAGE).exists()


def there_are_one_table_and_one_plot(folder):
    text = (folder / growth.TABLE).read_text("utf-8")
    assert text.count("Skylark_CNN") == 4
    root = ET.parse(folder / growth.PLOT).getroot()
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "multiply-adds of an image" in words
    lines = [e for e in root.iter() if "line numpy" in (e.get("class") or "")]
    assert len(lines) == 2  # one class, two batch sizes


def what_is_missing_is_run(folder):
    """Of a sweep that was stopped in its last run."""
    kept = {}
    for place, name in enumerate(series.names(folder)):
        run = results.read(folder / name)
        if place >= 3:
            run["trials"] = []
            results.write(folder / name, run)
        kept[name] = run["trials"]
    assert compare.main(["--resume", str(folder), "--quiet"]) == 0
    for name, trials in kept.items():
        found = results.read(folder / name)["trials"]
        assert len(found) == 1
        assert found == trials or not trials


def test_over_batch_sizes_alone():
    """Twice as fast is as far up at 64 as at 32: the axes are logarithmic."""
    points = []
    for number, size in enumerate((32, 64, 128)):
        run = made_up(1, speeds=(100.0 * 2**number,) * 3)
        run["settings"]["batch_size"] = size
        points.append(series.Point(f"batch{size}", run))
    root = ET.fromstring(growth.plot(points))
    assert "batch size" in [element.text for element in root.iter()]
    (line,) = [e for e in root.iter() if e.get("class") == "line numpy"]
    (x, y), *others = [map(float, p.split(",")) for p in line.get("points").split()]
    (x1, y1), (x2, y2) = map(tuple, others)
    assert x1 - x == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y == pytest.approx(y2 - y1, abs=0.2)
    assert y2 < y1 < y


def test_one_value_is_no_sweep():
    options = parser().parse_args(["--network", "small", "--batch-size", "9"])
    (point,) = sweep.points(options)
    assert (point.network, point.batch_size) == ("small", 9)
    (point,) = sweep.points(parser().parse_args([]))
    assert point.network is None
    assert not hasattr(point, "batch_size")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--network", "seed", "seed"], "--network has seed twice"),
        (["--batch-size", "9", "9"], "--batch-size has 9 twice"),
        (["--network", "seed", "nope"], "nope"),
        (["--resume", "FOLDER", "--epochs", "3"], "takes no settings"),
        (["--out", "FOLDER", "--network", "seed", "small"], "holds a run"),
    ],
)
def test_wrong_use(options, reason, tmp_path, capsys):
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / series.FILE).write_text('{"points": ["a"]}')
    options = [str(folder) if o == "FOLDER" else o for o in options]
    if "--resume" not in options and "--out" not in options:
        options += ["--dataset", "digits", "--out", str(tmp_path / "out")]
    elif "--out" in options:
        options += ["--dataset", "digits"]
    assert compare.main(options) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["", "[]", '{"points": ["../x"]}', '{"points": [3]}', '{"points": 3}']
)
def test_a_file_that_is_not_ours(content, tmp_path, capsys):
    (tmp_path / series.FILE).write_text(content)
    assert compare.main(["--show", str(tmp_path)]) == 2
    assert "sweep.json is not what compare.py writes" in capsys.readouterr().err
    assert json.loads((tmp_path / series.FILE).read_text() or "0") is not None
