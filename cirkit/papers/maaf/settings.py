"""What a scale decides for every row of a MAAF table alike, and the ways in which rows may differ.

MAAF §2.4 gives the paper's hyper-parameters; `small` says what the other scales change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import nn

from cirkit.encoders.image import ResNet, SmallResNet
from cirkit.encoders.text import LSTM, Embedding
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.claims import claims_of
from cirkit.experiments.experiment import Experiment, Test
from cirkit.losses.contrastive import batch_softmax
from cirkit.losses.triplet import semi_hard_triplet
from cirkit.models.film import FiLM
from cirkit.models.parameter_hashing import ParameterHashing
from cirkit.models.relationship import Relationship
from cirkit.models.show_and_tell import ShowAndTell
from cirkit.models.val import VAL
from cirkit.query import Batch, Triplets
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import Objective, by_level, ranking
from cirkit.training.optimisers import adamw, lr_multiplier, sgd
from cirkit.training.samplers import Sampler
from cirkit.training.schedules import Schedule, cosine_with_warmup, step_decay
from cirkit.training.steps import Step, descend

Factory = Callable[[Sequence[str]], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Encoders, sizes, steps and optimiser of a scale; `blocks`, `heads` and `hidden` are those of the fusion."""

    image: Callable[[], nn.Module]
    text: Callable[[Sequence[str]], nn.Module]
    blocks: int
    heads: int
    hidden: int
    sides: tuple[int, ...]  # of the image encoder's maps, fine to coarse
    steps: int
    optimiser: Callable[[nn.Module], Any]
    schedule: Schedule
    seeds: tuple[int, ...]
    basis: str = "world"
    batch: int = 32
    start: Mapping[str, Weights] = field(default_factory=dict)
    step: Step = descend

    @property
    def encoders(self) -> dict[str, Any]:
        """The encoders, as every model takes them."""
        return {"image": self.image, "text": self.text}

    @property
    def fusion(self) -> dict[str, Any]:
        """Encoders and sizes, as the attention models take them."""
        return self.encoders | {"blocks": self.blocks, "heads": self.heads, "hidden": self.hidden}


def small(
    *,
    steps: int,
    seeds: tuple[int, ...],
    pixels: int,
    blocks: int = 2,
    batch: int = 32,
    start: Mapping[str, Weights] = MappingProxyType({}),
) -> Setting:
    """Scales that train on a world.

    Changed from the paper, for all rows alike: a small residual encoder in place of ResNet50, width 64 in place of 512
    with the feed-forward half as wide as ever, 4 heads, AdamW with warm-up and cosine decay, and far fewer steps; all
    in proportion to small images and minutes on a processor. Parts of the image encoder that begin from other weights
    (`start`) learn at a tenth of the rate, as in the paper.
    """
    optimiser = adamw(lr=3e-3) if start else adamw(lr=1e-3)
    return Setting(
        image=partial(SmallResNet, width=64, levels=2),
        text=partial(LSTM, width=64),
        blocks=blocks,
        heads=4,
        hidden=32,
        sides=(pixels // 8, pixels // 16),
        steps=steps,
        optimiser=lr_multiplier(optimiser=optimiser, parts=tuple(start)) if start else optimiser,
        schedule=cosine_with_warmup(),
        seeds=seeds,
        batch=batch,
        start=start,
    )


def paper(*, steps: int = 150_000, stages: tuple[int, ...] = (3, 4), blocks: int = 2) -> Setting:
    """The paper's: ResNet50 from ImageNet, width 512, SGD at .01 and .001 for the image encoder, less at each third."""
    return Setting(
        image=partial(ResNet, name="resnet50", stages=stages, width=512, pretrained=True),
        text=partial(LSTM, width=512),
        blocks=blocks,
        heads=8,
        hidden=256,
        sides=tuple(224 // 2 ** (stage + 1) for stage in stages),
        steps=steps,
        optimiser=lr_multiplier(optimiser=sgd(lr=0.01), parts=("image",)),
        schedule=step_decay(at=(1 / 3, 2 / 3)),
        seeds=(0, 1, 2, 3, 4),
        basis="original",
    )


def baselines(setting: Setting) -> dict[str, tuple[str, Factory]]:
    """The rows that Vo et al. (2019) adapted from other tasks, by name: their label, and the model."""
    both, width = setting.encoders, setting.text.keywords["width"]
    return {
        "show_and_tell": (
            "Show and Tell",
            partial(ShowAndTell, image=setting.image, text=partial(Embedding, width=width)),  # its LSTM is its own
        ),
        "parameter_hashing": ("Parameter hashing", partial(ParameterHashing, **both)),
        "relationship": ("Relationship", partial(Relationship, **both, hidden=width)),
        "film": ("FiLM", partial(FiLM, **both)),
    }


def val(setting: Setting, table: str) -> "Row":
    """VAL with its own loss, at the setting's resolutions (its authors take three of MAAF's 28, 14 and 7)."""
    model = partial(VAL, **setting.encoders, sides=setting.sides)
    return Row(table=table, label="VAL", model=model, objective=by_level(semi_hard_triplet()))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: its label in the table that is its home, the model, and the other tables that show it."""

    table: str
    label: str
    model: Factory
    also: tuple[tuple[str, str], ...] = ()  # (table, label)
    optimiser: Callable[[nn.Module], Any] | None = None  # where the row is about how it is trained
    objective: Objective | None = None  # where the model's authors have another than the paper's eq. 5
    seeds: int | None = None  # the first so many of the setting's; None: all of them


def experiment(
    name: str,
    row: Row,
    *,
    scale: str,
    setting: Setting,
    data: Callable[[], Triplets],
    tests: Mapping[str, Test],
    sampler: Sampler,
    augment: Callable[[Batch, Any], Batch] | None = None,
    exhibits: Mapping[str, tuple[Exhibit, ...]] = MappingProxyType({}),
) -> Experiment:
    """A row as an experiment: everything but its model is the setting's."""
    return Experiment(
        name=f"maaf/{name}",
        paper="maaf",
        table=row.table,
        row=row.label,
        also=row.also,
        scale=scale,
        basis=setting.basis,
        seeds=setting.seeds[: row.seeds],
        training=Training(
            model=row.model,
            data=data,
            objective=row.objective or ranking(batch_softmax),
            optimiser=row.optimiser or setting.optimiser,
            steps=setting.steps,
            batch=setting.batch,
            schedule=setting.schedule,
            sampler=sampler,
            augment=augment,
            start=setting.start,
            step=setting.step,
        ),
        tests=tests,
        exhibits=exhibits,
    )


claim = claims_of("maaf", "maaf")
