"""Synthetic PinPoint: an index of scenes and garments, and queries of six wordings with positives and hard negatives.

Mahadev et al. 2026 (arXiv 2603.04598): the columns of the released table, with the truth known instead of judged.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.pinpoint import IMAGES, INDEX, TABLE
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds import pinpoint_garments, pinpoint_scenes
from cirkit.worlds.garments import Garment
from cirkit.worlds.image_files import save
from cirkit.worlds.judging import PARAPHRASES, Judged
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene
from cirkit.worlds.wardrobe import draw

TRIES = 80  # draws per query before the world is given up
T = TypeVar("T", Scene, Garment)


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a PinPoint world; half of it is scenes, and half is garments."""

    pairs: int  # of groups, and of cuts: two of a pair are near each other
    members: int  # images of each group and cut
    queries: int  # of scenes, and of garments; each in six wordings
    image: int = 64  # pixels
    seed: int = 0
    least: int = 2  # positives of a query
    most: int = 15
    camera: float = 0.3  # world units, by which the camera strays from scene to scene
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(pairs=2, members=14, queries=4, image=32),
    "cpu": Size(pairs=24, members=40, queries=150),
    "gpu": Size(pairs=100, members=60, queries=600, image=96),
}


@lru_cache(maxsize=4)
def world(size: Size) -> tuple[list[Scene], list[Garment], list[Judged]]:
    """The index, scenes before garments, and the queries, from the size alone; every image is judged."""
    rng = np.random.default_rng([size.seed, 11])
    scenes = pinpoint_scenes.gallery(rng, size.pairs, size.members, size.camera, size.light)
    garments = pinpoint_garments.gallery(rng, size.pairs, size.members)
    queries = _queries(rng, scenes, pinpoint_scenes.query, size)
    for one in _queries(rng, garments, pinpoint_garments.query, size):
        moved = {kind: tuple(row + len(scenes) for row in rows) for kind, rows in one.negatives.items()}
        right = tuple(row + len(scenes) for row in one.positives)
        queries.append(replace(one, source=one.source + len(scenes), positives=right, negatives=moved))
    return scenes, garments, queries


def _queries(rng: np.random.Generator, items: Sequence[T], query: Callable[..., Judged | None], size: Size) -> list:
    """As many queries as wanted, each on a reference of its own."""
    found: dict[int, Judged] = {}
    both = 2 * size.members  # images of a pair, which stand next to each other
    for _ in range(TRIES * size.queries):
        source = int(rng.integers(len(items)))
        pair = range(len(items))[source // both * both :][:both]
        one = None if source in found else query(rng, items, pair, source, size.least, size.most)
        if one is not None:
            found[source] = one
        if len(found) == size.queries:
            return list(found.values())
    raise Problem(f"The world has only {len(found)} of {size.queries} queries to ask. Ask for fewer, or of more pairs.")


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of the index, drawn again: the same bytes as those published."""
    scenes, garments, _ = world(size)
    out = torch.empty(len(rows), 3, size.image, size.image, dtype=torch.uint8)
    wanted = torch.tensor(rows, dtype=torch.int64)
    of_scenes = wanted < len(scenes)
    if of_scenes.any():
        out[of_scenes] = render([scenes[row] for row in wanted[of_scenes].tolist()], size.image).images
    if not of_scenes.all():
        out[~of_scenes] = draw([garments[row - len(scenes)] for row in wanted[~of_scenes].tolist()], size.image).images
    return out


def signature(size: Size, row: int) -> str:
    """The name of an image: 32 hexadecimal digits that say nothing of what it shows."""
    return hashlib.blake2b(f"{size.seed} {row}".encode(), digest_size=16).hexdigest()


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The table, the list of the index, and its images."""
    scenes, garments, queries = world(size)
    names = [signature(size, row) for row in range(len(scenes) + len(garments))]
    records = []
    for one in queries:
        for text in one.texts:
            records.append(
                {
                    "query_id": f"query_{len(records) + 1:05d}",
                    "query_image_signature": names[one.source],
                    "query_image_signature2": "None",
                    "instruction": text,
                    "positive_candidates": [names[row] for row in one.positives],
                    "negative_candidates": [names[row] for row in one.wrong],
                    "query_category": "scenes" if one.source < len(scenes) else "garments",
                }
            )
    write_json(folder / TABLE, records)
    write_atomically(folder / INDEX, "".join(f"{name}\n" for name in names))
    for start in range(0, len(names), 512):
        rows = range(start, min(start + 512, len(names)))
        save(folder / IMAGES, [f"{names[row]}.jpg" for row in rows], images(size, "index", rows))
    return {"test": {"queries": PARAPHRASES * len(queries)}, "index": {"images": len(names)}}


PINPOINT = World(name="pinpoint", version=1, sizes=SIZES, write=write, images=images)
