"""The published data sets by name: classes, counts, means and stds.

A mean or std is the one that is published to four digits, or none.
"""

from data.published import layouts
from data.published.class_names import CIFAR10, CIFAR100, DIGITS, FASHION, HIRAGANA
from data.published.specification import Known

KNOWN = {
    known.name: known
    for known in (
        Known(
            name="cifar10",
            layouts=(layouts.CIFAR10_PYTHON, layouts.CIFAR10_BINARY),
            classes=CIFAR10,
            image_shape=(32, 32, 3),
            train=(5000,) * 10,
            test=(1000,) * 10,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
        ),
        Known(
            name="cifar100",
            layouts=(layouts.CIFAR100_PYTHON, layouts.CIFAR100_BINARY),
            classes=CIFAR100,
            image_shape=(32, 32, 3),
            train=(500,) * 100,
            test=(100,) * 100,
            mean=(0.5071, 0.4865, 0.4409),
            std=(0.2673, 0.2564, 0.2762),
        ),
        Known(
            name="mnist",
            layouts=(layouts.MNIST_IDX,),
            classes=DIGITS,
            image_shape=(28, 28, 1),
            train=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            test=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
            mean=(0.1307,),
            std=(0.3081,),
        ),
        Known(
            name="fashion-mnist",
            layouts=(layouts.FASHION_IDX,),
            classes=FASHION,
            image_shape=(28, 28, 1),
            train=(6000,) * 10,
            test=(1000,) * 10,
            mean=(0.2860,),
            std=(0.3530,),
        ),
        Known(
            name="kmnist",
            layouts=(layouts.KMNIST_IDX,),
            classes=HIRAGANA,
            image_shape=(28, 28, 1),
            train=(6000,) * 10,
            test=(1000,) * 10,
            mean=None,
            std=None,
        ),
        Known(
            name="svhn",
            layouts=(layouts.SVHN_MAT,),
            classes=DIGITS,
            image_shape=(32, 32, 3),
            train=(4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659),
            test=(1744, 5099, 4149, 2882, 2523, 2384, 1977, 2019, 1660, 1595),
            mean=(0.4377, 0.4438, 0.4728),
            std=(0.1980, 0.2010, 0.1970),
        ),
    )
}
