"""Image data sets, as arrays on disk: `load(name or path)` gives a Dataset.

published/   data sets that have a name: what they must be, and where they are found
own/         the user's own: a folder of images (image_folder.py), or an .npz file
formats/     file formats: bytes in, arrays out
download/    archives from mirrors and hosts, verified

Here is what all of them share: the call (`loading`), its result (`dataset`), the
folder that keeps it (`cache`) and the command (`python -m data`). Imports run one way:
loading -> published, own -> formats, download -> cache, dataset. None leaves `data`.
"""

from data.dataset import Dataset, Unavailable
from data.download.limits import Limits
from data.loading import NAMES, image_size, load

__all__ = ["NAMES", "Dataset", "Limits", "Unavailable", "image_size", "load"]
