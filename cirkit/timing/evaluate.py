"""`cirkit bench evaluate`: ranking beside a plain sort and the released evaluations, at the sizes of the originals.

Features are random unit vectors; what is timed is all from features to ranks. The released evaluations are written in
the style of CLIP4Cir (FashionIQ, CIRR), GeneCIS, IRRA (person retrieval), SEARLE (CIRCO) and TIRG (Fashion200k).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.models.base import Cosine
from cirkit.query import Benchmark, Query
from cirkit.timing.bench import in_turns

WIDTH = 512
Scores = Float[Tensor, "q n"]


@dataclass(frozen=True)
class Case:
    """A benchmark of random features, and how its released code gets from scores to its measures."""

    benchmark: Benchmark
    released: Callable[[Benchmark, Scores], object]
    note: str = ""


class Given:
    """A retriever whose features are at hand: only its cosine is asked for."""

    def __init__(self) -> None:
        self.score = Cosine()

    def encode(self, images: Tensor) -> Float[Tensor, "b d"]:
        """The images as they are."""
        return images.float().flatten(1)

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        """The query's images as they are."""
        return self.encode(query.image)


def rows(part: float = 1.0, times: int = 3) -> list[dict[str, Any]]:
    """One line per benchmark, in seconds; `part` of the queries and galleries."""
    return [_row(case, times) for case in cases(part)]


def _row(case: Case, times: int) -> dict[str, Any]:
    generator, benchmark, model = torch.Generator().manual_seed(0), case.benchmark, Given()
    shapes = ((len(benchmark), WIDTH), (len(benchmark.gallery), WIDTH))
    composed, gallery = (normalize(torch.randn(shape, generator=generator)) for shape in shapes)
    spans = _spans(benchmark)

    def ours() -> Ranks:
        return ranking.rank_features(model, composed, gallery, benchmark)

    @torch.no_grad()
    def plain() -> Int[np.ndarray, " items"]:
        return np.concatenate([sort(benchmark, composed[one] @ gallery[span].T, one, span) for one, span in spans])

    @torch.no_grad()
    def released() -> None:
        for one, span in spans:
            case.released(_part(benchmark, one, span), composed[one] @ gallery[span].T)

    model.score(composed[:1024], gallery[:1024])  # what a library loads or keeps at its first product is not counted
    name = f"{benchmark.name}: {len(benchmark)} queries, {len(benchmark.gallery)} items{case.note}"

    def product() -> list[Tensor]:
        return [composed[one] @ gallery[span].T for one, span in spans]

    return line(name, ours, plain, released, product, times, check=plain)


def line(
    name: str,
    ours: Callable[[], Ranks],
    plain: Callable[[], object],
    released: Callable[[], object],
    product: Callable[[], object],
    times: int,
    check: Callable[[], Sequence[float]],
    share: float = 1.0,
) -> dict[str, Any]:
    """One race, in seconds: ours, sorting, the released way, and the matrix products that both begin with.

    `check` gives the ranks that ours should be; they may differ by rounding, since a product of other shapes adds in
    another order. `released` takes a `share` of the queries. Ours and it, whose ratio is asked for, run in turns.
    """
    with Peak() as peak:
        ranks = ours()
    different = int((ranks.mid != np.asarray(check())).sum())
    seconds, loop = in_turns(ours, released, times)
    sorting, products = in_turns(plain, product, times)
    loop /= share
    return {
        "name": name,
        "ours": round(seconds, 4),
        "argsort": round(sorting, 4),
        "ratio": round(sorting / seconds, 2),
        "released": round(loop, 4),
        "ratio, released": round(loop / seconds, 2),
        "product": round(products, 4),
        "of the product's rate": round(products / seconds, 2),
        "peak MB": peak.megabytes,
        "ranks that differ": f"{different} of {len(ranks.first)}",
        "threads": torch.get_num_threads(),
    }


def sort(benchmark: Benchmark, scores: Scores, one: slice, span: slice) -> Int[np.ndarray, " items"]:
    """Every relevant item's place in a full sort, as most would write it."""
    mine = range(one.start, one.stop)
    if benchmark.excluded is not None:
        out = [(line, row - span.start) for line, i in enumerate(mine) for row in benchmark.excluded[i]]
        scores[tuple(torch.tensor(out).T)] = -torch.inf
    own = None if benchmark.candidates is None else benchmark.candidates[one.start]
    if own is not None and not isinstance(own, range):
        few = torch.tensor(benchmark.candidates[one])
        scores = torch.full_like(scores, -torch.inf).scatter_(1, few, scores.gather(1, few))
    places = torch.empty(scores.shape, dtype=torch.int64)
    places.scatter_(1, scores.argsort(1, descending=True), torch.arange(1, scores.shape[1] + 1).expand(len(scores), -1))
    places = places.numpy()
    return np.concatenate([places[line, np.array(benchmark.relevant[i]) - span.start] for line, i in enumerate(mine)])


def cases(part: float) -> Iterator[Case]:
    """The benchmarks, `part` of their queries and items."""
    rng = np.random.default_rng(0)

    def size(*numbers: int) -> list[int]:
        return [max(16, int(n * part)) for n in numbers]

    spans, start = [], 0
    for q, n in (size(2017, 3817), size(2038, 6346), size(1961, 5373)):
        spans, start = [*spans, *[range(start, start + n)] * q], start + n
    relevant = [[int(rng.integers(own.start, own.stop))] for own in spans]
    yield Case(blank_benchmark("FashionIQ", start, relevant, candidates=spans), sorted_names)

    q, n = size(4181, 2297)
    few = [rng.choice(n, 5, replace=False).tolist() for _ in range(q)]
    yield Case(blank_benchmark("CIRR subset", n, [one[:1] for one in few], candidates=few), sorted_names)

    (q,) = size(1960)
    few = [list(range(14 * i, 14 * i + 14)) for i in range(q)]
    yield Case(blank_benchmark("GeneCIS", 14 * q, [one[:1] for one in few], candidates=few), first_places)

    q, n = size(6156, 3074)
    relevant = _alike(rng.integers(0, n // 3, n), rng.integers(0, n, q))
    yield Case(blank_benchmark("person retrieval", n, relevant), all_matches)

    q, n = size(800, 123_403)
    relevant = [rng.choice(n, rng.integers(1, 10), replace=False).tolist() for _ in range(q)]
    yield Case(blank_benchmark("CIRCO", n, relevant), first_fifty)

    q, n = size(2000, 29_789)
    relevant = _alike(rng.integers(0, n // 2, n), rng.integers(0, n, q))
    excluded = [[int(rng.choice(np.setdiff1d(rng.integers(0, n, 20), one)))] for one in relevant]
    yield Case(
        blank_benchmark("Fashion200k", n, relevant, excluded=excluded), captions_in_order, " (of 33,480 queries)"
    )


def blank_benchmark(name: str, n: int, relevant: list[list[int]], **parts: Any) -> Benchmark:
    """A benchmark of n blank images, for features that are at hand."""
    blank = torch.zeros(1, 3, 1, 1, dtype=torch.uint8).expand(n, 3, 1, 1)
    return Benchmark(name=name, query=Query(text=["x"] * len(relevant)), gallery=blank, relevant=relevant, **parts)


def _alike(labels: np.ndarray, targets: np.ndarray) -> list[list[int]]:
    """Every item with the target's label."""
    by_label: dict[int, list[int]] = {}
    for item, label in enumerate(labels.tolist()):
        by_label.setdefault(label, []).append(item)
    return [by_label[label] for label in labels[targets].tolist()]


def _spans(benchmark: Benchmark) -> list[tuple[slice, slice]]:
    """Queries, and the gallery items that loops written by hand take for them: one category after the other."""
    own = benchmark.candidates
    if own is None or not isinstance(own[0], range):
        return [(slice(0, len(benchmark)), slice(0, len(benchmark.gallery)))]
    starts = [i for i in range(len(own)) if i == 0 or own[i] != own[i - 1]]
    return [
        (slice(a, b), slice(own[a].start, own[a].stop)) for a, b in zip(starts, [*starts[1:], len(own)], strict=True)
    ]


def _part(benchmark: Benchmark, one: slice, span: slice) -> Benchmark:
    """The queries of a category, their rows counted from its first item."""
    if span.stop - span.start == len(benchmark.gallery):
        return benchmark
    relevant = [[item - span.start for item in items] for items in benchmark.relevant[one]]
    return blank_benchmark(benchmark.name, span.stop - span.start, relevant)


def _names(n: int) -> np.ndarray:
    return np.array([f"B{row:09d}" for row in range(n)])


def sorted_names(benchmark: Benchmark, scores: Scores) -> list[float]:
    """CLIP4Cir: sort all, write down the names in that order, compare them with the target's."""
    names, count = _names(scores.shape[1]), len(scores)
    ordered = names[torch.argsort(1 - scores, dim=-1).numpy()]
    targets = names[[items[0] for items in benchmark.relevant]]
    labels = ordered == np.repeat(targets, scores.shape[1]).reshape(count, -1)
    if benchmark.candidates is not None:
        group = (ordered[..., None] == names[np.array(benchmark.candidates)][:, None]).sum(-1).astype(bool)
        labels = labels[group].reshape(count, -1)
    return [100 * labels[:, :k].sum() / count for k in (1, 2, 3, 10, 50)]


def first_places(benchmark: Benchmark, scores: Scores) -> list[float]:
    """GeneCIS: each query's own gallery, sorted; is the target, which stands first, among the first k?"""
    own = scores.gather(1, torch.tensor(benchmark.candidates)).argsort(dim=-1, descending=True)
    return [float((own[:, :k] == 0).any(1).float().mean()) for k in (1, 2, 3)]


def all_matches(benchmark: Benchmark, scores: Scores) -> tuple[Tensor, Tensor, Tensor]:
    """IRRA: sort all, find the matches, cumulate them; recall, mAP and mINP."""
    match = torch.zeros(scores.shape, dtype=torch.bool)
    for line, items in zip(match, benchmark.relevant, strict=True):
        line[items] = True
    matches = match.gather(1, torch.argsort(scores, dim=1, descending=True))
    cumulated = matches.cumsum(1)
    recall = (cumulated[:, :10] > 0).float().mean(0)
    last = [line.nonzero()[-1] for line in matches]
    inp = torch.cat([line[end] / (end + 1.0) for line, end in zip(cumulated, last, strict=True)])
    precision = torch.stack([cumulated[:, i] / (i + 1.0) for i in range(scores.shape[1])], 1) * matches
    return recall, (precision.sum(1) / matches.sum(1)).mean(), inp.mean()


def first_fifty(benchmark: Benchmark, scores: Scores) -> float:
    """SEARLE on CIRCO: per query the first fifty names, which of them are right, and mAP@50."""
    names, marks = _names(scores.shape[1]), []
    for line, items in zip(scores, benchmark.relevant, strict=True):
        labels = np.isin(names[torch.topk(line, 50).indices.numpy()], names[items])
        marks.append((np.cumsum(labels) * labels / np.arange(1, 51)).sum() / min(len(items), 50))
    return float(np.mean(marks))


def captions_in_order(benchmark: Benchmark, scores: Scores) -> list[float]:
    """TIRG: per query without its reference, the captions of the first 110 items; is the target's among the first k?"""
    captions = {item: i for i, items in enumerate(benchmark.relevant) for item in items}
    sims = scores.numpy()
    for line, out in enumerate(benchmark.excluded):
        sims[line, out] = -10e10
    nearest = [np.argsort(-line)[:110] for line in sims]
    titles = [[captions.get(int(item), -1) for item in line] for line in nearest]
    right = [captions[items[0]] for items in benchmark.relevant]
    return [
        sum(one in line[:k] for one, line in zip(right, titles, strict=True)) / len(right) for k in (1, 5, 10, 50, 100)
    ]


class Peak:
    """The most memory that a process takes inside the block, above what it held before; None where /proc tells none."""

    megabytes: int | None = None
    _statm = Path("/proc/self/statm")

    def __enter__(self) -> "Peak":
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if self._statm.exists():
            self._before = self._pages()
            self._thread.start()
        return self

    def _watch(self) -> None:
        most = self._before
        while not self._done.wait(0.001):
            most = max(most, self._pages())
        self.megabytes = round((max(most, self._pages()) - self._before) * 4096 / 1e6)

    def _pages(self) -> int:
        return int(self._statm.read_text().split()[1])

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
