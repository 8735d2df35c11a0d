"""What an evaluation leaves of every item tested: ranks, answers, or features of samples. Measures read it.

No paper: each paper keeps means alone, from which no interval can be computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int


@runtime_checkable
class Evidence(Protocol):
    """Per-item results of one test; `group` names each item's category, if there are any."""

    group: tuple[str, ...] | None

    def __len__(self) -> int: ...
    def arrays(self) -> dict[str, np.ndarray]:
        """What a record's .npz holds."""

    def facts(self) -> dict[str, Any]:
        """What a record's JSON says of it, small: counts that `restore` compares with the arrays."""

    def take(self, rows: Sequence[int]) -> "Evidence":
        """The evidence of these items alone."""

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], group: Sequence[str] | None
    ) -> "Evidence": ...  # raises ValueError where they are damaged or do not belong together


@dataclass(frozen=True)
class Blocks:
    """Runs of equal scores that hold relevant items, by query and from the best on; all columns have one length."""

    query: Int[np.ndarray, " blocks"]
    first: Int[np.ndarray, " blocks"]  # its best rank
    size: Int[np.ndarray, " blocks"]  # items in it, relevant or not
    relevant: Int[np.ndarray, " blocks"]
    before: Int[np.ndarray, " blocks"]  # relevant items of the query in better blocks


@dataclass(frozen=True, eq=False)
class Ranks:
    """The first and last possible rank (from 1) of every relevant item among the items that score as it does.

    Query i owns the relevant items offsets[i] : offsets[i + 1], in the order of its benchmark. `gallery` counts the
    items a query's relevant ones are ranked among, excluded ones left out; an int stands for the same at all queries.
    Raises ValueError where no scores could have left these numbers.
    """

    first: Int[np.ndarray, " relevant"]
    last: Int[np.ndarray, " relevant"]
    offsets: Int[np.ndarray, " q_plus_one"]
    gallery: Int[np.ndarray, " q"] | int
    group: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("first", "last", "offsets"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        if len(self.offsets) < 2 or self.offsets[0] != 0 or (np.diff(self.offsets) < 1).any():
            raise ValueError("offsets must start at 0 and rise: every query has a relevant item")
        if not self.offsets[-1] == len(self.first) == len(self.last):
            raise ValueError(f"offsets end at {self.offsets[-1]} of {len(self.first)} ranks")
        gallery = _whole("gallery", np.broadcast_to(np.asarray(self.gallery), len(self)))
        object.__setattr__(self, "gallery", gallery)
        if (self.first < 1).any() or (self.first > self.last).any() or (self.last > gallery[self.query]).any():
            raise ValueError("ranks must lie between 1 and the size of the gallery, the first possible before the last")
        _check_group(self.group, len(self))
        block, follows = self.blocks, np.diff(self.blocks.query) == 0
        overlap = (block.first + block.size)[:-1][follows] > block.first[1:][follows]
        if (block.relevant > block.size).any() or overlap.any() or block.relevant.sum() != len(self.first):
            raise ValueError("relevant items share ranks that equal scores cannot give them")

    @classmethod
    def from_mid(
        cls,
        mid: Float[np.ndarray, " relevant"],
        offsets: Int[np.ndarray, " q_plus_one"],
        gallery: Int[np.ndarray, " q"] | int,
        group: tuple[str, ...] | None = None,
    ) -> "Ranks":
        """From the middles of ties: each becomes the narrowest tie that has this middle and room for its members.

        A whole number is one rank, a half number the two beside it.
        """
        twice = 2 * np.asarray(mid, float)
        if not (np.isfinite(twice) & (twice == np.round(twice))).all():
            raise ValueError("middles of ties are whole or half numbers")
        query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        if len(query) != len(twice):
            raise ValueError(f"offsets end at {len(query)} of {len(twice)} ranks")
        tie = query * (twice.max(initial=0) + 1) + twice
        _, same, count = np.unique(tie, return_inverse=True, return_counts=True)
        size = count[same]
        size += (size % 2 == 1) != (twice % 2 == 0)  # the middle of a tie is one of its ranks where their number is odd
        first = ((twice - size + 1) / 2).astype(np.int64)
        return cls(first, first + size - 1, offsets, gallery, group)

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], group: Sequence[str] | None
    ) -> "Ranks":
        """Ranks from what `arrays` and `facts` gave. Raises ValueError."""
        columns = (_array(arrays, name, 1, "iu") for name in ("first", "last", "offsets", "gallery"))
        return _checked(cls(*columns, None if group is None else tuple(group)), facts)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def arrays(self) -> dict[str, np.ndarray]:
        """Four columns of whole numbers."""
        return {name: getattr(self, name).astype(np.int32) for name in ("first", "last", "offsets", "gallery")}

    def facts(self) -> dict[str, Any]:
        """Queries, relevant items, and the smallest gallery."""
        return {"queries": len(self), "relevant": len(self.first), "gallery": int(self.gallery.min())}

    def take(self, rows: Sequence[int]) -> "Ranks":
        """The ranks of these queries alone."""
        rows = np.asarray(rows, int)
        counts = np.diff(self.offsets)[rows]
        offsets = np.cumsum([0, *counts])
        mine = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], counts)
        group = None if self.group is None else tuple(self.group[row] for row in rows)
        return Ranks(self.first[mine], self.last[mine], offsets, self.gallery[rows], group)

    @cached_property
    def query(self) -> Int[np.ndarray, " relevant"]:
        """The query that each relevant item belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def mid(self) -> Float[np.ndarray, " relevant"]:
        """The expected rank of each relevant item under a random order of ties."""
        return (self.first + self.last) / 2

    def best(self) -> Float[np.ndarray, " q"]:
        """The expected rank of the best placed relevant item of each query, ties between them aside."""
        return np.minimum.reduceat(self.mid, self.offsets[:-1])

    @cached_property
    def blocks(self) -> Blocks:
        """The ties of relevant items."""
        order = np.lexsort((self.last, self.first, self.query))
        query, first, last = self.query[order], self.first[order], self.last[order]
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(query) != 0) | (np.diff(first) != 0) | (np.diff(last) != 0)
        start = np.flatnonzero(new)
        relevant = np.diff([*start, len(order)])
        query = query[start]
        return Blocks(query, first[start], last[start] - first[start] + 1, relevant, start - self.offsets[query])


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered to every question, and the credit that its benchmark gives for it, 0 to 1."""

    given: tuple[str, ...]
    credit: Float[np.ndarray, " q"]
    group: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.given) != len(self.credit) or not len(self.credit):
            raise ValueError(
                f"{len(self.given)} answers, {len(self.credit)} credits: one each, of one question or more"
            )
        if not ((self.credit >= 0) & (self.credit <= 1)).all():
            raise ValueError("credits must lie between 0 and 1")
        _check_group(self.group, len(self))

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], group: Sequence[str] | None
    ) -> "Answers":
        """Answers from what `arrays` and `facts` gave. Raises ValueError."""
        given, credit = _array(arrays, "given", 1, "U"), _array(arrays, "credit", 1, "f")
        return _checked(cls(tuple(given.tolist()), credit, None if group is None else tuple(group)), facts)

    def __len__(self) -> int:
        return len(self.given)

    def arrays(self) -> dict[str, np.ndarray]:
        """The strings and the credits."""
        return {"given": np.array(self.given, dtype=str), "credit": self.credit}

    def facts(self) -> dict[str, Any]:
        """How many questions."""
        return {"questions": len(self)}

    def take(self, rows: Sequence[int]) -> "Answers":
        """The answers to these questions alone."""
        group = None if self.group is None else tuple(self.group[row] for row in rows)
        return Answers(tuple(self.given[row] for row in rows), self.credit[np.asarray(rows, int)], group)


@dataclass(frozen=True, eq=False)
class Samples:
    """Features of what a model painted or generated, one row per sample."""

    features: Float[np.ndarray, "n d"]
    group: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or not self.features.size or not np.isfinite(self.features).all():
            raise ValueError("features must be finite numbers, one row per sample")
        _check_group(self.group, len(self))

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any], group: Sequence[str] | None
    ) -> "Samples":
        """Samples from what `arrays` and `facts` gave. Raises ValueError."""
        features = _array(arrays, "features", 2, "f")
        return _checked(cls(features, None if group is None else tuple(group)), facts)

    def __len__(self) -> int:
        return len(self.features)

    def arrays(self) -> dict[str, np.ndarray]:
        """The features."""
        return {"features": self.features}

    def facts(self) -> dict[str, Any]:
        """How many samples, of how many numbers."""
        return {"samples": len(self), "width": self.features.shape[1]}

    def take(self, rows: Sequence[int]) -> "Samples":
        """These samples alone."""
        group = None if self.group is None else tuple(self.group[row] for row in rows)
        return Samples(self.features[np.asarray(rows, int)], group)


KINDS: Mapping[str, type[Evidence]] = {"ranks": Ranks, "answers": Answers, "samples": Samples}  # as records name them


def chance(ranks: Ranks) -> Ranks:
    """The evidence of a model that scores everything alike: a measure of it is that measure's level of chance."""
    return Ranks(np.ones_like(ranks.first), ranks.gallery[ranks.query], ranks.offsets, ranks.gallery, ranks.group)


def _whole(name: str, values: np.ndarray) -> Int[np.ndarray, " n"]:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iuf" or not (np.isfinite(values) & (values % 1 == 0)).all():
        raise ValueError(f"{name} must be one column of whole numbers")
    return values.astype(np.int64)


def _check_group(group: tuple[str, ...] | None, items: int) -> None:
    if group is not None and len(group) != items:
        raise ValueError(f"{len(group)} groups of {items} items")


def _array(arrays: Mapping[str, np.ndarray], name: str, axes: int, kinds: str) -> np.ndarray:
    """The array of a name, if it is there with so many axes and of these kinds of numbers."""
    if name not in arrays or arrays[name].ndim != axes or arrays[name].dtype.kind not in kinds:
        raise ValueError(f"the array {name!r} is missing or of another kind")
    return arrays[name]


def _checked(evidence: Any, facts: Mapping[str, Any]) -> Any:
    if evidence.facts() != {key: facts.get(key) for key in evidence.facts()}:
        raise ValueError(f"arrays of {evidence.facts()} beside a note of {dict(facts)}")
    return evidence
