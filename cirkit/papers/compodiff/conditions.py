"""Negative texts and masks against the same information in words, and against subtraction of the negative's vector.

CompoDiff §3.3, §5.4 and §5.8, which shows both on examples alone; the benchmark is the synthetic data's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from cirkit.benchmarks import mixed_conditions
from cirkit.benchmarks.mixed_conditions import (
    KINDS,
    Protocol,
    Relevant,
    Wording,
    as_conditions,
    broken,
    in_words,
    targets,
    text_alone,
)
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.pinpoint import NegativeRecall
from cirkit.experiments.artifacts import Exhibit, TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test, as_trained
from cirkit.models.compodiff import sampled
from cirkit.models.late_fusion import image_alone, product, total
from cirkit.models.late_fusion import text_alone as text_only
from cirkit.models.subtraction import Subtraction
from cirkit.papers.clip_family.boards import Use
from cirkit.papers.clip_family.zero_shot import late_fusion, untrained
from cirkit.papers.compodiff import synth_exhibits
from cirkit.papers.compodiff.all_boards import fusions
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.trainings import Family
from cirkit.query import Benchmark
from cirkit.training.loop import Training
from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS
from cirkit.worlds.publish import drawn_each_seed

TABLES = {"negative": "Negative text", "mask": "Mask"}
SHOWN = ("compodiff", "compodiff_words", "compodiff_without")  # rows that keep their first images
ROWS = (0, 82)  # of which queries
RELEVANT = {"": targets, "_broken": broken}  # by the end of the test's name
COLUMNS = {
    TABLES[kind]: (
        *(Column(kind, Recall(k)) for k in (1, 5, 10)),
        Column(f"{kind}_broken", NegativeRecall(10)),
    )
    for kind in KINDS
}


@dataclass(frozen=True)
class subtract:
    """Subtraction on a model's CLIP."""

    weight: float = 1.0

    def __call__(self, model: nn.Module) -> Subtraction:
        """Nothing of it learns."""
        return Subtraction((), clip=lambda: model.clip, weight=self.weight)


def scenes(scale: str, kind: str, wording: Wording, relevant: Relevant) -> Callable[[], Benchmark]:
    """The queries of a kind in each seed's world."""
    settings = {"protocol": Protocol(kind=kind, wording=wording, relevant=relevant)}
    return drawn_each_seed(mixed_conditions.test, MIXED_CONDITIONS, MIXED_CONDITIONS.sizes[scale], settings)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A row: its label, its training, the wording of its queries, its use, and of which kinds its queries are."""

    label: str
    training: Training
    wording: Wording
    use: Use = as_trained
    kinds: tuple[str, ...] = KINDS

    def tests(self, scale: str) -> dict[str, Test]:
        """Each kind's targets, and the images that break its condition, in each seed's world."""
        return {
            f"{kind}{end}": Test(scenes(scale, kind, self.wording, relevant), use=self.use)
            for kind in self.kinds
            for end, relevant in RELEVANT.items()
        }


def rows(family: Family) -> Mapping[str, Asked]:
    """Every row by name."""
    whole, plain = family.stage_2(), untrained(family.clip)
    fusion = fusions(family, family.all_triplets)
    main = Asked(label="CompoDiff", training=whole, wording=as_conditions, use=sampled(family.sampling))
    words = Asked(label="Sum, in words", training=plain, wording=in_words, use=late_fusion(total))
    return {
        "compodiff": main,
        "compodiff_words": replace(main, label="CompoDiff, in words", wording=in_words),
        "compodiff_without": replace(main, label="CompoDiff, not told", wording=text_alone),
        "student": replace(main, label="Student in one call", training=family.student(), use=as_trained),
        "combiner": replace(words, label="Combiner, in words", training=fusion["combiner"].training, use=as_trained),
        "artemis": replace(words, label="ARTEMIS, in words", training=fusion["artemis"].training, use=as_trained),
        "sum": words,
        "sum_without": replace(words, label="Sum, not told", wording=text_alone),
        "product": replace(words, label="Product, in words", use=late_fusion(product)),
        "image_only": replace(words, label="Image only", use=late_fusion(image_alone)),
        "text_only": replace(words, label="Text only, in words", use=late_fusion(text_only)),
        "subtraction": Asked(
            label="Sum less the negative text",
            training=plain,
            wording=as_conditions,
            use=subtract(),
            kinds=("negative",),
        ),
    }


def exhibits_of(name: str, kinds: tuple[str, ...], family: Family) -> dict[str, tuple[Exhibit, ...]]:
    """The first images of the rows that are shown, and what the explorer and the generated images need of one."""
    guidance = family.setting.guidance
    first = guidance.image, guidance.text, family.sampling.sampler.calls
    more = synth_exhibits.keeps(family.scale, first) if name == "compodiff" and family.scale != "smoke" else {}
    found = {kind: (TopTen(ROWS, name=f"top-{kind}"),) for kind in kinds} if name in SHOWN else {}
    return {kind: (*found.get(kind, ()), *more.get(kind, ())) for kind in found | more}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; none at the `paper` scale, since photos with this truth are not to be had."""
    if scale == "paper":
        return []
    family = Family(setting=apply(change, SETTINGS[scale]), scale=scale, root=root)
    return [
        family.experiment(
            f"conditions/{name}",
            row.label,
            row.training,
            table=TABLES[row.kinds[0]],
            also=tuple((TABLES[kind], row.label) for kind in row.kinds[1:]),
            tests=row.tests(scale),
            exhibits=exhibits_of(name, row.kinds, family),
        )
        for name, row in rows(family).items()
    ]
