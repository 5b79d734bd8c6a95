"""scikit-learn's own checks, and its tools, on all four classes."""

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from frameworks.lazy import load
from models import MODELS, TF_CNN, Torch_CNN
from networks import resnet
from tests.conftest import model_params

# Enough to be right on four images of five, as a check asks.
SHORT = {"epochs": 5, "learning_rate": 0.1, "random_state": 0}
# Their tolerances are made for float64.
ONLY_FLOAT64 = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_transformer_preserve_dtypes",
}
BATCH_STATISTICS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "the same image twice counts twice in the mean and variance of its batch, an "
        "image of weight 2 once"
    )
}


def checks(
    classes,
    expected_failed_checks=None,
    without=(),
    slow=lambda case_id: False,
    **params,
):
    """Return each class with each of scikit-learn's checks, marked with its name."""
    found = []
    for param in model_params():
        estimator = classes[param.id](**SHORT, **params)
        for case in estimator_checks_generator(
            estimator,
            expected_failed_checks=expected_failed_checks,
            mark="xfail",
            xfail_strict=True,
        ):
            model, check = getattr(case, "values", case)
            name = check.func.__name__
            if name not in without:
                case_id = f"{param.id}-{name}"
                marks = [*param.marks, *getattr(case, "marks", ())]
                marks += [pytest.mark.slow] * slow(case_id)
                found.append(pytest.param(model, check, id=case_id, marks=marks))
    return found


@pytest.fixture
def without_graphs(estimator):
    """Below TensorFlow, making one takes most of the time of each fit here."""
    if estimator.framework not in ("keras", "tensorflow"):
        yield
        return
    config = load("tensorflow").config
    config.run_functions_eagerly(True)
    yield
    config.run_functions_eagerly(False)


# Those that fit ten times and more: what they look at is the same code for all four.
MANY_FITS = {
    f"keras-{name}"
    for name in (
        "check_classifiers_classes",
        "check_classifiers_train",
        "check_classifier_data_not_an_array",
        "check_estimators_dtypes",
        "check_pipeline_consistency",
        "check_transformer_data_not_an_array",
        "check_array_api_input",
    )
}


@pytest.mark.parametrize(
    ("estimator", "check"),
    checks(MODELS, slow=MANY_FITS.__contains__, dtype="float64"),
)
def test_every_check_passes(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
@pytest.mark.parametrize(
    ("estimator", "check"),
    checks(
        MODELS,
        without=ONLY_FLOAT64,
        # What they find there and not in float64 is rounding, for seconds in each.
        slow=lambda case_id: case_id.startswith(("keras", "tf")),
        dtype="float32",
    ),
)
def test_all_but_two_pass_in_float32(estimator, check, without_graphs):
    """TensorFlow's functions run as they are written; in float64 they are graphs."""
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "check"),
    checks(
        resnet.MODELS,
        BATCH_STATISTICS,
        # They make a graph in each fit: seconds in each check.
        slow=lambda case_id: case_id.startswith(("keras", "tf")),
        dtype="float64",
        blocks=(1,),
        width=2,
    ),
)
def test_a_deep_network_passes_all_but_one(estimator, check):
    """That one is expected to fail, and the test fails if it passes."""
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    """300 grey images of 8 x 8 pixels as (n, h, w, c), and their labels as words."""
    data = load_digits()
    names = np.array([f"digit {digit}" for digit in range(10)])
    return data.images[:300, :, :, None] / 16 - 0.5, names[data.target[:300]]


@pytest.fixture
def fresh_workers():
    """No worker process that an earlier test has loaded TensorFlow into."""
    get_reusable_executor().shutdown(wait=True)


def quick(Model, **params):
    settings = {"epochs": 3, "learning_rate": 0.1, "random_state": 0} | params
    return Model(**settings)


def test_searches_in_two_processes(Model, digits, fresh_workers):
    """Every combination is fitted in a worker, and the best comes back to predict.

    Cross-validation gives the same scores as in one process.
    """
    X, y = digits
    grid = [{"learning_rate": [1e-5, 0.1]}, {"filters": [(2,)]}]
    search = GridSearchCV(quick(Model), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_ != {"learning_rate": 1e-5}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).shape == y.shape
    one, two = (
        cross_val_score(quick(Model, dtype="float64"), X, y, cv=2, n_jobs=n)
        for n in (None, 2)
    )
    np.testing.assert_allclose(one, two)


def test_table_pipeline(Model, digits):
    X, y = digits
    model = quick(Model, image_shape=(8, 8, 1))
    pipeline = make_pipeline(StandardScaler(), model).fit(X.reshape(300, -1), y)
    assert pipeline.score(X.reshape(300, -1), y) > 0.5


def test_features_in_a_pipeline(Model, digits):
    X, y = digits
    model = quick(Model, hidden_units=(16,))
    pipeline = make_pipeline(model, LogisticRegression(max_iter=500)).fit(X, y)
    assert pipeline.score(X, y) > 0.5
    np.testing.assert_array_equal(
        pipeline[0].transform(X), pipeline[0].transform(X, layer="dense1")
    )


def test_calibration_and_learning_curve(Model, digits):
    X, y = digits
    calibrated = CalibratedClassifierCV(quick(Model), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(1), 1, rtol=1e-6)
    sizes, train, _ = learning_curve(quick(Model), X, y, cv=2, train_sizes=[0.5, 1.0])
    assert len(sizes) == 2
    assert train.shape == (2, 2)


def test_sample_weight_is_routed(Model, digits):
    """With all weight on two classes, the others are hardly ever predicted."""
    X, y = digits
    weight = np.where(np.isin(y, ["digit 1", "digit 2"]), 1.0, 1e-6)
    with config_context(enable_metadata_routing=True):
        model = quick(Model).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        results = cross_validate(
            model, X, y, cv=2, params={"sample_weight": weight}, return_estimator=True
        )
    for fitted in results["estimator"]:
        assert np.isin(fitted.predict(X), ["digit 1", "digit 2"]).mean() > 0.95


@pytest.mark.torch
@pytest.mark.tf
def test_grids_over_both_frameworks_in_one_session(digits, fresh_workers):
    """The workers keep what they loaded: the second says why it cannot go on there."""
    X, y = digits
    grid = {"learning_rate": [0.1]}
    first = GridSearchCV(quick(TF_CNN), grid, cv=2, n_jobs=2, refit=False).fit(X, y)
    assert np.isfinite(first.cv_results_["mean_test_score"]).all()
    second = GridSearchCV(quick(Torch_CNN), grid, cv=2, n_jobs=2, refit=False)
    with pytest.raises(ValueError, match="because TensorFlow was loaded first"):
        second.fit(X, y)
    get_reusable_executor().shutdown(wait=True)  # new workers have loaded nothing
    assert np.isfinite(second.fit(X, y).cv_results_["mean_test_score"]).all()


def test_a_fitted_model_is_cloned_unfitted(Model, digits):
    model = quick(Model).fit(*digits)
    assert not hasattr(clone(model), "classes_")
