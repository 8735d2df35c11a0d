"""What words attend to in SCAN and in MAC's steps: values per class of words, and a few captions, images and questions.

Cao et al. (2022), Figures 3 to 7 and 12 to 15, show single pictures; of drawn scenes the region that a noun names is
known, so that attention can be measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.encoders.text import words
from cirkit.evaluators.attention_maps import spread
from cirkit.evaluators.evidence import Evidence, Ranks
from cirkit.examples import Questions
from cirkit.experiments.artifacts import column
from cirkit.models.mac import MAC
from cirkit.models.scan import SCAN
from cirkit.papers.alignment.region_data import Scenes
from cirkit.query import Benchmark, Query
from cirkit.worlds.groups import What
from cirkit.worlds.regions import locate
from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, SIZES, Scene

KINDS = {  # the words of a phrase by what they say of a thing
    "size": tuple(SIZES),
    "colour": tuple(COLOURS),
    "material": tuple(MATERIALS),
    "shape": tuple(SHAPES),
}
KIND = {word: kind for kind, those in KINDS.items() for word in those}
FIVE = 5  # captions or images shown, and words marked, as in the paper


def spoken(caption: str, scene: Scene) -> list[tuple[int, str, int]]:
    """The words of phrases that fit one thing alone: position, class, and the number of the thing.

    A phrase is a noun in the singular and the adjectives before it, such as `large red metal cube`.
    """
    said, found = words(caption), []
    for end, noun in enumerate(said):
        if noun not in SHAPES:
            continue
        start = end
        while start and KIND.get(said[start - 1]) in ("size", "colour", "material"):
            start -= 1
        what = What(**{KIND[word]: word for word in said[start : end + 1]})
        fits = [number for number, thing in enumerate(scene.things) if what.fits(thing)]
        if len(fits) == 1:
            found += [(place, KIND[said[place]], fits[0]) for place in range(start, end + 1)]
    return found


@torch.no_grad()
def word_weights(model: SCAN, benchmark: Benchmark, captions: Sequence[int], image: int) -> Float[Tensor, "q t r"]:
    """How much each word of some captions takes from each region of one image."""
    text = model.compose(Query(text=[benchmark.query.text[row] for row in captions]))
    regions = model.encode(benchmark.gallery[torch.tensor([image])])
    return model.attention.attention(text[:2], regions[:2])[:, :, 0].cpu()


@dataclass(frozen=True, kw_only=True)
class NamedRegions:
    """Per class of words that name a thing: how much of their attention falls on its region, in `images` test images.

    Columns, a number for each caption (the mean over its words of the class): `query`; `share`, the weight of the
    region; `own`, that weight minus the mean weight of the image's other regions, both in multiples of uniform
    attention; `mask`, the same of the region of another thing, drawn at random, None where there is none.
    """

    size: Any
    scenes: Scenes
    others: int
    images: int = 40
    name: str = "named"
    every_seed: bool = True

    def of_seed(self, seed: int) -> "NamedRegions":
        """Of the world that a run of this seed reads."""
        return replace(self, size=replace(self.size, seed=seed))

    def __call__(self, model: SCAN, benchmark: Benchmark, evidence: Callable[[], Evidence]) -> dict[str, Any]:
        rng, every = np.random.default_rng(0), self.scenes(self.size, "test")
        chosen = spread(len(every), self.images)
        found = locate([every[row] for row in chosen], self.size.image, self.others)
        own: dict[int, list[int]] = {}
        for query, (image,) in enumerate(benchmark.relevant):
            own.setdefault(image, []).append(query)
        values: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
        for place, image in enumerate(chosen):
            region = {int(thing): j for j, thing in enumerate(found.thing[place].tolist()) if thing >= 0}
            count = int(found.mask[place].sum())
            weights = word_weights(model, benchmark, own[image], image)[..., :count]  # (q, t, r)
            for query, map in zip(own[image], weights, strict=True):
                mine: dict[str, list[list[float]]] = {}
                for position, kind, thing in spoken(benchmark.query.text[query], every[image]):
                    if thing in region:
                        others = [j for other, j in region.items() if other != thing]
                        beside = others[rng.integers(len(others))] if others else None
                        mine.setdefault(kind, []).append(_numbers(map[position], region[thing], beside))
                for kind, lines in mine.items():
                    share, on, mask = np.mean(np.array(lines, float), axis=0)
                    values[kind].append({"query": query, "share": share, "own": on, "mask": mask})
        return {
            "values": {
                kind: {"query": [line["query"] for line in lines]}
                | {name: column(np.array([line[name] for line in lines])) for name in ("share", "own", "mask")}
                for kind, lines in values.items()
                if lines
            }
        }


def _numbers(weights: Float[Tensor, " r"], region: int, beside: int | None) -> list[float]:
    """The share of a region, its lead over the others, and that of the region beside it."""
    relative = weights * len(weights)

    def lead(j: int) -> float:
        return float(relative[j] - (relative.sum() - relative[j]) / (len(relative) - 1))

    return [float(weights[region]), lead(region), np.nan if beside is None else lead(beside)]


@dataclass(frozen=True, kw_only=True)
class CaptionExamples:
    """A few captions of the first seed: what their words take from the regions of their image, and what is retrieved.

    Per caption: `query`, `image`, `words`, `weights` (t, r), `boxes`, the first five images and their scores, `rank`.
    """

    images: int = 8
    each: int = 2  # captions of an image
    name: str = "captions"
    every_seed: bool = False

    def __call__(self, model: SCAN, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        own: dict[int, list[int]] = {}
        for query, (image,) in enumerate(benchmark.relevant):
            own.setdefault(image, []).append(query)
        gallery, best = model.encode(benchmark.gallery), evidence().best()
        lines = []
        for image in spread(len(benchmark.gallery), self.images):
            rows = own[image][: self.each]
            regions = benchmark.gallery[torch.tensor([image])]
            with torch.no_grad():
                scores = model.score(model.compose(Query(text=[benchmark.query.text[row] for row in rows])), gallery)
            for row, map, line in zip(rows, word_weights(model, benchmark, rows, image), scores, strict=True):
                said = words(benchmark.query.text[row])
                first = line.sort(descending=True, stable=True)
                lines.append(
                    {
                        "query": row,
                        "image": image,
                        "words": said,
                        "weights": _rounded(map[: len(said), : int(regions.mask.sum())]),
                        "boxes": _rounded(regions.boxes[0, : int(regions.mask.sum())]),
                        "top": first.indices[:FIVE].tolist(),
                        "scores": _rounded(first.values[:FIVE]),
                        "rank": float(best[row]),
                    }
                )
        return {"captions": lines}


@dataclass(frozen=True, kw_only=True)
class ImageExamples:
    """A few images of the first seed: one region each, the first five captions, and what of their words goes to it.

    Per image: `image`, `box` of its largest region, and `captions` with their row, whether they are its own, words
    and the weight of each word's attention on the region, as Figures 12 to 15 mark words.
    """

    images: int = 4
    name: str = "images"
    every_seed: bool = False

    def __call__(self, model: SCAN, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        rows = spread(len(benchmark), self.images)
        captions = model.encode(list(benchmark.gallery))
        lines = []
        for row in rows:
            query = benchmark.query[torch.tensor([row])]
            with torch.no_grad():
                image = model.compose(query)
                order = model.score(image, captions)[0].sort(descending=True, stable=True).indices[:FIVE].tolist()
                chosen = tuple(part[torch.tensor(order)] for part in captions[:2])
                weights = model.attention.attention(chosen, image[:2])[:, :, 0, 0]  # of the first, largest region
            said = [words(benchmark.gallery[caption]) for caption in order]
            lines.append(
                {
                    "image": row,
                    "box": _rounded(query.image.boxes[0, 0]),
                    "captions": [
                        {
                            "caption": caption,
                            "own": caption in benchmark.relevant[row],
                            "words": each,
                            "weights": _rounded(map[: len(each)]),
                        }
                        for caption, each, map in zip(order, said, weights, strict=True)
                    ],
                }
            )
        return {"images": lines}


@dataclass(frozen=True, kw_only=True)
class ThinkingSteps:
    """A few questions of the first seed: what each of MAC's steps attends to, and what it answers.

    Per question: `question`, `image` (its number among the images asked about), `words`, `to_words` (steps, t),
    `to_regions` (steps, r), `boxes`, the answer `given` and the one that is `stated`.
    """

    questions: int = 12
    name: str = "steps"
    every_seed: bool = False

    def __call__(self, model: MAC, questions: Questions, evidence: Callable[[], Evidence]) -> dict[str, Any]:
        rows = torch.tensor(spread(len(questions), self.questions))
        batch = questions[rows]
        to_words, to_regions = model.attention(batch.images, batch.text)
        given = model.answer(batch.images, batch.text)
        lines = []
        for i, row in enumerate(rows.tolist()):
            said, count = words(batch.text[i]), int(batch.images.mask[i].sum())
            lines.append(
                {
                    "question": row,
                    "image": int(questions.about[row]),
                    "words": said,
                    "to_words": _rounded(to_words[i, :, : len(said)]),
                    "to_regions": _rounded(to_regions[i, :, :count]),
                    "boxes": _rounded(batch.images.boxes[i, :count]),
                    "given": given[i],
                    "stated": batch.answers[i][0],
                }
            )
        return {"questions": lines}


def _rounded(values: Tensor) -> Any:
    """Numbers for a file, to three digits after the point."""
    return np.round(values.double().cpu().numpy(), 3).tolist()
