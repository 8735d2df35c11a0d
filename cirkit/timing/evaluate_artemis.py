"""`cirkit bench evaluate`, its last line: ARTEMIS by two matrix products beside the released loop over queries.

Delmas et al. (2022), at the sizes of FashionIQ's dresses; the released loop is written in its style. Both sides begin
with the vectors of the texts and of all images, and end with ranks. The loop, in which a query costs what every other
does, is timed on some of them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from cirkit.encoders.image import SmallResNet, unprojected
from cirkit.encoders.text import BiGRU
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.models.artemis import ARTEMIS
from cirkit.timing.evaluate import blank_benchmark, line, sort

SIZES = 2017, 3817  # queries, items
LOOPED = 256  # queries that the released loop takes, one by one; its time is scaled to all


class Race:
    """A model with random weights and vectors, and the ways from them to ranks."""

    def __init__(self, queries: int, items: int):
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            image, width = SmallResNet(width=8, widths=(8,), strides=(1,), project=unprojected), 512
            self.model = ARTEMIS(["x"], image=lambda: image, text=BiGRU, width=width).eval()
            self.images, self.texts = (normalize(torch.randn(n, width)) for n in (items, queries))
            self.references = torch.randint(items, (queries,))
            targets = (self.references + torch.randint(1, items, (queries,))) % items
        self.benchmark = blank_benchmark(
            "ARTEMIS on FashionIQ", items, targets[:, None].tolist(), excluded=self.references[:, None].tolist()
        )

    def compose(self) -> tuple[Tensor, Tensor]:
        """The queries' features."""
        return self.model.guide(self.images[self.references], self.texts)

    @torch.no_grad()
    def ours(self) -> Ranks:
        """Two matrix products, and ranks by counting."""
        return ranking.rank_features(self.model, self.compose(), self.images, self.benchmark)

    @torch.no_grad()
    def plain(self) -> Int[np.ndarray, " q"]:
        """Two matrix products, and a full sort."""
        scores = self.model.score(self.compose(), self.images)
        return sort(self.benchmark, scores, slice(0, len(scores)), slice(0, scores.shape[1]))

    @torch.no_grad()
    def loop(self) -> Iterator[Float[Tensor, " n"]]:
        """The scores of the first queries, one after the other: attention to all images, then their lengths."""
        matching, similarity = self.model.terms
        for text, reference in zip(self.texts[:LOOPED].split(1), self.references, strict=False):
            attended = unit(matching.attend(text) * self.images)  # (n, d)
            explicit = (unit(matching.transform(text)) * attended).sum(1)
            before = unit(similarity.attend(text) * self.images[reference])
            attended = unit(similarity.attend(text) * self.images)
            yield explicit + (before * attended).sum(1)

    @torch.no_grad()
    def released(self) -> list[int]:
        """Query by query: the loop's scores, a full sort, and the target looked up in it."""
        ranks = []
        for scores, reference, relevant in zip(self.loop(), self.references, self.benchmark.relevant, strict=False):
            scores[reference] = -torch.inf
            order = scores.sort(descending=True)[1]
            ranks.append(1 + int((order == relevant[0]).nonzero()))
        return ranks

    @torch.no_grad()
    def product(self) -> list[tuple[Tensor, Tensor]]:
        """The two matrix products alone, some items at a time, since in one piece they take longer."""
        vectors, squares = (part.flatten(0, 1) for part in self.compose())
        return [(vectors @ some.mT, squares @ some.square().mT) for some in self.images.split(512)]


def unit(vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Of length one, as the released code has it: without a bound for zeros."""
    return vectors / vectors.pow(2).sum(1, keepdim=True).sqrt()


def row(times: int = 3) -> dict[str, Any]:
    """The line of ARTEMIS, in seconds, with the columns of `evaluate.rows`."""
    race = Race(*SIZES)
    race.product()  # what a library loads or keeps at its first product is not counted
    name = f"{race.benchmark.name}: {SIZES[0]} queries, {SIZES[1]} items (released: from {LOOPED} queries)"

    def check() -> list[int]:
        return race.released() + race.plain()[LOOPED:].tolist()

    share = min(1.0, LOOPED / SIZES[0])
    return line(name, race.ours, race.plain, race.released, race.product, times, check, share)
