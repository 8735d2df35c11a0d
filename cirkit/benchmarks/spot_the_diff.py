"""Spot-the-Diff: two frames of one fixed camera and sentences that say what changed. Official format, read and written.

Jhamtani & Berg-Kirkpatrick 2018; MAAF Table 6: each sentence leads from the first frame to the second; the gallery is
both frames of every pair, the reference is left out; R@10, R@50.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets
from cirkit.worlds import groups, image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.groups import WORDS, Things, What, all_of
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, Scene, Thing

SPLITS = ("train", "val", "test")
OFFICIAL = {  # counted, empty sentences included; MAAF prints 17,672 train triples, four fewer
    "train": {"records": 9524, "pairs": 8566, "sentences": 17676},
    "val": {"records": 1634, "pairs": 1493, "sentences": 3310},
    "test": {"records": 1404, "pairs": 1270, "sentences": 2107},
}
SAME = 0.05  # share of pairs in which nothing changed
VERSION = 1  # of the world: raise it when the same Size would give other bytes


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


SIZES = {
    "smoke": Size(train=20, val=10, test=10, image=32),
    "cpu": Size(train=3000, val=400, test=600),
    "gpu": Size(train=8566, val=1493, test=1270, image=96),
}


@dataclass(frozen=True)
class Pair:
    """Two frames, `<id>.png` and `<id>_2.png`, and all that was said of them; repeated records are merged."""

    id: str
    sentences: tuple[str, ...]

    @property
    def frames(self) -> tuple[str, str]:
        """The names of the two pictures."""
        return f"{self.id}.png", f"{self.id}_2.png"


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A protocol: which sentences are queries, and whether the reference is left out of the ranking."""

    name: str = "spot-the-diff"
    sentences: Literal["not empty", "all"] = "not empty"  # 53, 6 and 7 official sentences are empty
    reference: Literal["excluded", "kept"] = "excluded"


MAAF = Asking()


def _folder(root: Path) -> Path:
    """Where annotations and resized_images lie: in `root`, or in its folder `data`, as the repository has it."""
    return root / "data" if (root / "data" / "annotations").is_dir() else root


def records(root: Path, split: str) -> list[tuple[str, list[str]]]:
    """The records of a split as they stand, several of one pair among them."""
    path, found = _folder(root) / "annotations" / f"{split}.json", []
    for number, record in enumerate(read_json(path, list)):
        key, said = need(record, "img_id", str, path, number), need(record, "sentences", list, path, number)
        if not key or not key.replace("_", "").isalnum() or key.endswith(("_2", "_diff")):
            raise record_error(path, number, f"has the img_id {key!r}, which names no pair of frames")
        if not all(isinstance(sentence, str) for sentence in said):
            raise record_error(path, number, "has sentences that are none")
        found.append((key, said))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of a split in the order of their first record. Raises Problem that names file and record."""
    merged: dict[str, list[str]] = {}
    for key, said in records(root, split):
        merged.setdefault(key, []).extend(said)
    return [Pair(key, tuple(said)) for key, said in merged.items()]


def place(root: Path, name: str) -> Path:
    """Where a picture lies."""
    return image_path(_folder(root) / "resized_images", name)


def _read(root: Path, split: str, asking: Asking) -> tuple[Pictured, list[str], list[str], list[str]]:
    """Pictures, and per query its sentence, reference and target."""
    held = pairs(root, split)
    images = pictured.find(_folder(root), {name: place(root, name) for pair in held for name in pair.frames})
    asked = [
        (sentence, *pair.frames)
        for pair in held
        for sentence in pair.sentences
        if asking.sentences == "all" or sentence.strip()
    ]
    kept = images.complete(root, [ends for _, *ends in asked])
    text, source, target = zip(*(asked[i] for i in kept), strict=True)
    return images, list(text), list(source), list(target)


def train(root: Path | str, asking: Asking = MAAF) -> Triplets:
    """The train triplets: one per sentence, from the first frame to the second."""
    images, text, source, target = _read(Path(root), "train", asking)
    query = Query(image=images.at(source), text=text)
    return Triplets(query=query, target=images.at(target), reference=images.rows(source))


def test(root: Path | str, asking: Asking = MAAF, split: str = "test") -> Benchmark:
    """The queries of a split; the gallery holds the frames of pairs without a usable sentence, too."""
    images, text, source, target = _read(Path(root), split, asking)
    return Benchmark(
        name=asking.name,
        query=Query(image=images.at(source), text=text),
        gallery=images.images,
        relevant=[[images.row[name]] for name in target],
        excluded=[[images.row[name]] for name in source] if asking.reference == "excluded" else None,
    )


@dataclass(frozen=True)
class Made:
    """A pair of a world: both frames, what is said, and the numbers of the things that changed in either frame."""

    frames: tuple[Scene, Scene]
    sentences: tuple[str, ...]
    changed: tuple[int | None, int | None]  # None: not in that frame


@lru_cache(maxsize=4)
def world(size: Size, split: str) -> list[Made]:
    """One split, from the size alone. Camera and light do not move; no two splits share their large things."""
    rng = np.random.default_rng([size.seed, 21 + SPLITS.index(split)])
    mine = groups.cores()["test1" if split == "test" else split]
    return [_pair(rng, groups.sample(rng, mine[rng.integers(len(mine))], (size.least, size.most)))
            for _ in range(getattr(size, split))]  # fmt: skip


def _pair(rng: np.random.Generator, before: Things) -> Made:
    """One thing moved, gone, come or of another colour; rarely nothing."""
    if rng.random() < SAME:
        return Made((Scene(before), Scene(before)), ("there are no differences",), (None, None))
    index = int(rng.integers(len(before)))
    thing, rest = before[index], (*before[:index], *before[index + 1 :])
    the = _the(thing, before)
    way = rng.choice(4, p=(0.35, 0.3, 0.2, 0.15))
    if way == 0:
        moved = groups.put(rng, rest, thing)
        if moved is not None and np.hypot(moved.x - thing.x, moved.y - thing.y) > 1:
            after = (*before[:index], moved, *before[index + 1 :])
            said = (f"the {the} has moved {_course(thing, moved)}", f"the {the} is in another place")
            return _made(rng, before, after, said, (index, index))
    if way == 2:
        come = groups.put(rng, before, groups.small(rng))
        if come is not None:
            number = WORDS[What().count(before) + 1]
            said = (
                f"there is a new {all_of(come)}",
                f"a {all_of(come)} has appeared",
                f"there are {number} things now",
            )
            return _made(rng, before, (*before, come), said, (None, len(before)))
    if way == 3:
        names = [name for name in COLOURS if name != thing.colour]
        word = names[rng.integers(len(names))]
        after = (*before[:index], replace(thing, colour=word), *before[index + 1 :])
        said = (f"the {the} is {word} now", f"the {the} has been replaced by a {word} one")
        return _made(rng, before, after, said, (index, index))
    said = (f"the {the} is gone", f"the {the} is no longer there", "there is one thing less")
    return _made(rng, before, rest, said, (index, None))


def _made(
    rng: np.random.Generator,
    before: Things,
    after: Things,
    said: tuple[str, ...],
    changed: tuple[int | None, int | None],
) -> Made:
    """With one to all of the sentences, the first among them, since it alone names the thing for sure."""
    more = int(rng.integers(len(said)))
    return Made((Scene(before), Scene(after)), said[: 1 + more], changed)


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
    return [frame for made in world(size, split) for frame in made.frames]


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def owners(size: Size, split: str, rows: Sequence[int]) -> Int[Tensor, "b h w"]:
    """Per pixel the number of the thing seen there, -1 the ground: with `Made.changed`, where a sentence points."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).owner


def id_of(split: str, number: int) -> str:
    """The img_id of a pair of a world; no id is in two splits."""
    return str(3 * number + SPLITS.index(split))


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "spot_the_diff", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """Annotations, frames and their differences; every tenth pair has its sentences in two records, as some real do."""
    for split in SPLITS:
        lines: list[dict[str, Any]] = []
        for number, made in enumerate(world(size, split)):
            key, said = id_of(split, number), list(made.sentences)
            parts = [said[:1], said[1:]] if number % 10 == 0 and len(said) > 1 else [said]
            lines += [{"img_id": key, "sentences": part} for part in parts]
        write_json(folder / "annotations" / f"{split}.json", lines)
        count = 2 * getattr(size, split)
        for start in range(0, count, 512):
            rows = range(start, min(count, start + 512))
            drawn = pictures(size, split, rows)
            keys = [id_of(split, row // 2) for row in rows[::2]]
            names = [name for key in keys for name in Pair(key, ()).frames]
            image_files.save(folder / "resized_images", names, drawn)
            apart = (drawn[::2].int() - drawn[1::2].int()).abs().to(drawn.dtype)
            image_files.save(folder / "resized_images", [f"{key}_diff.jpg" for key in keys], apart)


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size))


@lru_cache(maxsize=2)
def world_test(size: Size, asking: Asking = MAAF) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size), asking)


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    size, lines = pictured.size_of(root, "Spot-the-Diff", Size, manifest), []
    for split in SPLITS:
        held = pairs(root, split)
        expected = {key: OFFICIAL[split][key] for key in ("pairs", "sentences")}
        if size is not None:
            made = world(size, split)
            expected = {"pairs": len(made), "sentences": sum(len(pair.sentences) for pair in made)}
        found = {"pairs": len(held), "sentences": sum(len(pair.sentences) for pair in held)}
        there = {name: place(root, name).is_file() for pair in held for name in pair.frames}
        found["frames"] = sum(there.values())
        expected["frames"] = 2 * expected["pairs"]
        lines += [pictured.line(split, part, expected[part], found[part]) for part in expected]
        asked = [pair.frames for pair in held for sentence in pair.sentences if sentence.strip()]
        needs = pictured.Requirements(
            protocol=MAAF.name,
            reference=[first for first, _ in asked],
            others=[(second,) for _, second in asked],
            gallery=() if split == "train" else list(there),
        )
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
