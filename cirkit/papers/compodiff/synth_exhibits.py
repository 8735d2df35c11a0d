"""What CompoDiff's row with negative texts and masks keeps: a grid for the explorer, and generated images.

CompoDiff Figures 5, 11 and 12: the same query under other weights, with a negative text, under a mask; and what the
sampled vector shows when it is decoded, beside the image that it retrieves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from cirkit.benchmarks.mixed_conditions import KINDS
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import Exhibit
from cirkit.explorers.grid import Axes, box_of
from cirkit.models.compodiff import CompoDiff, sampled
from cirkit.models.decoder import Decoder
from cirkit.papers.clip_family.shared_clip import outcome
from cirkit.papers.compodiff import decoder
from cirkit.query import Benchmark
from cirkit.training.loop import Weights

EXPLORED = tuple(range(0, 240, 48))  # rows of the queries whose grid is kept
GENERATED = tuple(range(0, 240, 30))  # and of those whose images are


@dataclass(frozen=True, kw_only=True)
class SamplingGrid:
    """The first `k` images of some queries at every cell of a grid, and the best target's rank there."""

    rows: tuple[int, ...]
    axes: Axes = field(default_factory=Axes)
    k: int = 5
    name: str = "sampling"
    every_seed: bool = False

    def __call__(self, model: CompoDiff, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        told = benchmark.take([row for row in self.rows if row < len(benchmark)])
        untold = replace(told, query=replace(told.query, avoid=None, mask=None))
        gallery, every = ranking.encode(model, benchmark.gallery), list(range(len(told)))
        top: list[list[list[int]]] = [[] for _ in every]
        rank: list[list[float]] = [[] for _ in every]
        for cell in self.axes.cells():
            asked, how = told if cell[3] else untold, sampled(self.axes.sampling(cell))(model)
            composed = ranking.compose(how, asked)
            lists, _ = ranking.top(how, composed, gallery, asked, every, self.k)
            best = ranking.rank_features(how, composed, gallery, asked).best().tolist()
            for i in every:
                top[i].append(lists[i])
                rank[i].append(best[i])
        return {"queries": _queries(told), "axes": vars(self.axes), "top": top, "rank": rank}


@dataclass(frozen=True, kw_only=True)
class Generated:
    """The decoded images of some queries' sampled vectors, and of the vectors of the images that they retrieve."""

    rows: tuple[int, ...]
    decoder: Callable[[], nn.Module]
    name: str = "generated"
    every_seed: bool = False

    def __call__(self, model: CompoDiff, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        asked = benchmark.take([row for row in self.rows if row < len(benchmark)])
        gallery, composed = ranking.encode(model, benchmark.gallery), ranking.compose(model, asked)
        lists, _ = ranking.top(model, composed, gallery, asked, list(range(len(asked))), 1)
        network: Decoder = self.decoder().to(composed.device)
        found = [row for (row,) in lists]
        pictures = {"generated": network.paint(composed), "decoded": network.paint(gallery[torch.tensor(found)])}
        packed = {name: artifacts.pack(images.float().cpu().numpy()) for name, images in pictures.items()}
        return {"queries": _queries(asked), "retrieved": found, **packed}


def decoder_of(scale: str) -> Callable[[], nn.Module]:
    """The trained decoder of a scale; trained first where it is not there."""
    return outcome(Weights(of=decoder.training(scale), seed=0))


def _queries(benchmark: Benchmark) -> list[dict[str, Any]]:
    """What a page shows of queries; where the reference is excluded from the gallery, it is known by its row."""
    query, found = benchmark.query, []
    for i in range(len(benchmark)):
        found.append(
            {
                "text": query.text[i],
                "avoid": None if query.avoid is None else query.avoid[i],
                "box": None if query.mask is None else box_of(query.mask[i]),
                "reference": next(iter(benchmark.excluded[i])),
                "relevant": list(benchmark.relevant[i]),
            }
        )
    return found


def keeps(scale: str, first: tuple[float, float, int]) -> dict[str, tuple[Exhibit, ...]]:
    """What the row with negative texts and masks keeps, by test: a grid, and generated images.

    `first` are the weights of image and text, and the calls, of the explorer's first view.
    """
    made = {kind: Generated(rows=GENERATED, decoder=decoder_of(scale), name=f"generated-{kind}") for kind in KINDS}
    return {
        kind: (SamplingGrid(rows=EXPLORED, axes=Axes(first=first), name=f"sampling-{kind}"), made[kind])
        for kind in KINDS
    }
