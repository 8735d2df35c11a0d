"""The two pairs of towers under the fusions of PVLF, and the smaller world CLIP as a training of its own.

PVLF Table 3 has CLIP-L/14 and BLIP. The worlds' counterparts are two CLIPs of different size, trained alike: no small
BLIP is trained, so the comparison of kinds is one of sizes at the small scales.
"""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from cirkit.encoders.blip import blip
from cirkit.encoders.clip import open_clip
from cirkit.encoders.preprocessing import Preprocessing, TargetPad
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.clip_family import world_clip
from cirkit.papers.clip_family.shared_clip import Backbone, backbone
from cirkit.training.loop import Training, Weights

TABLE = "Second encoder"
COLUMNS = {TABLE: world_clip.COLUMNS[world_clip.TABLE]}
FIRST, SECOND = "clip", "second"
BLIP = "Salesforce/blip-itm-base-coco"


def label_of(encoder: str, scale: str) -> str:
    """What a table calls an encoder."""
    return "CLIP" if encoder == FIRST else "BLIP" if scale == "paper" else "smaller CLIP"


def towers(encoder: str, scale: str) -> Backbone:
    """Both towers of a scale: `clip` is CLIP-L/14 or the world CLIP, `second` BLIP or the smaller world CLIP."""
    if encoder == FIRST:
        return backbone(scale, fit=TargetPad())
    if scale == "paper":
        return Backbone(clip=partial(blip, source=BLIP, preprocessing=Preprocessing(size=384, fit=TargetPad())))
    start = Weights(of=smaller_training(scale), seed=0, part=world_clip.PART)
    return Backbone(clip=smaller_clip(scale), start={world_clip.PART: start})


def smaller_clip(scale: str) -> Callable[[], nn.Module]:
    """The world CLIP of half its width and depth, with random weights for `start` to fill."""
    whole = world_clip.clip(scale).keywords
    size = world_clip.SIZES[scale]
    image = _half(whole["arch"]["vision_cfg"], layers=size.layers, width=size.width)
    text = _half(whole["arch"]["text_cfg"], layers=size.text_layers, width=size.words)
    text |= {"heads": text["width"] // 32}
    arch = {"embed_dim": size.width // 2, "vision_cfg": image, "text_cfg": text}
    return partial(open_clip, arch=arch, preprocessing=whole["preprocessing"])


def _half(tower: Mapping[str, int], *, layers: int, width: int) -> dict[str, int]:
    return {**tower, "layers": (layers + 1) // 2, "width": max(32, width // 2)}  # a head is 32 wide


def smaller_training(scale: str) -> Training:
    """The world CLIP's own training with the smaller towers."""
    return world_clip.training(scale, smaller_clip(scale))


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The smaller world CLIP as a row of its own; none at `paper` scale, which has BLIP. `change` leaves it alone."""
    if scale == "paper":
        return []
    name, row = "pvlf/smaller_world_clip", "Both towers at half the width and depth"
    return [world_clip.row_of(smaller_training(scale), scale, name=name, paper="pvlf", table=TABLE, row=row)]
