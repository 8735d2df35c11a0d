"""Questions about scenes of solids: ninety families of programs with our own sentences for them.

Johnson et al. 2017 (CLEVR): chains of relations, shared attributes, and, or, comparisons. A family fixes the shape of
the program; things, values and wording are drawn, and an answer that a family gives too often is passed over.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import numpy as np

from cirkit.benchmarks.clevr_programs import ATTRIBUTES, RELATIONS, VALUES, Graph, Invalid, Node, Program, spelled, step

SYNONYMS = {  # CLEVR's
    "thing": ("thing", "object"),
    "sphere": ("sphere", "ball"),
    "cube": ("cube", "block"),
    "large": ("large", "big"),
    "small": ("small", "tiny"),
    "metal": ("metallic", "metal", "shiny"),
    "rubber": ("rubber", "matte"),
    "left": ("left of", "to the left of", "on the left side of"),
    "right": ("right of", "to the right of", "on the right side of"),
    "behind": ("behind",),
    "front": ("in front of",),
}
Words = dict[str, str]  # attribute -> value: what is said of a thing
SUBSETS = tuple(part for size in (1, 2, 3, 4) for part in combinations(ATTRIBUTES, size))
WITHOUT = {  # the subsets that leave some attributes out: none, one or two
    out: tuple(part for part in SUBSETS if not set(part) & set(out))
    for size in (0, 1, 2)
    for out in permutations(ATTRIBUTES, size)
}
SHARE = {  # how sentences say that two things agree in an attribute
    "size": ("the same size as",),
    "color": ("the same color as",),
    "material": ("made of the same material as", "the same material as"),
    "shape": ("the same shape as",),
}
NOTHING_NEEDED = 0.1  # of the questions may have a relation that changes nothing


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its program, its answer, and the number of its family."""

    text: str
    program: Program
    answer: str
    family: int


class _Draft:
    """A program that grows and is run as it grows; raises Invalid where the scene does not allow the next step.

    bits: of each thing and attribute, the things that agree with it, as bits of a number.
    """

    def __init__(self, graph: Graph, rng: np.random.Generator, bits: Sequence[dict[str, int]]):
        self.graph, self.rng, self.bits = graph, rng, bits
        self.nodes: list[Node] = []
        self.results: list[Any] = []

    def add(self, function: str, *inputs: int, value: str | None = None) -> int:
        """Append a step and return its number."""
        node = Node(function, inputs, value)
        self.results.append(step(node, self.results, self.graph))
        self.nodes.append(node)
        return len(self.nodes) - 1

    def pick(self, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        if len(choices) == 1:  # drawing one of one takes time, but nothing from the generator
            return choices[0]
        if not choices:
            raise Invalid("nothing to choose from")
        return choices[self.rng.integers(len(choices))]

    def word(self, name: str) -> str:
        """One of the ways to say a value, a relation or `thing`."""
        return self.pick(SYNONYMS.get(name, (name,)))

    def noun(self, said: Words, plural: bool = False) -> str:
        """Adjectives and noun for what is said of a thing."""
        words = [self.word(said[name]) for name in ATTRIBUTES[:3] if name in said]
        return " ".join([*words, self.word(said.get("shape", "thing")) + "s" * plural])

    def narrow(self, at: int, said: Words) -> int:
        """Filter the set at a step by everything said."""
        for name in ATTRIBUTES:
            if name in said:
                at = self.add(f"filter_{name}", at, value=said[name])
        return at

    def single(self, at: int, without: tuple[str, ...] = (), of: Sequence[int] = ()) -> tuple[int, str]:
        """A thing of the set at a step that words not about `without` pick out, and those words.

        of: the larger set that the step chose from; mostly the words must not do without that choice.
        """
        things = self.results[at]
        one = self.pick(things)
        fact, easy, alike = self.graph.things[one], self.rng.random() < NOTHING_NEEDED, self.bits[one]
        among, wider = (sum(1 << i for i in some) for some in (things, of))
        ways = []
        for part in WITHOUT[without]:
            fits = -1  # the things of which all of it is true, as bits
            for name in part:
                fits &= alike[name]
            if fits & among == 1 << one and (easy or not of or (fits & wider).bit_count() > 1):
                ways.append(part)
        said = {name: fact[name] for name in self.pick(ways)}
        return self.add("unique", self.narrow(at, said)), f"the {self.noun(said)}"

    def chain(self, hops: int, without: tuple[str, ...] = ()) -> tuple[int, str]:
        """A thing reached over `hops` relations from one that words pick out, and the phrase that says so."""
        every = self.add("scene")
        node, phrase = self.single(every, without if hops == 0 else ())
        for hop in range(1, hops + 1):
            at, where = self.related(node, phrase)
            node, noun = self.single(at, without if hop == hops else (), self.others(node))
            phrase = f"{noun} {self.pick(('that is ', '', 'which is '))}{where}"
        return node, phrase

    def others(self, node: int) -> list[int]:
        """All things but the one at a step."""
        return [i for i in range(len(self.graph.things)) if i != self.results[node]]

    def related(self, node: int, phrase: str) -> tuple[int, str]:
        """Everything in some direction of a thing, and the words for it."""
        relation = self.pick(RELATIONS)
        return self.add("relate", node, value=relation), f"{self.word(relation)} {phrase}"

    def kinds(self, at: int, without: tuple[str, ...] = (), blank: bool = False) -> Words:
        """Words for a kind of thing, as often true of something in the set as made up; `blank`: none are allowed."""
        if blank and self.rng.random() < 0.2:
            return {}
        part = self.pick(WITHOUT[without])
        if self.results[at] and self.rng.random() < 0.5:
            fact = self.graph.things[self.pick(self.results[at])]
            return {name: fact[name] for name in part}
        return {name: self.pick(VALUES[name]) for name in part}


def _count(draft: _Draft, hops: int) -> str:
    at, where = (draft.add("scene"), "") if hops == 0 else draft.related(*draft.chain(hops - 1))
    said = draft.kinds(at, blank=hops > 0)
    draft.add("count", draft.narrow(at, said))
    many = f"{draft.pick(('how many', 'what number of'))} {draft.noun(said, True)}"
    return f"{many} are {where or 'there'}"


def _exist(draft: _Draft, hops: int) -> str:
    at, where = (draft.add("scene"), "") if hops == 0 else draft.related(*draft.chain(hops - 1))
    said = draft.kinds(at, blank=hops > 0)
    draft.add("exist", draft.narrow(at, said))
    if draft.rng.integers(2):
        return f"are there any {draft.noun(said, True)} {where}".rstrip()
    noun = draft.noun(said)
    return f"is there {'an' if noun[0] in 'aeiou' else 'a'} {noun} {where}".rstrip()


def _wonder(draft: _Draft, attribute: str, phrase: str) -> str:
    """A sentence that asks for an attribute of a thing."""
    some = f"another {phrase[10:]}" if phrase.startswith("the other ") else f"a {phrase[4:]}"
    forms = [f"what is the {attribute} of {phrase}", f"there is {some}; what {attribute} is it"]
    forms += {
        "size": [f"how big is {phrase}", f"what size is {phrase}"],
        "color": [f"what color is {phrase}", f"{phrase} has what color"],
        "material": [f"what is {phrase} made of", f"what material is {phrase}"],
        "shape": [f"what shape is {phrase}", f"{phrase} has what shape"],
    }[attribute]
    return draft.pick(forms)


def _query(draft: _Draft, hops: int, attribute: str) -> str:
    node, phrase = draft.chain(hops, (attribute,))
    draft.add(f"query_{attribute}", node)
    return _wonder(draft, attribute, phrase)


def _same(draft: _Draft, shared: str, end: str) -> str:
    """Other things that share an attribute with one: exist, count, the same of a kind, or an attribute of the one."""
    node, phrase = draft.chain(0, (shared,))
    at = draft.add(f"same_{shared}", node)
    alike = f"{draft.pick(SHARE[shared])} {phrase}"
    if end in VALUES:
        one, noun = draft.single(at, (shared, end), draft.others(node))
        draft.add(f"query_{end}", one)
        return _wonder(draft, end, f"the other {noun[4:]} that is {alike}")
    said = draft.kinds(at, (shared,)) if end.startswith("filter_") else {}
    function = end.removeprefix("filter_")
    draft.add(function, draft.narrow(at, said))
    if function == "count":
        return f"{draft.pick(('how many', 'what number of'))} other {draft.noun(said, True)} are {alike}"
    if draft.rng.integers(2):
        return f"are there any other {draft.noun(said, True)} that are {alike}"
    return f"is there another {draft.noun(said)} that is {alike}"


def _apart(draft: _Draft, one: int, other: int) -> None:
    """Two phrases must speak of two things."""
    if draft.results[one] == draft.results[other]:
        raise Invalid("one thing twice")


def _both(draft: _Draft, attribute: str | None) -> str:
    """Things that stand in one direction of one thing and in another of another: how many, or what the one is like."""
    one, first = draft.chain(0)
    a, here = draft.related(one, first)
    other, second = draft.chain(0)
    b, there = draft.related(other, second)
    _apart(draft, one, other)
    at = draft.add("intersect", a, b)
    if len(draft.results[at]) == min(len(draft.results[a]), len(draft.results[b])) and draft.rng.random() > (
        NOTHING_NEEDED
    ):
        raise Invalid("one of the two would do")
    if attribute is not None:
        node, noun = draft.single(at, (attribute,))
        draft.add(f"query_{attribute}", node)
        return _wonder(draft, attribute, f"{noun} that is both {here} and {there}")
    said = draft.kinds(at, blank=True)
    draft.add("count", draft.narrow(at, said))
    return f"{draft.pick(('how many', 'what number of'))} {draft.noun(said, True)} are both {here} and {there}"


def _part(draft: _Draft, reached: bool, without: tuple[str, ...] = ()) -> tuple[int, str]:
    """A set of things of a kind, of the whole scene or in some direction of one thing, and the words for it."""
    at, where = draft.related(*draft.chain(0)) if reached else (draft.add("scene"), "")
    said = draft.kinds(at, without)
    return draft.narrow(at, said), f"{draft.noun(said, True)} {where}".rstrip()


def _either(draft: _Draft, left: bool, right: bool, extra: str | None) -> str:
    """How many things are of one kind or of another, of those with some further attribute where `extra` is one."""
    without = () if extra is None else (extra,)
    (a, one), (b, other) = _part(draft, left, without), _part(draft, right, without)
    at, said = draft.add("union", a, b), {}
    if extra is not None:
        said = {extra: draft.pick(VALUES[extra])}
    draft.add("count", draft.narrow(at, said))
    noun = draft.noun(said, True)
    return f"{draft.pick(('how many', 'what number of'))} {noun} are {draft.pick(('', 'either '))}{one} or {other}"


def _numbers(draft: _Draft, function: str, left: bool, right: bool) -> str:
    """Whether there are as many, fewer or more things of one kind as of another."""
    (a, one), (b, other) = _part(draft, left), _part(draft, right)
    draft.add(function, draft.add("count", a), draft.add("count", b))
    if function == "equal_integer":
        return draft.pick(
            (f"are there as many {one} as {other}", f"is the number of {one} the same as the number of {other}")
        )
    less = function == "less_than"
    return draft.pick(
        (
            f"are there {'fewer' if less else 'more'} {one} than {other}",
            f"is the number of {one} {'less' if less else 'greater'} than the number of {other}",
        )
    )


def _compare(draft: _Draft, attribute: str, left: bool, right: bool) -> str:
    """Whether two things agree in an attribute."""
    one, first = draft.chain(int(left), (attribute,))
    a = draft.add(f"query_{attribute}", one)
    other, second = draft.chain(int(right), (attribute,))
    _apart(draft, one, other)
    draft.add(f"equal_{attribute}", a, draft.add(f"query_{attribute}", other))
    return draft.pick(
        (
            f"is {first} {draft.pick(SHARE[attribute])} {second}",
            f"do {first} and {second} have the same {attribute}",
            f"does {first} have the same {attribute} as {second}",
        )
    )


@dataclass(frozen=True, slots=True)
class Family:
    """One shape of program; `build` makes one on a draft and returns the sentence without its question mark."""

    name: str
    build: Callable[[_Draft], str]


def _families() -> tuple[Family, ...]:
    made: dict[str, Callable[[_Draft], str]] = {}
    for hops, name in enumerate(("zero", "one", "two", "three")):
        made[f"{name}_hop count"] = lambda draft, h=hops: _count(draft, h)
        made[f"{name}_hop exist"] = lambda draft, h=hops: _exist(draft, h)
        for attribute in ATTRIBUTES:
            made[f"{name}_hop {attribute}"] = lambda draft, h=hops, a=attribute: _query(draft, h, a)
    for shared in ATTRIBUTES:
        ends = ("exist", "count", "filter_exist", "filter_count", *(a for a in ATTRIBUTES if a != shared))
        for end in ends:
            made[f"same_relate {shared} {end}"] = lambda draft, s=shared, e=end: _same(draft, s, e)
    for attribute in (None, *ATTRIBUTES):
        made[f"single_and {attribute or 'count'}"] = lambda draft, a=attribute: _both(draft, a)
    sides = {"plain": (False, False), "left": (True, False), "right": (False, True), "both": (True, True)}
    for side, (left, right) in sides.items():
        made[f"single_or {side}"] = lambda draft, l=left, r=right: _either(draft, l, r, None)
    for attribute in ATTRIBUTES:
        made[f"single_or {attribute}"] = lambda draft, a=attribute: _either(draft, False, False, a)
    for function in ("equal_integer", "less_than", "greater_than"):
        for side in ("plain", "left", "both"):
            left, right = sides[side]
            made[f"compare_integer {function} {side}"] = lambda draft, f=function, l=left, r=right: _numbers(
                draft, f, l, r
            )
    for attribute in ATTRIBUTES:
        for side, (left, right) in sides.items():
            made[f"comparison {attribute} {side}"] = lambda draft, a=attribute, l=left, r=right: _compare(
                draft, a, l, r
            )
    return tuple(Family(name, build) for name, build in made.items())


FAMILIES = _families()


@dataclass
class Balance:
    """How often each family gave each answer, and which answer it has given too often to give again now.

    As CLEVR's generator does: no more than 1.1 times the second most frequent, or five times the median.
    """

    given: list[Counter[str]] = field(default_factory=lambda: [Counter() for _ in FAMILIES])

    def allows(self, family: int, answer: str) -> bool:
        """Whether the family may give the answer once more."""
        counts = self.given[family]
        if not counts:
            return True
        ordered = sorted(counts.values(), reverse=True)
        second = ordered[1] if len(ordered) > 1 else 0
        median = (ordered[len(ordered) // 2] + ordered[(len(ordered) - 1) // 2]) / 2
        return counts[answer] <= 1.1 * second and counts[answer] <= 5 * max(5, median)

    def note(self, family: int, answer: str) -> None:
        """Count an answer that was given."""
        self.given[family][answer] += 1

    def turns(self, rng: np.random.Generator) -> list[int]:
        """The families, those used least first, ties in a random order."""
        used = np.array([sum(counts.values()) for counts in self.given])
        return np.lexsort((rng.permutation(len(FAMILIES)), used)).tolist()


def ask(graph: Graph, rng: np.random.Generator, balance: Balance, many: int = 10, tries: int = 3) -> list[Asked]:
    """Up to `many` questions about a scene, one per family, the families that were used least first."""
    found: list[Asked] = []
    bits = [
        {name: sum(1 << i for i, other in enumerate(graph.things) if other[name] == one[name]) for name in ATTRIBUTES}
        for one in graph.things
    ]
    for number in balance.turns(rng):
        for _ in range(tries):
            if len(found) == many:
                return found
            draft = _Draft(graph, rng, bits)
            try:
                text = FAMILIES[number].build(draft)
            except Invalid:
                continue
            said = spelled(draft.results[-1])
            if balance.allows(number, said):
                balance.note(number, said)
                found.append(Asked(f"{text[0].upper()}{text[1:]}?", tuple(draft.nodes), said, number))
                break
    return found
