"""A family of networks: its sizes and its layers' names, the same for four classes."""

from collections.abc import Iterator, Mapping
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from frameworks.dropout import Mask, Masks


class Family:
    """What the four classes of a network share, besides the contract.

    A page defines one family, `class ResNet(Family)`, and four classes, each of that
    family and of a class of models.py: `class Torch_ResNet(ResNet, Torch_CNN)`. The
    family that comes first gives the class its sizes.

    Attributes
    ----------
    family : str
        Its name, "resnet".
    sizes : dict
        The parameters of the constructor that say which network of the family it is,
        with their defaults: whole numbers, tuples of them, rates, bools or words.
    narrow : dict of str to int
        The most that a size, or each of its numbers, is where only the topology
        matters, as in the proof.
    kernels : {"he_normal", "glorot_uniform", "dirac"}
        How initial kernels are drawn; the output's are Glorot uniform always.
    written_in_numpy : dict of str to class
        Of each family, by name, the class in NumPy: the first that is defined.
    """

    family: ClassVar[str]
    sizes: ClassVar[dict[str, Any]] = {}
    narrow: ClassVar[dict[str, int]] = {}
    kernels: ClassVar[str] = "he_normal"
    written_in_numpy: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        """Let a family take what it does not say from here, not from another one."""
        super().__init_subclass__(**options)
        if "family" in vars(cls):
            for name in {"sizes", "narrow", "kernels"} - vars(cls).keys():
                setattr(cls, name, vars(Family)[name])
        if getattr(cls, "framework", None) == "numpy":
            cls.written_in_numpy.setdefault(cls.family, cls)

    def layer_names(self) -> list[str]:
        """Return the names that `transform` takes, in order; the last is "output"."""
        raise NotImplementedError

    def check_sizes(self) -> None:
        """Raise ValueError where no network has these sizes."""
        for name, default in self.sizes.items():
            if isinstance(default, tuple):
                check_whole(name, getattr(self, name))

    def first_state(self, X: np.ndarray) -> dict[str, np.ndarray]:
        """Return the weights that are computed from the training images, by name."""
        return {}

    @classmethod
    def narrowed(cls, sizes: Mapping[str, Any]) -> dict[str, Any]:
        """Return sizes of the same topology that are at most as `narrow` says."""
        narrowed = dict(sizes)
        for name, limit in cls.narrow.items():
            size = sizes.get(name, cls.sizes[name])
            if isinstance(size, int):
                narrowed[name] = min(limit, size)
            else:
                narrowed[name] = [min(limit, number) for number in size]
        return narrowed


class DeepFamily(Family):
    """A family whose networks are a chain: the parts of a plan, and what is around it.

    Attributes
    ----------
    before, after : tuple of str
        Names of the layers before the parts of the plan, and after them.
    """

    _masks: Masks

    before: ClassVar[tuple[str, ...]] = ("stem",)
    after: ClassVar[tuple[str, ...]] = ("pool", "output")

    def layer_names(self) -> list[str]:
        """Return the names of the whole chain."""
        return [*self.before, *(part.name for part in self.plan()), *self.after]

    def plan(self) -> Iterator[Any]:
        """Yield the parts, in order; each has a `name`."""
        raise NotImplementedError

    def mask(self, name: str, rate: float, whole: bool = False) -> Mask:
        """Return the masks of a layer of that name; see `frameworks/dropout.py`."""
        masks = getattr(self, "_masks", None) or Masks()  # of a network to look at
        return Mask(masks, name, rate, whole)


def check_whole(name: str, numbers: Any) -> None:
    """Raise ValueError unless all `numbers` are whole numbers of at least 1."""
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(
                f"{name} must be whole numbers of at least 1, got {tuple(numbers)}."
            )


def check_one_a_stage(sizes: Any, *names: str) -> None:
    """Raise ValueError unless the sizes of these names are equally long."""
    numbers = [tuple(getattr(sizes, name)) for name in names]
    if len(set(map(len, numbers))) > 1:
        raise ValueError(
            f"{' and '.join(names)} must have a number for each stage, got "
            f"{' and '.join(map(str, numbers))}."
        )
