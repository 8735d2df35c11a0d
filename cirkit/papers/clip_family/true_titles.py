"""The reference's true title where inverted images have their pseudo-word: how far words alone can carry a reference.

No paper has this row, which needs to know what an image shows. Pic2Word, SEARLE and LinCIR put a word of their own in
its place; where a title does no better, the limit is how CLIP reads the prompt and not the word.
"""

from dataclasses import dataclass, replace

import numpy as np

from cirkit.benchmarks import fashioniq
from cirkit.benchmarks.fashioniq import CATEGORIES
from cirkit.benchmarks.fashioniq_protocols import CLIP4CIR
from cirkit.examples import at_seed
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Experiment, Test
from cirkit.models.late_fusion import text_alone
from cirkit.papers.clip_family.boards import BOARDS
from cirkit.papers.clip_family.clip_claims import OURS, claim, gain
from cirkit.papers.clip_family.recipes import SETTINGS
from cirkit.papers.clip_family.shared_clip import backbone
from cirkit.papers.clip_family.zero_shot import late_fusion, untrained
from cirkit.query import Benchmark
from cirkit.worlds.fashioniq import world
from cirkit.worlds.publish import drawn
from cirkit.worlds.titles import title
from cirkit.worlds.writing import an

NAME = "true_titles"
# both margins are zero, set before the first run
CLAIMS = [
    claim(
        23,
        "fashioniq",
        "On FashionIQ, LinCIR's word has a higher (R@10 + R@50) / 2 than the reference's true title in its place.",
        OURS,
        gain("fashioniq", "lincir", NAME),
    ),
    claim(
        24,
        "fashioniq",
        "On FashionIQ, the sum has a higher (R@10 + R@50) / 2 than a prompt of the reference's true title and text.",
        OURS,
        gain("fashioniq", "sum", NAME),
    ),
]


@dataclass(frozen=True)
class with_titles:
    """FashionIQ of a world: each query's text is a prompt of its reference's title and what it asked."""

    data: drawn[Benchmark]

    def __call__(self) -> Benchmark:
        """`a photo of a red dress that …`, in the order of the reader."""
        held, shelves = self.data(), world(self.data.size)
        garments = [
            shelf.garments[source]
            for shelf in (shelves[category, "val"] for category in CATEGORIES)
            for source, _ in shelf.pairs
        ]
        titles = [an(title(np.random.default_rng(each.seed), each)) for each in garments]
        pairs = zip(titles, held.query.text, strict=True)
        texts = [f"a photo of {name} that {text}" for name, text in pairs]
        return replace(held, query=replace(held.query, text=texts))

    def of_seed(self, seed: int) -> "with_titles":
        """Those of the world that a run of `seed` reads."""
        return with_titles(at_seed(self.data, seed))


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The one row at a scale; none at the `paper` scale, where no file says what a photo shows."""
    if scale == "paper":
        return []
    data = BOARDS["fashioniq"].data(scale, root, fashioniq.test, {"protocol": CLIP4CIR})
    return [
        Experiment(
            name=f"clip_family/{NAME}",
            paper="clip_family",
            table="FashionIQ",
            row="True title and text",
            scale=scale,
            basis="world",
            seeds=apply(change, SETTINGS[scale]).seeds,
            training=untrained(backbone(scale)),
            tests={"fashioniq": Test(with_titles(data), use=late_fusion(text_alone))},
        )
    ]
