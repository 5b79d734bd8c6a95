"""The networks of the papers: they run within 8 GB, and are one network at full depth.

Slow: `pytest -m slow tests/networks/test_full_size.py`.
"""

import subprocess
import sys

import pytest

import data
from benchmarks import proofs
from comparison.counting.code_length import ROOT
from tests.conftest import model_params

MOST, MOST_IN_A_PROOF = 8e9, 1.5e9  # bytes
PRESETS = [
    *("vgg16", "googlenet", "resnet50", "densenet121", "dpn92", "mobilenetv2"),
    *("shufflenetv2_x1", "efficientnet_b0", "regnety_400mf"),
]
CODE = """
import sys
import numpy as np
import networks
from comparison.processes.resources import peak_memory_bytes
classes, sizes = networks.load(sys.argv[1])
X = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
y = np.arange(64) % 10
model = classes[sys.argv[2]](**sizes, epochs=1, random_state=0).fit(X, y)
assert np.isfinite(model.history_["loss"]).all()
assert np.isfinite(model.predict_proba(X)).all()
print(peak_memory_bytes())
"""


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(p.id, id=p.id, marks=p.marks) for p in model_params()],
)
def test_a_step_and_a_prediction(name, preset):
    command = [sys.executable, "-c", CODE, preset, name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout)
    print(f"{preset} {name} {peak / 1e9:.1f} GB")
    assert peak < MOST


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.torch
@pytest.mark.tf
@pytest.mark.parametrize("preset", PRESETS)
def test_the_proof(preset, real_data):
    folder = data.load("cifar10", data_dir=real_data).folder
    for name, verdict in proofs.measure(preset, folder)["models"].items():
        assert verdict["passed"], (name, verdict)
        assert verdict["peak_memory_bytes"] < MOST_IN_A_PROOF, name
