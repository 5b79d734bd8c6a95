"""What all tests share: the four classes, and real images where they are."""

import importlib.util
import os
import signal
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # read when SciPy is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The networks here are tiny: a second thread of PyTorch or BLAS only waits, and takes
# the core from the other process of the tests meanwhile.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from joblib import cpu_count

from frameworks.lazy import load
from models import MODELS


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which may be missing
def pytest_xdist_auto_num_workers(config):
    """One process of tests a core, and one more: some tests wait for a deadline."""
    return cpu_count() + 1


def pytest_configure(config):
    # scikit-learn imports scipy.stats, and pandas where it is installed. The tests need
    # both; what they start does not, and starts in half the time without.
    if not config.getoption("numprocesses", None):  # pytest-xdist's own runs no tests
        first = str(Path(__file__).with_name("started"))
        path = filter(None, [first, os.environ.get("PYTHONPATH")])
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    # A shell starts what runs in its background deaf to Ctrl-C, and nohup what it runs
    # deaf to the end of the terminal, children included.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for name in MODELS:
        config.addinivalue_line("markers", f"{name}: runs {MODELS[name].__name__}")
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    config.addinivalue_line("markers", "slow: not part of `make test`")


def pytest_collection_finish(session):
    """Load PyTorch first, where any test uses it: after TensorFlow it would crash."""
    if any(item.get_closest_marker("torch") for item in session.items):
        load("torch._dynamo")


def model_params(*names):
    """Return one pytest parameter a class, marked with its name, skipped if absent."""
    params = []
    for name in names or MODELS:
        framework = MODELS[name].framework
        missing = importlib.util.find_spec(framework) is None
        skip = pytest.mark.skipif(missing, reason=f"{framework} is not installed")
        marks = [getattr(pytest.mark, name), skip]
        params.append(pytest.param(MODELS[name], id=name, marks=marks))
    return params


@pytest.fixture(params=model_params())
def Model(request):  # noqa: N802, it is a class
    """Each of the four classes in turn."""
    return request.param


def few_images():
    """75 images of 8 x 6 pixels: the last batch of 32 is short."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (75, 8, 6, 3), dtype=np.uint8)
    return X, rng.permutation(np.arange(75) % 4)


@pytest.fixture(scope="session")
def images():
    """The same, for tests that leave them as they are."""
    return few_images()


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """A cache of data sets for one test alone."""
    monkeypatch.setenv("SKYLARK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images, named by SKYLARK_DATA."""
    folder = os.environ.get("SKYLARK_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SKYLARK_DATA names no folder with real images")
    return Path(folder)


@pytest.fixture(scope="session")
def cifar10(real_data):
    """The first 6,400 training images of CIFAR-10 and their labels."""
    path = real_data / "cifar10.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not in SKYLARK_DATA")
    with np.load(path) as arrays:
        return arrays["x_train"][:6400], arrays["y_train"][:6400]
