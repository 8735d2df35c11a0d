"""Scores of the patches of a few people under every choice of layers and some discard ratios, for the explorer.

ITSELF Figure 7: which layers are composed, and how much of each is discarded first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.encoders.block_attention import Attention, at
from cirkit.errors import Problem
from cirkit.evaluators.attention_maps import coverage, spread
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.experiments.artifacts import pack
from cirkit.models.mars import blocks_of, row_of_product, without_smallest
from cirkit.papers.itself.person_attention import SMALL, attention_to_patches, clip_of, named, union
from cirkit.query import Benchmark
from cirkit.worlds import pedes as worlds
from cirkit.worlds.pedes import Size
from cirkit.worlds.street import PARTS

PERSON = PARTS[PARTS.index("skin") :]
COMPOSED = {"E + M": (0, 4), "M + L": (4, 11), "E + L": (0, 11), "E + M + L": (0, 4, 11)}  # of twelve layers, from 0
DISCARDS = (0.0, 0.1, 0.25, 0.45, 0.7)


def layers_of(depth: int) -> dict[str, tuple[int, ...]]:
    """Blocks by name: each block alone, then MARS's choices, as far as a tower of `depth` tells them apart."""
    found = {f"block {block + 1}": (block,) for block in range(depth)}
    for name, layers in COMPOSED.items():
        blocks = blocks_of(layers, depth)
        if len(blocks) == len(layers):
            found[name] = blocks
    return found


def composed(attention: Attention, blocks: Sequence[int], discard: float) -> Float[Tensor, "b n"]:
    """MARS over any blocks, in rising order; one alone is the class token's row of it, nothing discarded."""
    *earlier, late = sorted(set(blocks))
    if not earlier:
        return attention.row_of(late)
    last = at(without_smallest(attention.whole[late], discard), attention.row)
    maps = [without_smallest(attention.whole[block], discard) for block in earlier]
    return row_of_product(maps, last, attention.row)


def scores_of(model: nn.Module, images: Tensor, blocks: Sequence[int], discard: float) -> Float[Tensor, "b p"]:
    """The patches' scores, the largest of each image at one. Raises Problem for what cannot be composed."""
    clip = clip_of(model.eval())
    depth = len(clip.towers.image_blocks)
    if not blocks or not all(0 <= block < depth for block in blocks):
        raise Problem(f"The image tower has blocks 1 to {depth}. Give some of these.")
    if not 0 <= discard < 1:
        raise Problem(f"A discard ratio of {discard:g} leaves nothing. Give one from 0 to below 1.")
    found = composed(attention_to_patches(clip, images[:, :3].to(device_of(model))), blocks, discard)[:, 1:]
    return (found / found.amax(1, keepdim=True).clamp_min(1e-12)).cpu().double()


@dataclass(frozen=True, kw_only=True)
class SelectionGrid:
    """An exhibit of the first seed: `scores` (images, layers, discards, patches), and what each patch covers.

    `images` are rows of the gallery whose captions name small things, one caption each in `texts`.
    """

    size: Size
    offset: int
    shown: int = 6
    name: str = "selection"
    every_seed: bool = False

    def of_seed(self, seed: int) -> "SelectionGrid":
        """Of the people that a run of this seed is tested on."""
        return replace(self, size=replace(self.size, seed=self.offset + seed))

    def __call__(self, model: nn.Module, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        each = self.size.captions
        telling = [row for row, text in enumerate(benchmark.query.text) if len(named(text) & set(SMALL)) > 1]
        rows = [telling[place] for place in spread(len(telling), self.shown)]
        at = [row // each for row in rows]
        images = benchmark.gallery[torch.tensor(at)]
        clip = clip_of(model)
        layers = layers_of(len(clip.towers.image_blocks))
        scores = torch.stack(
            [
                torch.stack([scores_of(model, images, blocks, ratio) for ratio in DISCARDS], dim=1)
                for blocks in layers.values()
            ],
            dim=1,
        )  # (images, layers, discards, p)
        owner = worlds.drawing(self.size, "test", at).owner
        texts = [benchmark.query.text[row] for row in rows]
        small = union(owner, [named(text) & set(SMALL) for text in texts])
        return {
            "grid": list(clip.grid),
            "layers": list(layers),
            "discards": list(DISCARDS),
            "images": at,
            "texts": texts,
            "scores": pack(scores.numpy()),
            "person": pack(coverage(union(owner, [PERSON] * len(at)), clip.grid).numpy()),
            "small": pack(coverage(small, clip.grid).numpy()),
        }
