"""What a scope sets for a library, it sets back."""

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
