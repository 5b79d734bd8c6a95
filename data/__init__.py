"""Image data sets, as arrays on disk: `load(name or path)` gives a Dataset.

- `published/`: data sets with a name, one file a family, and where they are found
- `own/`: the user's own, a folder of images (`image_folder`) or an .npz file
- `formats/`: file formats, bytes in and arrays out
- `download/`: archives from mirrors and hosts, resumed and verified

Beside them is what all share: `loading` (the one call), `dataset` (its result),
`cache`, `progress`, `text` and the command, `python -m data`. Imports run one way:
loading -> published, own -> cache -> formats, download -> dataset, progress, text.
"""

from data.dataset import Dataset, Unavailable, draw
from data.download.limits import Limits
from data.loading import NAMES, image_size, load

__all__ = ["NAMES", "Dataset", "Limits", "Unavailable", "draw", "image_size", "load"]
