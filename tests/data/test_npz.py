"""The user's own arrays: other keys, shapes or contents are explained."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import data
from data import cache
from data.dataset import ARRAYS
from data.formats import npz
from tests.data import tiny
from tests.data.test_hostile import Runs

pytestmark = pytest.mark.usefixtures("empty_cache")


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
        ("x", "y", "x_val", "y_val"),
    ],
)
def test_other_keys_in_use(tmp_path, keys):
    found = tiny.arrays()
    arrays = {key: found[name] for key, name in zip(keys, ARRAYS, strict=True)}
    np.savez(tmp_path / "own.npz", **arrays)
    dataset = data.load(tmp_path / "own.npz")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(dataset, name), found[name])


def test_what_is_wrong_is_said_in_the_files_own_names(tmp_path):
    np.savez(tmp_path / "own.npz", images=np.zeros((9, 4, 4)) * 1j, labels=np.ones(9))
    with pytest.raises(ValueError, match=r"own\.npz: images of complex128: pixels are"):
        data.load(tmp_path / "own.npz")


def test_images_for_validation_are_not_used_beside_those_for_testing(tmp_path, capsys):
    found = tiny.arrays()
    further = {"x_val": found["x_test"][:3], "y_val": found["y_test"][:3]}
    np.savez(tmp_path / "own.npz", **found, **further, names=np.array(["a"]))
    assert len(data.load(tmp_path / "own.npz").x_test) == 10
    assert "own.npz: not used: x_val, y_val, names." in capsys.readouterr().err


def test_images_without_a_test_set(tmp_path, capsys):
    """A fifth of each class is for testing; copies of an image are on one side."""
    found = tiny.arrays()
    x, y = found["x_train"], found["y_train"]
    np.savez(tmp_path / "own.npz", x=np.concatenate([x, x[::-1]]), y=[*y, *y[::-1]])
    dataset = data.load(tmp_path / "own.npz")
    assert np.bincount(dataset.y_test).tolist() == [12, 8]
    train, test = ({x.tobytes() for x in p} for p in (dataset.x_train, dataset.x_test))
    assert not train & test
    assert "a fifth of each class, 20, is for testing" in capsys.readouterr().err


def test_the_advice_for_keys_that_say_nothing_can_be_followed(tmp_path, monkeypatch):
    found = tiny.arrays()
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", *(found[name] for name in ("y_test", "x_train", "y_train")))
    with pytest.raises(
        ValueError, match=r"keys arr_0, arr_1, arr_2, .*it needs images"
    ):
        data.load("own.npz")
    np.savez("own.npz", *(found[name] for name in reversed(ARRAYS)))
    before = Path("own.npz").read_bytes()
    with pytest.raises(
        ValueError, match=r"the keys arr_0, .*: a = numpy\.load"
    ) as told:
        data.load("own.npz")
    exec(str(told.value).partition("x and y: ")[2], {"numpy": np})
    assert Path("own.npz").read_bytes() == before
    np.testing.assert_array_equal(data.load("own-2.npz").x_test, found["x_test"])


def test_the_advice_for_labels_that_are_objects_can_be_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = np.array(["cat", "dog"], object)
    found = tiny.arrays()
    for part in "train", "test":
        found[f"y_{part}"] = words[found[f"y_{part}"]]
        np.savez("own.npz", **found)
    for name in "own.npz", "own-2.npz":
        with pytest.raises(ValueError, match=r"cannot be read: y_.* objects") as told:
            data.load(name)
        exec(str(told.value).partition("as text: ")[2], {"numpy": np})
    assert data.load("own-2-2.npz").classes == ("cat", "dog")


def test_the_advice_names_the_file_with_its_folder(tmp_path):
    path, found = tmp_path / "own.npz", tiny.arrays()
    np.savez(path, *(found[name] for name in ARRAYS))
    with pytest.raises(ValueError, match="the keys") as told:
        data.load(path)
    exec(str(told.value).partition("x and y: ")[2], {"numpy": np})
    assert len(data.load(tmp_path / "own-2.npz").x_train) == 50


def test_images_that_are_objects(tmp_path):
    sizes = np.empty(2, object)
    sizes[:] = [np.zeros((n, n, 3), np.uint8) for n in (4, 5)]
    np.savez(tmp_path / "own.npz", x=sizes, y=[0, 1])
    with pytest.raises(ValueError, match="Images of several sizes must be scaled to"):
        data.load(tmp_path / "own.npz")


def test_a_file_that_is_replaced_while_it_is_read(tmp_path, monkeypatch):
    """What is in the cache under a digest is what has that digest."""
    path, other = tmp_path / "own.npz", tmp_path / "other.npz"
    np.savez(path, **tiny.arrays(1))
    np.savez(other, **tiny.arrays(2))
    key = cache.key

    def replace(*args):  # called between the hash and the reading
        if other.exists():
            other.replace(path)
        return key(*args)

    monkeypatch.setattr(cache, "key", replace)
    first, second = data.load(path), data.load(path)
    np.testing.assert_array_equal(first.x_train, tiny.arrays(1)["x_train"])
    np.testing.assert_array_equal(second.x_train, tiny.arrays(2)["x_train"])


def test_a_file_that_is_changed_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "own.npz"
    np.savez(path, **tiny.arrays(1))
    key = cache.key

    def change(*args):
        np.savez(path, **tiny.arrays(2))
        return key(*args)

    monkeypatch.setattr(cache, "key", change)
    with pytest.raises(ValueError, match="was changed while it was read"):
        data.load(path)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_a_single_array(tmp_path):
    np.save(tmp_path / "own.npy", np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="holds one array, of images or of labels"):
        data.load(tmp_path / "own.npy")


def test_an_ending_in_capitals_and_members_without_one(tmp_path):
    np.savez(tmp_path / "own.npz", **tiny.arrays())
    with (
        zipfile.ZipFile(tmp_path / "own.npz") as archive,
        zipfile.ZipFile(tmp_path / "OWN.NPZ", "w") as other,
    ):
        for name in ARRAYS:
            other.writestr(name, archive.read(f"{name}.npy"))
    assert len(data.load(tmp_path / "OWN.NPZ").x_train) == 50


@pytest.mark.parametrize("read", [data.load, npz.read])
def test_names_that_do_not_fit_the_system(tmp_path, read):
    path = tmp_path / os.fsdecode(b"\xff\x1b[2J" + b"n" * 200 + b".npz")
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match="is not an") as told:
        read(path)
    assert str(told.value).isprintable()
    np.savez(path, **tiny.arrays())
    assert len(read(path) if read is npz.read else read(path).classes) in (2, 4)


def saved(tmp_path, **other):
    """Save the tiny arrays, some of them replaced; return the file."""
    np.savez(tmp_path / "own.npz", **(tiny.arrays() | other))
    return tmp_path / "own.npz"


def both(change):
    """Return the arrays of images, changed."""
    found = tiny.arrays()
    return {name: change(found[name]) for name in ("x_train", "x_test")}


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y[:, None],
        lambda y: np.eye(2)[y],
        lambda y: y.astype(np.float64),
        lambda y: np.asfortranarray(np.eye(2, dtype=bool)[y]),
    ],
)
def test_labels_in_other_forms(tmp_path, change):
    found = tiny.arrays()
    other = {name: change(found[name]) for name in ("y_train", "y_test")}
    dataset = data.load(saved(tmp_path, **other))
    np.testing.assert_array_equal(dataset.y_train, found["y_train"])
    assert dataset.classes == ("0", "1")


@pytest.mark.parametrize("dtype", ["i8", "u2", "f4", "f8", "f2", ">i4"])
def test_whole_numbers_to_255_are_pixels(tmp_path, dtype):
    dataset = data.load(saved(tmp_path, **both(lambda x: x.astype(dtype))))
    assert dataset.x_train.dtype == np.uint8
    np.testing.assert_array_equal(dataset.x_train, tiny.arrays()["x_train"])


def test_white_of_sixteen_bits_and_of_one(tmp_path):
    dataset = data.load(saved(tmp_path, **both(lambda x: x * np.uint16(257))))
    np.testing.assert_array_equal(dataset.x_test, tiny.arrays()["x_test"])
    (tmp_path / "own.npz").unlink()
    dataset = data.load(saved(tmp_path, **both(lambda x: x > 127)))
    assert np.unique(dataset.x_train).tolist() == [0, 255]


def test_floats_in_a_range_for_training_are_kept(tmp_path):
    dataset = data.load(saved(tmp_path, **both(lambda x: (x / 127.5 - 1) * 2)))
    np.testing.assert_array_equal(
        dataset.x_train, (tiny.arrays()["x_train"] / 127.5 - 1) * 2
    )


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            both(lambda x: x + 0.5),
            "floats from 0.5 to 255.5, which are no pixels: divide",
        ),
        (both(lambda x: x - 127.5), "floats from -127.5 to 127.5, which are no pixels"),
        (both(lambda x: x.astype(int) - 1), "whole numbers from -1 to 254, which are"),
        (
            both(lambda x: x * np.int32(300)),
            "whole numbers from 0 to 76500, which are no pixels",
        ),
        (both(lambda x: x * np.nan), "not finite"),
        (
            both(lambda x: x.transpose(0, 3, 1, 2)),
            r"looks like \(n, c, h, w\). Save x_t",
        ),
        (
            {"x_test": np.zeros((10, 32, 32, 3))},
            r"x_train uint8 \(.*\) and x_test float64",
        ),
        (
            {"x_train": tiny.arrays()["x_train"] / 255},
            r"x_train float64 \(floats from 0 to 1\) and x_test uint8 \(whole numbers",
        ),
        ({"x_test": np.zeros((10, 16, 32, 3), np.uint8)}, "of another size than those"),
        ({"x_test": np.zeros((10, 32, 32, 1), np.uint8)}, "of another size than those"),
        (
            {"x_train": np.zeros((50, 9))},
            r"x_train of shape \(50, 9\): expected images",
        ),
        (
            {"x_train": np.zeros((0, 9, 9)), "y_train": []},
            r"shape \(0, 9, 9\): there are no images",
        ),
        ({"x_train": np.zeros((50, 32, 32, 3), complex)}, "x_train of complex128"),
        (
            {"y_test": np.zeros(9)},
            r"y_test of shape \(9,\): expected one label for each",
        ),
        ({"y_test": np.full(10, 7)}, "y_test has labels that y_train lacks: 7"),
        ({"y_test": np.full(10, 2**40)}, "labels that y_train lacks: 1099511627776"),
        ({"y_test": np.full(10, "cat")}, "one holds words, the other numbers"),
        ({"y_train": np.linspace(0, 1, 50)}, "y_train holds fractions or NaN"),
        ({"y_train": np.zeros((50, 2))}, "rows that are 1 at their class"),
        ({"y_train": np.zeros(50, "M8[s]")}, "labels are numbers or words"),
        ({"y_train": np.zeros(50, "i4,i4")}, "labels are numbers or words"),
        ({"y_train": np.array([{}] * 50)}, "cannot be read: .*objects"),
    ],
)
def test_what_has_no_one_meaning_is_refused(tmp_path, other, sentence):
    path = saved(tmp_path, **other)
    with pytest.raises(ValueError, match=sentence) as told:
        data.load(path)
    assert str(told.value).startswith(str(path))
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def member(shape=(2**40,), dtype="<f8", header=None):
    """Return an .npy file of a header alone."""
    out = io.BytesIO()
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, about)
    if header is not None:
        out = io.BytesIO(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little"))
        out.seek(0, io.SEEK_END)
        out.write(header)
    return out.getvalue()


@pytest.mark.parametrize("read", [data.load, npz.read])
@pytest.mark.parametrize(
    "content",
    [
        member(),
        member((10**6, 10**6, 10**6)),
        member((2**63, 2)),
        member((-1, 5)),
        member(header=b"[" * 9000),
        member(header=b"{'descr': '<f8', 'shape': ("),
        member(header=b"__import__('os').system('true')"),
        member(header=b"\xff\xfe"),
        b"\x93NUMPY\x09\x00",
        b"\x93NUM",
        b"PK\x03\x04 a zip inside",
        b"",
    ],
)
def test_headers_that_promise_what_is_not_there(tmp_path, read, content):
    path = saved(tmp_path)
    with zipfile.ZipFile(path) as archive:
        others = {name: archive.read(f"{name}.npy") for name in ARRAYS[1:]}
    with zipfile.ZipFile(path, "w") as archive:
        for name, whole in (others | {"x_train": content}).items():
            archive.writestr(f"{name}.npy", whole)
    with pytest.raises(ValueError, match=r"own\.npz (is|has|lacks)") as told:
        read(path)
    assert len(str(told.value)) < 700


@pytest.mark.parametrize("read", [data.load, npz.read])
@pytest.mark.parametrize(
    "packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damage_in_every_compression(tmp_path, read, packed):
    path = saved(tmp_path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"is not an \.npz file, or is damaged in x_tr"
    ):
        read(path)


@pytest.mark.parametrize("read", [data.load, npz.read])
def test_a_pickle_inside_is_not_run(tmp_path, read):
    evil = np.array([Runs(f"touch {tmp_path}/evil")])
    np.savez(tmp_path / "own.npz", **(tiny.arrays() | {"y_test": evil}))
    with pytest.raises(ValueError, match="cannot be read"):
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


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (data.load, r"unpacks to 4,611,.* bytes, but the cache has room for"),
        (npz.read, r"holds 4,611,.* bytes of arrays"),
    ],
)
def test_an_npz_that_would_fill_disk_or_memory(tmp_path, read, sentence):
    """Four arrays of 2^60 bytes each, as their headers and the directory agree."""
    path = tmp_path / "own.npz"
    side = 1 << 20
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name in ARRAYS:
            shape = (side, side, side) if name[0] == "x" else (side, side**2)
            content = member(shape, "|u1")
            archive.writestr(f"{name}.npy", content)
            archive.infolist()[-1].file_size = (1 << 60) + len(content)
    with pytest.raises(ValueError, match=sentence):
        read(path)
