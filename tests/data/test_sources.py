"""The cache, the user's folder, a mirror, the hosts: in this order, each verified."""

import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from data import cache
from data.dataset import ARRAYS, Dataset, Unavailable, write
from data.download.limits import Limits
from data.published import sources
from tests.data import tiny
from tests.data.server import serving
from tests.data.test_hostile import Runs

LIMITS = Limits(slowest=1e3, total=20, patience=0.5, connect=1)


@pytest.fixture(scope="module")
def running():
    with serving(tiny.spec()[1]) as server:
        yield server


@pytest.fixture
def server(running, tmp_path, monkeypatch):
    """A server; an empty cache, and no other source in the environment."""
    running.asked.clear()
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SKYLARK_DATA", raising=False)
    monkeypatch.delenv("SKYLARK_MIRROR", raising=False)
    return running


@pytest.fixture
def load(server):
    """Load the tiny data set, whose host is of a given kind."""

    def load(kind="good", data_dir=None, **options):
        spec, _ = tiny.spec([server.url(kind, tiny.NAME)])
        return sources.load(spec, data_dir, limits=LIMITS, **options)

    return load


def is_whole(dataset):
    expected = tiny.arrays()
    for name in ARRAYS:
        array = getattr(dataset, name)
        np.testing.assert_array_equal(array, expected[name])
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
    return True


def test_from_its_host_and_then_from_the_cache(load, server):
    dataset = load()
    assert is_whole(dataset)
    assert dataset.source == f"{tiny.NAME}, verified by SHA-256"
    assert dataset.classes == tiny.CLASSES
    assert dataset.folder == cache.root() / "tiny"
    assert server.asked == [("good", None)]
    assert is_whole(load("missing"))
    assert server.asked == [("good", None)]


def test_a_mirror_is_asked_before_the_host(load, server, monkeypatch):
    mirror = server.url("good", "")
    assert is_whole(load("missing", mirror=mirror))
    assert server.asked == [("good", None)]
    monkeypatch.setenv("SKYLARK_CACHE", str(cache.root().parent / "other"))
    monkeypatch.setenv("SKYLARK_MIRROR", server.url("wrong", "").rstrip("/"))
    assert is_whole(load("good"))
    assert [kind for kind, _ in server.asked] == ["good", "wrong", "good"]


def archives(folder):
    (folder / tiny.NAME).write_bytes(tiny.spec()[1])


def extracted(folder, binary=False):
    name, contents = tiny.FOLDER, tiny.files(tiny.arrays())
    if binary:
        name, contents = "cifar-10-batches-bin", tiny.binary_files(tiny.arrays())
    (folder / name).mkdir()
    for file, content in contents.items():
        (folder / name / file).write_bytes(content)


LOCAL = {
    "an archive": archives,
    "an archive of the binary version": lambda folder: (
        folder / "binary.tar.gz"
    ).write_bytes(
        tiny.tar_gz(tiny.binary_files(tiny.arrays()), "cifar-10-batches-bin")
    ),
    "extracted pickles": extracted,
    "extracted binary files": lambda folder: extracted(folder, binary=True),
    "an .npz": lambda folder: np.savez(folder / "tiny.npz", **tiny.arrays()),
}


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize("place", ["argument", "environment"])
def test_the_users_folder_comes_first(load, server, tmp_path, monkeypatch, kind, place):
    LOCAL[kind](tmp_path)
    if place == "argument":
        dataset = load(data_dir=tmp_path)
    else:
        monkeypatch.setenv("SKYLARK_DATA", str(tmp_path))
        dataset = load()
    assert is_whole(dataset)
    assert str(tmp_path) in dataset.source
    assert ("not the published archive" in dataset.source) == (kind == "an .npz")
    assert server.asked == []


@pytest.mark.parametrize("below", ["tiny", f"{tiny.FOLDER}"])
def test_the_users_folder_may_be_deeper(load, server, tmp_path, below):
    (tmp_path / below).mkdir()
    archives(tmp_path / below)
    assert is_whole(load(data_dir=tmp_path))
    assert server.asked == []


def test_the_extracted_folder_itself_may_be_named(load, server, tmp_path):
    extracted(tmp_path)
    assert is_whole(load(data_dir=tmp_path / tiny.FOLDER))
    assert server.asked == []


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def hostile(path):
    path.write_bytes(pickle.dumps({"data": Runs("exit 1")}, 2))


@pytest.mark.parametrize(
    ("make", "spoil", "sentence"),
    [
        (archives, cut, "is not as published: it has"),
        (archives, flipped, "is not as published: its sha256 is"),
        (extracted, cut, "data_batch_1 cannot be read: it is not one of CIFAR's"),
        (extracted, hostile, "data_batch_1 cannot be read: .* names posix.system"),
        (LOCAL["an .npz"], cut, "is not an .npz file, or is damaged"),
    ],
)
def test_wrong_local_files_are_said_and_passed_over(
    load, server, tmp_path, capsys, make, spoil, sentence
):
    make(tmp_path)
    (path,) = (p for p in (*tmp_path.rglob("data_batch_1"), *tmp_path.glob("*.*")))
    spoil(path)
    before = path.read_bytes()
    assert is_whole(load(data_dir=tmp_path))
    assert server.asked == [("good", None)]
    told = capsys.readouterr().err
    assert re.search(sentence, told)
    assert "asking the next source" in told
    assert path.read_bytes() == before  # the user's file is the user's


def test_other_images_of_the_same_form_are_passed_over(load, tmp_path, capsys):
    np.savez(tmp_path / "tiny.npz", **tiny.arrays(seed=1))
    assert is_whole(load(data_dir=tmp_path))
    assert "tiny has training images of mean" in capsys.readouterr().err


def test_a_folder_that_is_not_there(load):
    with pytest.raises(FileNotFoundError, match="there is no folder nowhere"):
        load(data_dir="nowhere")


@pytest.mark.parametrize("kind", ["missing", "wrong", "truncated"])
def test_nothing_is_half_written(load, kind):
    """What is not available leaves no data set; what is wrong, not even a part."""
    with pytest.raises(
        Unavailable, match=r"^tiny is not available: .* --data-dir"
    ) as told:
        load(kind)
    assert tiny.NAME in str(told.value)
    assert [path.name for path in cache.root().iterdir() if path.is_dir()] == [
        "archives"
    ]
    parts = list((cache.root() / "archives" / "tiny").iterdir())
    assert all(path.stat().st_size == 0 for path in parts)
    assert is_whole(load())


def test_a_cache_that_is_not_whole_is_made_again(load, server):
    dataset = load()
    for spoil in (
        lambda folder: (folder / "dataset.json").unlink(),
        lambda folder: (folder / "dataset.json").write_text("{"),
        lambda folder: (folder / "dataset.json").write_text('{"name": 1}'),
        lambda folder: (folder / "y_test.npy").unlink(),
        lambda folder: (folder / "x_train.npy").write_bytes(b""),
        lambda folder: cut(folder / "x_train.npy"),
    ):
        spoil(dataset.folder)
        assert cache.find("tiny") is None
        dataset = load()
        assert is_whole(dataset)
    assert server.asked == [("good", None)]  # its archive was still there, and right


def test_what_a_killed_run_left_is_cleared_away(load):
    for name in "tiny", "tiny.new":
        (cache.root() / name).mkdir(parents=True)
        (cache.root() / name / "x_train.npy").write_bytes(b"half")
    assert is_whole(load())
    assert not (cache.root() / "tiny.new").exists()


def test_two_at_once_prepare_once(server):
    made = []

    def make(folder):
        made.append(folder)
        write(folder, tiny.arrays(), name="tiny", source="", classes=tiny.CLASSES)

    with ThreadPoolExecutor(8) as threads:
        futures = [threads.submit(cache.prepare, "tiny", make) for _ in range(8)]
        assert all(is_whole(future.result()) for future in futures)
    assert len(made) == 1


def test_the_dataset_opens_again_from_its_folder(load):
    assert is_whole(Dataset.open(load().folder))
