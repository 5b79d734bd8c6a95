"""CIFAR's pickles, read without Python's own reader of pickles.

A pickle is a program for a small stack machine. The few instructions that CIFAR's files
consist of are carried out here, and any other is refused: nothing that a file names is
called or imported, keys are texts, labels are a flat list, and the work is bounded. The
official files name three objects of NumPy; files that were saved again name two more.
"""

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from data.text import printable

MOST_STEPS = 1_000_000  # CIFAR-100's training images need 300,000

RECONSTRUCT = "numpy.core.multiarray._reconstruct"
ARRAY, DTYPE = "numpy.ndarray", "numpy.dtype"
# In files that were saved again: NumPy 2's name of the first, and how Python 3 writes
# bytes for Python 2.
AGAIN, ENCODE = "numpy._core.multiarray._reconstruct", "_codecs.encode"
ADMITTED = {RECONSTRUCT, ARRAY, DTYPE, AGAIN, ENCODE}

CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"}
TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE"}
TEXTS |= {"SHORT_BINUNICODE", "BINUNICODE8"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
PUTS, GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
NOTHING = {"PROTO", "FRAME", "STOP"}


class _Name(str):
    """A global, by its name alone."""


class _DType:
    """A dtype: whether it is of unsigned bytes is all that matters."""

    def __init__(self, code: Any) -> None:
        self.is_uint8 = code in ("u1", b"u1")


class _Array:
    """An array, empty until its state is set."""

    state: Any = None

    def pixels(self) -> np.ndarray:
        _, shape, dtype, fortran, content = self.state
        if not isinstance(dtype, _DType) or not dtype.is_uint8 or fortran:
            raise ValueError("it holds an array that is not of uint8")
        if isinstance(content, str):
            content = content.encode("latin1")
        if not (_is_flat(shape, tuple) and isinstance(content, bytes)):
            raise ValueError("it holds an array of no shape")
        return np.frombuffer(content, np.uint8).reshape(shape)


def _is_flat(values: Any, kind: type[list] | type[tuple]) -> bool:
    return type(values) is kind and all(type(value) is int for value in values)


class _Machine:
    """The stack, its marks and the memo, while instructions are carried out."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        """Return what a pickle's instructions leave on the stack."""
        for steps, (code, argument, _) in enumerate(pickletools.genops(content)):
            if steps >= MOST_STEPS:
                raise ValueError(f"it has more than {MOST_STEPS:,} instructions")
            self._step(code.name, argument)
        (value,) = self.stack
        return value

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in NUMBERS or name in TEXTS or name in BYTES:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in PUTS:
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in GETS:
            stack.append(self.memo[int(argument)])
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in TUPLES:
            stack.append(tuple(self._pop(TUPLES[name])))
        elif name in ("TUPLE", "LIST"):
            stack.append({"TUPLE": tuple, "LIST": list}[name](self._to_mark()))
        elif name in ("APPEND", "APPENDS"):
            values = self._pop(1) if name == "APPEND" else self._to_mark()
            self._top(list).extend(values)
        elif name == "DICT":
            stack.append(_pairs(self._to_mark()))
        elif name in ("SETITEM", "SETITEMS"):
            values = self._pop(2) if name == "SETITEM" else self._to_mark()
            self._top(dict).update(_pairs(values))
        elif name == "GLOBAL":
            stack.append(_admit(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(_admit(*self._pop(2)))
        elif name == "REDUCE":
            stack.append(_call(*self._pop(2)))
        elif name == "BUILD":
            (state,) = self._pop(1)
            if not isinstance(stack[-1], _DType):  # whose state is its byte order
                self._top(_Array).state = state
        elif name not in NOTHING:
            raise ValueError(f"it has the instruction {name}")

    def _pop(self, count: int) -> list[Any]:
        first = len(self.stack) - count
        if first < (self.marks[-1] if self.marks else 0):
            raise ValueError("its stack is too short")
        values = self.stack[first:]
        del self.stack[first:]
        return values

    def _to_mark(self) -> list[Any]:
        if not self.marks:
            raise ValueError("it lacks a mark")
        first = self.marks.pop()
        values = self.stack[first:]
        del self.stack[first:]
        return values

    def _top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise ValueError(f"it has no {kind.__name__.strip('_')} where one is due")
        return self.stack[-1]


def _pairs(values: list[Any]) -> dict[str, Any]:
    """Return keys and values as a dict; a nested key would be hashed without end."""
    keys = [key.decode("latin1") if type(key) is bytes else key for key in values[::2]]
    if not all(type(key) is str for key in keys):
        raise ValueError("it has a key that is no text")
    return dict(zip(keys, values[1::2], strict=True))


def _admit(module: Any, name: Any) -> _Name:
    if type(module) is not str or type(name) is not str:
        raise ValueError("it names something without a name")
    if f"{module}.{name}" not in ADMITTED:
        raise ValueError(f"it names {module}.{name}")
    return _Name(f"{module}.{name}")


def _call(name: Any, arguments: Any) -> Any:
    """Return what a call of an admitted name makes."""
    if type(name) is not _Name or type(arguments) is not tuple:
        raise ValueError("it calls something that has no name")
    if name in (RECONSTRUCT, AGAIN):
        return _Array()
    if name == DTYPE and arguments:
        return _DType(arguments[0])
    if name == ENCODE and arguments and type(arguments[0]) is str:
        return arguments[0]  # a text stands for its bytes here; copies would add up
    raise ValueError(f"it calls {name} otherwise than CIFAR's files do")


def batch(content: bytes, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and labels of one of CIFAR's pickles.

    Parameters
    ----------
    content : bytes
    labels : str
        The key of the labels: "labels", or "fine_labels".

    Returns
    -------
    (n, 3072) uint8, (n,) uint8

    Raises
    ------
    ValueError
        It is damaged, or holds something that CIFAR's files do not.
    """
    try:
        found = _Machine().run(content)
        if type(found) is not dict or not {"data", labels} <= found.keys():
            raise ValueError(f"it has no data and {labels}")
        if type(found["data"]) is not _Array:
            raise ValueError("its data are no array")
        pixels = found["data"].pixels()
        if not _is_flat(found[labels], list):
            raise ValueError(f"its {labels} are no list of whole numbers")
        return pixels, np.array(found[labels], np.uint8)
    except Exception as error:  # a damaged pickle may raise anything
        said = printable(error)
        raise ValueError(f"it is not one of CIFAR's pickles: {said}") from None
