"""Rank the relevant items of a benchmark by counting what scores higher; nothing is sorted.

Items that score alike share their possible ranks, the first and the last, so a model that says nothing is at chance.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cirkit.evaluators.evidence import Ranks
from cirkit.models.base import Features, Retriever, join, take
from cirkit.query import Benchmark, Gallery, all_rows, leave_out

SCORES = 8_000_000  # at a time: 32 MB
GATHERED = 2**22  # numbers of gallery features that are copied at a time, where queries have galleries of their own
MANY = 16  # relevant items of a query, from which on sorting its scores once is faster than counting for each
FEW = 8  # a gallery of its own is gathered where it is smaller than the whole by this factor
NOT_FINITE = "The model gave a score that is not a finite number; look at its training loss."


@torch.no_grad()
def encode(model: Retriever, gallery: Gallery, chunk: int = 256) -> Features:
    """Features of all gallery items, `chunk` at a time, on the model's device; texts come as lists of strings."""
    device = device_of(model)
    if isinstance(gallery, list | tuple):
        return join([model.encode(list(gallery[i : i + chunk])) for i in range(0, len(gallery), chunk)])
    return join([model.encode(gallery[rows].to(device)) for rows in all_rows(gallery).split(chunk)])


@torch.no_grad()
def compose(model: Retriever, benchmark: Benchmark, chunk: int = 256) -> Features:
    """Features of all queries of a benchmark."""
    device = device_of(model)
    return join([model.compose(benchmark.query[rows].to(device)) for rows in torch.arange(len(benchmark)).split(chunk)])


@torch.no_grad()
def score_rows(
    model: Retriever, composed: Features, gallery: Features, n: int, chunk: int | None = None
) -> Float[Tensor, "q n"]:
    """Scores of some queries against the whole gallery, `chunk` items at a time (by default, what memory allows)."""
    q = len(composed) if isinstance(composed, Tensor) else len(composed[0])
    chunk = chunk or min(4096, max(1024, SCORES // 6 // q))
    if n <= chunk:
        return model.score(composed, gallery)
    scores = None
    for start in range(0, n, chunk):
        part = model.score(composed, take(gallery, slice(start, start + chunk)))
        scores = part.new_empty(len(part), n) if scores is None else scores
        scores[:, start : start + chunk] = part
    return scores


def rank(model: Retriever, benchmark: Benchmark) -> Ranks:
    """The ranks of every relevant item of every query; the model is put in evaluation mode."""
    if isinstance(model, torch.nn.Module):
        model.eval()
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    return rank_features(model, composed, gallery, benchmark)


@torch.no_grad()
def rank_features(
    model: Retriever, composed: Features, gallery: Features, benchmark: Benchmark, chunk: int | None = None
) -> Ranks:
    """`rank` from features that are already there, `chunk` queries at a time (by default, what memory allows)."""
    counts = np.array([len(items) for items in benchmark.relevant])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    first, last = np.zeros((2, offsets[-1]), np.int64)
    for span, rows in _alike(benchmark):
        for part in _split(rows, chunk or (_fit(benchmark, rows, gallery) if span is None else SCORES // len(span))):
            mine = torch.tensor(part)
            if span is None:
                ranks = _ranks_among_own(model, take(composed, mine), gallery, benchmark, part)
            else:
                among = take(gallery, slice(span.start, span.stop))
                ranks = _ranks_in(score_rows(model, take(composed, mine), among, len(span)), benchmark, part, span)
            where = np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in part])
            first[where], last[where] = ranks
    ranked = np.array([benchmark.ranked(i) for i in range(len(benchmark))])
    return Ranks(first, last, offsets, ranked, None if benchmark.group is None else tuple(benchmark.group))


def _alike(benchmark: Benchmark) -> Iterator[tuple[range | None, list[int]]]:
    """Queries by the run of gallery rows that they are ranked among; None where each has a few rows of its own."""
    whole = range(len(benchmark.gallery))
    found: dict[range | None, list[int]] = {}
    for i in range(len(benchmark)):
        own = whole if benchmark.candidates is None else benchmark.candidates[i]
        if not (isinstance(own, range) and own.step == 1):
            own = None if FEW * len(own) <= len(whole) else whole
        found.setdefault(own, []).append(i)
    yield from found.items()


def _split(rows: list[int], chunk: int) -> Iterator[list[int]]:
    for start in range(0, len(rows), max(1, chunk)):
        yield rows[start : start + max(1, chunk)]


def _fit(benchmark: Benchmark, rows: list[int], gallery: Features) -> int:
    """How many queries' own galleries may be copied at a time."""
    parts = (gallery,) if isinstance(gallery, Tensor) else gallery
    width = sum(part[0].numel() for part in parts)
    return GATHERED // (width * max(len(benchmark.candidates[i]) for i in rows))


def _ranks_among_own(
    model: Retriever, composed: Features, gallery: Features, benchmark: Benchmark, rows: list[int]
) -> Int[np.ndarray, "2 items"]:
    """First and last ranks where every query has a few gallery rows of its own: gathered, and scored at once."""
    own = _padded([benchmark.candidates[i] for i in rows])  # (q, k)
    alone = composed[:, None] if isinstance(composed, Tensor) else tuple(part[:, None] for part in composed)
    scores = torch.vmap(model.score)(alone, take(gallery, own.clamp(min=0)))[:, 0]  # (q, k)
    if not scores.sum().isfinite():
        raise ValueError(NOT_FINITE)
    scores = scores.masked_fill(own.to(scores.device) < 0, -torch.inf)
    if benchmark.excluded is not None:
        out = _padded([benchmark.excluded[i] for i in rows])  # (q, e)
        gone = (own[:, :, None] == out[:, None]) & (own >= 0)[:, :, None]
        scores.masked_fill_(gone.any(2).to(scores.device), -torch.inf)
    items = _padded([benchmark.relevant[i] for i in rows])  # (q, a)
    at = (own[:, None] == items[:, :, None]).int().argmax(2).to(scores.device)
    mine = scores.gather(1, at)[:, :, None]  # (q, a, 1)
    first, last = 1 + (scores[:, None] > mine).sum(2), (scores[:, None] >= mine).sum(2)
    return torch.stack([first, last]).cpu().numpy()[:, (items >= 0).numpy()]


def _ranks_in(
    scores: Float[Tensor, "q n"], benchmark: Benchmark, rows: list[int], span: range
) -> Int[np.ndarray, "2 items"]:
    """First and last ranks of the relevant items of some queries; column 0 is gallery row span.start."""
    if not scores.sum().isfinite():
        raise ValueError(NOT_FINITE)
    if scores.device.type != "cpu":
        return _ranks_on_device(scores.clone(), benchmark, rows, span)
    first, last = [], []
    for line, i in zip(scores.numpy(), rows, strict=True):  # a row at a time stays in the processor's cache
        own = span if benchmark.candidates is None else benchmark.candidates[i]
        mine = line[[item - span.start for item in benchmark.relevant[i]]]
        out = () if benchmark.excluded is None else benchmark.excluded[i]
        out = line[[row - span.start for row in out if row in own]]
        if not isinstance(own, range):
            line = line[np.asarray(own)]
        if len(mine) > MANY:
            line, out = np.sort(line), np.sort(out)
            counts = [len(line) - len(out) - np.searchsorted(line, mine, side) + np.searchsorted(out, mine, side)
                      for side in ("right", "left")]  # fmt: skip
            first.extend(counts[0] + 1)
            last.extend(counts[1])
            continue
        for value in mine:
            first.append(1 + np.count_nonzero(line > value) - np.count_nonzero(out > value))
            last.append(np.count_nonzero(line >= value) - np.count_nonzero(out >= value))
    return np.array([first, last])


def _ranks_on_device(
    scores: Float[Tensor, "q n"], benchmark: Benchmark, rows: list[int], span: range
) -> Int[np.ndarray, "2 items"]:
    leave_out(scores, rows, benchmark.excluded, benchmark.candidates, span.start)
    at = _padded([[item - span.start for item in benchmark.relevant[i]] for i in rows]).to(scores.device)
    each = [scores.gather(1, column[:, None].clamp(min=0)) for column in at.T]
    higher = torch.stack([(scores > mine).sum(1, dtype=torch.int32) for mine in each], 1)[at >= 0]
    level = torch.stack([(scores >= mine).sum(1, dtype=torch.int32) for mine in each], 1)[at >= 0]
    return torch.stack([1 + higher, level]).cpu().numpy()


def _padded(lists: Sequence[Sequence[int]]) -> Int[Tensor, "q a"]:
    """Row numbers, -1 where a list is shorter than the longest."""
    longest = max(1, *(len(one) for one in lists))
    return torch.tensor([[*one, *[-1] * (longest - len(one))] for one in lists])


@torch.no_grad()
def top(
    model: Retriever, composed: Features, gallery: Features, benchmark: Benchmark, rows: list[int], k: int = 10
) -> tuple[list[list[int]], list[list[float]]]:
    """The first k gallery items and their scores for the given queries, excluded ones left out; ties by gallery row."""
    scores = score_rows(model, take(composed, torch.tensor(rows)), gallery, len(benchmark.gallery))
    leave_out(scores, rows, benchmark.excluded, benchmark.candidates)
    order = scores.sort(dim=1, descending=True, stable=True)
    return order.indices[:, :k].tolist(), order.values[:, :k].tolist()


def device_of(model: Retriever) -> torch.device:
    """Where the model's parameters live; the processor for a model without any."""
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    first = next(parameters, None)
    return torch.device("cpu") if first is None else first.device
