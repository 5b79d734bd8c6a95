"""Features: any layer by name, alike in all four, and better than pixels."""

from examples.features import accuracies
from models import Skylark_CNN


def test_features_beat_pixels_on_cifar10(cifar10):
    """By three points and more, with 2,500 images."""
    X, y = cifar10
    train, test = slice(0, 2500), slice(5000, 6400)
    on_pixels, on_features = accuracies(
        X[train], y[train], X[test], y[test], Skylark_CNN
    )
    assert on_features > on_pixels + 0.03
