"""What a trained network sees: kept once a run, for report.html."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from frameworks.files import write_whole

MAPS = 16  # of each layer
PIXELS = 64  # of a map, along each side at the most
FILTERS = 64
WRONG = 16  # images that the network is most surely wrong about


def look(model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a fitted model makes of test images.

    Parameters
    ----------
    model : ImageClassifier
    X, y : (n, h, w, c), (n,)
        Test images and their labels.

    Returns
    -------
    dict of str to array
        `filters` (kh, kw, c, f), the first layer's; `image` (h, w, c) and `label`, an
        image that is classified rightly, if there is one; `probabilities` (classes,) of
        it; `features/LAYER` (h, w, f) or (units,) of it; `confusion` (classes,
        classes), rows are true; `wrong_images`, `wrong_labels`, `wrong_predicted`,
        `wrong_sure`. All labels are numbers of classes.
    """
    probabilities = model.predict_proba(X)
    predicted, true = probabilities.argmax(1), np.searchsorted(model.classes_, y)
    classes = len(model.classes_)
    sure = probabilities.max(1)
    right = np.flatnonzero(predicted == true)
    shown = int(right[np.argmax(sure[right])]) if len(right) else 0
    wrong = np.flatnonzero(predicted != true)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:WRONG]
    kernels = [w for name, w in model.get_weights().items() if w.ndim == 4]
    kept = {
        "filters": kernels[0][..., :FILTERS],
        "image": X[shown],
        "label": true[shown],
        "probabilities": probabilities[shown],
        "confusion": np.bincount(
            true * classes + predicted, minlength=classes * classes
        ).reshape(classes, classes),
        "wrong_images": X[wrong],
        "wrong_labels": true[wrong],
        "wrong_predicted": predicted[wrong],
        "wrong_sure": sure[wrong],
    }
    image = X[shown : shown + 1]
    for layer, shape in model.layer_shapes().items():
        features = model.transform(image, layer).reshape(shape)
        if features.ndim == 3:
            steps = [max(1, -(-side // PIXELS)) for side in shape[:2]]
            features = features[:: steps[0], :: steps[1], :MAPS]
        kept[f"features/{layer}"] = features
    return kept


def write(path: Path, kept: dict[str, np.ndarray]) -> None:
    """Write the file in one step: it is whole, or there is none."""
    content = io.BytesIO()
    np.savez_compressed(content, **kept)  # type: ignore[arg-type]
    write_whole(path, content.getvalue())
