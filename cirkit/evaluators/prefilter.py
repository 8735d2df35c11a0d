"""Prefilter and re-rank: the few gallery items that pooled vectors find first are scored exactly, the rest not.

No paper: SCAN (Lee et al., 2018) scores every pair of an image and a caption, most of which are far apart.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import compose, encode
from cirkit.models.base import Features, Retriever, take
from cirkit.query import Benchmark, Query

BELOW = 100.0  # how far below all exact scores the others stand, in their own order


class Prefiltered(nn.Module):
    """A model of token sets as a retriever that scores `first` items of each query exactly, for a test's `use`.

    Features are tuples of tokens (b, t, d), which of them are a set's own (b, t), and what else the model needs; which
    items come first is told by the cosines of `pooled` tokens. The others keep that order, below.
    """

    def __init__(self, model: nn.Module, *, first: int = 100):
        super().__init__()
        self.model, self.first = model, first

    def encode(self, images: UInt8[Tensor, "b 3 h w"] | object) -> Features:
        return self.model.encode(images)

    def compose(self, query: Query) -> Features:
        return self.model.compose(query)

    @torch.no_grad()
    def score(self, composed: Features, gallery: Features) -> Float[Tensor, "q n"]:
        coarse = pooled(composed) @ pooled(gallery).mT  # (q, n)
        scores = coarse - BELOW
        chosen = torch.zeros_like(coarse, dtype=torch.bool)
        chosen.scatter_(1, coarse.topk(min(self.first, coarse.shape[1])).indices, True)
        for item in chosen.any(0).nonzero()[:, 0]:  # one side is copied, and queries are the smaller one
            rows = chosen[:, item].nonzero()[:, 0]
            scores[rows, item] = self.model.score(take(composed, rows), take(gallery, item[None]))[:, 0]
        return scores


def pooled(features: Features) -> Float[Tensor, "b d"]:
    """Sets as one vector each: the largest of each number over a set's tokens, less the mean over all sets, length one.

    What all texts or all images share says nothing of any. The mean is over the batch that is given; of a single set it
    is not taken off.
    """
    tokens, own = features[:2]
    vectors = tokens.masked_fill(~own[..., None], -torch.inf).amax(1)
    return normalize(vectors - vectors.mean(0) if len(vectors) > 1 else vectors, dim=1)


@torch.no_grad()
def rank_at_once(model: Retriever, benchmark: Benchmark, chunk: int = 256) -> Ranks:
    """The ranks of every relevant item among the whole gallery, which a model scores at once for `chunk` queries.

    `ranking.rank` hands a large gallery over in parts, and each part has its own first items. Queries have no gallery
    of their own here. Raises ValueError where they have.
    """
    if benchmark.candidates is not None or benchmark.excluded is not None:
        raise ValueError("Queries are ranked among the whole gallery here. Use ranking.rank where they have their own.")
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    first, last = [], []
    for rows in torch.arange(len(benchmark)).split(chunk):
        for line, row in zip(model.score(take(composed, rows), gallery).cpu(), rows.tolist(), strict=True):
            for value in line[list(benchmark.relevant[row])]:
                first.append(1 + int((line > value).sum()))
                last.append(int((line >= value).sum()))
    offsets = np.cumsum([0, *(len(items) for items in benchmark.relevant)])
    group = None if benchmark.group is None else tuple(benchmark.group)
    return Ranks(np.array(first), np.array(last), offsets, np.full(len(benchmark), len(benchmark.gallery)), group)
