"""MAC on CLEVR's counterpart: Tables 3a and 5, and rows whose control or read unit alone is changed.

Cao et al. (2022), §5.3: four steps, and otherwise MAC's own configuration (Hudson and Manning, 2018); the released code
changes both units together, where the paper speaks of the read unit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from cirkit.attention.alignment import AlignmentScore
from cirkit.benchmarks import clevr
from cirkit.benchmarks.clevr_programs import ANSWERS, Program
from cirkit.encoders.parts import Conv4, GridParts, RegionParts
from cirkit.evaluators.answers import answers
from cirkit.evaluators.measures import Accuracy
from cirkit.examples import Questions
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.mac import MAC, QuestionOnly
from cirkit.papers.alignment import region_data
from cirkit.papers.alignment.attention_exhibits import ThinkingSteps
from cirkit.papers.alignment.region_data import with_regions
from cirkit.papers.alignment.scores import BESIDE, ROWS, Score, control_score, score
from cirkit.training.answers import answer_cross_entropy
from cirkit.training.averages import averaged
from cirkit.training.clipping import clip_gradients
from cirkit.training.loop import Training
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import Schedule, constant, cosine_with_warmup
from cirkit.training.steps import Optimiser, Step
from cirkit.worlds.clevr import CLEVR
from cirkit.worlds.publish import drawn_each_seed

TABLE, BY_TYPE, APART = "Table 3a", "Table 5", "Control and read unit"
KINDS = {  # types of questions as the tests are called
    "exist": "exist",
    "query_attribute": "query attribute",
    "compare_attribute": "compare attribute",
    "count": "count",
    "compare_integer": "compare integer",
}
COLUMNS = {
    TABLE: (Column("clevr", Accuracy()),),
    BY_TYPE: tuple(Column(test, Accuracy()) for test in KINDS),
    APART: (Column("clevr", Accuracy()),),
}
BASELINE, THINGS_ALONE = "question_only", "dot_things_alone"
ALL = 3  # relations, which no question of CLEVR exceeds
MAC_ROWS = tuple(name for name in ROWS if name != "cosine")  # whose products are summed with learned weights
SIZES = {
    "smoke": replace(CLEVR.sizes["smoke"], val=12, questions=10),
    # with 10 questions an image MAC learns them by heart
    "cpu": replace(CLEVR.sizes["cpu"], train=6000, val=400, test=1, questions=40, most=6),
    "gpu": CLEVR.sizes["gpu"],
}


@dataclass(frozen=True, kw_only=True)
class ReasoningSetting:
    """What a scale decides for all rows alike; `hops` is the most relations between things that a question may name."""

    steps: int
    batch: int
    width: int
    word_width: int
    cells: int  # steps that MAC thinks in
    seeds: tuple[int, ...]
    hops: int
    optimiser: Optimiser
    schedule: Schedule
    step: Step
    dropout: float = 0.15


def _small(*, steps: int, seeds: tuple[int, ...], **changes: Any) -> ReasoningSetting:
    """Scales that train on a world: narrower, AdamW at 1e-3 with warm-up and cosine decay, and shorter questions."""
    usual = ReasoningSetting(
        steps=steps,
        batch=64,
        width=128,
        word_width=64,
        cells=4,
        seeds=seeds,
        hops=0,
        optimiser=clip_gradients(optimiser=adamw(lr=1e-3, weight_decay=0.0), length=8.0),
        schedule=cosine_with_warmup(),
        step=averaged(decay=0.999),
        dropout=0.05,
    )
    return replace(usual, **changes)


SETTINGS = {
    "smoke": _small(steps=3, seeds=(0,), batch=8, width=8, word_width=6, cells=2, hops=ALL),
    "cpu": _small(steps=12_000, seeds=(0, 1, 2)),
    "gpu": _small(steps=60_000, seeds=(0, 1, 2, 3, 4), batch=128, width=512, word_width=300, hops=ALL, dropout=0.15),
    "paper": _small(  # eight epochs of 699,989 questions
        steps=87_500,
        seeds=(0, 1, 2),
        width=512,
        word_width=300,
        hops=ALL,
        optimiser=clip_gradients(optimiser=adamw(lr=1e-4, weight_decay=0.0), length=8.0),
        # released code: half of the rate after an epoch in which the loss fell little, which few runs came to
        schedule=constant,
        dropout=0.15,
    ),
}


def relations(program: Program) -> int:
    """How often a program goes from a thing to others: to what stands left of it, or has its colour."""
    return sum(step.function == "relate" or step.function.startswith("same_") for step in program)


@dataclass(frozen=True, kw_only=True)
class some_questions:
    """Questions that name at most `hops` relations between things, of one type or of all; types are no categories here.

    A test's mean is over questions, as in the paper; its types are tests of their own.
    """

    hops: int
    kind: str | None = None

    def __call__(self, held: clevr.Questions) -> Questions:
        rows = [
            row
            for row, program in enumerate(held.programs)
            if relations(program) <= self.hops and self.kind in (None, held.group[row])
        ]
        return Questions(
            images=held.images,
            about=held.about[rows],
            text=[held.text[row] for row in rows],
            answers=[held.answers[row] for row in rows],
        )


@dataclass(frozen=True, kw_only=True)
class original:
    """Questions of a split of the original files, in some form, with their images."""

    root: str
    split: str
    form: Callable[[clevr.Questions], Questions]

    def __call__(self) -> Questions:
        return self.form(clevr.read(self.root, self.split))


def data(scale: str, root: str, split: str, form: some_questions, whole: bool = True) -> Callable[[], Questions]:
    """A split in some form: of the world of each seed, or of the original images.

    A world's regions are its things and, with `whole`, the image itself: attention is a mean, in which three of three
    cubes are like one of one, and what is in every image gives it something to count against, as CLEVR's floor does.
    """
    if scale == "paper":
        return original(root=f"{root}/clevr", split=split, form=form)
    return with_regions(
        data=drawn_each_seed(clevr.read, CLEVR, SIZES[scale], {"split": split}),
        scenes=region_data.clevr_scenes_of,
        encoder=region_data.encoder(scale),
        form=form,
        others=int(whole),
    )


def models(setting: ReasoningSetting, scale: str) -> dict[str, tuple[str, str, Callable[..., nn.Module]]]:
    """Every row by name: the table that is its home, its label, and its model."""
    image = (
        partial(GridParts, encoder=Conv4)
        if scale == "paper"
        else partial(RegionParts, channels=region_data.SIZES[scale].width, dropout=setting.dropout)
    )
    sizes = {"width": setting.width, "word_width": setting.word_width, "dropout": setting.dropout}

    def mac(control: Score, read: Callable[[int], AlignmentScore]) -> Callable[..., nn.Module]:
        return partial(MAC, answers=ANSWERS, image=image, control=control, read=read, steps=setting.cells, **sizes)

    rows = {name: (TABLE, ROWS[name], mac(control_score(name), score(name))) for name in MAC_ROWS}
    for name in BESIDE:
        rows |= {
            f"{name}_control": (APART, f"{ROWS[name]}, control unit alone", mac(control_score(name), score("dot"))),
            f"{name}_read": (APART, f"{ROWS[name]}, read unit alone", mac(score("dot"), score(name))),
        }
    if scale != "paper":
        rows[THINGS_ALONE] = (BY_TYPE, "dot product, without the whole image", rows["dot"][2])
    return rows | {BASELINE: (TABLE, "question only (LSTM)", partial(QuestionOnly, answers=ANSWERS, **sizes))}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row at a scale; `root` holds CLEVR's files for the `paper` scale, whose tests are of the val split.

    Released code: 10,000 questions of it, drawn at random; here all.
    """
    setting = apply(change, SETTINGS[scale])
    every = some_questions(hops=setting.hops)
    forms = {"clevr": every} | {test: replace(every, kind=kind) for test, kind in KINDS.items()}

    def read(name: str, split: str, form: some_questions) -> Callable[[], Questions]:
        return data(scale, root, split, form, whole=name != THINGS_ALONE)

    return [
        Experiment(
            name=f"alignment/clevr/{name}",
            paper="alignment",
            table=table,
            row=label,
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds,
            training=Training(
                model=model,
                data=read(name, "train", every),
                objective=answer_cross_entropy,
                optimiser=setting.optimiser,
                steps=setting.steps,
                batch=setting.batch,
                schedule=setting.schedule,
                sampler=shuffled,
                step=setting.step,
            ),
            tests={test: Test(read(name, "val", form), answers()) for test, form in forms.items()},
            also=_also(name, table),
            exhibits=_exhibits(name, scale),
        )
        for name, (table, label, model) in models(setting, scale).items()
    ]


def _also(name: str, table: str) -> tuple[tuple[str, str], ...]:
    """The other tables that show a row: by type all of Table 3a, and beside single units those that change both."""
    label = "question only (LSTM)" if name == BASELINE else ROWS.get(name, "")
    by_type = ((BY_TYPE, label),) if table == TABLE else ()
    return (*by_type, (APART, f"{label}, both units")) if name in ("dot", *BESIDE) else by_type


def _exhibits(name: str, scale: str) -> dict[str, tuple[Exhibit, ...]]:
    """What the steps of every row attend to, but for the baseline, which has none, and the control."""
    return {"clevr": (ThinkingSteps(),)} if scale in ("cpu", "gpu") and name not in (BASELINE, THINGS_ALONE) else {}
