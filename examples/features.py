"""Features of a small CNN, and a logistic regression on them or on raw pixels.

    python examples/features.py [DATASET] [--model torch] [--images 10000]

The network is trained, its last hidden layer is taken as a description of each image,
and scikit-learn's own classifier goes on from there, all in one Pipeline.
"""

import argparse
import sys
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

import data
from models import MODELS


def pixels(X):
    """Return images as rows of numbers."""
    return X.reshape(len(X), -1) / 255 - 0.5


def accuracies(X, y, X_test, y_test, Model, epochs=6):
    """Return the test accuracy of a logistic regression on pixels, and on features."""
    regression = LogisticRegression(C=0.01, max_iter=200)
    cnn = Model(filters=(32, 64), hidden_units=(128,), epochs=epochs, random_state=0)
    on_pixels = make_pipeline(FunctionTransformer(pixels), regression)
    on_features = make_pipeline(cnn, StandardScaler(), regression)
    return tuple(
        pipeline.fit(X, y).score(X_test, y_test)
        for pipeline in (on_pixels, on_features)
    )


def main():
    """Print both accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", nargs="?", default="cifar10")
    parser.add_argument("--model", choices=list(MODELS), default="skylark")
    parser.add_argument("--images", type=int, default=10_000)
    options = parser.parse_args()
    images = data.load(options.dataset)
    X, y = images.x_train[: options.images], images.y_train[: options.images]
    on_pixels, on_features = accuracies(
        X, y, images.x_test, images.y_test, MODELS[options.model]
    )
    print(f"logistic regression on pixels:   {on_pixels:.4f}")
    print(f"logistic regression on features: {on_features:.4f}")


if __name__ == "__main__":
    main()
