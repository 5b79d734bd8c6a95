"""The networks that can be compared, by name: `load("resnet20")`.

The small CNN is models.py. Each file here is a page with one family of deep networks:
the family and its presets, and four classes that write `network` and nothing else.
"""

from difflib import get_close_matches
from typing import Any

import models
from networks import (
    densenet,
    dpn,
    efficientnet,
    googlenet,
    mobilenet,
    regnet,
    resnet,
    shufflenet,
    speedrun,
    vgg,
)

_CNN: dict[str, dict[str, Any]] = {
    "seed": {"filters": (8,), "hidden_units": ()},  # the original tutorial's
    "small": {"filters": (32, 64), "hidden_units": (128,)},
}
# In the order in which they were invented.
PAGES: Any = (
    *(vgg, googlenet, resnet, densenet, dpn, mobilenet),
    *(shufflenet, efficientnet, regnet, speedrun),
)
_PRESETS: dict[str, tuple[dict[str, type], dict[str, Any]]] = {
    name: (classes, sizes)
    for classes, presets in (
        (models.MODELS, _CNN),
        *((page.MODELS, page.PRESETS) for page in PAGES),
    )
    for name, sizes in presets.items()
}
NAMES = tuple(_PRESETS)


def load(name: str) -> tuple[dict[str, type], dict[str, Any]]:
    """Return the classes of a network, and its sizes.

    Parameters
    ----------
    name : str
        One of NAMES.

    Returns
    -------
    classes : dict of str to class
        The four classes of its page, by the names skylark, keras, torch, tf.
    sizes : dict
        Parameters for their constructors.

    Raises
    ------
    ValueError
        There is no such network; the message has the closest name.
    """
    if name not in _PRESETS:
        near = get_close_matches(name, NAMES, n=1, cutoff=0.4)
        hint = f": did you mean {near[0]!r}?" if near else f": {', '.join(NAMES)}."
        raise ValueError(f"there is no network {name!r}{hint}")
    classes, sizes = _PRESETS[name]
    return dict(classes), dict(sizes)
