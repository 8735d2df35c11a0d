"""What the words of Fashion IQ attend to, on garments whose every part is known.

MAAF §4, Figures 6 and S1: "for additive changes such as 'longer dress', the model shows high attention weights over
the corresponding image region, whereas for subtractive changes [...] negative attention weights".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cirkit.benchmarks.fashioniq_protocols import CATEGORIES, MAAF, Protocol
from cirkit.encoders.text import words
from cirkit.errors import Problem
from cirkit.evaluators.attention_maps import (
    coverage,
    cross_fitted_head,
    difference,
    relative_to_uniform,
    spread,
    word_to_image_attention,
)
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.experiments.artifacts import column
from cirkit.models.base import Retriever
from cirkit.query import Benchmark
from cirkit.worlds import fashioniq
from cirkit.worlds.garments import SLEEVES, Garment
from cirkit.worlds.wardrobe import PARTS

MORE, LESS = "longer", "shorter"
OF_SLEEVES = ("sleeves", "sleeve", "sleeved")
CLASSES = (MORE, LESS, f"{MORE} sleeves", f"{LESS} sleeves", "sleeves")
CHUNK = 256


@dataclass(frozen=True)
class Pair:
    """One query of the world: what it says, and the garments it leads from and to."""

    text: str
    reference: Garment
    target: Garment
    row: int  # of the reference, over the categories one behind the other


@lru_cache(maxsize=2)
def pairs(size: fashioniq.Size, protocol: Protocol = MAAF) -> list[Pair]:
    """The val queries of a world, in the order of its benchmark."""
    made, before = [], 0
    for category in CATEGORIES:
        shelf = fashioniq.world(size)[category, "val"]
        if category in protocol.categories:
            made += [
                Pair(text, shelf.garments[source], shelf.garments[target], before + source)
                for (source, target), said in zip(shelf.pairs, shelf.captions, strict=True)
                for text in protocol.texts(said)
            ]
        before += len(shelf.garments)
    return made


def word_roles(pair: Pair) -> list[tuple[int, str]]:
    """The words that speak of sleeves or of the length: their positions and classes.

    Of `longer sleeves` it is the second word, by which an LSTM has read both; `longer` alone is about the hem. Only
    what is true of the pair counts, so a typing error measures nothing; of a class said twice, the first.
    """
    said, found = words(pair.text), {}
    step = _step(SLEEVES.index(pair.target.sleeves) - SLEEVES.index(pair.reference.sleeves))
    for i, word in enumerate(said):
        before, after = said[i - 1] if i else "", said[i + 1] if i + 1 < len(said) else ""
        if word in OF_SLEEVES:
            about = f"{before} sleeves" if before in (MORE, LESS) else "sleeves"
            if about == "sleeves" or before == step:
                found.setdefault(about, i)
        elif (
            word in (MORE, LESS)
            and after not in OF_SLEEVES
            and word == _step(pair.target.length - pair.reference.length)
        ):
            found.setdefault(word, i)
    return [(i, about) for about, i in found.items()]


def _step(change: int) -> str:
    return MORE if change > 0 else LESS if change < 0 else ""


def part(parts: Int[Tensor, "h w"], about: str) -> Bool[Tensor, "h w"]:
    """Where the part that a word is about is seen: both sleeves, or the lowest third of the body."""
    if about in CLASSES[2:]:
        return (parts == PARTS.index("left sleeve")) | (parts == PARTS.index("right sleeve"))
    body = parts == PARTS.index("body")
    rows = body.any(1).nonzero()[:, 0]
    if not len(rows):
        return body
    hem = int(rows[0]) + 2 * (int(rows[-1]) + 1 - int(rows[0])) // 3
    return body & (torch.arange(len(body)) >= hem)[:, None]


@dataclass(frozen=True, kw_only=True)
class PartAttention:
    """Per word about sleeves or length: how much more it looks at that part of the reference than elsewhere.

    Columns, per class: `query`; `own`, the mean weight per area on the part less that elsewhere, weights averaged
    over heads; `best`, the same under the head that is highest on the other half of the queries; and two controls:
    `mask`, the same map on the rest of the garment, and `word`, another word of the captions, drawn at random, on the
    same part (the paper's S3 compares so). `heads` has each head's mean `own`, and `maps` each head's mean map, as
    Figure 6 shows single heads. Product shots of the world stand in one place, so nothing is clustered (Figure S1).
    """

    size: fashioniq.Size
    protocol: Protocol = MAAF
    queries: int = 1500
    level: int = 0  # paper (S3): the 14 x 14 map, the finer of two
    block: int = -1
    name: str = "parts"
    every_seed: bool = True

    def of_seed(self, seed: int) -> "PartAttention":
        """Of the world that a run of this seed reads."""
        return replace(self, size=replace(self.size, seed=seed))

    def __call__(self, model: Retriever, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        known = self._known(benchmark)
        talking = [row for row, pair in enumerate(known) if word_roles(pair)]
        rows = [talking[i] for i in spread(len(talking), self.queries)]
        kept: dict[str, list[dict[str, Any]]] = {about: [] for about in CLASSES}
        grid = (0, 0)
        for start in range(0, len(rows), CHUNK):
            now = rows[start : start + CHUNK]
            query = benchmark.query[torch.tensor(now)].to(device_of(model))
            maps, grid = word_to_image_attention(model, query, level=self.level, block=self.block)  # (b, heads, t, p)
            seen = fashioniq.drawing(self.size, "val", [known[row].row for row in now]).parts
            for row, map, parts in zip(now, maps, seen, strict=True):
                for position, about in word_roles(known[row]):
                    mask = part(parts, about)
                    count = len(words(known[row].text))
                    if not mask.any() or count < 2:  # a bare arm has no sleeve
                        continue
                    other = int(rng.integers(count - 1))
                    rest = (parts != PARTS.index("background")) & ~mask
                    cover, beside = coverage(torch.stack([mask, rest]), grid)
                    kept[about].append(
                        {"query": row, "cover": cover, "rest": beside, "map": map[:, position]}
                        | {"word": map[:, other + (other >= position)]}
                    )
        made = {about: self._columns(found) for about, found in kept.items() if found}
        return {"grid": list(grid)} | {
            key: {about: columns[key] for about, columns in made.items()} for key in ("values", "heads", "maps")
        }

    def _columns(self, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One class: its values query by query, its heads' means, its heads' mean maps."""
        maps, word, cover, rest = (torch.stack([one[key] for one in found]) for key in ("map", "word", "cover", "rest"))
        each = relative_to_uniform(maps)  # (n, heads, p)
        heads: Float[Tensor, "n heads"] = difference(each, cover[:, None].expand_as(each))
        own, beside = relative_to_uniform(maps.mean(1)), relative_to_uniform(word.mean(1))  # (n, p)
        values = {
            "own": difference(own, cover),
            "best": cross_fitted_head(heads.mT),
            "mask": difference(own, rest),
            "word": difference(beside, cover),
        }
        return {
            "values": {"query": [one["query"] for one in found]} | {name: column(v) for name, v in values.items()},
            "heads": column(heads.mean(0)),
            "maps": [[round(weight, 3) for weight in line] for line in each.mean(0).tolist()],
        }

    def _known(self, benchmark: Benchmark) -> list[Pair]:
        """The world's pairs. Raises Problem where the benchmark is not this world's."""
        known = pairs(self.size, self.protocol)
        first = list(range(min(4, len(known))))
        if list(benchmark.query.text or ()) != [pair.text for pair in known] or not torch.equal(
            benchmark.query.image[torch.tensor(first)],
            fashioniq.images(self.size, "val", [known[row].row for row in first]),
        ):
            raise Problem(
                f"{benchmark.name!r} is not the FashionIQ world of this size, so nothing knows the parts of its "
                "garments. Measure attention on the world."
            )
        return known
