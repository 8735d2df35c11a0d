"""Synthetic CIRCO: scenes in families that share their large things, and sentences with one to fourteen true targets.

Baldrati et al. 2023 (SEARLE), 003 §5.4: annotations, the list of COCO's unlabeled images, and the images.
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
from cirkit.benchmarks.circo import COCO, LIST
from cirkit.errors import Problem
from cirkit.worlds import groups, statements
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

MOST = 14  # relevant images of a query, as in val
TRIES = 60  # draws per query before the world is given up


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CIRCO world."""

    families: int  # concepts: pairs of large things, of which each image shows one
    members: int  # images of each
    val: int  # queries
    test: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small things in a scene
    most: int = 4
    joined: float = 0.5  # share of sentences with `and`, where one can be statement
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(families=8, members=8, val=12, test=12, image=32),
    "cpu": Size(families=120, members=32, val=220, test=800),
    "gpu": Size(families=220, members=90, val=220, test=800, image=96),
}


@dataclass(frozen=True)
class SceneQuery:
    """A query: rows of the gallery; of the relevant ones, the one that the sentence was drawn for stands first."""

    source: int
    statement: statements.Statement
    relevant: tuple[int, ...]


@lru_cache(maxsize=4)
def world(size: Size) -> tuple[list[Scene], dict[str, list[SceneQuery]]]:
    """Gallery and queries, from the size alone. Every sentence is compared with all scenes."""
    rng = np.random.default_rng([size.seed, 7])
    chosen = groups.neighbours(rng, groups.cores()["unlabeled"], size.families)
    scenes = [
        groups.dress(rng, groups.sample(rng, wanted, (size.least, size.most)), size.camera, size.light)
        for wanted in chosen
        for _ in range(size.members)
    ]
    scenes = [scenes[i] for i in rng.permutation(len(scenes)).tolist()]
    family: dict[groups.Core, list[int]] = {}
    for row, scene in enumerate(scenes):
        family.setdefault(groups.core(scene.things), []).append(row)
    queries: dict[str, list[SceneQuery]] = {}
    for split, start in (("val", 0), ("test", 1)):  # no concept is in both
        queries[split] = _queries(rng, scenes, family, chosen, chosen[start::2], getattr(size, split), size.joined)
    return scenes, queries


def _queries(
    rng: np.random.Generator,
    scenes: list[Scene],
    family: dict[groups.Core, list[int]],
    chosen: list[groups.Core],
    mine: list[groups.Core],
    count: int,
    joined: float,
) -> list[SceneQuery]:
    """`count` queries whose references are of the families `mine`, with 1 to MOST relevant images each."""
    near = {one: [other for other in chosen if groups.apart(one, other) == 1] for one in mine}
    found: list[SceneQuery] = []
    seen = set()
    for _ in range(TRIES * count):
        wanted = mine[rng.integers(len(mine))]
        around = near[wanted] if near[wanted] and rng.random() < 0.25 else [wanted]
        goals = family[around[rng.integers(len(around))]]
        source, target = (int(rows[rng.integers(len(rows))]) for rows in (family[wanted], goals))
        before = scenes[source].things
        singles, both = statements.draw(rng, before, scenes[target].things)
        options = both if both and rng.random() < joined else singles
        if source == target or not options:
            continue
        statement = options[rng.integers(min(3, len(options)))]
        goal = family.get(statement.core(wanted), [])
        relevant = [row for row in goal if row != source and statement.holds(before, scenes[row].things)]
        if 1 <= len(relevant) <= MOST and (source, str(statement)) not in seen:
            seen.add((source, str(statement)))
            found.append(SceneQuery(source, statement, (target, *(row for row in relevant if row != target))))
            if len(found) == count:
                return found
    raise Problem(f"The world has only {len(found)} of {count} queries to ask. Ask for fewer, or for more families.")


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of the gallery, which both splits share, drawn again: the same bytes as those published."""
    scenes, _ = world(size)
    return render([scenes[row] for row in rows], size.image).images


def targets(size: Size, split: str) -> dict[str, tuple[int, ...]]:
    """By query id, the ids of the relevant images of a world: what the server keeps for test."""
    return {str(i): tuple(map(key_of, one.relevant)) for i, one in enumerate(world(size)[1][split])}


def key_of(row: int) -> int:
    """The id of image `row` of a world: neither dense nor equal to the row, as COCO's."""
    return 3 * row + 8


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """Annotations, the gallery's list and the images."""
    scenes, queries = world(size)
    for split, mine in queries.items():
        records = []
        for number, one in enumerate(mine):
            kinds = groups.core(scenes[one.source].things) & groups.core(scenes[one.relevant[0]].things)
            shared = [f"a large {colour} {material} {shape}" for shape, colour, material in sorted(kinds)]
            record: dict[str, Any] = {"reference_img_id": key_of(one.source)}
            record |= {"relative_caption": str(one.statement), "shared_concept": statements.listed(shared)}
            record["id"] = number
            if split != "test":
                keys = [key_of(row) for row in one.relevant]
                aspects = statements.aspects(one.statement)
                record |= {"target_img_id": keys[0], "gt_img_ids": keys, "semantic_aspects": aspects}
            records.append(record)
        write_json(folder / "annotations" / f"{split}.json", records)
    names = [f"{key_of(row):012d}.jpg" for row in range(len(scenes))]
    listed = [
        {"id": key_of(row), "file_name": name, "height": size.image, "width": size.image}
        for row, name in enumerate(names)
    ]
    write_json(folder / LIST, {"images": listed})
    for start in range(0, len(scenes), 512):
        pixels = render(scenes[start : start + 512], size.image).images
        save(folder / COCO / "unlabeled2017", names[start : start + 512], pixels)
    return {split: {"queries": len(mine)} for split, mine in queries.items()} | {"unlabeled": {"images": len(scenes)}}


CIRCO = World(name="circo", version=1, sizes=SIZES, write=write, images=images)
