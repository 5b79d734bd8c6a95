"""Archives and pickles that mean harm: refused with one sentence, nothing is run."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc

import numpy as np
import pytest

from data.formats import cifar_batches, cifar_pickle, unpack
from tests.data import tiny

WANTED = {f"{tiny.FOLDER}/data_batch_1": 1000}


def tar(*members, name=None):
    """Return a .tar.gz of (TarInfo's fields, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for fields, content in members:
            member = tarfile.TarInfo()
            for field, value in fields.items():
                setattr(member, field, value)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


GOOD = ({"name": f"{tiny.FOLDER}/data_batch_1"}, b"content")
HOSTILE = {
    "absolute": (({"name": "/tmp/skylark-evil"}, b"x"), "points outside"),
    "parent": (({"name": f"{tiny.FOLDER}/../../evil"}, b"x"), "points outside"),
    "symlink": (
        ({"name": "evil", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, b""),
        "is a link or a device",
    ),
    "hard link": (
        ({"name": "evil", "type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, b""),
        "is a link or a device",
    ),
    "device": (
        ({"name": "evil", "type": tarfile.CHRTYPE, "devmajor": 1}, b""),
        "is a link or a device",
    ),
    "pipe": (({"name": "evil", "type": tarfile.FIFOTYPE}, b""), "link or a device"),
    "large": (({"name": GOOD[0]["name"]}, bytes(1001)), "has 1,001 bytes"),
    "large, not wanted": (({"name": "evil"}, bytes(2 << 20)), "has 2,097,152 bytes"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_members(tmp_path, kind):
    member, sentence = HOSTILE[kind]
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(tar(member, GOOD))
    with pytest.raises(ValueError, match=f"cannot be unpacked: .*{sentence}"):
        unpack.tar(path, WANTED)
    assert os.listdir(tmp_path) == ["archive.tar.gz"]
    assert not os.path.exists("/tmp/skylark-evil")


def test_a_good_archive(tmp_path):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(tar(({"name": "readme.html"}, b"not wanted"), GOOD))
    assert unpack.tar(path, WANTED) == {GOOD[0]["name"]: b"content"}


def test_too_many_members(tmp_path):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(tar(*[({"name": f"file{n}"}, b"") for n in range(65)], GOOD))
    with pytest.raises(ValueError, match="more than 64 members"):
        unpack.tar(path, WANTED)


def test_a_bomb_is_not_unpacked(tmp_path):
    """A header that says that its name has 200 MB: tarfile alone would read it all."""
    path = tmp_path / "archive.tar.gz"
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 200 << 20
    with gzip.open(path, "wb", 1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(200):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpack.tar(path, WANTED)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


@pytest.mark.parametrize("keep", [0, 10, 60, -1])
def test_damaged_archives(tmp_path, keep):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(tar(GOOD)[:keep])
    with pytest.raises(ValueError, match=r"cannot be unpacked|has no"):
        unpack.tar(path, WANTED)


def test_an_archive_that_lacks_a_file(tmp_path):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(tar(({"name": "other"}, b"")))
    with pytest.raises(ValueError, match="has no cifar-10-batches-py/data_batch_1"):
        unpack.tar(path, WANTED)


@pytest.mark.parametrize("size", [9, 11, 100 << 20])
def test_gunzip_wants_the_exact_size(tmp_path, size):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes(size), 1))
    with pytest.raises(ValueError, match="does not unpack to 10 bytes"):
        unpack.gunzip(path, 10)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"cannot be unpacked|does not unpack"):
        unpack.gunzip(path, 10)


class Runs:
    """Pickles to a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_runs_nothing(tmp_path, protocol):
    evil = pickle.dumps({"data": Runs(f"touch {tmp_path}/evil")}, protocol)
    pickle.loads(evil)
    assert (tmp_path / "evil").exists()  # it is a malicious one
    (tmp_path / "evil").unlink()
    with pytest.raises(ValueError, match=r"not one of CIFAR's .* names \w+\.system"):
        cifar_pickle.batch(evil, "labels")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "reconstruct",
    [
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy.core.multiarray", "scalar"),
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("data.formats.cifar_pickle", "batch"),
    ],
)
def test_a_pickle_names_nothing_else(reconstruct):
    found = tiny.arrays()
    evil = tiny.pickled(found["x_test"], found["y_test"], reconstruct)
    with pytest.raises(ValueError, match=f"names {'.'.join(reconstruct)}"):
        cifar_pickle.batch(evil, "labels")


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_files_that_were_saved_again_are_read(protocol):
    found = tiny.arrays()
    pixels, labels = tiny.planes(found["x_test"]), found["y_test"].tolist()
    content = pickle.dumps({b"data": pixels, b"labels": labels}, protocol)
    x, y = cifar_pickle.batch(content, "labels")
    np.testing.assert_array_equal(x, pixels)
    assert y.tolist() == labels


def test_an_array_of_objects_is_refused():
    found = tiny.arrays()
    good = tiny.pickled(found["x_test"], found["y_test"])
    evil = good.replace(tiny.text(b"u1"), tiny.text(b"O8"))
    with pytest.raises(ValueError, match="not of uint8"):
        cifar_pickle.batch(evil, "labels")


@pytest.mark.parametrize("keep", [0, 1, 50, 300, -1])
def test_damaged_pickles(keep):
    found = tiny.arrays()
    good = tiny.pickled(found["x_test"], found["y_test"])
    with pytest.raises(ValueError, match="not one of CIFAR's pickles"):
        cifar_pickle.batch(good[:keep], "labels")


def test_a_pickle_that_asks_for_much_memory():
    """An index into the memo of 2^31: the list behind it would have 16 GB."""
    evil = b"\x80\x02}r\xff\xff\xff\x7f."
    with pytest.raises(ValueError, match="not one of CIFAR's pickles"):
        cifar_pickle.batch(evil, "labels")


DEEP = 100_000
DATA = tiny.pickled(*(tiny.arrays()[name] for name in ("x_test", "y_test")))
PIXELS, LABELS = DATA.split(tiny.text(b"labels"))
TEXT = b"X" + struct.pack("<I", 1 << 20) + bytes(1 << 20) + b"q\x01"  # BINUNICODE, memo


def doubled(levels):
    """Return a tuple of two times the one below it, from the memo: 2^levels leaves."""
    return b"K\x01q\x00" + b"h\x00\x86q\x00" * levels


def labelled(value):
    """Return a batch with its labels replaced."""
    return PIXELS + tiny.text(b"labels") + value + b"u."


BAD_PICKLES = {
    "nested lists": (b"\x80\x02" + b"](" * DEEP + b"e" * DEEP + b".", ""),
    "nested tuples": (b"\x80\x02)" + b"\x85" * DEEP + b".", "no data"),
    "too many instructions": (b"\x80\x02" + b"N" * 3 * DEEP + b".", "250,000 instruc"),
    "labels that nest": (
        labelled(b")" + b"\x85" * 100_000),
        "no list of whole numbers",
    ),
    "labels of the memo": (labelled(doubled(100)), "no list of whole numbers"),
    "a list of the memo's": (
        labelled(b"]" + doubled(100) + b"a"),
        "no list of whole numbers",
    ),
    "a list in itself": (labelled(b"]q\x00h\x00a"), "no list of whole numbers"),
    "a nested key": (b"\x80\x02}" + doubled(60) + b"Ns.", "a key that is no text"),
    "a deep key": (b"\x80\x02})" + b"\x85" * 100_000 + b"Ns.", "a key that is no te"),
    "labels of text": (labelled(b"](U\x011e"), "no list of whole numbers"),
    "labels that are floats": (
        labelled(b"](G" + struct.pack(">d", 1) + b"e"),
        "the instruction BINFLOAT",
    ),
    "labels that are booleans": (labelled(b"](\x88e"), "no list of whole numbers"),
    "labels above 255": (labelled(b"]J\xff\xff\xff\x7fa"), "not one of CIFAR's"),
    "labels below 0": (labelled(b"]J\xff\xff\xff\xffa"), "not one of CIFAR's"),
    "a label of 5,000 digits": (labelled(b"]I" + b"9" * 5000 + b"\na"), "not one of"),
    "no labels": (PIXELS + b"u.", "no data and labels"),
    "no dict": (b"\x80\x02].", "no data and labels"),
    "data that are no array": (
        b"\x80\x02}(U\x04dataNU\x06labels]u.",
        "its data are no array",
    ),
    "an array without a state": (
        b"\x80\x02}(U\x04data"
        + tiny.named("numpy._core.multiarray", "_reconstruct")
        + b")RU\x06labels]u.",
        "not one of CIFAR's",
    ),
    "a state for a name": (
        b"\x80\x02" + tiny.named("_codecs", "encode") + b"}U\x01aNsb.",
        "no Array where one is due",
    ),
    "copies of a text": (
        b"\x80\x02("
        + TEXT
        + (tiny.named("_codecs", "encode") + b"h\x01\x85R") * 5000
        + b"l.",
        "no data and labels",
    ),
    "an object of a class": (
        b"\x80\x02" + tiny.named("numpy", "ndarray") + b")\x81.",
        "the instruction NEWOBJ",
    ),
    "a registered extension": (b"\x80\x02\x82\x01.", "the instruction EXT1"),
    "a persistent object": (b"\x80\x02Px\n.", "the instruction PERSID"),
    "a name that steers a terminal": (b"c\x1b[2J\nx\n.", r"names \x1b[2J.x"),
    "a long name": (b"c" + b"a" * 99_999 + b"\nx\n.", "…"),
    "a shape without end": (
        DATA.replace(
            b"\x86" + tiny.named("numpy", "dtype"),
            b"\x86\x85" + tiny.named("numpy", "dtype"),
        ),
        "an array of no shape",
    ),
    "a memo that is not there": (b"\x80\x02h\x07.", "not one of CIFAR's"),
    "nothing on the stack": (b"\x80\x02.", "not one of CIFAR's"),
    "no mark": (b"\x80\x02t.", "it lacks a mark"),
    "pops through a mark": (b"\x80\x02](aN.", "its stack is too short"),
    "a text without end": (b"\x80\x02X\xff\xff\xff\x7fabc.", "not one of CIFAR's"),
    "protocol 255": (b"\x80\xff.", "not one of CIFAR's"),
}


@pytest.mark.parametrize("name", BAD_PICKLES)
def test_a_pickle_cannot_nest_hang_or_grow(name, monkeypatch):
    content, sentence = BAD_PICKLES[name]
    monkeypatch.setattr(cifar_pickle, "MOST_STEPS", 250_000)
    tracemalloc.start()
    with pytest.raises(
        ValueError, match=r"^it is not one of CIFAR's pickles: "
    ) as told:
        cifar_pickle.batch(content, "labels")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sentence in str(told.value)
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 600
    assert peak < 200e6


def test_batches_that_do_not_fit():
    """Labels fewer than images, or images of another size: that file is named."""
    found = tiny.arrays()
    files = tiny.files(found)
    for images, labels in (
        (found["x_test"], found["y_test"][:-1]),
        (found["x_test"][:, :16], found["y_test"]),
    ):
        bad = files | {"test_batch": tiny.pickled(images, labels)}
        with pytest.raises(
            ValueError, match=r"^test_batch cannot be read: it has data"
        ):
            cifar_batches.pickles(bad, tiny.BATCHES, ("test_batch",), "labels")


def test_python_2_pickles_are_read():
    """What the standard library reads with pickle.load, we read without it."""
    found = tiny.arrays()
    content = tiny.pickled(found["x_test"], found["y_test"])
    x, y = cifar_pickle.batch(content, "labels")
    np.testing.assert_array_equal(x, tiny.planes(found["x_test"]))
    np.testing.assert_array_equal(y, found["y_test"])
    reference = pickle.loads(content, encoding="bytes")
    np.testing.assert_array_equal(x, reference[b"data"])
    assert reference[b"labels"] == y.tolist()
