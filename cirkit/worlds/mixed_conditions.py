"""The world of mixed conditions: scenes after an edit, with and without what a query does not want, or elsewhere.

CompoDiff §5.4 and §5.8: negative texts and masks, which no benchmark of photos can judge. What is in a scene is known
here, so which image fulfils a query is exact.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.mixed_conditions import GALLERY, IMAGES, KINDS, MASKS, QUERIES
from cirkit.benchmarks.pictured import Counts
from cirkit.worlds import groups
from cirkit.worlds.groups import Core, Things, What, all_of
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene, Thing
from cirkit.worlds.writing import an

SEEN = 3  # pixels of both sides of what is seen of an object, at least, for a query about it


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a world of mixed conditions."""

    families: int  # references of each kind of query
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # small objects beside two large ones
    most: int = 3
    again: int = 2  # images of each scene, seen a little differently
    margin: float = 0.05  # of the image's side, by which a mask is larger than its object on each side
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(families=6, image=32),
    "cpu": Size(families=250, image=48),
    "gpu": Size(families=1000, image=96),
}


@dataclass(frozen=True)
class Asked:
    """A query by numbers of scenes: `thing` is the number of the object under the mask, None without a mask."""

    reference: int
    text: str
    negative: str | None
    thing: int | None
    in_words: str
    targets: tuple[int, ...]
    broken: tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """The scenes and queries of a kind; row i of `scenes` is image i of its gallery."""

    scenes: list[Scene]
    queries: list[Asked]


@lru_cache(maxsize=4)
def world(size: Size, kind: str) -> Part:
    """The queries of a kind, from the size alone; large objects are of pairs that no training of these worlds shows."""
    rng = np.random.default_rng([size.seed, 61, KINDS.index(kind)])
    cores = groups.cores()["test1"]
    scenes: list[Scene] = []
    queries: list[Asked] = []
    while len(queries) < size.families:
        core = cores[rng.integers(len(cores))]
        family = _unwanted(rng, size, core) if kind == "negative" else _elsewhere(rng, size, core)
        if family is not None:
            found, query = family
            first = len(scenes)
            rows = {name: tuple(first + row for row in getattr(query, name)) for name in ("targets", "broken")}
            queries.append(replace(query, reference=first + query.reference, **rows))
            scenes += [groups.dress(rng, things, size.camera, size.light) for things in found]
    return Part(scenes, [_truth(query, scenes) for query in queries])


def _unwanted(rng: np.random.Generator, size: Size, core: Core) -> tuple[list[Things], Asked] | None:
    """A scene, and the same with a wanted object, an unwanted one, or both; the unwanted one may be there before."""
    base = groups.sample(rng, core, (size.least, size.most))
    kinds = [groups.small(rng) for _ in range(2)]
    wanted, unwanted = (What(None, one.colour, None, one.shape) for one in kinds)
    if str(wanted) == str(unwanted) or wanted.count(base) or unwanted.count(base):
        return None
    placed = groups.put(rng, base, kinds[0])
    other = None if placed is None else groups.put(rng, (*base, placed), kinds[1])
    if placed is None or other is None:
        return None
    ways = [base, (*base, other), (*base, placed), (*base, placed, other)]
    scenes = [groups.nudge(rng, things, 0.1) if copy else things for things in ways for copy in range(size.again)]
    reference = size.again * int(rng.integers(2))  # without the unwanted object, or with it
    ask = f"add {an(str(wanted))}"
    return scenes, Asked(
        reference=reference,
        text=ask,
        negative=an(str(unwanted)),
        thing=None,
        in_words=f"{ask} without {an(str(unwanted))}",
        targets=tuple(range(2 * size.again, 3 * size.again)),
        broken=tuple(range(3 * size.again, 4 * size.again)),
    )


def _elsewhere(rng: np.random.Generator, size: Size, core: Core) -> tuple[list[Things], Asked] | None:
    """A scene, and the same with each of its objects in turn exchanged for one and the same new kind."""
    base = groups.sample(rng, core, (size.least + 1, size.most))
    new = groups.small(rng)
    what = What(None, new.colour, None, new.shape)
    if what.count(base) or max(Counter(map(all_of, base)).values()) > 1:
        return None

    def exchanged(number: int) -> Things:
        old = base[number]
        put: Thing = replace(old, shape=new.shape, colour=new.colour, material=new.material)
        return (*base[:number], put, *base[number + 1 :])

    chosen = int(rng.integers(len(base)))
    ways = [base, *(exchanged(number) for number in range(len(base)))]
    scenes = [things for things in ways for _ in range(size.again)]
    rows = [tuple(range((1 + n) * size.again, (2 + n) * size.again)) for n in range(len(base))]
    return scenes, Asked(
        reference=0,
        text=f"change it to {an(str(what))}",
        negative=None,
        thing=chosen,
        in_words=f"change the {all_of(base[chosen])} to {an(str(what))}",
        targets=rows[chosen],
        broken=tuple(row for n, mine in enumerate(rows) if n != chosen for row in mine),
    )


def _truth(query: Asked, scenes: Sequence[Scene]) -> Asked:
    """The query with every image of the gallery that shows the scene of a target, or of a broken one, counted."""
    targets, broken = ({_content(scenes[row]) for row in rows} for rows in (query.targets, query.broken))
    rows = [row for row in range(len(scenes)) if row != query.reference]
    return replace(
        query,
        targets=tuple(row for row in rows if _content(scenes[row]) in targets),
        broken=tuple(row for row in rows if _content(scenes[row]) in broken),
    )


@lru_cache(maxsize=100_000)
def _content(scene: Scene) -> frozenset:
    """What is in a scene, wherever it stands."""
    return frozenset(Counter(map(all_of, scene.things)).items())


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a kind of queries (`split`), drawn again: the bytes published."""
    scenes = world(size, split).scenes
    return render([scenes[row] for row in rows], size.image).images


def mask(box: Int[Tensor, " 4"], side: int, margin: float) -> Bool[Tensor, "h w"]:
    """A box (left, top, right, bottom; pixels, ends excluded) grown on each side by a share of the image's side."""
    grown = round(margin * side)
    left, top, right, bottom = box.tolist()
    drawn = torch.zeros(side, side, dtype=torch.bool)
    drawn[max(0, top - grown) : bottom + grown, max(0, left - grown) : right + grown] = True
    return drawn


def write(folder: Path, size: Size) -> Counts:
    """The queries, the galleries, the images and the masks; queries about an object that hardly shows are left out."""
    records: list[dict[str, Any]] = []
    names = {kind: [_name(kind, row) for row in range(len(world(size, kind).scenes))] for kind in KINDS}
    for kind in KINDS:
        part = world(size, kind)
        for start in range(0, len(part.scenes), 512):
            rows = range(start, min(len(part.scenes), start + 512))
            save(folder, [names[kind][row] for row in rows], images(size, kind, rows))
        drawn = render([part.scenes[query.reference] for query in part.queries], size.image)
        for query, boxes in zip(part.queries, drawn.boxes, strict=True):
            record = {"kind": kind, "reference": names[kind][query.reference], "text": query.text}
            record |= {"in_words": query.in_words}
            if query.thing is None:
                record["negative_text"] = query.negative
            else:
                box = boxes[query.thing]
                if int((box[2:] - box[:2]).min()) < SEEN:
                    continue
                record["mask"] = f"{MASKS}/{query.reference:06d}.png"
                white = 255 * mask(box, size.image, size.margin).to(torch.uint8)
                save(folder, [record["mask"]], white.expand(1, 3, -1, -1))
            for key in ("targets", "broken"):
                record[key] = [names[kind][row] for row in getattr(query, key)]
            records.append(record)
    write_json(folder / QUERIES, records)
    write_json(folder / GALLERY, names)
    asked = Counter(record["kind"] for record in records)
    return {kind: {"queries": asked[kind], "images": len(names[kind])} for kind in KINDS}


def _name(kind: str, row: int) -> str:
    return f"{IMAGES}/{kind}-{row:06d}.png"


MIXED_CONDITIONS = World(name="mixed-conditions", version=1, sizes=SIZES, write=write, images=images)
