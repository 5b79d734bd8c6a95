"""The constructor of each class: it shows the sizes of its own family, and no other's.

scikit-learn reads the parameters of an estimator from the signature of `__init__`.
"""

from inspect import Parameter, Signature, signature
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval


def complete(cls: Any) -> None:
    """Give a class a constructor that shows all its parameters, and their constraints.

    First come those that the class and its bases add themselves, then the sizes of its
    family, then those of the contract, which is the last base that has a constructor.
    """
    if "__init__" not in vars(cls):
        cls.__init__ = _constructor(cls)
    cls.__init__.own = signature(cls.__init__)
    bases = [base for base in cls.__mro__[:-1] if "__init__" in vars(base)]
    *added, contract = map(_own_parameters, bases)
    shown: dict[str, Parameter] = {}
    for parameters in (*added, _sizes(cls), contract):
        shown = shown | {n: p for n, p in parameters.items() if n not in shown}
    cls.__init__.__signature__ = Signature(list(shown.values()))
    constraints = {name: _constraint(size) for name, size in cls.sizes.items()}
    for base in reversed(cls.__mro__):
        constraints |= vars(base).get("_parameter_constraints", {})
    cls._parameter_constraints = {n: c for n, c in constraints.items() if n in shown}


def _constructor(cls: Any) -> Any:
    """Return a constructor that hands everything on."""

    def constructor(self: Any, **params: Any) -> None:
        super(cls, self).__init__(**params)

    return constructor


def _own_parameters(base: Any) -> dict[str, Parameter]:
    """Return what a class itself has written into its constructor."""
    own = getattr(base.__init__, "own", None) or signature(base.__init__)
    return {n: p for n, p in own.parameters.items() if p.kind is not p.VAR_KEYWORD}


def _sizes(cls: Any) -> dict[str, Parameter]:
    kind = Parameter.KEYWORD_ONLY
    return {
        name: Parameter(name, kind, default=default)
        for name, default in cls.sizes.items()
    }


def _constraint(default: Any) -> list[Any]:
    """Return what a size may be, from what it is by default."""
    if isinstance(default, bool):
        return ["boolean"]
    if isinstance(default, int):
        return [Interval(Integral, 1, None, closed="left")]
    if isinstance(default, float):
        return [Interval(Real, 0, 1, closed="left")]
    return ["array-like"] if isinstance(default, tuple) else [type(default)]
