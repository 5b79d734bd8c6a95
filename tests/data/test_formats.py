"""What the official files hold, read back: the right pixel in the right place."""

import gzip
import io
import struct

import numpy as np
import pytest
from scipy.io import savemat

from data.formats import cifar_batches, idx, svhn_mat
from tests.data import tiny

PARTS = ("x_train", "y_train", "x_test", "y_test")


def same(found, expected):
    for name in PARTS:
        np.testing.assert_array_equal(found[name], expected[name])
        assert found[name].dtype == np.uint8


def test_cifars_pickles():
    expected = tiny.arrays()
    found = cifar_batches.pickles(
        tiny.files(expected), tiny.BATCHES, ("test_batch",), "labels"
    )
    same(found, expected)


def test_cifars_binary_files():
    expected = tiny.arrays()
    contents = tiny.binary_files(expected)
    same(
        cifar_batches.binary(contents, ("data_batch_1.bin",), ("test_batch.bin",), 1),
        expected,
    )
    # CIFAR-100 has two labels, the coarse one first.
    for name, content in contents.items():
        rows = np.frombuffer(content, np.uint8).reshape(-1, 3073)
        coarse = np.full((len(rows), 1), 7, np.uint8)
        contents[name] = np.hstack([coarse, rows]).tobytes()
    same(
        cifar_batches.binary(contents, ("data_batch_1.bin",), ("test_batch.bin",), 2),
        expected,
    )


def test_a_damaged_batch_is_named():
    contents = tiny.binary_files(tiny.arrays())
    contents["test_batch.bin"] = contents["test_batch.bin"][:-1]
    with pytest.raises(ValueError, match=r"^test_batch.bin cannot be read"):
        cifar_batches.binary(contents, ("data_batch_1.bin",), ("test_batch.bin",), 1)


def idx_files(expected):
    contents = {}
    for part, prefix in ("train", "train"), ("test", "t10k"):
        images, labels = expected[f"x_{part}"], expected[f"y_{part}"]
        for array, kind in (images[..., 0], "images-idx3"), (labels, "labels-idx1"):
            header = bytes([0, 0, 8, array.ndim])
            header += struct.pack(f">{array.ndim}I", *array.shape)
            contents[f"{prefix}-{kind}-ubyte"] = header + array.tobytes()
    return contents


def test_idx():
    expected = tiny.arrays()
    for name in "x_train", "x_test":
        expected[name] = expected[name][..., :1]
    contents = idx_files(expected)
    same(idx.decode(contents), expected)
    name = "t10k-labels-idx1-ubyte"
    for wrong in (
        contents[name][:-1],
        contents[name] + b"\0",
        b"",
        contents["t10k-images-idx3-ubyte"],
        bytes([0, 0, 8, 1, 255, 255, 255, 255]),
    ):
        with pytest.raises(ValueError, match=name):
            idx.decode(contents | {name: wrong})


def test_svhn():
    """Images are (h, w, c, n) there, and the digit 0 is 10."""
    expected, contents = tiny.arrays(), {}
    for part in "train", "test":
        file = io.BytesIO()
        labels = np.where(expected[f"y_{part}"] == 0, 10, 1)[:, None]
        pixels = expected[f"x_{part}"].transpose(1, 2, 3, 0)
        savemat(file, {"X": pixels, "y": labels}, do_compression=True)
        contents[f"{part}_32x32.mat"] = file.getvalue()
    same(svhn_mat.decode(contents), expected)
    damaged = contents["test_32x32.mat"][:-500]
    with pytest.raises(ValueError, match=r"^test_32x32.mat cannot be read"):
        svhn_mat.decode(contents | {"test_32x32.mat": damaged})


def test_real_mnist(real_data, tmp_path, monkeypatch):
    """An image where it should be; all counts and means are checked by `load`."""
    import data

    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path))
    mnist = data.load("mnist", data_dir=real_data)
    raw = real_data / "MNIST" / "raw"
    with gzip.open(raw / "t10k-images-idx3-ubyte.gz") as file:
        content = file.read()
    pixels = np.frombuffer(content[16 + 784 * 7 : 16 + 784 * 8], np.uint8)
    np.testing.assert_array_equal(mnist.x_test[7].ravel(), pixels)
    assert mnist.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.source.endswith(f"in {raw}")


def test_real_cifar10(real_data, tmp_path, monkeypatch):
    """From the .npz that is there, which is marked; and from folders made of it."""
    import data

    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "cache"))
    cifar10 = data.load("cifar10", data_dir=real_data)
    assert cifar10.y_train[:5].tolist() == [6, 9, 9, 4, 1]
    assert "cifar10.npz, not the published archive" in cifar10.source
    assert cifar10.classes[6] == "frog"
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    for name, start in zip(names, range(0, 50_000, 10_000), strict=True):
        part = slice(start, start + 10_000)
        labels = cifar10.y_train[part, None]
        rows = np.hstack([labels, tiny.planes(cifar10.x_train[part])])
        (folder / name).write_bytes(rows.tobytes())
    rows = np.hstack([cifar10.y_test[:, None], tiny.planes(cifar10.x_test)])
    (folder / "test_batch.bin").write_bytes(rows.tobytes())
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "other"))
    again = data.load("cifar10", data_dir=tmp_path)
    assert again.source == f"extracted files in {folder}"
    assert again.sha256 == cifar10.sha256
