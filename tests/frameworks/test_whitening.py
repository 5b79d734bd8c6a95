"""The first layer of speedrun: every direction of the patches equally strong."""

import numpy as np
import pytest

from frameworks.whitening import EPSILON, filters_of, whitening
from networks.speedrun import Skylark_Speedrun


def smooth_images(n=300, shape=(9, 8, 3), dtype="uint8"):
    """Images whose neighbouring pixels are nearly equal, as in photographs."""
    noise = np.random.default_rng(0).normal(size=(n, *shape))
    sums = noise.cumsum(1).cumsum(2)
    scaled = 128 + 20 * (sums - sums.mean()) / sums.std()
    return scaled.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize("window", [(2, 2), (1, 2), (3, 3)])
def test_outputs_are_white(window, dtype):
    X = smooth_images(dtype=dtype)
    kernel = whitening(X, window, "float64")
    assert kernel.shape == (*window, 3, filters_of(3, window))
    x = X / 255 - 0.5 if dtype == "uint8" else X
    patches = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))
    patches = np.moveaxis(patches, 3, -1).reshape(-1, np.prod(kernel.shape[:3]))
    out = patches @ kernel.reshape(len(patches[0]), -1)
    half = out.shape[1] // 2
    np.testing.assert_array_equal(out[:, half:], -out[:, :half])
    second_moments = out[:, :half].T @ out[:, :half] / len(out)
    off_diagonal = second_moments - np.diag(np.diag(second_moments))
    assert np.abs(off_diagonal).max() < 1e-4
    own = np.linalg.eigvalsh(patches.T @ patches / len(patches))
    expected = own / (own + EPSILON * own.mean())  # 1, but for what hardly varies
    np.testing.assert_allclose(np.diag(second_moments), expected, rtol=1e-3)


def test_it_is_state_not_trained_and_the_same_after_training():
    X, y = smooth_images(60), np.arange(60) % 3
    settings = {"widths": (4, 4), "depth": 1, "random_state": 0, "weight_decay": 0.1}
    model = Skylark_Speedrun(**settings, epochs=2).fit(X, y)
    expected = whitening(X, (2, 2), "float32")
    np.testing.assert_array_equal(model.get_weights()["stem.conv.whitening"], expected)


@pytest.mark.parametrize("value", [0, 127, 255])
def test_images_of_one_colour(value):
    X = np.full((20, 6, 6, 1), value, "uint8")
    assert np.isfinite(whitening(X, (2, 2), "float32")).all()
