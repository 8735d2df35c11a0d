"""Query, Triplets and Benchmark: what is asked, and what should be found.

One Benchmark type replaces the field's per-dataset validate functions; see the protocols in `cirkit.benchmarks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor


@runtime_checkable
class Images(Protocol):
    """Raw RGB pictures by number: a uint8 tensor is one, so is a folder that decodes when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]: ...


Gallery = Images | Sequence[str]  # what is ranked; texts are a list or a tuple of strings


@dataclass(frozen=True)
class Select:
    """The pictures `images[index[0]], images[index[1]], ...`, still undecoded."""

    images: Images
    index: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: Int[Tensor, " b"]) -> Images:
        return self.images[self.index[index]]


@dataclass(frozen=True, kw_only=True)
class Query:
    """A batch of questions; a part that is not asked for is None, and all parts share their first axis."""

    image: Images | None = None
    text: Sequence[str] | None = None
    avoid: Sequence[str] | None = None  # CompoDiff's negative text
    mask: Bool[Tensor, "b h w"] | None = None  # CompoDiff's region to change

    def __post_init__(self) -> None:
        sizes = {len(part) for part in (self.image, self.text, self.avoid, self.mask) if part is not None}
        if len(sizes) != 1:
            raise ValueError(f"The parts of a query must agree in length, got {sorted(sizes)}; give each the same.")

    def __len__(self) -> int:
        return next(len(part) for part in (self.image, self.text, self.avoid, self.mask) if part is not None)

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Query":
        """The questions at `index`, pictures decoded."""
        rows = index.tolist()
        return Query(
            image=None if self.image is None else self.image[index],
            text=None if self.text is None else [self.text[row] for row in rows],
            avoid=None if self.avoid is None else [self.avoid[row] for row in rows],
            mask=None if self.mask is None else self.mask[index],
        )

    def to(self, device: torch.device) -> "Query":
        """The same questions with decoded pictures and masks on `device`."""
        image = self.image.to(device) if isinstance(self.image, Tensor) else self.image
        return replace(self, image=image, mask=None if self.mask is None else self.mask.to(device))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One training step's worth: row i of `target` answers row i of `query`."""

    query: Query
    target: Images  # decoded, or regions

    def __getitem__(self, index: Int[Tensor, " b"]) -> "Batch":
        """Some of its rows."""
        return Batch(query=self.query[index], target=self.target[index])

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`."""
        return Batch(query=self.query.to(device), target=self.target.to(device))


@dataclass(frozen=True, kw_only=True)
class Triplets:
    """Training data: reference and sentence (the query), and the picture that answers it.

    `reference` numbers the reference pictures, so that rows with one number are different questions about one picture;
    `group` names each row's category, if there are any.
    """

    query: Query
    target: Images
    reference: Int[Tensor, " n"] | None = None
    group: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if len(self.query) != len(self.target):
            raise ValueError(f"{len(self.query)} queries but {len(self.target)} targets; give one target per query.")
        if self.reference is not None and len(self.reference) != len(self.target):
            raise ValueError(f"{len(self.target)} queries but {len(self.reference)} reference numbers; give one each.")
        if self.group is not None and len(self.group) != len(self.target):
            raise ValueError(f"{len(self.target)} queries but {len(self.group)} categories; give one each.")

    def __len__(self) -> int:
        return len(self.target)

    @property
    def texts(self) -> Sequence[str]:
        """The modification texts, for the vocabulary."""
        return self.query.text or ()

    def __getitem__(self, index: Int[Tensor, " b"]) -> Batch:
        return Batch(query=self.query[index], target=self.target[index])


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Queries, a gallery, and which gallery items answer which query.

    relevant[i]: gallery rows that answer query i (several are allowed); excluded[i]: rows left out of its ranking,
    such as the reference where the protocol says so; candidates[i]: the rows it is ranked
    among where it has a gallery of its own (a `range`, or a few rows; None: all of them); group[i]: a category to
    average over, if any.
    """

    name: str
    query: Query
    gallery: Gallery
    relevant: Sequence[Sequence[int]]
    excluded: Sequence[Sequence[int]] | None = None
    candidates: Sequence[Sequence[int]] | None = None
    group: Sequence[str] | None = None

    def __post_init__(self) -> None:
        n, q = len(self.gallery), len(self.query)
        if n == 0:
            raise ValueError(f"Benchmark {self.name!r} has an empty gallery; check the folder it was read from.")
        for part in (self.relevant, self.excluded, self.candidates, self.group):
            if part is not None and len(part) != q:
                raise ValueError(f"Benchmark {self.name!r}: {q} queries but a part of {len(part)} rows.")
        for i, answers in enumerate(self.relevant):
            if not answers or len(set(answers)) != len(answers) or not all(0 <= a < n for a in answers):
                raise ValueError(f"Benchmark {self.name!r}: query {i} needs distinct answers inside the gallery.")
            if self.excluded is not None and set(answers) & set(self.excluded[i]):
                raise ValueError(f"Benchmark {self.name!r}: query {i} excludes one of its own relevant items.")
            if self.candidates is None:
                continue
            own = self.candidates[i]
            if not all(a in own for a in answers):
                raise ValueError(f"Benchmark {self.name!r}: query {i} is not ranked among its own answers.")
            ends = (own[0], own[-1]) if isinstance(own, range) else (min(own), max(own))
            if min(ends) < 0 or max(ends) >= n:
                raise ValueError(f"Benchmark {self.name!r}: query {i} is ranked among rows outside the gallery.")

    def __len__(self) -> int:
        return len(self.query)

    def ranked(self, i: int) -> int:
        """How many gallery items the answers of query i are ranked among."""
        if self.candidates is None:
            return len(self.gallery) - (0 if self.excluded is None else len(self.excluded[i]))
        out = () if self.excluded is None else self.excluded[i]
        return len(self.candidates[i]) - sum(row in self.candidates[i] for row in out)

    def take(self, rows: Sequence[int]) -> "Benchmark":
        """These queries alone, against the same gallery; their images are decoded."""

        def part(items: Sequence[Any] | None) -> list[Any] | None:
            return None if items is None else [items[row] for row in rows]

        return replace(
            self,
            query=self.query[torch.tensor(rows)],
            relevant=part(self.relevant),
            excluded=part(self.excluded),
            candidates=part(self.candidates),
            group=part(self.group),
        )


def all_rows(items: Sequence | Images) -> Int[Tensor, " n"]:
    """The numbers 0 .. n-1 of `items`."""
    return torch.arange(len(items))


def leave_out(
    scores: Float[Tensor, "q n"],
    rows: Sequence[int],
    excluded: Sequence[Sequence[int]] | None,
    candidates: Sequence[Sequence[int]] | None,
    first: int = 0,
) -> None:
    """-inf, in place, where a protocol leaves an item out of a query's ranking.

    Line i of `scores` is query rows[i]; its columns are the gallery rows from `first` on.
    """
    n = scores.shape[1]
    for line, i in enumerate(rows if candidates is not None else ()):
        own = candidates[i]
        if isinstance(own, range) and own.step == 1:
            scores[line, : max(0, own.start - first)] = -torch.inf
            scores[line, max(0, own.stop - first) :] = -torch.inf
        elif len(own) < n:
            inside = torch.tensor(list(candidates[i]), device=scores.device) - first
            kept = scores[line, inside]
            scores[line] = -torch.inf
            scores[line, inside] = kept
    if excluded is not None:
        out = [(line, row - first) for line, i in enumerate(rows) for row in excluded[i] if 0 <= row - first < n]
        if out:
            scores[tuple(torch.tensor(out, device=scores.device).T)] = -torch.inf
