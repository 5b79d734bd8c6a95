"""Properties that hold for every shape, dtype and kind of label."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import MODELS, Skylark_CNN

DTYPES = ["uint8", "float32", "float64", "int32", "float16", "bool"]
LABELS = [
    st.integers(-5, 5),
    st.booleans(),
    st.sampled_from(["", "a", "B", "é", "long name"]),
]


@st.composite
def problems(draw):
    """Images (n, h, w, c) or (n, h, w) of some dtype, and labels of some kind."""
    n, h, w = (draw(st.integers(low, 9)) for low in (4, 1, 1))
    channels = draw(st.sampled_from([None, 1, 2, 3, 5]))
    shape = (n, h, w) if channels is None else (n, h, w, channels)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    X = rng.uniform(0, 3, shape).astype(draw(st.sampled_from(DTYPES)))
    label = draw(st.sampled_from(LABELS))
    y = draw(st.lists(label, min_size=n, max_size=n).filter(lambda y: len(set(y)) > 1))
    return X, y


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    problem=problems(),
    filters=st.lists(st.integers(1, 3), max_size=3),
    hidden_units=st.lists(st.integers(1, 4), max_size=2),
    batch_size=st.integers(1, 12),
)
def test_any_problem_can_be_fitted(problem, filters, hidden_units, batch_size):
    X, y = problem
    model = Skylark_CNN(
        filters=filters,
        hidden_units=hidden_units,
        batch_size=batch_size,
        epochs=1,
        random_state=0,
    ).fit(X, y)
    assert model.classes_.tolist() == sorted(set(y))
    assert set(model.predict(X)) <= set(y)
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    for name, shape in model.layer_shapes().items():
        assert model.transform(X, name).shape == (len(X), np.prod(shape))


@pytest.mark.keras
@pytest.mark.torch
@pytest.mark.tf
@settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(problem=problems(), batch_size=st.integers(1, 12))
def test_any_problem_gives_the_same_numbers(problem, batch_size):
    X, y = problem
    models = [
        Model(
            filters=(2, 3),
            hidden_units=(4,),
            batch_size=batch_size,
            epochs=2,
            random_state=0,
            dtype="float64",
        ).fit(X, y)
        for Model in MODELS.values()
    ]
    expected = models[0].predict_proba(X)
    for model in models[1:]:
        np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-9)
