"""The CLIPs of person retrieval: patches of two sizes, both on tall images, and the coarser world CLIP as a training.

ITSELF's supplement, Table 2: ViT-B/16 and ViT-B/32. A CLIP of another patch size is another pretraining, there as here;
at 384 by 128 pixels B/16 has 24 by 8 patches and B/32 12 by 4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from cirkit.encoders.clip import open_clip
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.encoders.tall_clip import tall_clip
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Experiment
from cirkit.papers.clip_family import world_clip
from cirkit.training.loop import Training, Weights

TABLE = "Coarser CLIP"
COLUMNS = {TABLE: world_clip.COLUMNS[world_clip.TABLE]}
FINE, COARSE = "fine", "coarse"
OPENAI = {FINE: "ViT-B-16-quickgelu", COARSE: "ViT-B-32-quickgelu"}
LABELS = {FINE: "B/16", COARSE: "B/32"}


@dataclass(frozen=True, kw_only=True)
class Towers:
    """A CLIP for images of one shape, and what fills it where it is laid out with random weights."""

    clip: Callable[[], nn.Module]
    weights: Weights | None = None

    def start(self, part: str) -> dict[str, Weights]:
        """What a model begins from that has the CLIP as its `part`."""
        return {} if self.weights is None else {part: self.weights}


def towers(patches: str, scale: str, shape: tuple[int, int]) -> Towers:
    """OpenAI's CLIP at `paper` scale, elsewhere the world CLIP, or its kin with patches twice as large."""
    if scale == "paper":
        preprocessing = Preprocessing(size=224)
        square = partial(open_clip, arch=OPENAI[patches], pretrained="openai", preprocessing=preprocessing)
        return Towers(clip=partial(tall_clip, clip=square, shape=shape))
    square = world_clip.clip(scale) if patches == FINE else coarser_clip(scale)
    of = world_clip.training(scale) if patches == FINE else coarser_training(scale)
    weights = Weights(of=of, seed=0, part=world_clip.PART)
    return Towers(clip=partial(tall_clip, clip=square, shape=shape), weights=weights)


def coarser_clip(scale: str) -> Callable[[], nn.Module]:
    """The world CLIP with patches of twice the side, with random weights for `start` to fill."""
    whole = world_clip.clip(scale).keywords
    image = whole["arch"]["vision_cfg"]
    arch = {**whole["arch"], "vision_cfg": {**image, "patch_size": 2 * image["patch_size"]}}
    return partial(open_clip, arch=arch, preprocessing=whole["preprocessing"])


def coarser_training(scale: str) -> Training:
    """The world CLIP's own training with the coarser patches."""
    return world_clip.training(scale, coarser_clip(scale))


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The coarser CLIP as a row of its own; none at `paper` scale, which has B/32. `change` leaves it alone."""
    if scale == "paper":
        return []
    name, row = "itself/coarser_clip", "Patches of twice the side"
    return [world_clip.row_of(coarser_training(scale), scale, name=name, paper="itself", table=TABLE, row=row)]
