"""`cirkit bench fusion`, `fusion-full`: steps of PVLF from cached tokens, beside running frozen towers in each step.

PVLF §4.3 with a frozen backbone; and the fusion's attention by the fused kernel beside the same written out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cirkit.attention.blocks import softmax
from cirkit.encoders.clip import open_clip
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.encoders.word_vectors import frozen
from cirkit.examples import Features
from cirkit.losses.focal import focal
from cirkit.models.pvlf import pvlf
from cirkit.models.transagg import Fusion, TransAgg, triplet_tokens
from cirkit.papers.clip_family import world_clip
from cirkit.query import Batch, Query
from cirkit.timing.bench import in_turns, row
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.tokens import ranking_tokens

TEXT = "make the large red cube small and put a blue sphere behind it"


@dataclass(frozen=True, kw_only=True)
class FusionSize:
    """Towers, with random weights, the side of their images, and how much is timed."""

    name: str
    clip: Callable[[], nn.Module]
    pixels: int
    batch: int
    hidden: int = 2048
    times: int = 3


SIZES = {
    "world": FusionSize(name="world CLIP", clip=world_clip.clip("cpu"), pixels=48, batch=32, hidden=256, times=5),
    "paper": FusionSize(
        name="CLIP-L/14",
        clip=partial(open_clip, arch="ViT-L-14-quickgelu", pretrained=False, preprocessing=Preprocessing(size=224)),
        pixels=224,
        batch=2,
    ),
}


def plain_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """The softmax, by another name: attention is written out where it is not the fused kernel's own."""
    return softmax(scores, mask)


def rows(size: FusionSize = SIZES["world"]) -> Sequence[dict[str, Any]]:
    """Two lines in seconds: a step from tokens beside one through the towers, and a query's fusion fused and plain.

    Every step of an epoch costs the same, so the ratio is that of epochs; the tokens are computed once for all of them.
    """
    torch.manual_seed(0)
    model = pvlf([TEXT], clip=size.clip, fusion=partial(Fusion, hidden=size.hidden, dropout=0.0), tuning=frozen)
    images = torch.randint(0, 256, (size.batch, 3, size.pixels, size.pixels), dtype=torch.uint8)
    batch = Batch(query=Query(image=images, text=[TEXT] * size.batch), target=images.flip(0))
    with torch.no_grad():
        tokens = triplet_tokens(model.clip, batch)
    cached, whole = ranking_tokens(focal()), ranking(focal())
    features = Features(tensors=tokens)
    difference = abs(float(cached(model, features).detach()) - float(whole(model, batch).detach()))
    name = f"{size.name}: step of {size.batch} from tokens, beside frozen towers in each step, seconds"
    steps = in_turns(
        _step(model, lambda: cached(model, features)), _step(model, lambda: whole(model, batch)), size.times
    )
    return [row(name, *steps, difference), _attention(size, model, tokens)]


def _step(model: TransAgg, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimiser = adamw()(model.train())

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()

    return step


@torch.no_grad()
def _attention(size: FusionSize, model: TransAgg, tokens: Mapping[str, Tensor]) -> dict[str, Any]:
    """The fusion of queries in evaluation mode."""
    model.eval()
    query = {name: tensor for name, tensor in tokens.items() if name != "target"}
    written_out = partial(Fusion, hidden=size.hidden, dropout=0.0, weights=plain_softmax)
    by_hand = pvlf([TEXT], clip=lambda: model.clip, fusion=written_out, tuning=frozen).eval()
    by_hand.fusion.load_state_dict(model.fusion.state_dict())
    difference = (model.fusion(**query) - by_hand.fusion(**query)).abs().max().item()
    name = f"{size.name}: fusion of {size.batch} queries, fused attention beside plain, seconds"
    times = in_turns(lambda: model.fusion(**query), lambda: by_hand.fusion(**query), size.times)
    return row(name, *times, difference)
