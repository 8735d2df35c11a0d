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

    families: int  # scenes of each kind that queries start from
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # further objects beside the two that a scene starts with; one more for masks
    most: int = 1
    again: int = 2  # images of each scene, seen a little differently
    margin: float = 0.05  # of the image's side, by which a mask is larger than its object on each side
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(families=6, image=32),
    "cpu": Size(families=80, image=48),
    "gpu": Size(families=400, image=96),
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
    """The queries of a kind, from the size alone; each scene starts with a pair that no training of the groups shows.

    All objects are large, so that a small encoder sees what is asked for.
    """
    rng = np.random.default_rng([size.seed, 61, KINDS.index(kind)])
    cores = groups.cores()["test1"]
    scenes: list[Scene] = []
    queries: list[Asked] = []
    for _ in range(size.families):
        family = None
        while family is None:
            family = (_unwanted if kind == "negative" else _elsewhere)(rng, size, cores[rng.integers(len(cores))])
        found, asked = family
        queries += [_moved(query, len(scenes)) for query in asked]
        scenes += [groups.dress(rng, things, size.camera, size.light) for things in found]
    return Part(scenes, [_truth(query, scenes) for query in queries])


def _moved(query: Asked, first: int) -> Asked:
    """The query with its rows counted from the first of its scenes."""
    rows = {name: tuple(first + row for row in getattr(query, name)) for name in ("targets", "broken")}
    return replace(query, reference=first + query.reference, **rows)


def _base(rng: np.random.Generator, core: Core, extras: tuple[int, int]) -> Things | None:
    """The two objects of a core and some more, all large and all of different kinds."""
    things: Things | None = groups.sample(rng, core, (0, 0))
    for _ in range(int(rng.integers(extras[0], extras[1] + 1))):
        things = _with(rng, things, _kind(rng))
    alike = things is not None and len({(one.colour, one.shape) for one in things}) < len(things)
    return None if alike else things


def _kind(rng: np.random.Generator) -> Thing:
    return replace(groups.small(rng), size="large")


def _with(rng: np.random.Generator, things: Things | None, kind: Thing) -> Things | None:
    """The scene with one more object; None where there is no room."""
    placed = None if things is None else groups.put(rng, things, kind)
    return None if placed is None else (*things, placed)


def _what(thing: Thing) -> What:
    return What(None, thing.colour, None, thing.shape)


def _unwanted(rng: np.random.Generator, size: Size, core: Core) -> tuple[list[Things], list[Asked]] | None:
    """A scene, and the same with one object more, with another, and with both: either is wanted, the other is not.

    The unwanted object may be there before.
    """
    base, kinds = _base(rng, core, (size.least, size.most)), [_kind(rng), _kind(rng)]
    first, second = map(_what, kinds)
    both = _with(rng, _with(rng, base, kinds[0]), kinds[1])
    if base is None or both is None or first == second or first.count(base) or second.count(base):
        return None
    ways = [base, (*base, both[-2]), (*base, both[-1]), both]
    scenes = [groups.nudge(rng, things, 0.1) if copy else things for things in ways for copy in range(size.again)]
    rows = [tuple(range(way * size.again, (1 + way) * size.again)) for way in range(len(ways))]
    queries = []
    for wanted, unwanted, with_wanted, with_unwanted in ((first, second, 1, 2), (second, first, 2, 1)):
        ask, avoid = f"add {an(str(wanted))}", an(str(unwanted))
        for start in (0, with_unwanted):
            words = f"{ask} without {avoid}"
            queries.append(Asked(rows[start][0], ask, avoid, None, words, rows[with_wanted], rows[3]))
    return scenes, queries


def _elsewhere(rng: np.random.Generator, size: Size, core: Core) -> tuple[list[Things], list[Asked]] | None:
    """A scene, and the same with each of its objects in turn exchanged for one and the same new kind."""
    base, new = _base(rng, core, (size.least + 1, size.most + 1)), _kind(rng)
    if base is None or _what(new).count(base):
        return None

    def exchanged(number: int) -> Things:
        put = replace(base[number], shape=new.shape, colour=new.colour, material=new.material)
        return (*base[:number], put, *base[number + 1 :])

    ways = [base, *(exchanged(number) for number in range(len(base)))]
    scenes = [things for things in ways for _ in range(size.again)]
    rows = [tuple(range(way * size.again, (1 + way) * size.again)) for way in range(len(ways))]
    target, queries = an(str(_what(new))), []
    for number, thing in enumerate(base):
        others = tuple(row for way, mine in enumerate(rows) if way not in (0, 1 + number) for row in mine)
        words = f"change the {_what(thing)} to {target}"
        queries.append(Asked(0, f"change it to {target}", None, number, words, rows[1 + number], others))
    return scenes, queries


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
                record["mask"] = f"{MASKS}/{query.reference:06d}-{query.thing}.png"
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
