"""CLEVR's functional programs: a scene as a graph of objects and relations, and a small interpreter of the functions.

Johnson et al. 2017 (CLEVR), the data of the attention paper's MAC experiments. relations["left"][i] lists the objects
that are left OF object i, as the official scene files have it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

VALUES = {
    "size": ("small", "large"),
    "color": ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"),
    "material": ("rubber", "metal"),
    "shape": ("cube", "sphere", "cylinder"),
}
ATTRIBUTES = tuple(VALUES)  # in the order in which CLEVR filters by them
RELATIONS = ("left", "right", "behind", "front")
ANSWERS = ("yes", "no", *map(str, range(11)), *(value for values in VALUES.values() for value in values))  # 28


class Invalid(Exception):
    """A program that has no answer on this scene: `unique` did not find exactly one thing."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a program: a function of the results of earlier steps, and of a value where it takes one."""

    function: str
    inputs: tuple[int, ...] = ()
    value: str | None = None


Program = tuple[Node, ...]


@dataclass(frozen=True)
class Graph:
    """Things with their four attributes, and for each relation and thing i the things that stand so OF i."""

    things: tuple[dict[str, str], ...]
    relations: dict[str, tuple[tuple[int, ...], ...]]


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes and gives: the kinds of its inputs, the domain of its value, the kind of its result."""

    takes: tuple[str, ...]
    gives: str
    of: Callable[..., Any]  # (graph, value, *inputs) -> result
    domain: tuple[str, ...] = ()


def _unique(graph: Graph, value: str | None, things: tuple[int, ...]) -> int:
    if len(things) != 1:
        raise Invalid(f"{len(things)} things where one is due")
    return things[0]


def _functions() -> dict[str, Function]:
    """All functions of CLEVR's metadata that programs may name; sets are ascending tuples of thing numbers."""
    some, one, number, truth = "ObjectSet", "Object", "Integer", "Bool"
    table = {
        "scene": Function((), some, lambda graph, _: tuple(range(len(graph.things)))),
        "unique": Function((some,), one, _unique),
        "relate": Function((one,), some, lambda graph, value, i: graph.relations[value][i], RELATIONS),
        "union": Function((some, some), some, lambda graph, _, a, b: tuple(sorted({*a, *b}))),
        "intersect": Function((some, some), some, lambda graph, _, a, b: tuple(sorted({*a} & {*b}))),
        "count": Function((some,), number, lambda graph, _, things: len(things)),
        "exist": Function((some,), truth, lambda graph, _, things: len(things) > 0),
        "equal_integer": Function((number, number), truth, lambda graph, _, a, b: a == b),
        "less_than": Function((number, number), truth, lambda graph, _, a, b: a < b),
        "greater_than": Function((number, number), truth, lambda graph, _, a, b: a > b),
        "equal_object": Function((one, one), truth, lambda graph, _, a, b: a == b),
    }
    for name, domain in VALUES.items():
        kind = name.capitalize()
        table[f"filter_{name}"] = Function((some,), some, _filter(name), domain)
        table[f"query_{name}"] = Function((one,), kind, _query(name))
        table[f"same_{name}"] = Function((one,), some, _same(name))
        table[f"equal_{name}"] = Function((kind, kind), truth, lambda graph, _, a, b: a == b)
    return table


def _filter(name: str) -> Callable[..., tuple[int, ...]]:
    return lambda graph, value, things: tuple(i for i in things if graph.things[i][name] == value)


def _query(name: str) -> Callable[..., str]:
    return lambda graph, _, i: graph.things[i][name]


def _same(name: str) -> Callable[..., tuple[int, ...]]:
    def others(graph: Graph, _: None, i: int) -> tuple[int, ...]:
        mine = graph.things[i][name]
        return tuple(j for j, thing in enumerate(graph.things) if j != i and thing[name] == mine)

    return others


FUNCTIONS = _functions()


def fault(program: Sequence[Node]) -> str | None:
    """What is wrong with a program whatever the scene, or None: unknown names, wrong inputs, no answer at its end."""
    gives: list[str] = []
    for number, node in enumerate(program):
        function = FUNCTIONS.get(node.function)
        if function is None:
            return f"step {number} names no function ({node.function!r})"
        if not all(0 <= i < number for i in node.inputs):
            return f"step {number} uses a result that is not there yet"
        if tuple(gives[i] for i in node.inputs) != function.takes:
            return f"step {number} gives {node.function} inputs of the wrong kind"
        if (node.value is not None or function.domain) and node.value not in function.domain:
            return f"step {number} gives {node.function} the value {node.value!r}"
        gives.append(function.gives)
    if not gives or gives[-1] in ("Object", "ObjectSet"):
        return "the last step is no answer"
    return None


def step(node: Node, results: Sequence[Any], graph: Graph) -> Any:
    """The result of one node, given those of the nodes before it. Raises Invalid where it has none."""
    return FUNCTIONS[node.function].of(graph, node.value, *[results[i] for i in node.inputs])


def answer(program: Sequence[Node], graph: Graph) -> str:
    """What a program answers on a scene, as the official files spell it. Raises Invalid where it has no answer."""
    results: list[Any] = []
    for node in program:
        results.append(step(node, results, graph))
    return spelled(results[-1])


def spelled(result: Any) -> str:
    """A result as an answer: yes, no, a number, or a value."""
    return {True: "yes", False: "no"}[result] if isinstance(result, bool) else str(result)


def kind(program: Sequence[Node]) -> str:
    """The type of a question by the last function of its program (Table 5 of the attention paper)."""
    last = program[-1].function
    if last in ("exist", "count"):
        return last
    if last in ("equal_integer", "less_than", "greater_than"):
        return "compare integer"
    return "query attribute" if last.startswith("query_") else "compare attribute"
