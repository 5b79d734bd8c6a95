"""What a scope sets for a library, it sets back; and what a library does once."""

import numpy as np
import pytest

from frameworks.libraries import LIBRARIES
from tests.conftest import model_params


def read(name):
    """Return the precision in which a library multiplies float32 on a GPU."""
    if name == "torch":
        import torch

        backends = torch.backends
        places = backends.cudnn.conv, backends.cuda.matmul
        return [place.fp32_precision for place in places]
    import tensorflow as tf

    return tf.config.experimental.tensor_float_32_execution_enabled()


@pytest.mark.parametrize("Model", model_params("keras", "torch", "tf"))
def test_float32_is_float32_in_a_scope(Model):
    library = LIBRARIES[Model.framework]
    name = getattr(library, "backend", library).name
    exact = ["ieee", "ieee"] if name == "torch" else False
    before = read(name)
    assert before != exact
    with library.scope("cpu"):
        assert read(name) == exact
    assert read(name) == before


@pytest.mark.parametrize("Model", model_params("keras", "tf"))
def test_a_step_is_traced_once(Model, monkeypatch):
    """Whatever the length of a batch: tracing a deep network takes seconds."""
    if Model.framework == "keras":
        import keras

        owner = keras.Model
    else:
        owner = Model
    traced, step = [], owner.train_step
    monkeypatch.setattr(
        owner, "train_step", lambda *given: traced.append(given) or step(*given)
    )
    X, y = np.zeros((90, 8, 8, 3), np.uint8), np.arange(90) % 3
    model = Model(epochs=3, batch_size=64).fit(X, y)
    model.partial_fit(X[:7], y[:7])
    assert len(traced) == 1
