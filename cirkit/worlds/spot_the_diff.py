"""Synthetic Spot-the-Diff: two frames of a scene; one thing has moved, gone, come or changed colour.

Jhamtani & Berg-Kirkpatrick 2018; MAAF Table 6. The camera does not move, and every sentence is true of its frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.spot_the_diff import SPLITS, Pair
from cirkit.worlds import groups
from cirkit.worlds.groups import WORDS, Things, What, all_of
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, Scene, Thing

SAME = 0.05  # share of pairs in which nothing changed


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a Spot-the-Diff world."""

    train: int  # pairs of frames
    val: int
    test: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 3  # small things, beside two large ones
    most: int = 5
    afters: int = 1  # pairs that begin with the same frame: the more, the less the reference alone says


SIZES = {
    "smoke": Size(train=20, val=10, test=10, image=32),
    "cpu": Size(train=3000, val=400, test=600),
    "gpu": Size(train=8566, val=1493, test=1270, image=96, afters=8),
}


@dataclass(frozen=True)
class FramePair:
    """A pair of a world: both frames, the sentences, and the numbers of the things that changed in either frame."""

    frames: tuple[Scene, Scene]
    sentences: tuple[str, ...]
    changed: tuple[int | None, int | None]  # None: not in that frame


@lru_cache(maxsize=4)
def world(size: Size, split: str) -> list[FramePair]:
    """One split, from the size alone. Camera and light do not move; no two splits share their large things."""
    rng = np.random.default_rng([size.seed, 21 + SPLITS.index(split)])
    mine, pairs = groups.cores()["test1" if split == "test" else split], []
    while len(pairs) < getattr(size, split):
        before = groups.sample(rng, mine[rng.integers(len(mine))], (size.least, size.most))
        pairs += [_pair(rng, before) for _ in range(size.afters)]
    return pairs[: getattr(size, split)]


def _pair(rng: np.random.Generator, before: Things) -> FramePair:
    """One thing moved, gone, come or of another colour; rarely nothing."""
    if rng.random() < SAME:
        return FramePair((Scene(before), Scene(before)), ("there are no differences",), (None, None))
    index = int(rng.integers(len(before)))
    thing, rest = before[index], (*before[:index], *before[index + 1 :])
    the = _the(thing, before)
    way = rng.choice(4, p=(0.35, 0.3, 0.2, 0.15))
    if way == 0:
        moved = groups.put(rng, rest, thing)
        if moved is not None and np.hypot(moved.x - thing.x, moved.y - thing.y) > 1:
            after = (*before[:index], moved, *before[index + 1 :])
            sentences = (f"the {the} has moved {_course(thing, moved)}", f"the {the} is in another place")
            return _frame_pair(rng, before, after, sentences, (index, index))
    if way == 2:
        come = groups.put(rng, before, groups.small(rng))
        if come is not None:
            number = WORDS[What().count(before) + 1]
            sentences = (
                f"there is a new {all_of(come)}",
                f"a {all_of(come)} has appeared",
                f"there are {number} things now",
            )
            return _frame_pair(rng, before, (*before, come), sentences, (None, len(before)))
    if way == 3:
        names = [name for name in COLOURS if name != thing.colour]
        word = names[rng.integers(len(names))]
        after = (*before[:index], replace(thing, colour=word), *before[index + 1 :])
        sentences = (f"the {the} is {word} now", f"the {the} has been replaced by a {word} one")
        return _frame_pair(rng, before, after, sentences, (index, index))
    sentences = (f"the {the} is gone", f"the {the} is no longer there", "there is one thing less")
    return _frame_pair(rng, before, rest, sentences, (index, None))


def _frame_pair(
    rng: np.random.Generator,
    before: Things,
    after: Things,
    sentences: tuple[str, ...],
    changed: tuple[int | None, int | None],
) -> FramePair:
    """With one to all of the sentences, the first among them, since it alone names the thing for sure."""
    more = int(rng.integers(len(sentences)))
    return FramePair((Scene(before), Scene(after)), sentences[: 1 + more], changed)


def _the(thing: Thing, things: Things) -> What:
    """The shortest words that single the thing out; all of them where none do."""
    short = (
        What(colour=thing.colour, shape=thing.shape),
        What(thing.size, thing.colour, None, thing.shape),
        What(None, thing.colour, thing.material, thing.shape),
    )
    return next((what for what in short if what.count(things) == 1), all_of(thing))


def _course(before: Thing, after: Thing) -> str:
    """In which direction, of four, a thing went."""
    right, away = after.x - before.x, after.y - before.y
    if abs(right) >= abs(away):
        return "to the right" if right > 0 else "to the left"
    return "to the back" if away > 0 else "to the front"


def scenes(size: Size, split: str) -> list[Scene]:
    """Both frames of every pair, one after the other, in the order of the gallery."""
    return [frame for pair in world(size, split) for frame in pair.frames]


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def owners(size: Size, split: str, rows: Sequence[int]) -> Int[Tensor, "b h w"]:
    """Per pixel the number of the thing there, -1 the ground: with `FramePair.changed`, where a sentence points."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).owner


def id_of(split: str, number: int) -> str:
    """The img_id of a pair of a world; no id is in two splits."""
    return str(3 * number + SPLITS.index(split))


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """Annotations, frames and their differences; every tenth pair has its sentences in two records, as some real do."""
    counts = {}
    for split in SPLITS:
        records: list[dict[str, Any]] = []
        pairs = world(size, split)
        for number, pair in enumerate(pairs):
            key, sentences = id_of(split, number), list(pair.sentences)
            parts = [sentences[:1], sentences[1:]] if number % 10 == 0 and len(sentences) > 1 else [sentences]
            records += [{"img_id": key, "sentences": part} for part in parts]
        write_json(folder / "annotations" / f"{split}.json", records)
        for start in range(0, 2 * len(pairs), 512):
            rows = range(start, min(2 * len(pairs), start + 512))
            frames = images(size, split, rows)
            keys = [id_of(split, row // 2) for row in rows[::2]]
            names = [name for key in keys for name in Pair(key, ()).frames]
            save(folder / "resized_images", names, frames)
            apart = (frames[::2].int() - frames[1::2].int()).abs().to(frames.dtype)
            save(folder / "resized_images", [f"{key}_diff.jpg" for key in keys], apart)
        counts[split] = {
            "records": len(records),
            "pairs": len(pairs),
            "sentences": sum(len(pair.sentences) for pair in pairs),
        }
    return counts


SPOT_THE_DIFF = World(name="spot_the_diff", version=1, sizes=SIZES, write=write, images=images)
