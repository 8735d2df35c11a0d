"""What the words of CSS attend to, on pictures whose every thing is known: values per word, and maps to draw.

MAAF §4, Figures 3 to 5: "The position word does not attend to the position it references; rather it attends to
everything else." Here with controls, query by query, so that a claim can rest on it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cirkit.encoders.text import words
from cirkit.errors import Problem
from cirkit.evaluators.attention_maps import (
    Grid,
    Heads,
    averaged,
    coverage,
    difference,
    ignored,
    relative_to_uniform,
    spread,
    word_to_image_attention,
)
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.ranking import device_of
from cirkit.experiments.artifacts import column, pack
from cirkit.models.base import Retriever
from cirkit.query import Benchmark, Query
from cirkit.worlds import css
from cirkit.worlds.language import Add, Edit, Make, only
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, PLACES, Scene, Thing, centre

DESCRIBING = ("place", "size", "colour", "shape")
# `object` names no shape; `new size` and `new colour` say what the thing becomes; the `verb` comes first, so an LSTM
# has not yet read of any thing there; `empty place` is where something is added
CLASSES = (*DESCRIBING, "object", "new size", "new colour", "verb", "empty place")
CHUNK = 256


@dataclass(frozen=True)
class Question:
    """One test query of the world: the edit it says, the reference picture's scene, and its row."""

    edit: Edit
    scene: Scene
    row: int

    @property
    def thing(self) -> int | None:
        """The thing of the scene that is spoken of; None where it is yet to be added."""
        return None if isinstance(self.edit, Add) else only(self.edit.what, self.scene)


def word_roles(edit: Edit) -> list[tuple[str, str]]:
    """The sentence word by word, each with what it is about: a class, or "" for words that point at nothing there.

    What `add` says of size, colour and shape is true of nothing in the reference picture (the paper leaves such
    examples out of Figure 5); the place it names is there, and empty.
    """
    what, said = edit.what, str(edit).split()
    if isinstance(edit, Add):
        return [
            (word, "empty place" if word == what.place else "verb" if i == 0 else "") for i, word in enumerate(said)
        ]
    names = {"place": what.place, "size": what.size, "colour": what.colour, "shape": what.shape}
    described = [about for about, word in names.items() if word is not None]
    about = ["verb", *described, *(["object"] if what.shape is None else [])]
    return list(zip(said, about + ([f"new {edit.aspect}"] if isinstance(edit, Make) else []), strict=True))


@lru_cache(maxsize=2)
def questions(size: css.Size) -> list[Question]:
    """The test queries of a world, in the order of its benchmark."""
    half = css.world(size)["test"]
    pairs = ((mod.edit, source) for mod in half.mods for source in mod.source)
    return [Question(edit, half.scenes[source], source) for edit, source in pairs]


def asked(size: css.Size, benchmark: Benchmark, count: int) -> list[tuple[int, Question]]:
    """`count` evenly spread queries and their numbers. Raises Problem where the benchmark is not this world's."""
    known = questions(size)
    said = [str(question.edit) for question in known]
    chosen = spread(len(known), count)
    first = torch.tensor(chosen[:4])
    if list(benchmark.query.text or ()) != said or not torch.equal(
        benchmark.query.image[first], css.images(size, "test", [known[row].row for row in first.tolist()])
    ):
        raise Problem(
            f"{benchmark.name!r} is not the CSS world of this size, so nothing knows what its pictures show. "
            "Measure attention on the world."
        )
    return [(row, known[row]) for row in chosen]


def standing(scene: Scene, place: str) -> Scene:
    """The scene with one more thing, last: a large cube in the middle of an empty cell, to show where the cell is."""
    x, y = centre(PLACES.index(place))
    return replace(scene, things=(*scene.things, Thing("cube", "gray", "large", x, y)))


@dataclass(frozen=True, kw_only=True)
class _Word:
    """One measured word: of the i-th kept query, what it is about, where it stands, and the covers to measure on."""

    i: int
    about: str
    position: int
    cover: Float[Tensor, " p"]
    other: Float[Tensor, " p"] | None


@dataclass(frozen=True, kw_only=True)
class WordAttention:
    """Per word that speaks of something in the reference picture: how much more it looks there than elsewhere.

    Columns, per class: `query`; `own`, the mean weight per area on what the word speaks of less that elsewhere; and
    three controls in the same unit: `mask`, the same map on another thing of the picture (for an empty place: another
    empty place); `word`, another word of the sentence, drawn at random, on the same mask (the paper's S3 compares so);
    `mismatched_word`, a word of the same class from another query's sentence, asked of the same picture, that does not
    describe what the mask shows. None where a control has nothing to draw from. Weights are averaged over heads as in
    the paper (`heads=magnitudes` where they may be negative) and taken as a multiple of their mean. Queries and
    controls are the same for every model and seed.
    """

    size: css.Size
    queries: int = 1500
    heads: Heads = averaged
    level: int = -1
    block: int = -1
    name: str = "words"
    every_seed: bool = True

    def of_seed(self, seed: int) -> "WordAttention":
        """Of the world that a run of this seed reads."""
        return replace(self, size=replace(self.size, seed=seed))

    def __call__(self, model: Retriever, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        rng = np.random.default_rng(0)
        chosen = asked(self.size, benchmark, self.queries)
        rows, picked = [row for row, _ in chosen], [question for _, question in chosen]
        sentences = [word_roles(question.edit) for question in picked]
        maps, grid = self._maps(model, benchmark, rows, [str(question.edit) for question in picked])
        found = list(_measured(rng, picked, sentences, grid, self.size.image))
        others = [_other_word(rng, len(sentences[word.i]), word.position) for word in found]
        strange = [_mismatched_word(rng, picked, sentences, word) for word in found]
        asking = [k for k, partner in enumerate(strange) if partner is not None]
        foreign, _ = self._maps(
            model, benchmark, [rows[found[k].i] for k in asking], [str(picked[strange[k][0]].edit) for k in asking]
        )
        nowhere = torch.full((grid[0] * grid[1],), torch.nan)
        cover = torch.stack([word.cover for word in found])  # (n, p)
        own = torch.stack([maps[word.i][word.position] for word in found])
        from_mismatched = [nowhere] * len(found)
        for line, k in enumerate(asking):
            from_mismatched[k] = foreign[line][strange[k][1]]
        columns = {
            "own": difference(own, cover),
            "mask": difference(own, torch.stack([nowhere if w.other is None else w.other for w in found])),
            "word": difference(torch.stack([maps[w.i][at] for w, at in zip(found, others, strict=True)]), cover),
            "mismatched_word": difference(torch.stack(from_mismatched), cover),
        }
        values = {}
        for about in CLASSES:
            mine = torch.tensor([k for k, word in enumerate(found) if word.about == about], dtype=torch.int64)
            if len(mine):
                query = [rows[found[k].i] for k in mine.tolist()]
                values[about] = {"query": query} | {name: column(each[mine]) for name, each in columns.items()}
        return {"grid": list(grid), "values": values}

    def _maps(
        self, model: Retriever, benchmark: Benchmark, rows: list[int], texts: list[str]
    ) -> tuple[list[Float[Tensor, "t p"]], Grid]:
        """Every word's weights over the picture of `rows[i]` when `texts[i]` is asked of it, and the grid."""
        made: list[Tensor] = []
        grid: Grid = (0, 0)
        for start in range(0, len(rows), CHUNK):
            images = benchmark.query.image[torch.tensor(rows[start : start + CHUNK])]
            query = Query(image=images, text=texts[start : start + CHUNK]).to(device_of(model))
            maps, grid = word_to_image_attention(model, query, level=self.level, block=self.block)
            made.extend(relative_to_uniform(self.heads(maps)))
        return made, grid


def _measured(
    rng: np.random.Generator, picked: Sequence[Question], sentences: Sequence[list[tuple[str, str]]], grid: Grid,
    side: int,
) -> Iterator[_Word]:  # fmt: skip
    """Every word that points at something seen in its reference picture, query by query."""
    for start in range(0, len(picked), CHUNK):
        part = picked[start : start + CHUNK]
        owners = render([question.scene for question in part], side).owner
        for i, (question, owner) in enumerate(zip(part, owners, strict=True), start):
            thing, covers = question.thing, {}
            for index in range(len(question.scene.things)):
                if (owner == index).any():
                    covers[index] = coverage((owner == index)[None], grid)[0]
            if thing in covers:
                for position, (said, about) in enumerate(sentences[i]):
                    # a thing of which the word is true as well, a second red one, is no control
                    rest = [j for j in covers if j != thing and not _true(said, about, question.scene.things[j])]
                    other = covers[rest[rng.integers(len(rest))]] if rest else None
                    yield _Word(i=i, about=about, position=position, cover=covers[thing], other=other)
            elif thing is None and (named := question.edit.what.place) is not None:
                taken = {one.place for one in question.scene.things} | {named}
                free = [place for place in PLACES if place not in taken]
                cover = _cell(question.scene, named, grid, side)
                other = _cell(question.scene, free[rng.integers(len(free))], grid, side) if free else None
                position = next(p for p, (_, about) in enumerate(sentences[i]) if about == "empty place")
                yield _Word(i=i, about="empty place", position=position, cover=cover, other=other)


def _true(said: str, about: str, thing: Thing) -> bool:
    """Whether a describing word is true of a thing; False for words that describe nothing."""
    return about in DESCRIBING and thing.words[DESCRIBING.index(about)] == said


def _cell(scene: Scene, place: str, grid: Grid, side: int) -> Float[Tensor, " p"]:
    """The cover of an empty cell, where a large cube in its middle would be seen."""
    return coverage(render([standing(scene, place)], side).owner == len(scene.things), grid)[0]


def _other_word(rng: np.random.Generator, count: int, position: int) -> int:
    """Another word of a sentence; every sentence has at least two."""
    drawn = int(rng.integers(count - 1))
    return drawn + (drawn >= position)


def _mismatched_word(
    rng: np.random.Generator, picked: Sequence[Question], sentences: Sequence[list[tuple[str, str]]], word: _Word,
    tries: int = 200,
) -> tuple[int, int] | None:  # fmt: skip
    """Another query and the position of its word of the same class that is not true of what the mask shows."""
    mine, thing = sentences[word.i][word.position][0], picked[word.i].thing
    if word.about == "verb":  # it describes nothing, so it is wrong of nothing
        return None
    for partner in rng.integers(len(picked), size=tries).tolist():
        at = next((p for p, (_, about) in enumerate(sentences[partner]) if about == word.about), None)
        if at is None or partner == word.i:
            continue
        if word.about in (*DESCRIBING, "empty place"):
            wrong = sentences[partner][at][0] != mine
        else:
            wrong = not picked[partner].edit.what.fits(picked[word.i].scene.things[thing])
        if wrong:
            return partner, at
    return None


@dataclass(frozen=True, kw_only=True)
class AttentionPictures:
    """Figures 3, 4 and 5 as small arrays: mean maps of place words, one whole matrix, what colour words ignore.

    `places` holds the mean weights (averaged over heads) of each place word over all sentences that say it;
    `colours`, per colour word that describes a thing of the reference picture, the mean of the pictures times one
    minus its map (`ignored`) and, which the paper does not show, the mean of the same pictures as they are
    (`present`), each less the like mean over all colour words: where the two look alike, attention adds nothing.
    """

    size: css.Size
    queries: int = 6000
    example: int = 0  # the query whose whole matrix is kept
    level: int = -1
    block: int = -1
    side: int = 32  # pixels of the colour pictures
    name: str = "maps"
    every_seed: bool = False

    def of_seed(self, seed: int) -> "AttentionPictures":
        """Of the world that a run of this seed reads."""
        return replace(self, size=replace(self.size, seed=seed))

    def __call__(self, model: Retriever, benchmark: Benchmark, evidence: Callable[[], Ranks]) -> dict[str, Any]:
        chosen = asked(self.size, benchmark, self.queries)
        sums: dict[tuple[str, str], Any] = {}
        grid: Grid = (0, 0)
        for start in range(0, len(chosen), CHUNK):
            part = chosen[start : start + CHUNK]
            query = benchmark.query[torch.tensor([row for row, _ in part])]
            maps, grid = word_to_image_attention(model, query.to(device_of(model)), level=self.level, block=self.block)
            maps = maps.mean(1)  # (b, t, p)
            for i, (_, question) in enumerate(part):
                for position, (word, about) in enumerate(word_roles(question.edit)):
                    if about in ("place", "empty place"):  # paper (§4): all examples that say the word
                        _add(sums, ("places", word), maps[i, position])
                    # paper (§4): "examples containing each color word (excluding examples where the referenced
                    # object is being added)"; a colour that the thing is to take refers to nothing red yet: left out
                    elif about == "colour":
                        shown = query.image[i : i + 1]
                        dim = ignored(shown, maps[i : i + 1, position], grid)
                        _add(sums, ("colours", word), self._small(torch.cat([dim, shown.float()])))
        colours = {word: sums["colours", word] for word in COLOURS if ("colours", word) in sums}
        # paper (§4): "with the overall mean image subtracted"; that of pictures dimmed alike, since every map dims
        whole = sum(total for _, total in colours.values()) / max(1, sum(count for count, _ in colours.values()))
        return {
            "grid": list(grid),
            "places": {word: _entry(sums["places", word]) for word in PLACES if ("places", word) in sums},
            "colours": {
                word: {"count": count}
                | {key: pack(each) for key, each in zip(("ignored", "present"), total / count - whole, strict=True)}
                for word, (count, total) in colours.items()
            },
            "matrix": self._matrix(model, benchmark),
        }

    def _small(self, pictures: Tensor) -> Tensor:
        return adaptive_avg_pool2d(pictures, self.side)

    @torch.no_grad()
    def _matrix(self, model: Retriever, benchmark: Benchmark) -> dict[str, Any]:
        """Figure 4: all tokens by all tokens of one query, averaged over heads."""
        query = benchmark.query[torch.tensor([self.example])].to(device_of(model))
        weights = model.attention(query)[self.block][0].mean(0).double().cpu().numpy()
        grids = [list(map.shape[2:]) for map in model.image(query.image)]
        said = words(query.text[0])
        return {"query": self.example, "words": said, "grids": grids, "weights": pack(weights)}


def _add(sums: dict[tuple[str, str], Any], key: tuple[str, str], value: Tensor) -> None:
    count, total = sums.get(key, (0, 0.0))
    sums[key] = (count + 1, total + value.double().cpu().numpy())


def _entry(counted: tuple[int, np.ndarray]) -> dict[str, Any]:
    count, total = counted
    return {"count": count, "map": [float(f"{weight:.4g}") for weight in (total / count).tolist()]}
