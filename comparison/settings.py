"""The settings of a run, each declared once: its option, its default, its wording."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, get_args, get_origin, get_type_hints

import data
from comparison import contestants
from comparison.processes.resources import cores
from data.text import counted
from frameworks.augmentation import AUGMENT, TEST_AUGMENT
from frameworks.schedules import SCHEDULES
from models import MODELS

RECIPE = "recipe"  # the group of settings that captions name only where they are used
QUICK = 5_000  # images that the default run is trained on: it takes five minutes


@dataclass(frozen=True)
class Option:
    """How a setting is given, explained, and put into words.

    Parameters
    ----------
    group : str
        Under which --help lists it, and captions name it.
    help : str
        What it is; --help adds the default.
    default : object
        Its value where it is not given.
    caption : str or callable
        Its words in a caption, as "batch {}", or what makes them of its value.
    otherwise : str or None
        What --help calls the default; None: its value.
    metavar : str or None
        What --help calls a value; None: by its type.
    read : callable or None
        Reads a value, with ArgumentTypeError for a wrong one; None: by its type.
    choices : sequence of str or None
        The only values.
    several : bool
        More than one may be given: a run for each.
    """

    group: str
    help: str
    default: Any = None
    caption: str | Callable[[Any], str] = ""
    otherwise: str | None = None
    metavar: str | None = None
    read: Callable[[str], Any] | None = None
    choices: Sequence[str] | None = None
    several: bool = False


def whole(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return number


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value


def one_of(*choices: str) -> Callable[[str], str | None]:
    """Return what reads one of some words, or none."""

    def read(text: str) -> str | None:
        if text not in ("none", *choices):
            words = ", ".join(("none", *choices))
            raise argparse.ArgumentTypeError(f"{text} is not one of {words}")
        return None if text == "none" else text

    return read


def number(text: str) -> float:
    """Return a number of at least 0, and not infinity."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of at least 0")
    return value


class OneOrMore(argparse.Action):
    """Keeps one value as it is, several as a list."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Set it."""
        setattr(namespace, self.dest, values[0] if len(values) == 1 else values)


class Settings(TypedDict):
    """The settings as results.json keeps them; a run that is resumed has the same.

    The annotations declare the options: name and type are the setting's own.
    """

    models: Annotated[
        list[str],
        Option(
            "models",
            f"{', '.join(contestants.NAMES)}, or package.module:Class, your own class",
            default=list(MODELS),
            otherwise=" ".join(MODELS),
        ),
    ]
    reference: Annotated[
        str, Option("models", "speeds are compared with", otherwise="first")
    ]
    allow_different: Annotated[
        bool,
        Option(
            "models",
            "compare a class of your own that is another network, and mark it",
            default=False,
        ),
    ]
    dataset: Annotated[
        str,
        Option(
            "images",
            f"{', '.join(data.NAMES)}; a file with x_train, y_train, x_test, y_test; "
            "or a folder with train/CLASS/* and test/CLASS/*",
            otherwise="cifar10, or digits where that cannot be reached",
            metavar="NAME|FILE.npz|FOLDER",
        ),
    ]
    image_size: Annotated[
        list[int] | None,
        Option(
            "images",
            "to which the images of a folder are scaled",
            otherwise="their own",
            metavar="N|HxW",
            read=data.image_size,
        ),
    ]
    train_size: Annotated[
        int | None,
        Option(
            "images",
            "train on N, of each class its share",
            otherwise=f"all; {QUICK:,} where --dataset is not given",
        ),
    ]
    test_size: Annotated[
        int | None,
        Option("images", "test on N, of each class its share", otherwise="all"),
    ]
    epochs: Annotated[
        int,
        Option(
            "training",
            "passes over the training images",
            default=5,
            caption=lambda epochs: counted(epochs, "epoch"),
        ),
    ]
    batch_size: Annotated[
        int,
        Option(
            "training", "images a step", default=64, caption="batch {}", several=True
        ),
    ]
    learning_rate: Annotated[
        float, Option("training", "of SGD", 0.01, "learning rate {:g}")
    ]
    momentum: Annotated[float, Option("training", "of SGD", 0.9, "momentum {:g}")]
    init: Annotated[
        str,
        Option(
            "training",
            "initial weights: the same for all, or each framework's own",
            default="shared",
            caption="{} initial weights",
            choices=["shared", "native"],
        ),
    ]
    schedule: Annotated[
        str,
        Option(
            RECIPE,
            "how the learning rate changes over the steps",
            default="constant",
            caption="schedule {}",
            choices=SCHEDULES,
        ),
    ]
    warmup: Annotated[
        float | None,
        Option(
            RECIPE,
            "share of the steps in which the rate rises",
            caption="warm-up {:g}",
            otherwise="0.25 of one_cycle, 0 of the others",
            read=share,
        ),
    ]
    nesterov: Annotated[
        bool, Option(RECIPE, "look ahead along the velocity", False, "Nesterov")
    ]
    muon: Annotated[
        bool, Option(RECIPE, "make steps of convolutions orthogonal", False, "Muon")
    ]
    weight_decay: Annotated[
        float, Option(RECIPE, "of kernels (L2)", 0.0, "weight decay {:g}")
    ]
    label_smoothing: Annotated[
        float,
        Option(
            RECIPE,
            "share of each label that is spread over all classes",
            default=0.0,
            caption="label smoothing {:g}",
            read=share,
        ),
    ]
    augment: Annotated[
        str | None,
        Option(
            RECIPE,
            "change the training images: flip mirrors them, crop moves them",
            caption="augmented images ({})",
            otherwise="none",
            metavar="|".join(("none", *AUGMENT)),
            read=one_of(*AUGMENT),
        ),
    ]
    crop_padding: Annotated[
        int,
        Option(RECIPE, "pixels that a crop moves at the most", 4, "crop padding {}"),
    ]
    average_epochs: Annotated[
        int,
        Option(
            RECIPE,
            "take the mean of the weights after the last N epochs",
            default=1,
            caption="weights averaged over {} epochs",
        ),
    ]
    test_augment: Annotated[
        str | None,
        Option(
            RECIPE,
            "predict from mirrored images too (flip), or moved ones (shift)",
            caption="predictions averaged over views ({})",
            otherwise="none",
            metavar="|".join(("none", *TEST_AUGMENT)),
            read=one_of(*TEST_AUGMENT),
        ),
    ]
    seeds: Annotated[int, Option("run", "how many: 0, 1, ...", default=4)]
    threads: Annotated[
        int, Option("run", "for every framework", cores(), "threads: {}")
    ]
    device: Annotated[
        str,
        Option(
            "run",
            "where the frameworks compute",
            default="auto",
            caption="device {}",
            choices=["auto", "cpu", "cuda"],
        ),
    ]


_TYPES = get_type_hints(Settings)
OPTIONS: dict[str, Option] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Settings, include_extras=True).items()
}
_READ: dict[type, tuple[Callable[[str], Any], str]] = {
    int: (whole, "N"),
    float: (number, "X"),
    str: (str, "NAME"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting; one that is not given is left out."""
    groups = {}
    for name, option in OPTIONS.items():
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        groups[option.group].add_argument(
            flag(name), default=argparse.SUPPRESS, **_arguments(name)
        )


def given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given as options."""
    return {name: value for name, value in vars(options).items() if name in OPTIONS}


def complete(chosen: Mapping[str, Any]) -> Settings:
    """Return all settings: the chosen ones, and the defaults of the others."""
    defaults: Any = {name: option.default for name, option in OPTIONS.items()}
    settings: Settings = defaults | chosen
    return settings


def in_words(settings: Settings, group: str) -> str:
    """Return a group's settings as captions name them: "5 epochs, batch 64"."""
    values: Mapping[str, Any] = recipe(settings) if group == RECIPE else settings
    return ", ".join(
        option.caption.format(values[name])
        if isinstance(option.caption, str)
        else option.caption(values[name])
        for name, option in OPTIONS.items()
        if option.group == group and option.caption and name in values
    )


def constructor(settings: Settings) -> dict[str, Any]:
    """Return the parameters of the classes' constructors, but for the network's."""
    values: Mapping[str, Any] = settings
    names = [name for name, option in OPTIONS.items() if option.group == "training"]
    return {name: values[name] for name in [*names, "device"]} | recipe(settings)


def recipe(settings: Settings) -> dict[str, Any]:
    """Return the recipe's settings that are used: a user's class need not know all."""
    without, values = unused(), dict(settings)
    return {n: values[n] for n in without if values[n] != without[n]}


def unused() -> dict[str, Any]:
    """Return the recipe's settings as they are where they are not used."""
    return {
        n: option.default for n, option in OPTIONS.items() if option.group == RECIPE
    }


def flag(name: str) -> str:
    """Return the option of a setting, as it is written."""
    return f"--{name.replace('_', '-')}"


def _arguments(name: str) -> dict[str, Any]:
    """Return what `add_argument` is given for a setting."""
    option, kind = OPTIONS[name], _TYPES[name]
    default = option.default if option.otherwise is None else option.otherwise
    if kind is bool and option.group == RECIPE:  # a preset may say yes
        return {"action": argparse.BooleanOptionalAction, "help": option.help}
    if kind is bool:
        return {"action": "store_true", "help": option.help}
    several: dict[str, Any] = {"action": OneOrMore, "nargs": "+"}
    read, metavar = _READ.get((get_args(kind) or (kind,))[0], (str, "NAME"))
    return {
        "help": f"{option.help} (default: {default})",
        "type": option.read or read,
        "metavar": None if option.choices else option.metavar or metavar,
        "nargs": "+" if get_origin(kind) is list else None,
        "choices": option.choices,
    } | (several if option.several else {})
