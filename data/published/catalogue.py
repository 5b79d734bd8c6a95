"""The catalogue: every data set that can be downloaded, by name.

Sizes and SHA-256 are those that TensorFlow Datasets records; MD5s are those that
torchvision checks (for the binary CIFAR archives, those on their authors' page). A
mirror is trusted no more than any other source: every byte is verified.
"""

from data.published import cifar, mnist, svhn

CATALOGUE = {
    spec.name: spec
    for spec in (
        cifar.CIFAR10,
        cifar.CIFAR100,
        mnist.MNIST,
        mnist.FASHION_MNIST,
        mnist.KMNIST,
        svhn.SVHN,
    )
}
