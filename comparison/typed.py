"""JSON held against the types of `records`: what is read is what was declared."""

from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from data.text import printable

NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
    list: "a list",
    dict: "an object",
}


def check(value: Any, kind: Any, where: str = "") -> None:
    """Raise ValueError unless a value from JSON is of a type, all the way down.

    Keys that a TypedDict does not know are let pass: another version may know them.

    Parameters
    ----------
    value : object
        What json.loads returns.
    kind : type
        str, int, float, bool, None, Any; list, tuple, dict, Literal and unions of
        them; and TypedDict.
    where : str
        The way to the value, for messages.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if origin in (Annotated, NotRequired):
        check(value, parts[0], where)
    elif origin in (Union, UnionType):
        _check_union(value, parts, where)
    elif origin is Literal:
        if value not in parts:
            raise _wrong(value, f"one of {', '.join(map(str, parts))}", where)
    elif is_typeddict(kind):
        _check_record(value, kind, where)
    elif origin in (list, tuple):
        _expect(value, list, where)
        items = parts[:1] * len(value) if origin is list else parts
        if len(items) != len(value):
            raise _wrong(value, f"a list of {len(items)}", where)
        for number, (item, item_kind) in enumerate(zip(value, items, strict=True)):
            check(item, item_kind, f"{where}[{number}]")
    elif origin is dict:
        _expect(value, dict, where)
        for key, item in value.items():
            check(key, parts[0], where)
            check(item, parts[1], f"{where}.{key}")
    else:
        _expect(value, kind or NoneType, where)


def _check_record(value: Any, kind: Any, where: str) -> None:
    _expect(value, dict, where)
    hints = get_type_hints(kind, include_extras=True)
    for key, item_kind in hints.items():
        if key in value:
            check(value[key], item_kind, f"{where}.{key}")
        elif key in kind.__required_keys__:
            raise ValueError(f"{_place(where)} has no {key!r}")


def _check_union(value: Any, kinds: tuple[Any, ...], where: str) -> None:
    """Check against the one that the value's own type speaks for."""
    for kind in kinds:
        bare = get_origin(kind) or kind
        bare = dict if is_typeddict(kind) else list if bare is tuple else bare
        if bare is Any or _is(value, bare):
            check(value, kind, where)
            return
    names = " or ".join(NAMES.get(get_origin(kind) or kind, "a list") for kind in kinds)
    raise _wrong(value, names, where)


def _expect(value: Any, kind: Any, where: str) -> None:
    if not _is(value, kind):
        raise _wrong(value, NAMES.get(kind, str(kind)), where)


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type; true and false are no numbers."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _wrong(value: Any, expected: str, where: str) -> ValueError:
    return ValueError(
        f"{_place(where)} is {printable(repr(value), 60)}, expected {expected}"
    )


def _place(where: str) -> str:
    return printable(where.removeprefix("."), 100) or "it"
