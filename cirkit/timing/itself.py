"""`cirkit bench itself`, `itself-full`: MARS by rows, both branches in one pass, and the largest test split in memory.

ITSELF (WACV 2026); the references do what its released code does: the whole product of the layers' matrices, and each
encoder run once for each branch. ICFG-PEDES has 19,848 captions and as many images.
"""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from cirkit.encoders.block_attention import at
from cirkit.encoders.clip import open_clip
from cirkit.encoders.tall_clip import tall_clip
from cirkit.evaluators.ranking import encode, rank_features
from cirkit.models.branches import Fused, Pair, unit
from cirkit.models.itself import ITSELF
from cirkit.models.mars import product, row_of_product
from cirkit.query import Benchmark, Query
from cirkit.timing.bench import in_turns, row


@dataclass(frozen=True, kw_only=True)
class Size:
    """Items whose attention is composed, of `tokens` and `layers`; images of a gallery, their shape, the CLIP's width.

    `split` is the number of captions and images of a test, `local` the width of the second branch.
    """

    items: int = 16
    tokens: int = 193
    layers: int = 2
    gallery: int = 64
    shape: tuple[int, int] = (96, 32)
    width: int = 64
    times: int = 5
    split: int = 0
    local: int = 4096


SIZES = {"small": Size(), "full": Size(split=19_848)}


@torch.no_grad()
def rows(size: Size = SIZES["small"]) -> Sequence[dict[str, Any]]:
    """MARS and one pass, both beside their references; with a `split`, its evaluation, and the memory it took."""
    found = [composition(size), one_pass(size)]
    return found if not size.split else [*found, *largest(size)]


def composition(size: Size) -> dict[str, Any]:
    """The class tokens' rows of MARS, beside the same rows of the full product."""
    generator = torch.Generator().manual_seed(0)
    shape = (size.layers, size.items, size.tokens, size.tokens)
    maps = list((4 * torch.randn(shape, generator=generator)).softmax(-1))
    first = torch.zeros(size.items, dtype=torch.int64)

    def ours() -> Tensor:
        return row_of_product(maps[:-1], at(maps[-1], first), first)

    def reference() -> Tensor:
        return product(maps)[:, 0]

    name = f"MARS, {size.layers} layers of {size.items} x {size.tokens} tokens, beside the full product"
    return row(name, *in_turns(ours, reference, size.times), (ours() - reference()).abs().max().item())


def one_pass(size: Size) -> dict[str, Any]:
    """A gallery's vectors of both branches from one pass, beside a pass for each."""
    side, patch = size.shape[1], 8
    arch = {
        "embed_dim": size.width,
        "vision_cfg": {"image_size": side, "layers": 4, "width": size.width, "head_width": 32, "patch_size": patch},
        "text_cfg": {"context_length": 40, "width": 32, "heads": 1, "layers": 1},
    }
    torch.manual_seed(0)
    clip = partial(tall_clip, clip=partial(open_clip, arch=arch), shape=size.shape)
    model = ITSELF([], clip=clip, identities=2, width=4 * size.width).eval()
    images = torch.randint(0, 256, (size.gallery, 3, *size.shape), dtype=torch.uint8)

    def ours() -> Pair:
        return encode(model, images)

    def reference() -> Pair:
        return encode(model, images)[0], encode(model, images)[1]

    difference = max((a - b).abs().max().item() for a, b in zip(ours(), reference(), strict=True))
    name = f"both branches of {size.gallery} images, one pass beside two"
    return row(name, *in_turns(ours, reference, size.times), difference)


class Given:
    """Vectors of both branches that are there already, under the fused score."""

    def __init__(self) -> None:
        self.score = Fused(0.5)

    def encode(self, images: Pair) -> Pair:
        return images

    def compose(self, query: Pair) -> Pair:
        return query


def largest(size: Size) -> list[dict[str, Any]]:
    """Ranks of every caption against every image under the fused score; the second line is in MB, not seconds."""
    generator = torch.Generator().manual_seed(0)

    def side() -> Pair:
        return unit(tuple(torch.randn(size.split, width, generator=generator) for width in (512, size.local)))

    alike = [list(range(start, min(start + 20, size.split))) for start in range(0, size.split, 20)]
    relevant = [people for people in alike for _ in people]
    benchmark = Benchmark(
        name="as large as ICFG-PEDES",
        query=Query(text=[""] * size.split),
        gallery=torch.zeros(size.split, 3, 1, 1, dtype=torch.uint8),
        relevant=relevant,
    )
    composed, gallery = side(), side()
    started = time.perf_counter()
    rank_features(Given(), composed, gallery, benchmark)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    name = f"{size.split} captions x {size.split} images, width 512 and {size.local}"
    return [
        row(f"{name}, seconds", seconds, None, None),
        row(f"{name}, peak memory of the process, MB", peak, None, None),
    ]
