"""The network of a run: a preset, or other sizes of its family."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

import networks
from comparison import records
from comparison.settings import OneOrMore, flag, whole

DEFAULT = "seed"
SPELLED = ("filters", "hidden_units")  # sizes that have an option of their own


def add_options(parser: ArgumentParser) -> None:
    """Add the options that choose a network."""
    add = parser.add_argument_group("network").add_argument
    add(
        "--network",
        nargs="+",
        action=OneOrMore,
        metavar="NAME",
        help=f"{', '.join(networks.NAMES)} (default: {DEFAULT}); several: a run each",
    )
    add(
        "--size",
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        help="another size of the network, as width=8 or blocks=1,1,1: a whole number, "
        "a list of them, true, false, a word, or none",
    )
    for name, what in zip(SPELLED, ("conv block", "hidden dense layer"), strict=True):
        add(
            flag(name),
            nargs="*",
            type=whole,
            metavar="N",
            help=f"of each {what} of the small CNN",
        )


def choose(
    options: Namespace, earlier: records.Network | None = None
) -> records.Network:
    """Return the network that the options name.

    What they leave open is as in the earlier run, or else as in the preset `seed`.

    Raises
    ------
    ValueError
        There is no such network, or it has no such size.
    """
    if earlier and options.network is None:
        base, classes = earlier, classes_of(earlier)
    else:
        base, classes = preset(options.network or DEFAULT)
    Model: Any = classes["skylark"]
    sizes = base["sizes"]
    for name, value in _changes(options, Model).items():
        if name in sizes or value != _plain(Model.sizes[name]):
            sizes = sizes | {name: value}
    try:
        Model(**sizes)._validate_params()  # as scikit-learn does when it fits
        Model(**sizes).check_sizes()
    except ValueError as error:
        raise ValueError(f"{str(error).rstrip('.')}; {_known(Model)}.") from None
    same = sizes == base["sizes"]
    return {
        "name": base["name"] if same else None,
        "family": base["family"],
        "sizes": sizes,
    }


def small_cnn(sizes: dict[str, Any]) -> records.Network:
    """Return the small CNN of some sizes, by its preset's name where it has one."""
    for name in ("seed", "small"):
        found, _ = preset(name)
        if found["sizes"] == sizes:
            return found
    return {"name": None, "family": "cnn", "sizes": sizes}


def classes_of(network: records.Network) -> dict[str, type]:
    """Return the four classes of a network's page; ValueError where there is none."""
    for name in networks.NAMES:
        found, classes = preset(name)
        if found["family"] == network["family"]:
            return classes
    raise ValueError(f"there is no family of networks {network['family']!r} here.")


def narrowed(network: records.Network) -> dict[str, Any]:
    """Return sizes of the same topology that are as small as the proof needs."""
    Model: Any = classes_of(network)["skylark"]
    return Model.narrowed(network["sizes"])


def agree(chosen: records.Network, earlier: records.Network) -> None:
    """Raise ValueError where the options name another network than an earlier run's."""
    if chosen["family"] != earlier["family"]:
        name = chosen["name"] or chosen["family"]
        raise ValueError(
            f"--network {name} does not agree with the run to resume, which has "
            f"{in_words(earlier)}."
        )
    for name, value in (earlier["sizes"] | chosen["sizes"]).items():
        before = earlier["sizes"].get(name)
        if value != before:
            option = flag(name) if name in SPELLED else f"--size {name}"
            raise ValueError(
                f"{option} {value} does not agree with the run to resume, which "
                f"has {before}."
            )


def in_words(network: records.Network) -> str:
    """Return the network as captions name it: "filters 8, hidden units none"."""
    sizes = ", ".join(
        f"{name.replace('_', ' ')} {_word(value)}"
        for name, value in network["sizes"].items()
    )
    if network["family"] == "cnn":
        return sizes
    return f"{network['name'] or network['family']}: {sizes}"


def preset(name: str) -> tuple[records.Network, dict[str, type]]:
    """Return a preset as results.json has it, and its classes."""
    classes, parameters = networks.load(name)
    Model: Any = classes["skylark"]
    plain = {n: _plain(value) for n, value in parameters.items() if n in Model.sizes}
    return {"name": name, "family": Model.family, "sizes": plain}, classes


def recipe(options: Namespace) -> dict[str, Any]:
    """Return the settings that the network's preset brings along."""
    classes, parameters = networks.load(options.network or DEFAULT)
    Model: Any = classes["skylark"]
    return {n: value for n, value in parameters.items() if n not in Model.sizes}


def _changes(options: Namespace, Model: Any) -> dict[str, Any]:
    """Return the sizes that the options give; ValueError for what is no size."""
    changes = {}
    for text in options.size or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--size {text} is not NAME=VALUE; {_known(Model)}.")
        if name not in Model.sizes:
            raise ValueError(
                f"--size {text}: the family {Model.family!r} has no size {name!r}; "
                f"{_known(Model)}."
            )
        kind, read = _reading(Model.sizes[name])
        try:
            changes[name] = read(value)
        except (KeyError, ValueError):
            raise ValueError(
                f"--size {text}: {name} must be {kind}; {_known(Model)}."
            ) from None
    for name in SPELLED:
        value = getattr(options, name)
        if value is not None and name not in Model.sizes:
            raise ValueError(
                f"{flag(name)}: the family {Model.family!r} has no size {name!r}; "
                f"{_known(Model)}."
            )
        if value is not None:
            changes[name] = value
    return changes


def _reading(default: Any) -> tuple[str, Callable[[str], Any]]:
    """Return what a size is, by its family's default, and how its text is read."""
    if isinstance(default, bool):
        return "true or false", {"true": True, "false": False}.__getitem__
    if isinstance(default, int):
        return "a whole number", int
    if isinstance(default, float):
        return "a number from 0 to 1", float
    if isinstance(default, list | tuple):
        return "a list of whole numbers, as 1,2", _whole_numbers
    return "a word or none", lambda text: None if text == "none" else text


def _whole_numbers(text: str) -> list[int]:
    return [] if text == "none" else [int(number) for number in text.split(",")]


def _known(Model: Any) -> str:
    """Return which sizes there are, as --size takes them."""
    sizes = ", ".join(f"{n}={_word(v, ',')}" for n, v in Model.sizes.items())
    return f"its sizes are {sizes}"


def _plain(value: Any) -> Any:
    """Return a size as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def _word(value: Any, separator: str = ", ") -> str:
    """Return a size as a person reads and writes it."""
    if isinstance(value, list | tuple):
        return separator.join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
