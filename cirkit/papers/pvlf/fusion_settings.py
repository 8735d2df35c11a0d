"""How long, with what and on how many triplets fusions learn: TransAgg's recipe at `paper` scale, else one for all.

PVLF §4.1.4, "align with TransAgg"; where the paper is silent, the released code of TransAgg (Liu et al., 2023).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import nn

from cirkit.benchmarks import laion_cir
from cirkit.training.clipping import clip_gradients
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.schedules import Schedule, cosine_with_warmup
from cirkit.training.steady_rates import cosine_to, steady_below
from cirkit.training.steps import Step, descend
from cirkit.worlds.laion_cir import LAION_CIR
from cirkit.worlds.publish import drawn_each_seed

LENGTHS = (5, 10, 15, 20, 25, 30, 35)  # of Table 4
USUAL = 25  # of these, the paper's own elsewhere


@dataclass(frozen=True, kw_only=True)
class InTowers:
    """Prompts inside the towers, Figure 2 (a) to (c): how many, and for how many layers."""

    coop: int = 16
    vpt: int = 10
    vpt_depth: int = 24
    maple: int = 2
    maple_depth: int = 9


@dataclass(frozen=True, kw_only=True)
class FusionSetting:
    """What a scale decides; `few` seeds are for the rows whose towers have prompts, which take longest."""

    seeds: tuple[int, ...]
    few: tuple[int, ...]
    steps: int
    batch: int
    optimiser: Callable[[nn.Module], Any]
    schedule: Schedule
    step: Step = descend
    hidden: int = 2048  # of the fusion's feed-forward networks
    dropout: float = 0.5
    layers: int = 2
    prompt_length: int = USUAL
    in_towers: InTowers = InTowers()


def small(*, steps: int, batch: int, seeds: tuple[int, ...], hidden: int, in_towers: InTowers) -> FusionSetting:
    """Scales that train on a world.

    Changed from the paper, for all rows alike: AdamW at 1e-3 with warm-up and cosine decay, towers that learn at a
    tenth of it and not at a hundredth, since steps are fewer by a factor of fifty; half as many in a batch; a narrower
    feed-forward network, and a dropout of .1, not of .5.
    """
    return FusionSetting(
        seeds=seeds,
        few=seeds[:3],
        steps=steps,
        batch=batch,
        optimiser=lr_multiplier(optimiser=adamw(lr=1e-3), parts=("clip",)),
        schedule=cosine_with_warmup(),
        hidden=hidden,
        dropout=0.1,
        in_towers=in_towers,
    )


FEW_LAYERS = InTowers(coop=2, vpt=2, vpt_depth=1, maple=2, maple_depth=1)
SETTINGS = {
    "smoke": small(steps=2, batch=8, seeds=(0,), hidden=16, in_towers=FEW_LAYERS),
    "cpu": small(
        steps=600,
        batch=32,
        seeds=(0, 1, 2, 3, 4),
        hidden=256,
        in_towers=InTowers(coop=4, vpt=10, vpt_depth=4, maple=2, maple_depth=3),
    ),
    "gpu": small(
        steps=5000,
        batch=64,
        seeds=(0, 1, 2, 3, 4),
        hidden=1536,
        in_towers=InTowers(vpt_depth=8, maple_depth=6),
    ),
    "paper": FusionSetting(
        seeds=(0, 1, 2, 3, 4),
        few=(0, 1, 2),
        steps=50_000,  # 100 epochs of the 32,000 triplets of the combined set
        batch=64,
        # released code: decay on biases, norms and the separator as well
        optimiser=clip_gradients(
            optimiser=lr_multiplier(optimiser=adamw(lr=1e-4, weight_decay=0.05), parts=("clip",), factor=0.01),
            length=5.0,
        ),
        schedule=cosine_to(0.01),
        step=steady_below(),
    ),
}
SIZES = {
    "smoke": LAION_CIR.sizes["smoke"],
    "cpu": replace(LAION_CIR.sizes["cpu"], triplets=2000, image=48),
    "gpu": replace(LAION_CIR.sizes["gpu"], triplets=8000),
}


def triplets(scale: str, root: str, source: laion_cir.Source) -> Callable[[], Any]:
    """The training triplets whose texts `source` wrote: those of each seed's world, or the original's."""
    if scale == "paper":
        return partial(laion_cir.train, root=f"{root}/laion_cir", source=source)
    return drawn_each_seed(laion_cir.train, LAION_CIR, SIZES[scale], {"source": source})


SOURCES: Mapping[str, laion_cir.Source] = MappingProxyType({source.name: source for source in laion_cir.SOURCES})
