"""What the class token attends to on people whose every pixel is known: the parts that a caption names, and litter.

ITSELF Figures 5 and 7 and its supplement, Figure 5. Attention of an image does not depend on the words, so Grad-CAM of
its similarity with the caption stands beside, as the paper draws it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from cirkit.encoders.block_attention import Attention, attention_of
from cirkit.encoders.tall_clip import TallClip
from cirkit.evaluators.attention_maps import coverage, difference, relative_to_uniform, spread
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.experiments.artifacts import column, pack
from cirkit.models.mars import mars
from cirkit.models.retention import count
from cirkit.models.token_rules import Rule, single_layer
from cirkit.query import Benchmark
from cirkit.worlds import pedes as worlds
from cirkit.worlds.pedes import Size
from cirkit.worlds.people_language import tokens
from cirkit.worlds.street import PARTS

RULES: Mapping[str, Rule] = {"last": single_layer(11), "layer_3": single_layer(2), "mars": mars()}
MAPS = (*RULES, "gradcam")
NOUNS = {  # words that name a part, as tokens
    "hat": {"cap", "hat"},
    "scarf": {"scarf"},
    "logo": {"logo", "print"},
    "bag": {"backpack", "rucksack", "handbag", "purse", "bag"},
    "glasses": {"glasses"},
    "upper": {"tshirt", "tee", "shirt", "sweater", "jacket", "coat", "overcoat"},
    "lower": {"trousers", "pants", "shorts", "skirt"},
    "shoes": {"shoes", "sneakers", "boots"},
}
SMALL, GARMENTS = tuple(NOUNS)[:5], tuple(NOUNS)[5:]
CLASSES = {"small things": SMALL, "garments": GARMENTS, **{name: (name,) for name in SMALL}}
HALF = 0.5  # of the patches, for what a selection holds
CHUNK = 64


def named(text: str) -> set[str]:
    """The parts of a person that a caption names."""
    said = set(tokens(text))
    return {part for part, nouns in NOUNS.items() if said & nouns}


def clip_of(model: nn.Module) -> TallClip:
    """The CLIP inside a model of one or of two branches."""
    return model.branches.clip if hasattr(model, "branches") else model.clip


@torch.no_grad()
def attention_to_patches(clip: TallClip, images: UInt8[Tensor, "b 3 h w"]) -> Attention:
    """The attention of every block while images go through the tower."""
    blocks = clip.towers.image_blocks
    row = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    with attention_of(blocks, row, whole=range(len(blocks)), rows=()) as (whole, _):
        n = clip.image_tokens(images).shape[1]
    return Attention(row=row, depth=len(blocks), tokens=n, whole=whole)


def gradcam(clip: TallClip, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str]) -> Float[Tensor, "b p"]:
    """Grad-CAM of each image's cosine with its text, over the patches: where moving a token would raise it.

    Of the last block's first norm, since what the last block makes of patches reaches no class token.
    """
    kept: list[Tensor] = []
    handle = clip.towers.image_blocks[-1].ln_1.register_forward_hook(lambda block, given, made: kept.append(made))
    try:
        with torch.enable_grad():
            image = normalize(clip.image(images), dim=1)
            with torch.no_grad():
                text = normalize(clip.text(texts), dim=1)
            (slope,) = torch.autograd.grad((image * text).sum(), kept)
    finally:
        handle.remove()
    weight = slope[:, 1:].mean(1, keepdim=True)  # (b, 1, c)
    return (weight * kept[0].detach()[:, 1:]).sum(2).relu()


def maps_of(clip: TallClip, images: UInt8[Tensor, "b 3 h w"], texts: Sequence[str]) -> dict[str, Tensor]:
    """Each of `MAPS`, patches alone, in multiples of uniform: (b, p)."""
    attention = attention_to_patches(clip, images)
    found = {name: rule(attention)[:, 1:] for name, rule in RULES.items()}
    found["gradcam"] = gradcam(clip, images, texts)
    return {name: relative_to_uniform(each.detach().cpu().double()) for name, each in found.items()}


def entropies(attention: Attention) -> Float[Tensor, "b 2 depth"]:
    """Nats of each block's attention among patches: of the class token's row, and the mean over all rows."""
    every = torch.stack([attention.whole[block] for block in range(attention.depth)], dim=1)  # (b, depth, n, n)
    patches = every[..., 1:] / every[..., 1:].sum(-1, keepdim=True)
    nats = torch.special.entr(patches).sum(-1)  # (b, depth, n)
    return torch.stack([nats[:, :, 0], nats.mean(2)], dim=1)


def union(owner: Int64[Tensor, "b h w"], parts: Sequence[Collection[str]]) -> Bool[Tensor, "b h w"]:
    """The pixels of some parts of each image."""
    wanted = torch.zeros(len(parts), len(PARTS), dtype=torch.bool)
    for row, names in enumerate(parts):
        wanted[row, [PARTS.index(name) for name in names]] = True
    return wanted.gather(1, owner.flatten(1)).view_as(owner)


def recall(map: Float[Tensor, "b p"], cover: Float[Tensor, "b p"], ratio: float) -> Float[Tensor, " b"]:
    """The share of what is covered that lies in the best-ranked `ratio` of the patches."""
    first = map.argsort(dim=1, descending=True, stable=True)[:, : count(map.shape[1], ratio)]
    return cover.gather(1, first).sum(1) / cover.sum(1)


@dataclass(frozen=True, kw_only=True)
class PersonAttention:
    """An exhibit of `queries` captions, evenly spread, each with the image that it was written of.

    `values` has for each class of named parts and each map the mean weight on them less that elsewhere, in multiples
    of uniform attention, the same on litter (`_litter`), and of small things the share that lies in the better half of
    the patches (`_recall`). `entropy` is that of each block, `examples` are the maps of some captions.
    """

    size: Size
    offset: int
    queries: int = 200
    shown: int = 4
    name: str = "attention"
    every_seed: bool = True

    def of_seed(self, seed: int) -> "PersonAttention":
        """Of the people that a run of this seed is tested on."""
        return replace(self, size=replace(self.size, seed=self.offset + seed))

    def __call__(self, model: nn.Module, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        clip, device = clip_of(model.eval()), device_of(model)
        rows = spread(len(benchmark), min(self.queries, len(benchmark)))
        found: dict[str, dict[str, list[Tensor]]] = {name: {} for name in CLASSES}
        asked: dict[str, list[int]] = {name: [] for name in CLASSES}
        nats, examples = [], []
        for start in range(0, len(rows), CHUNK):
            now = rows[start : start + CHUNK]
            at = [row // self.size.captions for row in now]
            images, texts = (
                benchmark.gallery[torch.tensor(at)][:, :3].to(device),
                [benchmark.query.text[r] for r in now],
            )
            owner = worlds.drawing(self.size, "test", at).owner
            maps, parts = maps_of(clip, images, texts), [named(text) for text in texts]
            nats.append(entropies(attention_to_patches(clip, images)).cpu().double())
            litter = coverage(owner == PARTS.index("litter"), clip.grid).double()
            for name, members in CLASSES.items():
                mine = [row for row, said in enumerate(parts) if said & set(members)]
                if not mine:
                    continue
                mask = union(owner[mine], [parts[row] & set(members) for row in mine])
                cover = coverage(mask, clip.grid).double()
                asked[name] += [now[row] for row in mine]
                for map in MAPS:
                    here = maps[map][mine]
                    columns = {map: difference(here, cover), f"{map}_litter": difference(here, litter[mine])}
                    if name == "small things":
                        columns[f"{map}_recall"] = recall(here, cover, HALF)
                    for key, values in columns.items():
                        found[name].setdefault(key, []).append(values)
            for row in [row for row, said in enumerate(parts) if said & set(SMALL)][: self.shown - len(examples)]:
                example = {name: pack(each[row].numpy()) for name, each in maps.items()}
                examples.append({"query": now[row], "image": at[row], "text": texts[row], "maps": example})
        values = {
            name: {"query": asked[name]} | {key: column(torch.cat(each)) for key, each in columns.items()}
            for name, columns in found.items()
            if columns
        }
        means = torch.cat(nats).mean(0)  # (2, depth)
        entropy = {"class token": column(means[0]), "all tokens": column(means[1])}
        return {"grid": list(clip.grid), "values": values, "entropy": entropy, "examples": examples}
