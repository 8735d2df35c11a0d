"""AttnGAN on the counterpart of CUB: Table 4, with the mask of the released code and its sigmoid as rows of their own.

Cao et al. (2022), §5.3: AttnGAN's own configuration (Xu et al., 2018); the score of its word attention is exchanged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cirkit.attention.alignment import alignment, sigmoid
from cirkit.benchmarks.cub_phrases import colours_named
from cirkit.evaluators.answers import answers
from cirkit.evaluators.image_quality import FrechetDistance, InceptionScore
from cirkit.evaluators.measures import Accuracy, Recall
from cirkit.evaluators.painting import attributes_shown, class_samples, paired_features, r_precision
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.attngan import AttnGAN, Generator, Score, own_words, released_rows, uniform
from cirkit.models.attribute_classifier import AttributeClassifier, InceptionJudge
from cirkit.models.damsm import DAMSM, InceptionViews, SmallViews, WordEncoder
from cirkit.models.discriminators import Discriminator
from cirkit.papers.alignment import bird_data
from cirkit.papers.alignment.painting_exhibits import PaintedExamples
from cirkit.papers.alignment.scores import ROWS, score
from cirkit.papers.clip_family.shared_clip import outcome
from cirkit.training.adversarial import (
    adam,
    averaged_part,
    deceive,
    discriminate,
    flips_and_shifts_of_captions,
    match,
    paint,
)
from cirkit.training.attributes import attribute_cross_entropy
from cirkit.training.clipping import clip_gradients
from cirkit.training.loop import Training, Weights
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import Schedule, constant, cosine_with_warmup
from cirkit.training.steps import Optimiser, adversarial
from cirkit.worlds.cub import CUB, KIN
from cirkit.worlds.publish import drawn, drawn_each_seed

TABLE, APART, ENCODERS, JUDGE = "Table 4", "Mask and activation", "DAMSM", "Judge of birds"
IS, FID = Column("classes", InceptionScore()), Column("features", FrechetDistance())
PRECISION, COLOURS = Column("captions", Recall(1)), Column("colours", Accuracy())
COLUMNS = {
    TABLE: (IS, FID, PRECISION, COLOURS),
    APART: (IS, FID, PRECISION, COLOURS),
    ENCODERS: (PRECISION,),
    JUDGE: (COLOURS,),
}
PAINTED = tuple(name for name in ROWS if name != "cosine")  # the seven of Table 4
VALIDATION, JUDGE_SEED = 4_200_001, 4_300_000  # the seeds of worlds of no run: for curves, and for the judge
FOLDER = "birds"  # of the original, below the root
SIZES = {
    "smoke": replace(CUB.sizes["smoke"], each=6),
    "cpu": replace(CUB.sizes["cpu"], classes=300, held=60, each=8),  # many species, so that colours are learnt apart
    "gpu": replace(CUB.sizes["gpu"], classes=1000, held=100, each=12),
}
JUDGE_SIZES = {
    "smoke": replace(CUB.sizes["smoke"], seed=JUDGE_SEED),
    "cpu": replace(CUB.sizes["cpu"], classes=1240, held=40, each=4, seed=JUDGE_SEED),  # or it knows species by heart
    "gpu": replace(CUB.sizes["gpu"], classes=3000, held=200, each=4, seed=JUDGE_SEED),
}


@dataclass(frozen=True, kw_only=True)
class slower_each_epoch:
    """The schedule of DAMSM's released code: .98 of the rate after each epoch, never below a tenth."""

    epochs: int

    def __call__(self, done: float) -> float:
        return max(0.1, 0.98 ** int(done * self.epochs))


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How long one of the three trainings takes, on batches of which size, and how it descends."""

    steps: int
    batch: int
    optimiser: Optimiser
    schedule: Schedule


@dataclass(frozen=True, kw_only=True)
class PaintingSetting:
    """What a scale decides for all rows alike; `side` is that of the last stage's images."""

    seeds: tuple[int, ...]
    side: int
    stages: int
    doublings: int
    blocks: int
    width: int  # of the generator
    judge_width: int  # of the discriminators
    noise: int
    condition: int
    text_width: int
    word_width: int
    damsm: Learning
    judge: Learning
    painter: Learning
    matching: float = 5.0


def _damsm(steps: int, batch: int = 48, lr: float = 2e-3) -> Learning:
    optimiser = clip_gradients(optimiser=adamw(lr=lr, weight_decay=0.0), length=1.0)
    return Learning(steps=steps, batch=batch, optimiser=optimiser, schedule=cosine_with_warmup())


def _judge(steps: int, batch: int = 64) -> Learning:
    return Learning(steps=steps, batch=batch, optimiser=adamw(lr=2e-3), schedule=cosine_with_warmup())


def _painter(steps: int, batch: int, lr: float = 2e-4) -> Learning:
    return Learning(steps=steps, batch=batch, optimiser=adam(lr=lr), schedule=constant)


SETTINGS = {
    "smoke": PaintingSetting(
        seeds=(0,), side=32, stages=2, doublings=2, blocks=1, width=4, judge_width=4, noise=6, condition=4,
        text_width=8, word_width=6, damsm=_damsm(2, 6), judge=_judge(2, 6), painter=_painter(2, 4),
    ),
    "cpu": PaintingSetting(
        seeds=(0, 1, 2), side=64, stages=2, doublings=3, blocks=1, width=16, judge_width=16, noise=32, condition=16,
        text_width=64, word_width=48, damsm=_damsm(1200), judge=_judge(4000), painter=_painter(1800, 16, 5e-4),
    ),
    "gpu": PaintingSetting(
        seeds=(0, 1, 2, 3, 4), side=128, stages=2, doublings=4, blocks=2, width=32, judge_width=64, noise=100,
        condition=100, text_width=256, word_width=300, damsm=_damsm(10_000), judge=_judge(10_000),
        painter=_painter(60_000, 32),
    ),
    # 200 epochs of DAMSM and 400 of AttnGAN, each of 8,855 images with one caption drawn for each
    "paper": PaintingSetting(
        seeds=(0, 1, 2, 3, 4), side=256, stages=3, doublings=4, blocks=2, width=32, judge_width=64, noise=100,
        condition=100, text_width=256, word_width=300,
        damsm=Learning(
            steps=36_800, batch=48, schedule=slower_each_epoch(epochs=200),
            # released code: the gradient of the text encoder alone is clipped
            optimiser=clip_gradients(optimiser=adamw(lr=2e-3, weight_decay=0.0), length=0.25),
        ),
        judge=_judge(10_000), painter=_painter(177_000, 20),
    ),
}  # fmt: skip


def data(scale: str, root: str, read: Callable[..., Any], side: int) -> Callable[[], Any]:
    """What `read` gives: of the world of each seed, or of the original files."""
    if scale == "paper":
        return partial(read, root=f"{root}/{FOLDER}", side=side)
    return drawn_each_seed(read, CUB, SIZES[scale], {"side": side})


def _judge_data(scale: str, root: str, read: Callable[..., Any], settings: Mapping[str, Any]) -> Callable[[], Any]:
    """The same of the judge, whose world is its own."""
    if scale == "paper":
        return partial(read, root=f"{root}/{FOLDER}", **settings)
    return drawn(read, CUB, JUDGE_SIZES[scale], settings)


def damsm_training(scale: str, root: str, setting: PaintingSetting) -> Training:
    """DAMSM learns first, on the images and captions of the same classes."""
    return Training(
        model=_damsm_model(scale, setting),
        data=data(scale, root, bird_data.pairs, setting.side),
        objective=match(),
        optimiser=setting.damsm.optimiser,
        steps=setting.damsm.steps,
        batch=setting.damsm.batch,
        schedule=setting.damsm.schedule,
        sampler=shuffled,
        augment=flips_and_shifts_of_captions(0.06),
    )


def _damsm_model(scale: str, setting: PaintingSetting) -> Callable[..., DAMSM]:
    text = partial(WordEncoder, width=setting.text_width, word_width=setting.word_width)
    return partial(DAMSM, text=text, image=InceptionViews if scale == "paper" else SmallViews)


def judge_training(scale: str, root: str, setting: PaintingSetting) -> Training:
    """The judge learns genera and colours from a world that no row paints; of the original, species."""
    classes = {} if scale == "paper" else {"kin": KIN, "most": 60}
    return Training(
        model=partial(AttributeClassifier, of=bird_data.CLASS),
        data=_judge_data(scale, root, bird_data.labelled, {"side": setting.side, "training": True} | classes),
        objective=attribute_cross_entropy,
        optimiser=setting.judge.optimiser,
        steps=setting.judge.steps,
        batch=setting.judge.batch,
        schedule=setting.judge.schedule,
        sampler=shuffled,
        augment=flips_and_shifts_of_captions(0.06),
    )


def models(scale: str, setting: PaintingSetting) -> dict[str, tuple[str, str, Callable[..., AttnGAN]]]:
    """Every row by name: the table that is its home, its label, and its model."""

    def painter(one: Score, allowed: Callable[..., Any] = own_words) -> Callable[..., AttnGAN]:
        generator = partial(
            Generator,
            width=setting.width,
            alignment=one,
            allowed=allowed,
            stages=setting.stages,
            doublings=setting.doublings,
            blocks=setting.blocks,
            noise=setting.noise,
            condition=setting.condition,
        )
        discriminator = partial(Discriminator, width=setting.judge_width)
        return partial(AttnGAN, damsm=_damsm_model(scale, setting), generator=generator, discriminator=discriminator)

    rows = {name: (TABLE, ROWS[name], painter(score(name))) for name in PAINTED}
    activated = partial(alignment, name=ROWS["activated"], activation=sigmoid)
    return rows | {
        "uniform": (TABLE, "uniform (no score)", painter(uniform)),
        "activated_sigmoid": (APART, f"{ROWS['activated']}, sigmoid", painter(activated)),
        "dot_released_mask": (APART, f"{ROWS['dot']}, released mask", painter(score("dot"), released_rows)),
    }


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row at a scale; `root` holds AttnGAN's folder of birds for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    basis = "original" if scale == "paper" else "world"
    damsm, judge = damsm_training(scale, root, setting), judge_training(scale, root, setting)
    beside = [
        Experiment(
            name="alignment/cub/damsm",
            paper="alignment",
            table=ENCODERS,
            row="real images",
            scale=scale,
            basis=basis,
            seeds=setting.seeds,
            training=damsm,
            tests={"captions": Test(data(scale, root, bird_data.matches, setting.side))},
        ),
        Experiment(
            name="alignment/cub/judge",
            paper="alignment",
            table=JUDGE,
            row="real images",
            scale=scale,
            basis=basis,
            seeds=(0,),
            training=judge,
            tests={"colours": Test(_judge_data(scale, root, bird_data.what_shows, {"side": setting.side}), answers())},
        ),
    ]
    return beside + [
        Experiment(
            name=f"alignment/cub/{name}",
            paper="alignment",
            table=table,
            row=label,
            scale=scale,
            basis=basis,
            seeds=setting.seeds,
            training=Training(
                model=model,
                data=damsm.data,
                objective=deceive(matching=setting.matching),
                optimiser=setting.painter.optimiser,
                steps=setting.painter.steps,
                batch=setting.painter.batch,
                schedule=setting.painter.schedule,
                sampler=shuffled,
                augment=flips_and_shifts_of_captions(0.06),
                start={"damsm": Weights(of=damsm)},
                step=averaged_part(step=turns(setting.stages)),
            ),
            tests=_tests(scale, root, setting, outcome(Weights(of=judge, seed=0))),
            also=_also(name),
            exhibits=_exhibits(name, scale, setting),
        )
        for name, (table, label, model) in models(scale, setting).items()
    ]


def turns(stages: int) -> adversarial:
    """Every stage's discriminator, then the generator, each with an optimiser of its own."""
    adversaries = {f"discriminators.{stage}": discriminate(stage) for stage in range(stages)}
    return adversarial(generate=paint, adversaries=adversaries)


def _tests(scale: str, root: str, setting: PaintingSetting, judge: outcome) -> dict[str, Test]:
    prompts = data(scale, root, bird_data.prompts, setting.side)
    look = InceptionJudge if scale == "paper" else judge
    return {
        "classes": Test(prompts, class_samples(judge=look)),
        "features": Test(prompts, paired_features(judge=look)),
        "captions": Test(prompts, r_precision()),
        "colours": Test(prompts, attributes_shown(judge=judge, read=colours_named)),
    }


def _also(name: str) -> tuple[tuple[str, str], ...]:
    """Beside the changed mask and activation stand the rows that keep the formula."""
    labels = {"dot": f"{ROWS['dot']}, own words", "activated": f"{ROWS['activated']}, ReLU"}
    return ((APART, labels[name]),) if name in labels else ()


def _exhibits(name: str, scale: str, setting: PaintingSetting) -> dict[str, tuple[Exhibit, ...]]:
    """How captions are found in painted images while a row learns; a few images, with what their places attend to."""
    if scale not in ("cpu", "gpu"):
        return {}
    held = drawn(bird_data.prompts, CUB, replace(SIZES[scale], seed=VALIDATION), {"side": setting.side})
    curve = Curve(held, (Recall(1),), queries=300)
    return {"captions": (curve, PaintedExamples())}
