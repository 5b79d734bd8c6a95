"""The network of a run: a preset, or other sizes of its family."""

from argparse import ArgumentParser, Namespace
from typing import Any

from comparison import records
from comparison.settings import flag, whole

NETWORKS: dict[str, dict[str, Any]] = {
    "seed": {"filters": [8], "hidden_units": []},
    "small": {"filters": [32, 64], "hidden_units": [128]},
}
FAMILY = "cnn"
SPELLED = ("filters", "hidden_units")  # sizes that have an option of their own


def add_options(parser: ArgumentParser) -> None:
    """Add the options that choose a network."""
    add = parser.add_argument_group("network").add_argument
    add("--network", choices=list(NETWORKS), help="a preset (default: seed)")
    add("--filters", nargs="*", type=whole, metavar="N", help="of each conv block")
    add("--hidden-units", nargs="*", type=whole, metavar="N", help="of dense layers")


def choose(
    options: Namespace, earlier: records.Network | None = None
) -> records.Network:
    """Return the network that the options name.

    What they leave open is as in the earlier run, or else as in the preset `seed`.
    """
    if earlier and options.network is None:
        sizes = earlier["sizes"]
    else:
        sizes = NETWORKS[options.network or "seed"]
    changes = {name: getattr(options, name) for name in SPELLED}
    return of_sizes(sizes | {k: v for k, v in changes.items() if v is not None})


def of_sizes(sizes: dict[str, Any]) -> records.Network:
    """Return the small CNN of some sizes, by its preset's name where it has one."""
    names = [name for name, preset in NETWORKS.items() if preset == sizes]
    return {"name": names[0] if names else None, "family": FAMILY, "sizes": sizes}


def agree(chosen: records.Network, earlier: records.Network) -> None:
    """Raise ValueError where the options name another network than an earlier run's."""
    for name, value in chosen["sizes"].items():
        if value != earlier["sizes"][name]:
            raise ValueError(
                f"{flag(name)} {value} does not agree with the run to resume, which "
                f"has {earlier['sizes'][name]}."
            )


def in_words(network: records.Network) -> str:
    """Return the network as captions name it: "filters 8, hidden units none"."""
    return ", ".join(
        f"{name.replace('_', ' ')} {', '.join(map(str, value)) or 'none'}"
        for name, value in network["sizes"].items()
    )
