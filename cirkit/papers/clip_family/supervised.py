"""Rows that learn from the triplets of a benchmark: CLIP4Cir's two stages and ARTEMIS, on FashionIQ and on CIRR.

CompoDiff Tables B.1 and B.2 (Combiner, ARTEMIS). A row is trained on one benchmark and tested on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cirkit.benchmarks import cirr, fashioniq
from cirkit.benchmarks.fashioniq_protocols import ARTEMIS as BOTH_ORDERS
from cirkit.benchmarks.fashioniq_protocols import CLIP4CIR, CLIP4CIR_TRAINING
from cirkit.encoders.image import ResNet, unprojected
from cirkit.encoders.preprocessing import TargetPad
from cirkit.encoders.text import BiGRU
from cirkit.encoders.word_vectors import frozen, glove_840b, tuned
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Experiment
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.artemis import ARTEMIS, ClipARTEMIS
from cirkit.models.combiner import CLIP4Cir, Combiner, ElementWiseSum, text_tower, triplet_features
from cirkit.papers.clip_family.boards import ARTEMIS_FIRST, BOARDS, Reading
from cirkit.papers.clip_family.recipes import SETTINGS, FamilySetting
from cirkit.papers.clip_family.shared_clip import backbone, features, outcome
from cirkit.training.augment import flips_and_shifts
from cirkit.training.loop import Training, Weights
from cirkit.training.objectives import ranking, ranking_features

SEEDS = 3  # of rows that train for minutes
Data = Callable[[Any], Callable[[], Any]]  # FashionIQ's protocol -> the training triplets; CIRR has one


@dataclass(frozen=True, kw_only=True)
class Learner:
    """A row: its label, its training, and how it reads queries."""

    label: str
    training: Training
    reading: Reading


def rows(setting: FamilySetting, scale: str, root: str, data: Data) -> dict[str, Learner]:
    """Every row by name. At `paper` scale CLIP4Cir reads RN50x4 as its authors do."""
    clip = backbone(scale, arch="RN50x4-quickgelu", size=288, fit=TargetPad())
    tuned_sum = setting.tune.training(
        model=partial(CLIP4Cir, clip=clip.clip, fusion=ElementWiseSum, tuning=text_tower),
        data=data(CLIP4CIR_TRAINING),
        objective=ranking(batch_softmax),
        start=clip.start,
    )
    stage_one = Weights(of=tuned_sum, part="clip")
    combiner = setting.combiner.training(
        model=partial(CLIP4Cir, clip=clip.clip, fusion=Combiner),
        data=features(data=data(CLIP4CIR_TRAINING), model=outcome(stage_one), encode=triplet_features),
        objective=ranking_features(batch_softmax),
        start={"clip": stage_one},
    )
    own = _artemis_of_its_own(setting, root, data) if scale == "paper" else _artemis_on_clip(setting, scale, data)
    return {
        "clip4cir_sum": Learner(label="CLIP4Cir, sum", training=tuned_sum, reading=Reading(fashioniq=CLIP4CIR)),
        "combiner": Learner(label="Combiner", training=combiner, reading=Reading(fashioniq=CLIP4CIR)),
        "artemis": Learner(label="ARTEMIS", training=own, reading=Reading(fashioniq=ARTEMIS_FIRST)),
    }


def _artemis_on_clip(setting: FamilySetting, scale: str, data: Data) -> Training:
    """The small scales': its attentions on the CLIP that all rows share, in place of encoders of its own."""
    clip = backbone(scale)
    return setting.artemis.training(
        model=partial(ClipARTEMIS, clip=clip.clip, width=setting.width),
        data=features(data=data(BOTH_ORDERS), model=clip.whole, encode=triplet_features),
        objective=ranking_features(batch_softmax),
        start=clip.start,
    )


def _artemis_of_its_own(setting: FamilySetting, root: str, data: Data) -> Training:
    """The paper's: ResNet50 and a bidirectional GRU on GloVe, the ResNet frozen first."""
    # paper: of CIRR the features of a frozen ResNet152, which were never published
    model = partial(
        ARTEMIS,
        image=partial(ResNet, name="resnet50", stages=(4,), width=2048, pretrained=True, project=unprojected),
        text=partial(BiGRU, width=512, embed=partial(glove_840b, root=f"{root}/glove", tuning=tuned)),
        width=setting.width,
    )
    same = {"data": data(BOTH_ORDERS), "objective": ranking(batch_softmax), "augment": flips_and_shifts()}
    first = partial(model, tuning=frozen)
    begun = setting.artemis_first.training(model=first, **same)
    return setting.artemis.training(model=model, start={"": Weights(of=begun)}, **same)


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    return [found for board in ("fashioniq", "cirr") for found in _experiments(board, setting, scale, root)]


def _experiments(board: str, setting: FamilySetting, scale: str, root: str) -> list[Experiment]:
    def data(protocol: Any) -> Callable[[], Any]:
        if board == "cirr":
            return BOARDS[board].data(scale, root, cirr.train, {})
        return BOARDS[board].data(scale, root, fashioniq.train, {"protocol": protocol})

    return [
        Experiment(
            name=f"clip_family/{board}/{name}",
            paper="clip_family",
            table=BOARDS[board].table,
            row=row.label,
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds[:SEEDS],
            training=row.training,
            tests=row.reading.tests(scale, root, (board,)),
            exhibits=row.reading.curves(scale, board),
        )
        for name, row in rows(setting, scale, root, data).items()
    ]
