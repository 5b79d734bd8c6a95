"""The user's own arrays: other keys, shapes or contents are explained."""

import re
import zipfile

import numpy as np
import pytest

import data
from data.formats import npz
from tests.data import tiny
from tests.data.test_hostile import Runs


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays(tmp_path, save):
    save(tmp_path / "own.npz", **tiny.arrays())
    dataset = data.load(tmp_path / "own.npz")
    for name, array in tiny.arrays().items():
        np.testing.assert_array_equal(getattr(dataset, name), array)
    assert isinstance(dataset.x_train, np.memmap)
    assert dataset.classes == ("0", "1")


@pytest.mark.parametrize(
    "keys",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("x-train", "train.y", "testX", "testLabels"),
        ("train_data", "train_targets", "test_data", "test_targets"),
    ],
)
def test_other_keys_are_explained(tmp_path, keys):
    """The message says what to write, and is right."""
    found = tiny.arrays()
    order = ("x_train", "y_train", "x_test", "y_test")
    arrays = {key: found[name] for key, name in zip(keys, order, strict=True)}
    np.savez(tmp_path / "own.npz", **arrays)
    pairs = ", ".join(f"{n}={k}" for n, k in zip(order, keys, strict=True))
    sentence = (
        f"has the keys {', '.join(keys)}, expected x_train, y_train, x_test, y_test: "
        f"save it again with numpy.savez('own.npz', {pairs})."
    )
    with pytest.raises(ValueError, match=re.escape(sentence)):
        data.load(tmp_path / "own.npz")


def test_keys_that_say_nothing(tmp_path):
    np.savez(tmp_path / "own.npz", np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match=r"keys arr_0, arr_1, .*x_train=\.\.\., y_tr"):
        data.load(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("name", "array", "sentence"),
    [
        ("y_test", np.zeros((10, 1)), r"y_test of shape \(10, 1\): expected images"),
        ("y_test", np.zeros(9), r"y_test of shape \(9,\): expected images"),
        ("x_train", np.zeros((50, 9)), r"x_train of shape \(50, 9\)"),
        ("y_train", np.array([{}] * 50), "cannot be read: .*objects"),
    ],
)
def test_wrong_arrays(tmp_path, name, array, sentence):
    np.savez(tmp_path / "own.npz", **(tiny.arrays() | {name: array}))
    with pytest.raises(ValueError, match=sentence):
        data.load(tmp_path / "own.npz")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


@pytest.mark.parametrize("read", [data.load, npz.read])
def test_a_pickle_inside_is_not_run(tmp_path, read):
    evil = np.array([Runs(f"touch {tmp_path}/evil")])
    np.savez(tmp_path / "own.npz", **(tiny.arrays() | {"y_test": evil}))
    with pytest.raises(ValueError, match=r"cannot be read|not a usable"):
        read(tmp_path / "own.npz")
    assert not (tmp_path / "evil").exists()


def test_not_an_npz(tmp_path):
    (tmp_path / "own.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"is not an \.npz file"):
        data.load(tmp_path / "own.npz")
    np.savez(tmp_path / "own.npz", **tiny.arrays())
    content = (tmp_path / "own.npz").read_bytes()
    (tmp_path / "own.npz").write_bytes(content.replace(b"NUMPY", b"numpy", 1))
    with pytest.raises(ValueError, match=r"is not an \.npz file, or is damaged"):
        data.load(tmp_path / "own.npz")


@pytest.mark.parametrize("read", [data.load, npz.read])
def test_damaged_compressed_arrays(tmp_path, read):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, **tiny.arrays())
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not an|is not a usable"):
        read(path)


def test_an_npz_that_would_fill_the_disk(tmp_path):
    """It says of one array that it has four gigabytes less one, a thousand times."""
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name in data.dataset.ARRAYS:
            archive.writestr(f"{name}.npy", b"")
        for member in archive.infolist():
            member.file_size = 1 << 60
    with pytest.raises(ValueError, match=r"unpacks to 4,611,.* bytes, but the cache"):
        data.load(path)
