"""Tiny retrievers and benchmarks whose right answers are known."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import curves, experiment
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.curves import Curve
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.base import Cosine
from cirkit.query import Benchmark, Query, Select, Triplets
from cirkit.training.looks import steps_of
from cirkit.training.loop import Training
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant


class Mean(nn.Module):
    """Encodes a picture by its mean colour; composes by adding a vector per word of the sentence."""

    def __init__(self, texts, *, width: int = 3):
        super().__init__()
        self.words = {word: i for i, word in enumerate(dict.fromkeys(w for text in texts for w in text.split()))}
        self.table = nn.Embedding(len(self.words) + 1, width)
        self.image = nn.Linear(3, width)
        self.cosine = Cosine()

    def encode(self, images):
        return self.image(images.float().mean((2, 3)) / 255)

    def compose(self, query):
        rows = [sum(self.table.weight[self.words.get(w, 0)] for w in text.split()) for text in query.text]
        return self.encode(query.image) + torch.stack(rows)

    def score(self, composed, gallery):
        return self.cosine(composed, gallery)


class TinyClip(nn.Module):
    """Both towers of a CLIP in a few linear layers: four patches of an image, running means of a text's words."""

    width, word_width, channels, context = 8, 6, 10, 24

    def __init__(self, *, seed: int = 0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.patch, self.project = nn.Linear(3, self.channels), nn.Linear(self.channels, self.width)
            self.word = nn.Embedding(64, self.word_width)  # 0 pads, then start, end and the placeholder
            self.position = nn.Parameter(torch.randn(self.context, self.word_width))
            self.read = nn.Linear(self.word_width, self.width)

    def image_tokens(self, images):
        patches = self.patch(adaptive_avg_pool2d(images.to(self.position) / 255, 2).flatten(2).mT).tanh()  # (b, 4, e)
        return torch.cat([patches.mean(1, keepdim=True), patches], dim=1)

    def image(self, images):
        return self.project(self.image_tokens(images)[:, 0])

    def text(self, texts):
        rows = [self._ids(text) for text in texts]
        return self._states([self.word(ids) for ids in rows])[torch.arange(len(rows)), [len(ids) - 1 for ids in rows]]

    def text_tokens(self, texts):
        rows = [self._ids(text) for text in texts]
        mask = torch.arange(self.context) < torch.tensor([len(ids) for ids in rows])[:, None]
        padded = [torch.cat([ids, ids.new_zeros(self.context - len(ids))]) for ids in rows]
        return self._states([self.word(ids) for ids in padded]), mask

    def text_position(self, mask):
        return mask.sum(1) - 1

    def text_with(self, texts, words):
        rows = []
        for text, own in zip(texts, words, strict=True):
            if text.split().count("$") < 1:
                raise Problem(f"{text!r} lacks the placeholder $. Write it between spaces.")
            parts = [own if word == 3 else self.word(word)[None] for word in self._ids(text)]
            row = torch.cat(parts)
            rows.append(torch.cat([row[: self.context - 1], row[-1:]]) if len(row) > self.context else row)
        return self._states(rows)[torch.arange(len(rows)), [len(row) - 1 for row in rows]]

    def word_embeddings(self, texts):
        return nn.utils.rnn.pad_sequence([self.word(self._ids(text)) for text in texts], batch_first=True)

    def _ids(self, text):
        words = [3 if word == "$" else 4 + zlib.crc32(word.encode()) % 60 for word in text.split()]
        return torch.tensor([1, *words[: self.context - 2], 2])

    def _states(self, rows):
        rows = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        seen = (rows + self.position[: rows.shape[1]]).tanh().cumsum(1)
        return self.read(seen / torch.arange(1, rows.shape[1] + 1)[:, None])  # (b, t, d)


class Silent:
    """Says nothing: every score is the same."""

    def encode(self, images):
        return torch.zeros(len(images), 1)

    def compose(self, query):
        return torch.zeros(len(query), 1)

    def score(self, composed, gallery):
        return composed @ gallery.mT


class Table:
    """Scores are read from a matrix: query row by gallery row, given through the first pixel."""

    def __init__(self, scores):
        self.scores = scores

    def encode(self, images):
        return images[:, 0, 0, 0].long()

    def compose(self, query):
        return query.image[:, 0, 0, 0].long()

    def score(self, composed, gallery):
        return self.scores[composed][:, gallery]


def numbered(n: int) -> torch.Tensor:
    """Pictures whose first pixel is their number."""
    images = torch.zeros(n, 3, 2, 2, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(n, dtype=torch.uint8)
    return images


def colour_triplets(n: int = 32, seed: int = 1) -> Triplets:
    """Grey pictures of random brightness made `red`, `green` or `blue`."""
    generator = torch.Generator().manual_seed(seed)
    reference = torch.randint(0, 200, (n, 3, 4, 4), generator=generator, dtype=torch.uint8)
    target = reference.clone()
    channels = torch.randint(0, 3, (n,), generator=generator)
    for i, channel in enumerate(channels.tolist()):
        target[i, channel] += 55
    return Triplets(query=Query(image=reference, text=[["red", "green", "blue"][c] for c in channels]), target=target)


def colour_benchmark(seed: int = 1) -> Benchmark:
    """Sixteen of the colour queries; the reference is hidden."""
    triplets = colour_triplets(16, seed)
    gallery = torch.cat([triplets.query.image, triplets.target])
    query = Query(image=Select(gallery, torch.arange(16)), text=triplets.query.text)
    answers, excluded = [[16 + i] for i in range(16)], [[i] for i in range(16)]
    return Benchmark(name="colours", query=query, gallery=gallery, relevant=answers, excluded=excluded)


TRAINING = Training(
    model=partial(Mean, width=8),
    data=colour_triplets,
    objective=ranking(batch_softmax),
    optimiser=adamw(lr=1e-2),
    steps=60,
    batch=8,
    schedule=constant,
    sampler=shuffled,
)

EXPERIMENT = experiment.Experiment(
    name="toy/mean",
    paper="maaf",
    table="Table 1",
    row="Mean",
    scale="smoke",
    basis="world",
    seeds=(0, 1),
    training=replace(TRAINING, steps=5),
    tests={"colours": experiment.Test(colour_benchmark)},
    exhibits={"colours": (TopTen((0, 3)),)},
)

CURVE = Curve(partial(colour_benchmark, seed=2), (Recall(1), Recall(5)))
CURVED = replace(
    EXPERIMENT, name="toy/curved", training=replace(TRAINING, steps=20), exhibits={"colours": (TopTen((0, 3)), CURVE)}
)


def keep_curve(row: experiment.Experiment, hits: Sequence[Sequence[int]], group: tuple[str, ...] | None = None) -> None:
    """Write a curve of the first seed: at each point the given of a hundred queries have their target first."""
    looks = curves.looks_of(row, row.seeds[0])
    for step, mine in zip(steps_of(row.training.steps), hits, strict=True):
        rank = np.full(100, 50)
        rank[list(mine)] = 1
        looks.seen[step] = {"curve": curves.to_plain(Ranks(rank, rank, np.arange(101), 60, group))}
    curves.write(row, row.seeds[0], looks, print)


def page_of(*experiments: Any, paper: str = "maaf", scale: str = "cpu") -> Page:
    """A page whose paper has these experiments alone."""
    page = Page(paper=paper, scale=scale)
    vars(page)["experiments"] = {each.name: each for each in experiments}
    return page


EVIL = "</script><img src=x onerror=alert(1)> & \u2028 'make' it"


def explorer(**changes):
    """Two queries over four images, one model and one row beside it."""
    from cirkit.explorers.retrieval import RetrievalExplorer

    settings = {
        "queries": [
            {"text": EVIL, "reference": 0, "relevant": [1]},
            {"text": "add a cube", "reference": 2, "relevant": [3, 1]},
        ],
        "models": {
            "MAAF": [answer([1, 2, 3], 1.0), answer([3, 1, 0], 1.0)],
            "image only": [answer([2, 3, 1], 3.0), answer([0, 1, 3], 2.0)],
        },
        "images": {row: torch.full((3, 8, 8), 60 * row, dtype=torch.uint8) for row in range(4)},
        "beside": ["image only"],
    }
    return RetrievalExplorer(**(settings | changes))


def answer(top, rank):
    return {"top": top, "scores": [0.9, 0.5, 0.1], "rank": rank}


EACH_SEED = {"tests": {"t": {"data": {"make": "publish.drawn_each_seed"}}}}


def record(hits, seed=0, name="x", group=None, declared=None) -> Record:
    """A run whose test "t" ranked the target of each query first (true) or ninth of ten (false)."""
    ranks = Ranks.from_mid(np.where(hits, 1.0, 9.0), np.arange(len(hits) + 1), gallery=10, group=group)
    return Record(
        name=name, paper="maaf", scale="cpu", basis="world", seed=seed, fingerprint="", code="",
        declared=declared or {}, where={}, seconds={}, parameters=0, trainable=0, loss=[], evidence={"t": ranks},
    )  # fmt: skip


def records(share, seeds=5, q=400, start=0) -> list[Record]:
    """A run per seed, all with the same queries, each with this share of hits."""
    rng = np.random.default_rng(start)
    return [record(rng.random(q) < share, seed) for seed in range(seeds)]


def plain_triplets() -> Triplets:
    """Six queries and targets of one plain colour each, with six texts."""

    def colours(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(0, 256, (6, 3, 1, 1), dtype=torch.uint8, generator=generator).expand(-1, -1, 8, 8)

    texts = [f"make it {colour} {size}" for colour in ("red", "green", "blue") for size in ("large", "small")]
    return Triplets(query=Query(image=colours(0), text=texts), target=colours(1))
