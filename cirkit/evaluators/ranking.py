"""Rank the right answers of a benchmark by counting what scores higher; nothing is sorted.

Items that score alike share their possible ranks, the first and the last, so a model that says nothing is at chance.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cirkit.evaluators.evidence import Ranks
from cirkit.models.base import Features, Retriever, join, take
from cirkit.query import Benchmark, Images, all_rows, leave_out


@torch.no_grad()
def encode(model: Retriever, images: Images, chunk: int = 256) -> Features:
    """Features of all pictures, `chunk` at a time, on the model's device."""
    device = device_of(model)
    return join([model.encode(images[rows].to(device)) for rows in all_rows(images).split(chunk)])


@torch.no_grad()
def compose(model: Retriever, benchmark: Benchmark, chunk: int = 256) -> Features:
    """Features of all queries of a benchmark."""
    device = device_of(model)
    return join([model.compose(benchmark.query[rows].to(device)) for rows in torch.arange(len(benchmark)).split(chunk)])


@torch.no_grad()
def score_rows(
    model: Retriever, composed: Features, gallery: Features, n: int, chunk: int = 8192
) -> Float[Tensor, "q n"]:
    """Scores of a few queries against the whole gallery, computed `chunk` gallery items at a time."""
    parts = [model.score(composed, take(gallery, slice(start, start + chunk))) for start in range(0, n, chunk)]
    return torch.cat(parts, dim=1)


@torch.no_grad()
def ranks(model: Retriever, benchmark: Benchmark, chunk: int = 256) -> Ranks:
    """The rank of every right answer of every query; the model is put in evaluation mode."""
    if isinstance(model, torch.nn.Module):
        model.eval()
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    return rank_features(model, composed, gallery, benchmark, chunk)


@torch.no_grad()
def rank_features(
    model: Retriever, composed: Features, gallery: Features, benchmark: Benchmark, chunk: int = 256
) -> Ranks:
    """`ranks` from features that are already there."""
    ranks = []
    for part in torch.arange(len(benchmark)).split(chunk):
        rows = part.tolist()
        first, last = _span(benchmark, rows)
        scores = score_rows(model, take(composed, part), take(gallery, slice(first, last)), last - first)  # (q, n)
        if not scores.sum().isfinite():
            raise ValueError("The model gave a score that is not a finite number; look at its training loss.")
        answers = _padded([benchmark.relevant[i] for i in rows], first).to(scores.device)  # (q, a)
        mine = scores.gather(1, answers.clamp(min=0))
        leave_out(scores, rows, benchmark.excluded, benchmark.candidates, first)
        of_item = [_counted(scores, mine[:, [a]]) for a in range(mine.shape[1])]
        ranks.append(torch.stack(of_item, dim=1)[answers >= 0].cpu().numpy())  # row by row, relevant items in order
    offsets = np.cumsum([0] + [len(answers) for answers in benchmark.relevant])
    group = None if benchmark.group is None else tuple(benchmark.group)
    gallery = np.array([benchmark.ranked(i) for i in range(len(benchmark))])
    return Ranks(*np.concatenate(ranks).T, offsets, gallery, group)


def _counted(scores: Float[Tensor, "q n"], mine: Float[Tensor, "q 1"]) -> Int[Tensor, "q 2"]:
    """The first and the last possible rank: 1 + (# higher), and # at least as high, itself included."""
    return torch.stack([1 + (scores > mine).count_nonzero(1), (scores >= mine).count_nonzero(1)], dim=1)


def _span(benchmark: Benchmark, rows: list[int]) -> tuple[int, int]:
    """The part of the gallery that holds all that these queries are ranked among."""
    if benchmark.candidates is None:
        return 0, len(benchmark.gallery)
    mine = [benchmark.candidates[i] for i in rows]
    return min(min(one) for one in mine), max(max(one) for one in mine) + 1


def _padded(lists: Sequence[Sequence[int]], first: int) -> Int[Tensor, "q a"]:
    """Row numbers counted from `first`, -1 where a list is shorter than the longest."""
    longest = max(len(one) for one in lists)
    return torch.tensor([[row - first for row in one] + [-1] * (longest - len(one)) for one in lists])


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
