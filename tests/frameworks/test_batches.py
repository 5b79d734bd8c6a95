"""The batches: each image once, scaled, with weights that average 1."""

import sys

import numpy as np
import pytest

from frameworks.batches import Batches, scale


def make(n=100, batch_size=16, dtype="float32", seed=(1, 2)):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, 4, 5, 3), np.uint8)
    y, w = np.arange(n), rng.uniform(0.5, 2, n).astype(dtype)
    w[::7] = 0
    return X, w, Batches(X, y, w, seed=seed, batch_size=batch_size, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_are_scaled_exactly_as_said(dtype):
    x = np.arange(256, dtype=np.uint8)
    expected = x.astype(dtype) / np.array(255, dtype) - np.array(0.5, dtype)
    assert (scale(x, dtype) == expected).all()
    assert scale(x, dtype).dtype == dtype


def test_each_image_with_weight_comes_once():
    X, w, batches = make()
    rows = np.concatenate([y for _, y, _ in batches])
    assert sorted(rows) == list(np.flatnonzero(w))
    assert [len(y) for _, y, _ in batches] == [16] * 5 + [5]
    for x, y, some in batches:
        assert (x == scale(X[y], "float32")).all()
        np.testing.assert_allclose(some, w[y] / w[y].mean(), rtol=1e-6)


def test_batches_that_are_kept_are_not_overwritten():
    X, _, batches = make()
    kept = list(batches)
    views = [x[1:2, 1:] for x, _, _ in batches]  # of batches that are gone themselves
    for (x, y, _), view in zip(kept, views, strict=True):
        assert (x == scale(X[y], "float32")).all()
        assert (view == x[1:2, 1:]).all()


def addresses(batches):
    return {x.ctypes.data for x, _, _ in batches}


def test_memory_of_batches_that_are_gone_is_used_again():
    """Two buffers: one is filled while the one before is still there."""
    assert len(addresses(make(n=1000)[2])) == 2


def test_a_tracer_that_looks_at_frames_costs_no_memory():
    def trace(frame, event, arg):
        dict(frame.f_locals)
        return trace

    batches = make(n=1000)[2]
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        found = addresses(batches)
    finally:
        sys.settrace(before)
    assert len(found) <= 3


def test_one_batch_of_all_images_takes_no_more_memory_than_they():
    _, w, batches = make(n=10, batch_size=10**9)
    assert len(batches) == 1
    assert batches.floats.shape[0] == np.count_nonzero(w)


@pytest.mark.parametrize("index", [-1, 6])
def test_there_is_no_batch_beyond_the_last(index):
    with pytest.raises(IndexError):
        make()[2][index]
