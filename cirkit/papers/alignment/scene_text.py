"""M4C on TextVQA's counterpart: Table 3b, and what its questions need of an image.

Cao et al. (2022), §5.3: "the exact same setting as M4C" (Hu et al., 2020); the score is that of the multimodal
Transformer alone, and questions are read with scaled dot products in every row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from torch import nn

from cirkit.encoders.read_images import everything, without_pixels, without_words
from cirkit.encoders.spelling import HashedGrams, SpelledText, Spelling
from cirkit.encoders.text_bert import text_bert
from cirkit.evaluators.anls import ANLS
from cirkit.evaluators.answering import anls, soft_accuracy
from cirkit.evaluators.answers import answers
from cirkit.evaluators.measures import Accuracy
from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.m4c import M4C
from cirkit.papers.alignment.fasttext_vectors import FastText
from cirkit.papers.alignment.scene_text_data import data, frequent_words
from cirkit.papers.alignment.scene_text_exhibits import AnswerExamples, ReadShares
from cirkit.papers.alignment.scores import ROWS, score
from cirkit.training.answer_decoding import answer_decoding
from cirkit.training.clipping import clip_gradients
from cirkit.training.loop import Training
from cirkit.training.optimisers import adamw, lr_multiplier
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import Schedule, cosine_with_warmup
from cirkit.training.steps import Optimiser
from cirkit.training.warm_steps import warm_steps
from cirkit.worlds.reading import VOCABULARY

TABLE = "Table 3b"
COLUMNS = {TABLE: (Column("soft", Accuracy()), Column("nearest", ANLS()))}
M4C_ROWS = tuple(name for name in ROWS if name != "cosine")
VIEWS = {  # the baselines: M4C as published, with less of the image
    "no_pixels": ("scaled dot product, words but no pixels", without_pixels),
    "no_words": ("scaled dot product, pixels but no words", without_words),
}
PLACES_OF_THUMBNAILS = 108  # numbers of a box's vector in a world; a ResNet-101 gives 2,048


@dataclass(frozen=True, kw_only=True)
class SceneTextSetting:
    """What a scale decides for all rows alike; `words` are the longest answer's, its end among them."""

    steps: int
    batch: int
    width: int
    blocks: int
    heads: int
    hidden: int
    words: int
    seeds: tuple[int, ...]
    optimiser: Optimiser
    schedule: Schedule
    dropout: float = 0.1
    std: float = 0.02


def _small(*, steps: int, seeds: tuple[int, ...], **changes: Any) -> SceneTextSetting:
    """Scales that train on a world: a smaller Transformer, AdamW with warm-up and cosine decay, shorter answers.

    Weights of a narrower layer begin wider, so that heads begin with scores as far apart as those of 768 numbers.
    """
    usual = SceneTextSetting(
        steps=steps,
        batch=64,
        width=96,
        blocks=2,
        heads=4,
        hidden=192,
        words=4,
        seeds=seeds,
        optimiser=clip_gradients(optimiser=adamw(lr=2e-3, weight_decay=0.0), length=5.0),
        schedule=cosine_with_warmup(),
        dropout=0.05,
        std=0.06,
    )
    return replace(usual, **changes)


SETTINGS = {
    "smoke": _small(steps=3, seeds=(0,), batch=8, width=8, blocks=1, heads=2, hidden=12),
    "cpu": _small(steps=4000, seeds=(0, 1, 2)),
    "gpu": _small(
        steps=24_000,
        seeds=(0, 1, 2, 3, 4),
        batch=128,
        width=256,
        blocks=4,
        heads=8,
        hidden=1024,
        dropout=0.1,
        std=0.035,
    ),
    "paper": SceneTextSetting(
        steps=24_000,
        batch=128,
        width=768,
        blocks=4,
        heads=12,
        hidden=3072,
        words=12,
        seeds=(0, 1, 2),
        optimiser=clip_gradients(
            optimiser=lr_multiplier(optimiser=adamw(lr=1e-4, weight_decay=0.0), parts=("text",), factor=0.1),
            length=0.25,
        ),
        # paper: 100 epochs; its code reads half of the questions, of which these are 13,600 updates, M4C 24,000
        schedule=warm_steps(),
    ),
}


def reader(setting: SceneTextSetting, scale: str, root: str) -> dict[str, Any]:
    """How questions and words are read: by their spelling, or by BERT and FastText; and the fixed vocabulary."""
    if scale == "paper":
        spelling = partial(Spelling, subwords=FastText(root=f"{root}/fasttext"))
        return {
            "text": partial(text_bert, source="google-bert/bert-base-uncased"),
            "spelling": spelling,
            "answers": partial(frequent_words, root=f"{root}/textvqa"),
            "channels": 2048,
        }
    grams = 16 if scale == "smoke" else 96
    spelling = partial(Spelling, subwords=HashedGrams(width=grams))
    text = partial(
        SpelledText,
        width=setting.width,
        spelling=spelling,
        heads=setting.heads,
        hidden=setting.hidden,
        dropout=setting.dropout,
        std=setting.std,
    )
    return {"text": text, "spelling": spelling, "answers": VOCABULARY, "channels": PLACES_OF_THUMBNAILS}


def models(
    setting: SceneTextSetting, scale: str, root: str = "data/raw"
) -> dict[str, tuple[str, Callable[[Sequence[str]], nn.Module]]]:
    """Every row by name: its label and its model."""
    sizes = {
        "width": setting.width,
        "blocks": setting.blocks,
        "heads": setting.heads,
        "hidden": setting.hidden,
        "steps": setting.words,
        "dropout": setting.dropout,
        "std": setting.std,
    }
    m4c = partial(M4C, **reader(setting, scale, root), **sizes)
    rows = {name: (ROWS[name], partial(m4c, alignment=score(name), view=everything)) for name in M4C_ROWS}
    return rows | {
        name: (label, partial(m4c, alignment=score("scaled"), view=view)) for name, (label, view) in VIEWS.items()
    }


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Every row at a scale; `root` holds TextVQA's files for the `paper` scale. Tests are of the val split."""
    setting = apply(change, SETTINGS[scale])
    val = data(scale, root, "val")
    tests = {"soft": Test(val, answers(credit=soft_accuracy)), "nearest": Test(val, answers(credit=anls))}
    return [
        Experiment(
            name=f"alignment/textvqa/{name}",
            paper="alignment",
            table=TABLE,
            row=label,
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds,
            training=Training(
                model=model,
                data=data(scale, root, "train"),
                objective=answer_decoding(),
                optimiser=setting.optimiser,
                steps=setting.steps,
                batch=setting.batch,
                schedule=setting.schedule,
                sampler=shuffled,
            ),
            tests=tests,
            exhibits=_exhibits(name, scale),
        )
        for name, (label, model) in models(setting, scale, root).items()
    ]


def _exhibits(name: str, scale: str) -> dict[str, tuple[Exhibit, ...]]:
    """What the steps of an answer attend to, of every row that may copy words."""
    return {"soft": (AnswerExamples(), ReadShares())} if scale in ("cpu", "gpu") and name != "no_words" else {}
