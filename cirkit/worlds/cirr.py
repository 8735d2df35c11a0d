"""Synthetic CIRR: sets of six similar scenes, and sentences that single one of them out, seen from another.

Liu et al. 2021 (CIRPLANT), 003 §5.4: captions, further sentences, splits and images as in release rc2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.cirr import SPLITS
from cirkit.worlds import groups, statements
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

FOLDERS = {"train": "train", "val": "dev", "test1": "test1"}  # images of `val` are called dev


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CIRR world."""

    train: int  # sets of six
    val: int
    test1: int
    queries: int = 9  # per set, where so many sentences single their target out
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # small things in the first scene of a set
    most: int = 4
    joined: float = 0.4  # share of sentences with `and`, where one can be said
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=8, val=5, test1=5, image=32),
    "cpu": Size(train=1200, val=160, test1=160),
    "gpu": Size(train=4000, val=503, test1=503, image=96),
}


@dataclass(frozen=True)
class Pair:
    """A sentence that leads from one scene of a set to another, and the one it leaves out of a conjunction, if any."""

    source: int  # row of the split
    target: int
    statement: statements.Statement
    soft: tuple[int, ...]  # rows of which one half of a conjunction is true


@dataclass(frozen=True)
class Split:
    """One split of a world: rows 6 k .. 6 k + 5 of `scenes` are set k."""

    scenes: list[Scene]
    pairs: list[Pair]


@lru_cache(maxsize=4)
def world(size: Size, split: str) -> Split:
    """One split, from the size alone; no two splits share the large things of a set."""
    rng = np.random.default_rng([size.seed, SPLITS.index(split)])
    mine = groups.cores()[split]
    order, allowed = rng.permutation(len(mine)).tolist(), frozenset(mine)
    scenes: list[Scene] = []
    pairs: list[Pair] = []
    for number in range(getattr(size, split)):
        wanted = mine[order[number % len(mine)]]
        members = groups.group(rng, wanted, allowed, (size.least, size.most))
        pairs += _pairs(rng, size, members, len(scenes))
        scenes += [groups.dress(rng, things, size.camera, size.light) for things in members]
    return Split(scenes, pairs)


def _pairs(rng: np.random.Generator, size: Size, members: list[groups.Things], first: int) -> list[Pair]:
    """Up to `queries` pairs of a set with a sentence that is true of the target and of no other member."""
    found: list[Pair] = []
    ends = [(i, j) for i in range(len(members)) for j in range(len(members)) if i != j]
    for at in rng.permutation(len(ends)).tolist():
        source, target = ends[at]
        before = members[source]
        singles, joined = statements.draw(rng, before, members[target])
        both = bool(rng.random() < size.joined)
        for statement in (joined + singles) if both else (singles + joined):
            true = [
                k for k, things in enumerate(members) if k != source and statements.answers(statement, before, things)
            ]
            if true == [target]:
                halves = (statement.first, statement.second) if isinstance(statement, statements.Both) else ()
                half = {
                    k for one in halves for k, things in enumerate(members) if statements.answers(one, before, things)
                }
                soft = tuple(first + k for k in sorted(half - {source, target}))
                found.append(Pair(first + source, first + target, statement, soft))
                break
        if len(found) == size.queries:
            break
    return found


def scenes(size: Size, split: str) -> list[Scene]:
    """The scenes of a split; row i is image i of the gallery."""
    return world(size, split).scenes


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def targets(size: Size, split: str) -> dict[str, str]:
    """By pairid, the target of every query of a world: what the server keeps for test1."""
    return {str(_pairid(split, i)): name_of(split, p.target) for i, p in enumerate(world(size, split).pairs)}


def name_of(split: str, row: int) -> str:
    """The official kind of name, `<split>-<set>-<scene>-img<0 or 1>`: NLVR2 pairs its images."""
    return f"{FOLDERS[split]}-{row // 6}-{row % 6 // 2}-img{row % 2}"


def _relative(split: str, row: int) -> str:
    """Its path in the split file; images of `train` lie in numbered folders."""
    folder = f"train/{row // 6 % 100}" if split == "train" else FOLDERS[split]
    return f"./{folder}/{name_of(split, row)}.png"


def _pairid(split: str, number: int) -> int:
    return SPLITS.index(split) * 1_000_000 + 2 * number  # unique over the splits, not contiguous: as the official ones


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """Captions, further sentences, splits and images."""
    counts = {}
    for split in SPLITS:
        chosen = world(size, split)
        rows = range(len(chosen.scenes))
        short, further = [], []
        for number, pair in enumerate(chosen.pairs):
            members = [name_of(split, pair.source // 6 * 6 + k) for k in range(6)]
            group: dict[str, Any] = {"id": pair.source // 6, "members": members, "reference_rank": pair.source % 6}
            record = {"pairid": _pairid(split, number), "reference": name_of(split, pair.source)}
            target = name_of(split, pair.target)
            soft = {target: 1.0} | {name_of(split, row): 0.5 for row in pair.soft}
            if split != "test1":
                record |= {"target_hard": target, "target_soft": soft}
                group["target_rank"] = pair.target % 6
            short.append({**record, "caption": str(pair.statement), "img_set": group})
            record.pop("target_soft", None)
            further.append({**record, "caption_extend": _further(chosen.scenes[pair.target], number)})
        write_json(folder / "captions" / f"cap.rc2.{split}.json", short)
        write_json(folder / "captions_ext" / f"cap.ext.rc2.{split}.json", further)
        paths = {name_of(split, row): _relative(split, row) for row in rows}
        write_json(folder / "image_splits" / f"split.rc2.{split}.json", paths)
        for start in range(0, len(rows), 512):
            part = rows[start : start + 512]
            pixels = render([chosen.scenes[row] for row in part], size.image).images
            save(folder / "img_raw", [_relative(split, row) for row in part], pixels)
        counts[split] = {"queries": len(chosen.pairs), "images": len(chosen.scenes)}
    return counts


def _further(scene: Scene, number: int) -> dict[str, str]:
    """The four further sentences; the official marks where there is nothing to say."""
    photo = statements.captions(np.random.default_rng(number), scene.things)[3].removesuffix(".")
    nothing = "[cr0] Nothing worth mentioning"
    return {"0": f"being a photo of {photo}", "1": nothing, "2": "[cr1] Covered in query", "3": nothing}


CIRR = World(name="cirr", version=1, sizes=SIZES, write=write, images=images)
