"""Image data sets, as arrays on disk: `load(name or path)` gives a Dataset.

One file a source. Each prepares a folder of the cache once; what is read afterwards
is memory-mapped. Nothing here imports from outside this folder.
"""

from data.dataset import Dataset, Unavailable
from data.limits import Limits
from data.loading import NAMES, image_size, load

__all__ = ["NAMES", "Dataset", "Limits", "Unavailable", "image_size", "load"]
