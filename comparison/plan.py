"""What is to be run: the options of compare.py, all of them given."""

from dataclasses import dataclass
from typing import Any

NETWORKS: dict[str, dict[str, Any]] = {
    "seed": {"filters": [8], "hidden_units": []},
    "small": {"filters": [32, 64], "hidden_units": [128]},
}


@dataclass(frozen=True)
class Plan:
    """The settings of a run; a run that is resumed has the same.

    The data set is a name or a path, its images scaled to [h, w] where a size is
    given; train_size and test_size are the first so many images, None for all. The
    threads are for every library. Seeds are 0, 1 ...: the same weights and batches for
    all models of a seed. Speeds are compared with the reference's, the first model's
    without one.
    """

    models: list[str]
    dataset: str
    filters: list[int]
    hidden_units: list[int]
    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    init: str
    device: str
    seeds: int
    train_size: int | None
    test_size: int | None
    threads: int
    reference: str
    image_size: list[int] | None = None
    allow_different: bool = False

    def network(self) -> dict[str, Any]:
        """Return the parameters that say which network it is."""
        return {"filters": self.filters, "hidden_units": self.hidden_units}

    def constructor(self) -> dict[str, Any]:
        """Return the parameters of the classes' constructor."""
        names = "epochs batch_size learning_rate momentum init device"
        return self.network() | {name: getattr(self, name) for name in names.split()}
