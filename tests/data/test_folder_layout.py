"""What the folders of a user's images mean, and what is said about it."""

import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

import data
from data.own.split import choose_test

pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture
def top(tmp_path):
    return tmp_path / "pets"


def fill(*folders, count=3, ending=".png"):
    """Put `count` images into each folder, all of them different."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            fill.made += 1
            pixels = np.full((4, 4, 3), fill.made % 251, np.uint8)
            pixels[0, 0] = fill.made // 251
            path = folder / f"{fill.made}{ending}"
            Image.fromarray(pixels).save(path, **fill.options.get(ending, {}))


fill.made = 0
fill.options = {".webp": {"lossless": True}, ".jfif": {"format": "JPEG"}}


def classes(folder, names=("cat", "dog")):
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("TRAINING", "TESTING"),
        ("training_set", "test_set"),
        ("train-data", "test data"),
        ("train", "val"),
        ("train", "Validation"),
    ],
)
def test_parts_by_their_usual_names(top, train, test, capsys):
    fill(*classes(top / train), count=5)
    fill(*classes(top / test), count=2)
    dataset = data.load(top)
    assert (len(dataset.x_train), len(dataset.x_test)) == (10, 4)
    assert dataset.classes == ("cat", "dog")
    said = capsys.readouterr().err
    assert "2 classes (cat 7, dog 7 images)" in said
    assert f"10 for training from {train}/ and 4 for testing from {test}/" in said


def test_images_for_validation_are_not_used_beside_those_for_testing(top, capsys):
    for part, count in ("train", 5), ("val", 3), ("test", 2):
        fill(*classes(top / part), count=count)
    dataset = data.load(top)
    assert (len(dataset.x_train), len(dataset.x_test)) == (10, 4)
    assert "Not used: val/." in capsys.readouterr().err


def test_a_folder_around_the_data_set(top, capsys):
    fill(*classes(top / "archive" / "pets" / "train"), count=5)
    fill(*classes(top / "archive" / "pets" / "test"), count=2)
    fill(top / "__MACOSX" / "archive", top / ".git")
    assert len(data.load(top).x_test) == 4
    assert "archive/pets/train/" in capsys.readouterr().err


@pytest.mark.parametrize(
    "folders",
    [
        ["train", "Training"],  # two that mean one
        ["train_old", "train"],
        ["train1", "test1"],
        ["fold/train", "fold/test", "other/train"],  # one level too high
        ["cat/train", "cat/test", "dog/train"],  # classes above the parts
        ["test", "val"],
        ["seg_train", "seg_test"],
        ["fold1", "fold2", "fold3"],  # all of the same classes
        ["split_0", "split_1"],
        ["setA", "setB"],
    ],
)
def test_what_is_not_clear_is_refused(top, folders):
    for folder in folders:
        fill(*classes(top / folder))
    with pytest.raises(ValueError, match=r"train/") as told:
        data.load(top)
    assert "pets" in str(told.value)


def test_folders_of_the_same_names_in_every_class(top):
    """As the refusal says: below train/ they are taken for what they are."""
    fill(*classes(top / "train" / "cat", ("left", "right")))
    fill(*classes(top / "train" / "dog", ("left", "right")))
    assert data.load(top).classes == ("cat", "dog")


def test_parts_without_classes_are_refused(top):
    fill(top / "train", top / "test")
    with pytest.raises(ValueError, match="has no folder for each class"):
        data.load(top)


@pytest.mark.parametrize(
    "names",
    [
        ["bus", "car", "train"],
        ["invalid", "valid"],
        ["bullet train", "freight train"],
    ],
)
def test_classes_whose_names_are_those_of_parts(top, names):
    fill(*classes(top, names))
    assert data.load(top).classes == tuple(names)


def test_what_systems_leave_behind_is_no_class(top):
    fill(
        *classes(top), top / ".ipynb_checkpoints", top / "__MACOSX", top / "cat/.trash"
    )
    (top / "cat" / "._0.png").write_bytes(b"no image")
    dataset = data.load(top)
    assert dataset.classes == ("cat", "dog")
    assert len(dataset.y_train) + len(dataset.y_test) == 6


@pytest.mark.parametrize("ending", [".jfif", ".avif", ".JPE", ".pgm", ".tga", ".webp"])
def test_every_ending_that_is_in_use(top, ending):
    if ending == ".avif" and not Image.registered_extensions().get(".avif"):
        pytest.skip("this Pillow has no AVIF")
    fill(*classes(top))
    fill(*classes(top), count=2, ending=ending)
    dataset = data.load(top)
    assert len(dataset.y_train) + len(dataset.y_test) == 10


def test_a_class_without_images_is_an_error(top):
    fill(*classes(top))
    for name in "heic", "empty":
        (top / name).mkdir()
    (top / "heic" / "a.heic").write_bytes(b"x")
    with pytest.raises(ValueError, match="has no images for empty, heic: remove"):
        data.load(top)


def test_what_is_left_out_is_said(top, capsys):
    fill(*classes(top))
    for name in "a.heic", "b.heic", "notes.txt":
        (top / "cat" / name).write_bytes(b"x")
    (top / "dog" / "gone.png").symlink_to(top / "nowhere.png")
    os.mkfifo(top / "dog" / "pipe.png")
    data.load(top)
    said = capsys.readouterr().err
    assert "left out in pets/: 2 .heic, 2 .png, 1 .txt, such as cat/a.heic." in said


def test_links_to_folders_are_followed_but_not_round(top, tmp_path):
    fill(*classes(top))
    fill(tmp_path / "more")
    (top / "cat" / "more").symlink_to(tmp_path / "more")
    (top / "cat" / "again").symlink_to(top / "cat")
    (top / "fox").symlink_to(tmp_path / "more")
    dataset = data.load(top)
    assert dataset.classes == ("cat", "dog", "fox")
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    assert np.bincount(labels).tolist() == [6, 3, 3]


@pytest.mark.parametrize("target", [".", "dog"])
def test_links_to_other_classes_are_refused(top, target):
    """All images below the link would be cats as well."""
    fill(*classes(top))
    (top / "cat" / "link").symlink_to(top / target)
    with pytest.raises(ValueError, match=r"cat/link leads to .* other classes: remove"):
        data.load(top)


@pytest.mark.parametrize("place", ["fox", "train/fox", "train"])
def test_a_link_to_nowhere_loses_no_class(top, place):
    fill(*classes(top / place.rpartition("/")[0]))
    (top / place).symlink_to(top / "gone")
    with pytest.raises(ValueError, match=f"{place} leads nowhere: mend or remove it"):
        data.load(top)


def test_a_class_without_images_for_testing_is_said(top, capsys):
    fill(*classes(top / "train", ("cat", "dog", "fox")), *classes(top / "test"))
    data.load(top)
    assert "test has no images for fox." in capsys.readouterr().err


def test_two_spellings_of_one_name(top):
    composed = unicodedata.normalize("NFC", "Käse")
    for part, form in ("train", "NFC"), ("train", "NFD"), ("test", "NFD"):
        fill(top / part / unicodedata.normalize(form, composed), top / part / "Brot")
    dataset = data.load(top)
    assert dataset.classes == ("Brot", composed)
    assert np.bincount(dataset.y_train).tolist() == [6, 6]


def test_names_that_are_no_text(top):
    for name in b"caf\xe9", b"l" * 240, b"\x1b[31mred":
        fill(top / os.fsdecode(name))
    dataset = data.load(top)
    assert dataset.classes == ("\\x1b[31mred", "caf\\udce9", "l" * 240)
    names = [dataset.name, dataset.source, *dataset.classes]
    assert "".join(names).isprintable()
    assert "".join(names).encode("utf-8")


def test_a_long_name_of_the_folder_itself(tmp_path):
    top = tmp_path / os.fsdecode(b"\xff" + b"p" * 240)
    fill(*classes(top))
    assert data.load(top).name.startswith("\\udcffpp")


class TestSplit:
    def test_a_small_class_has_one_for_testing(self):
        sides = choose_test([(0, "a"), (0, "b"), (1, "c"), (1, "d"), (1, "e")])
        assert sides == [True, False, True, False, False]

    @pytest.mark.parametrize("images", [[(0, "a")], [(0, "a"), (0, "a")]])
    def test_a_class_of_one_image_cannot_be_split(self, images, top):
        with pytest.raises(IndexError):
            choose_test(images)
        fill(*classes(top))
        fill(top / "fox", count=1)
        with pytest.raises(ValueError, match="one image of the class fox"):
            data.load(top)

    def test_equal_images_are_on_one_side(self):
        rng = np.random.default_rng(0)
        for _ in range(50):
            labels = rng.integers(3, size=60)
            groups = np.where(rng.random(60) < 0.9, labels, 9)  # 9: in any class
            images = [
                (label, f"{group} {rng.integers(20)}")
                for label, group in zip(labels, groups, strict=True)
            ]
            sides = {}
            for (_, digest), side in zip(images, choose_test(images), strict=True):
                assert sides.setdefault(digest, side) == side
            for label in range(3):
                of_class = {sides[digest] for n, digest in images if n == label}
                assert of_class == {True, False}


def test_equal_images_in_both_parts_are_said(top, capsys):
    fill(*classes(top / "train"), *classes(top / "test"))
    one = next((top / "train" / "cat").iterdir())
    (top / "test" / "cat" / "copy.png").write_bytes(one.read_bytes())
    data.load(top)
    assert "1 of the test images are training images too" in capsys.readouterr().err
