"""On a CUDA device: the same numbers as on the CPU."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from comparison.counting.code_length import ROOT
from frameworks.libraries import LIBRARIES
from tests.conftest import model_params

pytestmark = pytest.mark.gpu


def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (200, 16, 16, 3), dtype=np.uint8), np.arange(200) % 5


@pytest.fixture(params=model_params("keras", "torch", "tf"))
def Model(request):  # noqa: N802, it is a class
    if not LIBRARIES[request.param.framework].sees_cuda():
        pytest.skip(f"{request.param.framework} sees no CUDA device here")
    return request.param


def test_the_same_numbers_on_both_devices(Model):
    X, y = images()
    cpu, cuda = (
        Model(epochs=2, hidden_units=(8,), random_state=0, device=device).fit(X, y)
        for device in ("cpu", "cuda")
    )
    assert (cpu.device_, cuda.device_) == ("cpu", "cuda")
    for name, weight in cpu.get_weights().items():
        np.testing.assert_allclose(cuda.get_weights()[name], weight, atol=1e-4)
    for call in ("predict_proba", "transform"):
        expected, found = (getattr(model, call)(X) for model in (cpu, cuda))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_float32_is_not_rounded_to_tf32(Model):
    """TF32 keeps 10 bits of 23: features would be off by some 3e-4 of their size."""
    X, y = images()
    settings = {"epochs": 1, "filters": (32, 32), "learning_rate": 1e-6}
    cpu, cuda = (
        Model(**settings, random_state=0, device=device).fit(X, y)
        for device in ("cpu", "cuda")
    )
    cuda.set_weights(cpu.get_weights())
    for layer in ("conv1", "conv2", "output"):
        expected, found = (model.transform(X, layer) for model in (cpu, cuda))
        distance = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert distance < 5e-6, layer


def test_a_pickle_from_a_gpu_opens_without_one(Model, tmp_path):
    X, y = images()
    model = Model(epochs=1, device="cuda").fit(X, y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "x.npy", X)
    code = (
        "import pickle, sys, numpy as np\n"
        "model = pickle.load(open(sys.argv[1] + '/model.pickle', 'rb'))\n"
        "assert model.device_ == 'cpu'\n"
        "np.save(sys.argv[1] + '/p.npy', model.predict_proba("
        "np.load(sys.argv[1] + '/x.npy')))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        check=True,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "p.npy"), model.predict_proba(X), atol=1e-4
    )
