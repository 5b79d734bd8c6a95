"""The cache: what is found in it is checked, whoever put it there."""

import json
import os

import numpy as np
import pytest

import data
from data import cache
from data.dataset import ARRAYS, Dataset

pytestmark = pytest.mark.usefixtures("empty_cache")


def about(**other):
    return json.dumps(
        {"name": "n", "source": "s", "classes": ["0"], "sha256": "0"} | other
    )


def write(path, array):
    path.unlink()
    np.save(path, array)


def replace(name, content):
    def change(folder):
        (folder / name).write_text(content)

    return change


def array(name, value):
    return lambda folder: write(folder / f"{name}.npy", value)


def pipe(name):
    def change(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def device(name):
    def change(folder):
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")

    return change


@pytest.mark.parametrize(
    "change",
    [
        replace("dataset.json", "[" * 100_000),
        replace("dataset.json", "[]"),
        replace("dataset.json", "{}"),
        replace("dataset.json", about(classes="0123456789")),
        replace("dataset.json", about(classes=[0, 1])),
        replace("dataset.json", about(name=None)),
        replace("dataset.json", about(more=1)),
        replace("x_train.npy", ""),
        array("y_train", np.zeros(3, np.uint8)),
        array("y_test", np.zeros((360, 1), np.uint8)),
        array("x_train", np.zeros((1437, 64), np.uint8)),
        array("x_test", np.zeros((360, 4, 4, 1), np.uint8)),
        array("x_test", np.array([{}])),
        *(
            make(name)
            for make in (pipe, device)
            for name in ("dataset.json", "x_test.npy")
        ),
    ],
)
def test_what_is_wrong_in_the_cache_is_made_anew(change):
    folder = data.load("digits").folder
    change(folder)
    dataset = data.load("digits")
    assert dataset.name == "digits"
    assert dataset.x_train.shape == (1437, 8, 8, 1)


def test_a_folder_that_is_moved_is_the_same_data_set(tmp_path):
    folder = data.load("digits").folder
    folder.rename(tmp_path / "elsewhere")
    dataset = Dataset.open(tmp_path / "elsewhere")
    assert all(len(getattr(dataset, name)) for name in ARRAYS)


def test_a_relative_cache_is_found_from_another_folder(tmp_path, monkeypatch):
    """A trial opens the data set from a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKYLARK_CACHE", "here")
    folder = data.load("digits").folder
    monkeypatch.chdir("/")
    assert len(Dataset.open(folder).x_test) == 360
    monkeypatch.setenv("SKYLARK_CACHE", "~/there")
    assert cache.root().is_absolute()
    assert cache.root().name == "there"
    assert "~" not in str(cache.root())
