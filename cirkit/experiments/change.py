"""Change: the numbers of a configuration by name, and the same configuration with some of them changed.

A reader's `change` of a page, such as {"steps": 3000}; the papers' own settings stay as they are.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from cirkit.errors import Problem

Number = bool | int | float
Change = Mapping[str, Number]
UNCHANGED: Change = MappingProxyType({})
T = TypeVar("T")


def numbers(thing: Any) -> dict[str, Number]:
    """Every number in a configuration by its dotted name, such as "steps" or "optimiser.lr"."""
    out: dict[str, Number] = {}
    for name, value in _parts(thing):
        if isinstance(value, Number):
            out[name] = value
        else:
            out |= {f"{name}.{inner}": number for inner, number in numbers(value).items()}
    return out


def apply(change: Change, thing: T) -> T:
    """`thing` with the numbers that `change` names; the end of a dotted name is enough, and means all that have it.

    Raises Problem for a name that `thing` has not, and for a value of another kind.
    """
    known = numbers(thing)
    given: dict[str, Number] = {}
    for key, value in change.items():
        names = [name for name in known if f".{name}".endswith(f".{key}")]
        if not names:
            raise Problem(f"There is nothing called {key!r} to change. Choose from: {', '.join(known)}.")
        given |= {name: _fit(name, known[name], value) for name in names}
    return _replace(thing, given)


def _fit(name: str, now: Number, value: Any) -> Number:
    kinds = (bool,) if isinstance(now, bool) else (int,) if isinstance(now, int) else (int, float)
    least = 1 if type(now) is int and now > 0 else 0
    if type(value) not in kinds or not least <= value < math.inf:
        kind = {bool: "True or False", int: "a whole number above 0"}.get(type(now), "a number, not below 0")
        raise Problem(f"{name} cannot become {value!r}. Give {kind}; it is {now!r}.")
    return type(now)(value)


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, functools.partial):
        yield from thing.keywords.items()
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        yield from ((field.name, getattr(thing, field.name)) for field in dataclasses.fields(thing))


def _replace(thing: T, given: Mapping[str, Number]) -> T:
    heads = {name.partition(".")[0] for name in given}
    parts = {}
    for name, value in _parts(thing):
        if name in heads:
            inner = {key.partition(".")[2]: number for key, number in given.items() if key.partition(".")[0] == name}
            parts[name] = inner[""] if "" in inner else _replace(value, inner)
    if not parts:
        return thing
    if isinstance(thing, functools.partial):
        return functools.partial(thing.func, *thing.args, **thing.keywords | parts)
    return dataclasses.replace(thing, **parts)
