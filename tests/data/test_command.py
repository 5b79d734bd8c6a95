"""`python -m data` and `compare.py --data-dir`, as a user runs them."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import data
from comparison.counting.code_length import ROOT
from data.__main__ import main
from data.formats import npz
from tests.comparison.test_compare import compare
from tests.data.test_image_folder import fill


@pytest.fixture(autouse=True)
def home(empty_cache, monkeypatch):
    monkeypatch.delenv("SKYLARK_DATA", raising=False)


def test_list(capsys):
    main(["get", "digits"])
    assert main(["list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(data.NAMES) <= set(rows)
    assert rows["cifar10"].split()[1:4] == ["50000", "10000", "32x32x3"]
    assert rows["svhn"].split()[1:3] == ["73257", "26032"]
    assert rows["mnist"].endswith("no")
    assert rows["digits"].endswith("yes")


def test_get_and_export(tmp_path, capsys):
    assert main(["get", "digits"]) == 0
    assert "digits: " in capsys.readouterr().out
    path = tmp_path / "digits.npz"
    assert main(["export", "digits", str(path)]) == 0
    digits, again = data.load("digits"), data.load(path)
    np.testing.assert_array_equal(digits.x_train, again.x_train)
    np.testing.assert_array_equal(digits.y_test, again.y_test)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["digits.npz"]


def test_an_export_that_fails_leaves_nothing(tmp_path):
    broken = dataclasses.replace(data.load("digits"), y_test=Unreadable())
    with pytest.raises(OSError, match="cannot be read"):
        npz.export(broken, tmp_path / "digits.npz")
    assert [p for p in tmp_path.iterdir() if p.is_file()] == []


class Unreadable:
    """An array on a disk that has failed."""

    def __array__(self, *_, **__):
        raise OSError("cannot be read")


def test_export_of_ones_own_images(tmp_path):
    fill(tmp_path / "own" / "cat")
    fill(tmp_path / "own" / "dog")
    path = tmp_path / "own.npz"
    arguments = ["export", str(tmp_path / "own"), str(path), "--image-size", "4x5"]
    assert main(arguments) == 0
    assert np.load(path)["x_train"].shape == (4, 4, 5, 3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["get", "cifra10"], "did you mean 'cifar10'?"),
        (["get", "MNIST"], "did you mean 'mnist'?"),
        (["get", "fashion_mnist"], "did you mean 'fashion-mnist'?"),
        (["get", "cifar-100"], "did you mean 'cifar100'?"),
        (["get", ""], "there is no data set ''"),
        (["get", "cifar10", "--data-dir", "nowhere"], "there is no folder nowhere"),
        (["export", "digits", "digits.zip"], "digits.zip does not end in .npz"),
        (["export", "digits", "no/where.npz"], "there is no folder no."),
        (["export", "digits", "{here}"], "exists: name another file"),
    ],
)
def test_wrong_use(tmp_path, capsys, arguments, sentence):
    here = tmp_path / "here.npz"
    here.write_text("kept")
    assert main([a.format(here=here) for a in arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("python -m data: ")
    assert sentence in err
    assert here.read_text() == "kept"


@pytest.mark.parametrize(
    "arguments",
    [[], ["get"], ["get", "digits", "--image-size", "8x8x8"], ["fetch", "digits"]],
)
def test_arguments_that_cannot_be_read(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m data" in capsys.readouterr().err


def test_image_sizes():
    assert data.image_size("32") == [32, 32]
    assert data.image_size("32x48") == [32, 48]


CODE = """
import sys, data
dataset = data.load({name!r})
import numpy
assert isinstance(dataset.x_train, numpy.memmap)
heavy = {{"torch", "torchvision", "requests", "PIL", "scipy", "sklearn"}}
print(sorted(heavy & set(sys.modules)))
"""


def heavy_imports(name):
    """Return which heavy packages a process imports to load a data set."""
    command = [sys.executable, "-c", CODE.format(name=name)]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip()


def test_reading_what_is_cached_imports_next_to_nothing():
    data.load("digits")
    assert heavy_imports("digits") == "[]"


def test_preparing_real_data_does_not_import_torch(real_data, monkeypatch):
    monkeypatch.setenv("SKYLARK_DATA", str(real_data))
    assert heavy_imports("mnist") == "[]"


def quick(*options):
    quick = ["--models", "skylark", "--epochs", "1", "--seeds", "1", "--quiet"]
    return compare(*quick, *options)


def test_compare_scales_ones_own_images_and_resumes(tmp_path):
    for name, size in ("cat", (6, 4)), ("dog", (9, 9)):
        fill(tmp_path / "own" / name, count=10, size=size)
    own, out = ["--dataset", tmp_path / "own"], ["--out", tmp_path / "out"]
    done = quick(*own, *out)
    assert done.returncode == 2
    assert "choose one for all with --image-size" in done.stderr
    assert not (tmp_path / "out").exists()
    done = quick(*own, *out, "--image-size", "8")
    assert done.returncode == 0, done.stderr
    resume = [sys.executable, "compare.py", "--resume", tmp_path / "out"]
    for options, code in ([], 0), (["--image-size", "9"], 2):
        again = subprocess.run([*resume, *options], cwd=ROOT, check=False)
        assert again.returncode == code


def test_compare_takes_archives_from_a_folder(real_data, tmp_path):
    options = ["--dataset", "mnist", "--train-size", "500", "--test-size", "500"]
    done = quick(*options, "--data-dir", real_data, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "mnist" in done.stdout.lower()
    done = quick(*options, "--data-dir", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "there is no folder" in done.stderr
