"""A folder of images: of every mode and size, split or not, whole or damaged."""

import re

import numpy as np
import pytest
from PIL import Image

import data
from data import cache
from data.formats import image_file
from data.own import parallel_decoding

WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)


pytestmark = pytest.mark.usefixtures("empty_cache")


@pytest.fixture
def top(tmp_path):
    return tmp_path / "pictures"


def put(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def noise(seed, size=(6, 4), mode="RGB"):
    """Return a random image; size is (width, height), Pillow's order."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (*size[::-1], channels) if channels > 1 else size[::-1]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels)


def fill(folder, count=3, **options):
    for number in range(count):
        put(noise(number, **options), folder / f"{number}.png")


@pytest.fixture
def split(top):
    """train/ and test/ with two classes each."""
    for seed, part in enumerate(("train", "test")):
        for name in "cat", "dog":
            image = noise(10 * seed + len(name) + ord(name[0]))
            put(image, top / part / name / "a.png")
            put(noise(99 + seed), top / part / name / "b.PNG")
    return top


def test_classes_and_order(split):
    dataset = data.load(split)
    assert dataset.classes == ("cat", "dog")
    assert dataset.y_train.tolist() == dataset.y_test.tolist() == [0, 0, 1, 1]
    expected = np.asarray(Image.open(split / "test" / "dog" / "a.png"))
    np.testing.assert_array_equal(dataset.x_test[2], expected)
    assert dataset.x_train.shape == (4, 4, 6, 3)
    assert isinstance(dataset.x_train, np.memmap)


def one(image, top, ending=".png", size=None, **save):
    """Load a folder whose images are all of one kind; return the first."""
    for part in "train", "test":
        path = top / part / "class" / f"image{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **save)
    return data.load(top, image_size=size).x_train[0]


def test_grey_has_one_channel(top):
    image = noise(0, mode="L")
    np.testing.assert_array_equal(one(image, top)[..., 0], np.asarray(image))


def test_black_and_white(top):
    pixels = one(noise(0, mode="L").convert("1"), top)
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels.shape[-1] == 1


def test_sixteen_bits_are_scaled_not_clipped(top):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    pixels = one(Image.fromarray(values), top)
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_thirty_two_bits_are_refused(top):
    values = np.array([[0, 1 << 20]], np.int32)
    with pytest.raises(ValueError, match=r"image\.tiff has pixels of more than 16"):
        one(Image.fromarray(values), top, ".tiff")


def test_floating_point_is_refused(top):
    values = np.array([[0, 0.5]], np.float32)
    with pytest.raises(ValueError, match=r"image\.tiff has floating-point pixels"):
        one(Image.fromarray(values), top, ".tiff")


def test_what_is_transparent_is_white(top):
    image = Image.new("RGBA", (3, 2), (*RED, 0))
    image.putpixel((1, 0), (*RED, 255))
    pixels = one(image, top)
    assert tuple(pixels[0, 0]) == WHITE
    assert tuple(pixels[0, 1]) == RED
    assert pixels.shape == (2, 3, 3)


def test_transparent_grey_stays_grey(top):
    image = Image.new("LA", (3, 2), (7, 0))
    image.putpixel((1, 0), (7, 255))
    assert one(image, top)[0, :, 0].tolist() == [255, 7, 255]


def test_palette(top):
    image = Image.new("P", (3, 2), 1)
    image.putpalette([*WHITE, *RED, *BLUE])
    image.putpixel((0, 0), 2)
    pixels = one(image, top, transparency=1)
    assert tuple(pixels[0, 0]) == BLUE
    assert tuple(pixels[0, 1]) == WHITE


def test_cmyk(top):
    pixels = one(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), top, ".jpg")
    assert np.abs(pixels[0, 0].astype(int) - RED).max() < 8
    assert pixels.shape == (8, 8, 3)


@pytest.mark.parametrize("ending", [".png", ".tiff", ".jpg"])
@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_exif_rotation(top, mode, ending):
    """A camera held upright: the file lies on its side, and says so."""
    values = np.zeros((2, 3), np.uint16)
    values[0, 2] = 65535
    image = Image.fromarray(values)
    if mode == "RGB":
        image = Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if ending == ".jpg":
        image = image.convert("RGB").resize((30, 20), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise: the right end of the top row goes down
    # Pillow does not turn a grey .tiff that is not compressed.
    packed = {"compression": "tiff_lzw"} if ending == ".tiff" else {}
    pixels = one(image, top, ending, exif=exif, **packed)
    height, width = pixels.shape[:2]
    assert (height, width) == ((30, 20) if ending == ".jpg" else (3, 2))
    bright = np.argwhere(pixels[..., 0] > 127)
    assert bright.min(axis=0).tolist() == [height * 2 // 3, width // 2]


def test_grey_and_colour_together_are_colour(top):
    fill(top / "grey", mode="L")
    fill(top / "red")
    dataset = data.load(top)
    assert dataset.x_train.shape[1:] == (4, 6, 3)
    grey = dataset.x_train[dataset.y_train == 0]
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])


def test_several_sizes_need_one(top):
    fill(top / "cat", size=(6, 4))
    fill(top / "dog", size=(10, 20))
    with pytest.raises(ValueError, match=r"2 sizes, such as 4x6 .*20x10 .*--image-si"):
        data.load(top)
    assert data.load(top, image_size=8).x_train.shape == (4, 8, 8, 3)
    assert data.load(top, image_size=(8, 5)).x_train.shape == (4, 8, 5, 3)


def test_scaling_does_not_distort(top):
    """A square in the middle of a wide image is still a square."""
    pixels = np.zeros((40, 120), np.uint8)
    pixels[10:30, 50:70] = 255
    small = one(Image.fromarray(pixels), top, size=20)[..., 0]
    bright = small > 127
    assert bright.sum(axis=0).max() == bright.sum(axis=1).max() == 10


def test_damaged_files_are_all_named_at_once(top, tmp_path):
    fill(top / "cat", count=5)
    fill(top / "dog", count=5, size=(50, 60))
    (top / "cat" / "1.png").write_bytes(b"")
    (top / "cat" / "2.png").write_text("no image")
    whole = (top / "dog" / "3.png").read_bytes()
    (top / "dog" / "3.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="3 files that cannot be read") as told:
        data.load(top)
    sentence = str(told.value)
    assert (
        "cat/1.png is empty; cat/2.png is not an image; dog/3.png cannot be decoded"
        in sentence
    )
    assert "\n" not in sentence
    cached = {path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()}
    assert cached == set()


def test_a_long_list_is_cut(top):
    fill(top / "cat", count=5)
    for number in range(60):
        (top / "cat" / f"{number}.jpg").write_bytes(b"%d" % number)
    with pytest.raises(ValueError, match=r"60 files .*; and 10 more\.$"):
        data.load(top)


def test_a_file_that_is_changed_while_it_is_read(split, monkeypatch):
    key, path = cache.key, next((split / "train" / "cat").iterdir())

    def change(*args):
        put(noise(1234), path)
        return key(*args)

    monkeypatch.setattr(cache, "key", change)
    with pytest.raises(ValueError, match=f"{path.name} was changed while it was read"):
        data.load(split)


def test_a_bomb_is_not_decoded(top):
    """A small file that says that it has 10^10 pixels."""
    fill(top / "cat", count=5)
    path = put(Image.new("L", (1, 1)), top / "cat" / "bomb.png")
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"1 file that cannot be read.*bomb\.png"):
        data.load(top)


def test_another_format_by_the_name_of_a_png_is_not_opened(top):
    """Pillow goes by content, and would start Ghostscript for PostScript."""
    fill(top / "cat", count=5)
    (top / "cat" / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )
    with pytest.raises(ValueError, match=r"cat/a\.png is not an image"):
        data.load(top)


def test_images_of_very_many_pixels(top):
    """Refused as they are; a photo that is to be scaled is decoded in fewer pixels."""
    size = (8000, 6300)  # 50.4 million
    fill(top / "cat", count=5)
    put(Image.new("1", size), top / "cat" / "large.png")
    with pytest.raises(
        ValueError, match=r"large\.png has 50,400,000 pixels, more than"
    ):
        data.load(top, image_size=8)
    (top / "cat" / "large.png").unlink()
    put(Image.new("L", size, 200), top / "cat" / "photo.jpg")
    dataset = data.load(top, image_size=8)
    means = np.concatenate([dataset.x_train, dataset.x_test]).mean(axis=(1, 2, 3))
    assert np.isclose(means, 200, atol=1).any()


def test_pixels_in_flight_are_bounded_over_all_threads():
    budget = image_file._Budget(100)
    most = []

    def decode(pixels):
        with budget.of(pixels):
            most.append(budget.used)

    parallel_decoding.in_threads(decode, [60, 40, 100, 1, 99, 50] * 20)
    assert max(most) <= 100
    assert budget.used == 0
    with pytest.raises(image_file.Unreadable):
        decode(101)


@pytest.mark.parametrize("below", [".", "train"])
def test_one_folder_is_split_by_content(top, tmp_path, below):
    """A fifth of each class; the same images under other names, in another order."""
    folder = top / below
    fill(folder / "cat", count=10)
    for number in range(20):
        put(noise(100 + number), folder / "dog" / f"{number}.png")
    first = data.load(top)
    assert np.bincount(first.y_test).tolist() == [2, 4]
    assert np.bincount(first.y_train).tolist() == [8, 16]
    other = tmp_path / "other"
    for path in folder.rglob("*.png"):
        name = f"{99 - int(path.stem)}.png"
        (other / path.parent.name).mkdir(parents=True, exist_ok=True)
        (other / path.parent.name / name).write_bytes(path.read_bytes())
    second = data.load(other)

    def rows(images):
        return {image.tobytes() for image in images}

    assert rows(first.x_test) == rows(second.x_test)
    assert not rows(first.x_test) & rows(first.x_train)
    assert len(rows(first.x_test) | rows(first.x_train)) == 30


def test_the_cache_goes_by_content(split, monkeypatch):
    first = data.load(split)
    decoded = []
    with monkeypatch.context() as patch:
        patch.setattr(parallel_decoding, "pixels", lambda *_: decoded.append(1))
        (split / "train" / "cat" / "a.png").touch()
        assert data.load(split).folder == first.folder
    assert decoded == []
    put(noise(1234), split / "train" / "cat" / "a.png")
    changed = data.load(split)
    assert changed.sha256 != first.sha256
    assert data.load(split, image_size=4).sha256 != changed.sha256


def test_what_is_no_image_is_left_alone(split):
    (split / "train" / "cat" / "Thumbs.db").write_bytes(b"x")
    (split / "train" / "notes.txt").write_text("x")
    assert data.load(split).classes == ("cat", "dog")


def test_a_class_for_testing_alone_is_an_error(split):
    fill(split / "test" / "zebra")
    with pytest.raises(ValueError, match=r"has classes that are not in .*train: zebra"):
        data.load(split)


def test_no_images(top):
    top.mkdir()
    with pytest.raises(ValueError, match="has no images at train/CLASS"):
        data.load(top)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        data.load(top / "nowhere")


@pytest.mark.parametrize("size", [0, -1, (8,), (8, 0), (8, 8, 3), 2.5, "8"])
def test_a_wrong_size(split, size):
    with pytest.raises((ValueError, TypeError), match=re.escape(str(size))):
        data.load(split, image_size=size)


def test_a_size_is_for_folders(tmp_path):
    for name in "digits", "cifar10", "file.npz":
        with pytest.raises(ValueError, match=f"not for {name}"):
            data.load(name, image_size=8)
