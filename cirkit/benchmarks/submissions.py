"""Files for the test servers of CIRR and CIRCO: written from ranked lists, and checked by the servers' rules.

CIRR: cirr.cecs.anu.edu.au; CIRCO: circo.micc.unifi.it. Their targets are secret, so a Benchmark cannot hold them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cirkit.benchmarks.annotations import read_json, record_error
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Images, Query, leave_out


@dataclass(frozen=True, kw_only=True)
class ServerQueries:
    """Queries whose targets only a server knows: a Benchmark without `relevant`, with names for what it holds."""

    name: str
    query: Query
    keys: Sequence[str]  # the server's name of each query
    gallery: Images
    names: Sequence[str | int]  # the server's name of each image
    excluded: Sequence[Sequence[int]] | None = None
    candidates: Sequence[Sequence[int]] | None = None  # the rows a query is ranked among; None: all

    def __post_init__(self) -> None:
        if len(self.keys) != len(self.query) or len(self.names) != len(self.gallery) or len(self.names) == 0:
            raise ValueError(f"{self.name}: give a key per query and a name per image, at least one.")

    def __len__(self) -> int:
        return len(self.query)

    def first(self, scores: Float[Tensor, "q n"], k: int, start: int = 0) -> Int[Tensor, "q k"]:
        """The k best images of queries `start`, `start + 1`, ...; those left out are not, ties in gallery order."""
        scores = scores.clone()
        leave_out(scores, range(start, start + len(scores)), self.excluded, self.candidates)
        best = scores.sort(dim=1, descending=True, stable=True)
        if best.values.shape[1] < k or not torch.isfinite(best.values[:, :k]).all():
            raise Problem(f"{self.name}: a query has fewer than {k} images to rank. Check the folder it was read from.")
        return best.indices[:, :k]

    def named(self, rows: Int[Tensor, "q k"]) -> dict[str, list[str | int]]:
        """Ranked rows as the servers want them: key -> names."""
        if len(rows) != len(self):
            raise Problem(f"{self.name}: {len(rows)} ranked lists for {len(self)} queries. Rank them all.")
        return {key: [self.names[row] for row in line] for key, line in zip(self.keys, rows.tolist(), strict=True)}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server's rules for one kind of file."""

    name: str
    depth: int  # names per query
    header: tuple[tuple[str, str], ...] = ()  # keys beside the queries'
    kind: type = str  # of an image's name
    limit: int = 5_000_000  # bytes; CIRR's README says 5 MB

    def check(self, path: Path, queries: ServerQueries) -> dict[str, list[str | int]]:
        """The ranked lists in a file that the server would take. Raises Problem with the first rule it breaks."""
        if path.is_file() and path.stat().st_size > self.limit:
            raise Problem(
                f"{path} has {path.stat().st_size} bytes; {self.name} takes {self.limit}. Write it compactly."
            )
        content = read_json(path, dict)
        for key, value in self.header:
            if content.get(key) != value:
                raise Problem(f"{path} says {content.get(key)!r} for {key!r}, not {value!r}. Write it for {self.name}.")
        lists = {key: value for key, value in content.items() if key not in dict(self.header)}
        self.obey(path, queries, lists)
        return lists

    def obey(self, path: Path, queries: ServerQueries, lists: dict[str, Any]) -> None:
        """Raises Problem where lists break the rules: every query, none else, so many known names, none twice."""
        known = {name: row for row, name in enumerate(queries.names)}
        rows = {key: i for i, key in enumerate(queries.keys)}
        if unknown := [key for key in lists if key not in rows]:
            raise Problem(f"{path} ranks for {unknown[0]!r}, which is no query of {queries.name}. Leave it out.")
        if left := [key for key in rows if key not in lists]:
            raise Problem(f"{path} lacks {len(left)} of {len(rows)} queries, such as {left[0]!r}. Rank them all.")
        for key, line in lists.items():
            if not isinstance(line, list) or len(line) != self.depth:
                raise record_error(path, key, f"needs a list of {self.depth} names")
            for name in line:
                if type(name) is not self.kind or name not in known:
                    raise record_error(path, key, f"holds {name!r}, which names no image of {queries.name}")
            if len(set(line)) != len(line):
                raise record_error(path, key, "holds a name twice")
            excluded = () if queries.excluded is None else queries.excluded[rows[key]]
            candidates = range(len(known)) if queries.candidates is None else queries.candidates[rows[key]]
            if out := [name for name in line if known[name] in excluded or known[name] not in candidates]:
                raise record_error(path, key, f"holds {out[0]!r}, which the protocol leaves out")

    def write(self, path: Path, queries: ServerQueries, rows: Int[Tensor, "q k"]) -> None:
        """Write ranked rows as the server wants them, once they obey its rules; an older file stays if they do not."""
        lists = queries.named(rows)
        self.obey(path, queries, lists)
        content = json.dumps({**dict(self.header), **lists}, separators=(",", ":"))
        if len(content) > self.limit:
            raise Problem(f"{path} would have {len(content)} bytes; {self.name} takes {self.limit}. Shorten the names.")
        write_atomically(path, content)


_RC2 = ("version", "rc2")
CIRR_RECALL = Server(name="CIRR's server (recall)", depth=50, header=(_RC2, ("metric", "recall")))
CIRR_SUBSET = Server(name="CIRR's server (recall_subset)", depth=3, header=(_RC2, ("metric", "recall_subset")))
CIRCO = Server(name="CIRCO's server", depth=50, kind=int)


def grade(
    lists: dict[str, list[str | int]],
    relevant: dict[str, Sequence[str | int]],
    measure: Callable[[list[bool], int], float],
) -> float:
    """What a server would say of the lists: the mean of measure(hits in order, number of relevant images)."""
    if lists.keys() != relevant.keys():
        raise Problem("The lists and the relevant images are of different queries. Give those of one split.")
    marks = [measure([name in relevant[key] for name in line], len(relevant[key])) for key, line in lists.items()]
    return sum(marks) / len(marks)


def recall(k: int) -> Callable[[list[bool], int], float]:
    """Whether a relevant image is among the first k."""
    return lambda hits, _: float(any(hits[:k]))


def precision(k: int) -> Callable[[list[bool], int], float]:
    """CIRCO's AP@k: the precision at every hit in the first k, over min(k, relevant images)."""

    def measure(hits: list[bool], relevant: int) -> float:
        found = [rank for rank, hit in enumerate(hits[:k], 1) if hit]
        return sum(number / rank for number, rank in enumerate(found, 1)) / min(k, relevant)

    return measure
