"""What a trial may say instead of a result: its own failure, not the run's end."""

import json
import math
import threading

import numpy as np
import pytest

import compare
from comparison import results
from comparison.processes import process


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Run a child whose `work` is the given code, and return how it ended."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(code):
        lines = ["import os, sys", "from comparison.processes import process"]
        lines += ["def work(spec, emit):", *(f"    {line}" for line in code)]
        lines += ["process.serve(work)"]
        (tmp_path / "child_module.py").write_text("\n".join(lines))
        return process.run("child_module", {}, threads=1, on_event=lambda event: None)

    return run


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (["os.write(3, b'no json\\n')"], "said something that is no event: 'no json"),
        (["os.write(3, b'[1]\\n')"], "said something that is no event"),
        (["os.write(3, b'\\xff\\xfe\\n')"], "said something that is no event"),
        (["os.write(3, b'[' * 100000 + b'\\n')"], "said something that is no event"),
        (["raise ValueError('a\\x1b[31mred\\nline')"], r"ValueError: a\x1b[31mred\nl"),
        (["raise ValueError('\\udc80')"], r"ValueError: \udc80"),
        (["raise ValueError('x' * 10**6)"], "ValueError: xxx"),
        (["import no_such_module"], "No module named 'no_such_module'"),
        (["os.write(3, b'{cut')", "os._exit(3)"], "ended with exit code 3"),
        (["print('y' * 10**7)", "os._exit(3)"], "ended with exit code 3: yyy"),
    ],
)
def test_it_failed_and_its_error_is_one_line(child, code, error):
    ending = child(code)
    assert ending.status == "failed"
    assert ending.error.startswith(error)
    assert ending.error.isprintable()
    assert len(ending.error) < 600


def test_a_missing_framework_is_skipped(child):
    load = "from frameworks import lazy; lazy.TITLES['no_such'] = 'None'"
    assert child([load, "lazy.load('no_such')"]).status == "skipped"


@pytest.fixture
def tiny(tmp_path, empty_cache):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (200, 6, 6, 1), dtype=np.uint8)
    np.savez(tmp_path / "tiny.npz", x=x, y=np.arange(200) % 2)
    return tmp_path / "tiny.npz"


def test_training_that_diverges_has_failed(tiny, tmp_path, capsys):
    """Its row has no accuracy, and results.json is JSON for strict readers."""
    out = tmp_path / "run"
    options = ["--dataset", str(tiny), "--models", "skylark", "--seeds", "1"]
    options += ["--learning-rate", "1e30", "--quiet", "--out", str(out)]
    assert compare.main(options) == compare.SOME_FAILED
    run = json.loads((out / "results.json").read_text(), parse_constant=pytest.fail)
    (trial,) = run["trials"]
    assert trial["status"] == "failed"
    assert "diverged in epoch 1: its loss is " in trial["error"]
    assert "diverged in epoch 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "option",
    [
        *(["--learning-rate", text] for text in ("nan", "inf", "-1", "1e999", "x")),
        ["--momentum", "nan"],
        *(["--trial-timeout", text] for text in ("nan", "inf", "0", "-1", "1e10")),
    ],
)
def test_numbers_that_are_none_are_wrong_use(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        compare.main(option)
    assert stopped.value.code == compare.WRONG_USE
    assert option[0] in capsys.readouterr().err


def test_every_time_limit_that_is_taken_can_be_waited_for():
    timer = threading.Timer(threading.TIMEOUT_MAX, print)
    timer.daemon = True
    timer.start()
    timer.cancel()
    timer.join(1)
    assert not timer.is_alive()


def test_null_stands_for_what_json_has_no_number_for(tmp_path):
    run = {"a": [1.5, math.nan, {"b": math.inf}], "c": (1, -math.inf), "d": "nan"}
    results.write(tmp_path, run)
    read = json.loads((tmp_path / results.FILE).read_text(), parse_constant=pytest.fail)
    assert read == {"a": [1.5, None, {"b": None}], "c": [1, None], "d": "nan"}


def test_a_link_in_the_way_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "results.json.part").symlink_to(tmp_path / "precious")
    results.write(tmp_path, {})
    assert (tmp_path / "precious").read_text() == "kept"
    assert not (tmp_path / results.FILE).is_symlink()


def test_two_runs_in_one_second_have_two_folders(tmp_path):
    folders = [results.new_folder(tmp_path / "runs") for _ in range(3)]
    assert len(set(folders)) == 3
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 10**5, b"{", b"5", b"null", b""])
def test_what_is_no_results_file_is_wrong_use(tmp_path, content, capsys):
    (tmp_path / results.FILE).write_bytes(content)
    assert compare.main(["--show", str(tmp_path)]) == compare.WRONG_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert "results.json is not" in line
