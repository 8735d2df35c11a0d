"""Rank the right answers of a benchmark by counting what scores higher; nothing is sorted.

rank = 1 + (# higher) + (# level) / 2, so a model that says nothing scores at chance.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.measures import Ranks
from cirkit.models.base import Features, Retriever, join, take
from cirkit.query import Benchmark, Images, every


@torch.no_grad()
def encode(model: Retriever, images: Images, chunk: int = 256) -> Features:
    """Features of all pictures, `chunk` at a time, on the model's device."""
    device = device_of(model)
    return join([model.encode(images[rows].to(device)) for rows in every(images).split(chunk)])


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
    n, values = len(benchmark.gallery), []
    for rows in torch.arange(len(benchmark)).split(chunk):
        scores = score_rows(model, take(composed, rows), gallery, n)  # (q, n)
        if not torch.isfinite(scores).all():
            raise ValueError("The model gave a score that is not a finite number; look at its training loss.")
        for row, i in zip(scores, rows.tolist(), strict=True):
            answers = torch.as_tensor(list(benchmark.relevant[i]), device=row.device)
            mine = row[answers][:, None]  # (a, 1)
            if benchmark.hidden is not None:
                row[list(benchmark.hidden[i])] = -torch.inf
            higher = (row > mine).sum(1)
            level = (row == mine).sum(1) - 1  # without itself
            values.append((1 + higher + level / 2).cpu().numpy())
    offsets = np.cumsum([0] + [len(v) for v in values])
    group = None if benchmark.group is None else tuple(benchmark.group)
    hidden = 0 if benchmark.hidden is None else max(len(rows) for rows in benchmark.hidden)
    return Ranks(np.concatenate(values).astype(np.float64), offsets, n - hidden, group)


@torch.no_grad()
def top(
    model: Retriever, composed: Features, gallery: Features, benchmark: Benchmark, rows: list[int], k: int = 10
) -> tuple[list[list[int]], list[list[float]]]:
    """The first k gallery items (hidden ones left out) and their scores, for the given queries; ties by gallery row."""
    scores = score_rows(model, take(composed, torch.tensor(rows)), gallery, len(benchmark.gallery))
    if benchmark.hidden is not None:
        for line, i in zip(scores, rows, strict=True):
            line[list(benchmark.hidden[i])] = -torch.inf
    order = scores.sort(dim=1, descending=True, stable=True)
    return order.indices[:, :k].tolist(), order.values[:, :k].tolist()


def device_of(model: Retriever) -> torch.device:
    """Where the model's parameters live; the processor for a model without any."""
    parameters = model.parameters() if isinstance(model, torch.nn.Module) else iter(())
    first = next(parameters, None)
    return torch.device("cpu") if first is None else first.device
