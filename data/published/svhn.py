"""SVHN, Street View House Numbers: 99,289 cropped digits, 32 x 32 pixels in colour."""

from data.download.archive import Archive
from data.formats import svhn_mat
from data.published.layout import Layout
from data.published.specification import Specification


def _archive(part: str, size: int, md5: str, sha256: str) -> Archive:
    name = f"{part}_32x32.mat"
    url = f"http://ufldl.stanford.edu/housenumbers/{name}"
    return Archive(name, size, md5, sha256, (url,))


SVHN_MAT = Layout(
    archives=(
        _archive(
            "train",
            182_040_794,
            "e26dedcc434d2e4c54c9b2d4a06d8373",
            "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
        ),
        _archive(
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

SVHN = Specification(
    name="svhn",
    layouts=(SVHN_MAT,),
    classes=tuple("0123456789"),
    image_shape=(32, 32, 3),
    train=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
    test=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
    mean=(0.4377, 0.4438, 0.4728),
    std=(0.1980, 0.2010, 0.1970),
)
