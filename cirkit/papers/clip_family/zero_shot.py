"""Rows that see no triplet: nothing learns (image, text, sum, product, BASIC, OTI), or φ (Pic2Word, SEARLE, LinCIR).

Baselines of PVLF Tables 1 and 2 and CompoDiff Tables 3 and B.1 to B.4; LinCIR is Gu et al. (2024), BASIC Psomas et al.
(2025). Each row is one training, tested on all benchmarks with its paper's prompts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn

from cirkit.benchmarks.fashioniq_protocols import PIC2WORD, SEARLE_MEAN
from cirkit.encoders.preprocessing import TargetPad
from cirkit.evaluators.expansion import rank_expanded
from cirkit.examples import Captions
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Experiment
from cirkit.losses.contrastive import symmetric_softmax
from cirkit.models import pic2word as of_pic2word
from cirkit.models.basic import Basic
from cirkit.models.concept_phrases import grammar
from cirkit.models.late_fusion import LateFusion, Scores, image_alone, product, text_alone, total
from cirkit.models.lincir import all_but, keyword_mask, lincir
from cirkit.models.oti import OTI, inversions, optimise
from cirkit.models.pic2word import pic2word
from cirkit.models.searle import searle
from cirkit.models.textual_inversion import Prompts, TextualInversion
from cirkit.papers.clip_family.boards import BOARDS, Reading
from cirkit.papers.clip_family.recipes import SETTINGS, FamilySetting, Recipe
from cirkit.papers.clip_family.retrieved import first_of_cirr
from cirkit.papers.clip_family.shared_clip import (
    Backbone,
    backbone,
    captions_of,
    each_image,
    features,
    image_features,
    image_texts,
    no_examples,
    texts_alone,
)
from cirkit.papers.clip_family.words import FUNCTION_WORDS, lexicon
from cirkit.training.inversion import cycle_contrast, distillation, self_masking
from cirkit.training.loop import Training
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant


@dataclass(frozen=True)
class late_fusion:
    """The two cosines of a model's CLIP, joined by `fuse`."""

    fuse: Callable[[Scores, Scores], Scores]

    def __call__(self, model: nn.Module) -> LateFusion:
        """On the model's own CLIP."""
        return LateFusion((), clip=lambda: model.clip, fuse=self.fuse)


@dataclass(frozen=True)
class with_prompt:
    """A model's φ read in other prompts."""

    prompt: Prompts

    def __call__(self, model: TextualInversion) -> TextualInversion:
        """With the model's own CLIP and φ."""
        return TextualInversion(model.clip, model.phi, self.prompt)


@dataclass(frozen=True, kw_only=True)
class basic:
    """BASIC on a model's CLIP; `sample` are images and captions of the world at large."""

    subjects: tuple[str, ...]
    styles: tuple[str, ...]
    sample: Callable[[], Captions]
    context: int

    def __call__(self, model: nn.Module) -> Basic:
        """With the paper's weights of styles and of balance, and its 250 components or as many as there are."""
        sample = self.sample()
        return Basic(
            (),
            clip=lambda: model.clip,
            subjects=self.subjects,
            styles=self.styles,
            images=lambda: sample.image,
            captions=sample.text,
            context=self.context,
        )


@dataclass(frozen=True, kw_only=True)
class oti:
    """SEARLE-OTI on a model's CLIP."""

    invert: optimise

    def __call__(self, model: nn.Module) -> OTI:
        """Nothing of it learns."""
        return OTI((), clip=lambda: model.clip, invert=self.invert)


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """A row: its label, its training, how it reads queries, and on which boards it is tested."""

    label: str
    training: Training
    reading: Reading
    boards: tuple[str, ...] = tuple(BOARDS)
    seeds: int | None = None  # the first so many of the setting's, where a run takes minutes; None: all
    shown: Mapping[str, tuple[Exhibit, ...]] = field(default_factory=dict)  # kept by test, beside a validation curve


def untrained(clip: Backbone) -> Training:
    """A CLIP as it is, since no step is taken; rows without training differ in their tests alone."""
    return Training(
        model=partial(LateFusion, clip=clip.clip),
        data=no_examples,
        objective=ranking(symmetric_softmax),
        optimiser=adamw(),
        steps=0,
        schedule=constant,
        sampler=shuffled,
        start=clip.start,
    )


def _learnt(
    recipe: Recipe, clip: Backbone, model: Callable[..., nn.Module], data: Callable[[], Any], objective: Any
) -> Training:
    return recipe.training(model=partial(model, clip=clip.clip), data=data, objective=objective, start=clip.start)


def rows(setting: FamilySetting, scale: str, root: str) -> dict[str, ZeroShot]:
    """Every row by name. SEARLE's and OTI's images are padded at `paper` scale, as in their released code."""
    plain, padded = backbone(scale), backbone(scale, fit=TargetPad())
    words, data = lexicon(scale), image_texts(scale, root)
    sample = each_image(data=captions_of(data), most=setting.sample)
    images = each_image(data=captions_of(data), most=setting.images)
    phrases = grammar(words.concepts)
    invert = optimise(phrases=phrases, steps=setting.word_steps, lr=setting.word_lr, decay=setting.word_decay)
    as_is = untrained(plain)
    inverted = features(
        data=images,
        model=partial(OTI, texts=(), clip=padded.whole, invert=invert),
        encode=inversions(near=setting.near),
    )
    seen = features(data=images, model=plain.whole, encode=image_features)
    masking = self_masking(mask=keyword_mask(all_but(FUNCTION_WORDS)))
    both_orders = Reading(fashioniq=SEARLE_MEAN)
    return {
        **{
            name: ZeroShot(label=label, training=as_is, reading=Reading(use=late_fusion(fuse)))
            for name, label, fuse in (
                ("image_only", "Image only", image_alone),
                ("text_only", "Text only", text_alone),
                ("sum", "Sum", total),
                ("product", "Product", product),
            )
        },
        "basic": ZeroShot(
            label="BASIC",
            training=as_is,
            reading=Reading(
                use=basic(subjects=words.subjects, styles=words.styles, sample=sample, context=setting.context),
                evaluate=rank_expanded,
            ),
            seeds=3,
        ),
        "pic2word": ZeroShot(
            label="Pic2Word",
            training=_learnt(setting.pic2word, plain, pic2word, seen, cycle_contrast()),
            reading=Reading(fashioniq=PIC2WORD, use_on={"fashioniq": with_prompt(of_pic2word.FASHION_IQ)}),
            shown=first_of_cirr(scale),  # CompoDiff's Figure 11
        ),
        "searle": ZeroShot(
            label="SEARLE",
            training=_learnt(setting.searle, padded, searle, inverted, distillation(phrases=phrases)),
            reading=both_orders,
        ),
        "oti": ZeroShot(
            label="SEARLE-OTI",
            training=untrained(padded),
            reading=Reading(fashioniq=SEARLE_MEAN, use=oti(invert=invert)),
            boards=("circo",) if scale == "cpu" else tuple(BOARDS),  # minutes for each hundred images that it inverts
            seeds=3,
        ),
        "lincir": ZeroShot(
            label="LinCIR",
            training=_learnt(setting.lincir, plain, lincir, texts_alone(data), masking),
            reading=both_orders,
            seeds=3,
        ),
    }


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    return [_experiment(name, row, setting, scale, root) for name, row in rows(setting, scale, root).items()]


def _experiment(name: str, row: ZeroShot, setting: FamilySetting, scale: str, root: str) -> Experiment:
    first, *others = (BOARDS[board].table for board in row.boards)
    return Experiment(
        name=f"clip_family/{name}",
        paper="clip_family",
        table=first,
        row=row.label,
        also=tuple((table, row.label) for table in others),
        scale=scale,
        basis="original" if scale == "paper" else "world",
        seeds=setting.seeds[: row.seeds],
        training=row.training,
        tests=row.reading.tests(scale, root, row.boards),
        exhibits={**(row.reading.curves(scale, "circo") if row.training.steps else {}), **row.shown},
    )
