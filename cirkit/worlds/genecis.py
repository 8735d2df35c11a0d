"""Synthetic GeneCIS: things on the ground, queried by colour, material or shape, or by what else is in the image.

Vaze et al. 2023: focus keeps what the condition names and lets the rest differ, change keeps the rest. Distractors
meet one half of a query and never both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.genecis import TASKS
from cirkit.errors import Problem
from cirkit.worlds import groups
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, Scene, Thing

CONDITIONS = {"color": "colour", "material": "material", "shape": "shape"}  # as GeneCIS says it -> as a thing has it
LEAST = 9  # pixels of the shorter side of a box, at 96 pixels an image


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a GeneCIS world."""

    templates: int  # per task
    crowded: int  # images whose things are queried by attribute
    families: int  # first scenes for the object tasks, each with four that add one thing
    image: int = 96  # pixels
    seed: int = 0
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(templates=12, crowded=40, families=24, image=48),
    "cpu": Size(templates=600, crowded=700, families=400),
    "gpu": Size(templates=2000, crowded=3000, families=900, image=128),
}


def _pick(rng: np.random.Generator, names: Sequence[Any]) -> Any:
    return names[rng.integers(len(names))]


def _things(rng: np.random.Generator, kinds: list[tuple[str, str]], size: str | None) -> groups.Things | None:
    """Things of these shapes and colours at free places; None where they do not fit."""
    things: groups.Things = ()
    for shape, colour in kinds:
        large = size or _pick(rng, ("small", "large"))
        placed = groups.put(rng, things, Thing(shape, colour, large, 0.0, 0.0, 0.0, _pick(rng, MATERIALS)))
        if placed is None:
            return None
        things = (*things, placed)
    return things


def _scene(rng: np.random.Generator, size: Size, kinds: list[tuple[str, str]], large: str | None) -> Scene:
    while True:
        things = _things(rng, kinds, large)
        if things is not None:
            return groups.dress(rng, things, size.camera, size.light)


@lru_cache(maxsize=4)
def scenes(size: Size, split: str) -> list[Scene]:
    """The images of a folder. `val2017`: 5 k is a first scene, 5 k + 1 to 5 k + 4 hold its things and one more."""
    if split == "VG_100K_all":
        rng = np.random.default_rng([size.seed, 11])
        return [
            _scene(rng, size, [(_pick(rng, SHAPES), _pick(rng, tuple(COLOURS))) for _ in range(4)], "large")
            for _ in range(size.crowded)
        ]
    rng = np.random.default_rng([size.seed, 12])
    every = [(shape, colour) for shape in SHAPES for colour in COLOURS]
    found = []
    for _ in range(size.families):
        chosen = [every[i] for i in rng.permutation(len(every))[:7].tolist()]
        found += [_scene(rng, size, chosen[:3] + more, None) for more in ([], *([one] for one in chosen[3:]))]
    return found


def count(size: Size, split: str) -> int:
    """How many images a folder holds."""
    return size.crowded if split == "VG_100K_all" else 5 * size.families


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a folder (`VG_100K_all` or `val2017`): the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def file_name(split: str, row: int) -> str:
    """The name of an image's file."""
    return f"{2_000_001 + 3 * row}.jpg" if split == "VG_100K_all" else f"{139 + 7 * row:012d}.jpg"


@dataclass(frozen=True)
class Part:
    """One thing that is seen well enough to be queried."""

    row: int
    thing: Thing
    box: tuple[float, float, float, float]  # left, top, width, height

    def record(self) -> dict[str, Any]:
        """As GeneCIS writes it."""
        return {"image_id": file_name("VG_100K_all", self.row).removesuffix(".jpg"), "instance_bbox": [*self.box]}


@lru_cache(maxsize=2)
def parts(size: Size) -> list[Part]:
    """All things of the crowded images that show enough of themselves.

    People's boxes miss the edges a little and lie between pixels; a few begin outside of the image.
    """
    found, chosen, rng = [], scenes(size, "VG_100K_all"), np.random.default_rng([size.seed, 14])
    least = LEAST * size.image / 96
    for start in range(0, len(chosen), 256):
        boxes = render(chosen[start : start + 256], size.image).boxes.tolist()
        for row, lines in enumerate(boxes, start):
            for thing, (left, top, right, bottom) in zip(chosen[row].things, lines, strict=True):
                if min(right - left, bottom - top) >= least:
                    left, top, right, bottom = np.add((left, top, right, bottom), rng.uniform(-0.6, 0.6, 4)).round(2)
                    found.append(Part(row, thing, (left, top, round(right - left, 2), round(bottom - top, 2))))
    return found


@lru_cache(maxsize=2)
def records(size: Size) -> dict[str, list[dict[str, Any]]]:
    """The four files, as lists of records."""
    rng = np.random.default_rng([size.seed, 13])
    held = scenes(size, "val2017")
    kinds = [frozenset((thing.shape, thing.colour) for thing in scene.things) for scene in held]
    makers: dict[str, Callable[[np.random.Generator], dict[str, Any] | None]] = {
        "focus_attribute": lambda rng: _focus_attribute(rng, parts(size)),
        "change_attribute": lambda rng: _change_attribute(rng, parts(size)),
        "focus_object": lambda rng: _focus_object(rng, kinds),
        "change_object": lambda rng: _change_object(rng, kinds),
    }
    return {name: _several(rng, size.templates, make, name) for name, make in makers.items()}


def _several(
    rng: np.random.Generator, wanted: int, make: Callable[[np.random.Generator], dict[str, Any] | None], name: str
) -> list[dict[str, Any]]:
    """`wanted` records; some attempts find too few distractors and are dropped."""
    found = []
    for _ in range(20 * wanted):
        record = make(rng)
        if record is not None:
            found.append(record)
        if len(found) == wanted:
            return found
    raise Problem(f"The world has only {len(found)} of {wanted} templates for {name}. Ask for more images.")


def _record(condition: str, reference: Any, target: Any, gallery: list[Any]) -> dict[str, Any]:
    """The official keys, in the official order."""
    return {"condition": condition, "gallery": gallery, "reference": reference, "target": target}


def _mix(rng: np.random.Generator, near: list[Any], far: list[Any], total: int) -> list[Any] | None:
    """`total` of both, half and half where there are enough, in a random order; None where there are too few."""
    near = [near[i] for i in rng.permutation(len(near))[:total].tolist()]
    far = [far[i] for i in rng.permutation(len(far))[:total].tolist()]
    few = min(len(near), max(total // 2, total - len(far)))
    mixed = near[:few] + far[: total - few]
    return [mixed[i] for i in rng.permutation(total).tolist()] if len(mixed) == total else None


def _sample(rng: np.random.Generator, items: list[Any], limit: int = 400) -> list[Any]:
    """Up to `limit` of the items, so that a large world costs no more per template."""
    return [items[i] for i in rng.choice(len(items), min(limit, len(items)), replace=False).tolist()]


def _focus_attribute(rng: np.random.Generator, items: list[Part]) -> dict[str, Any] | None:
    """The target shares the attribute named; distractors do not, though half of them share another."""
    condition = _pick(rng, tuple(CONDITIONS))
    aspect, others = CONDITIONS[condition], [name for key, name in CONDITIONS.items() if key != condition]
    mine: Part = _pick(rng, items)
    pool = [part for part in _sample(rng, items) if part.row != mine.row]

    def same(part: Part, name: str) -> bool:
        return getattr(part.thing, name) == getattr(mine.thing, name)

    targets = [part for part in pool if same(part, aspect) and not all(same(part, name) for name in others)]
    wrong = [part for part in pool if not same(part, aspect)]
    near = [part for part in wrong if all(same(part, name) for name in others)]
    gallery = _mix(rng, near, [part for part in wrong if part not in near], 9)
    if not targets or gallery is None:
        return None
    target: Part = _pick(rng, targets)
    return _record(condition, mine.record(), target.record(), [part.record() for part in gallery])


def _change_attribute(rng: np.random.Generator, items: list[Part]) -> dict[str, Any] | None:
    """The target is the same but for the attribute named; distractors have it and differ, or are the same without."""
    mine: Part = _pick(rng, items)
    aspect = _pick(rng, tuple(CONDITIONS.values()))
    names = {"colour": tuple(COLOURS), "material": MATERIALS, "shape": SHAPES}[aspect]
    word = _pick(rng, [name for name in names if name != getattr(mine.thing, aspect)])
    wish = replace(mine.thing, **{aspect: word})

    def alike(part: Part, thing: Thing) -> bool:
        mine_, yours = part.thing, thing
        return (mine_.shape, mine_.colour, mine_.material) == (yours.shape, yours.colour, yours.material)

    pool = [part for part in _sample(rng, items, 1200) if part.row != mine.row]
    targets = [part for part in pool if alike(part, wish)]
    having = [part for part in pool if getattr(part.thing, aspect) == word and not alike(part, wish)]
    gallery = _mix(rng, [part for part in pool if alike(part, mine.thing)], having, 14)
    if not targets or gallery is None:
        return None
    target: Part = _pick(rng, targets)
    return _record(word, mine.record(), target.record(), [part.record() for part in gallery])


def _whole(row: int) -> dict[str, Any]:
    return {"val_image_id": int(file_name("val2017", row).removesuffix(".jpg"))}


def _focus_object(rng: np.random.Generator, kinds: list[frozenset]) -> dict[str, Any] | None:
    """The target shows the thing named, from another family; distractors show other things of the reference."""
    row = int(rng.integers(len(kinds)))
    shape, colour = _pick(rng, sorted(kinds[row]))
    pool = [other for other in _sample(rng, [*range(len(kinds))]) if other // 5 != row // 5]
    targets = [other for other in pool if (shape, colour) in kinds[other]]
    wrong = [other for other in pool if (shape, colour) not in kinds[other]]
    near = [other for other in wrong if kinds[other] & kinds[row]]
    gallery = _mix(rng, near, [other for other in wrong if not kinds[other] & kinds[row]], 14)
    if not targets or gallery is None:
        return None
    target = int(_pick(rng, targets))
    return _record(f"{colour} {shape}", _whole(row), _whole(target), [_whole(other) for other in gallery])


def _change_object(rng: np.random.Generator, kinds: list[frozenset]) -> dict[str, Any] | None:
    """The target shows what the reference does and the thing named; distractors show either."""
    row = 5 * int(rng.integers(len(kinds) // 5))
    target = row + 1 + int(rng.integers(4))
    shape, colour = next(iter(kinds[target] - kinds[row]))
    pool = [other for other in _sample(rng, [*range(len(kinds))]) if other // 5 != row // 5]
    having = [other for other in pool if (shape, colour) in kinds[other] and len(kinds[other] & kinds[row]) < 2]
    family = [other for other in range(row + 1, row + 5) if other != target]
    near = family + [o for o in pool if (shape, colour) not in kinds[o] and len(kinds[o] & kinds[row]) == 2]
    gallery = _mix(rng, having, near, 14)
    if gallery is None:
        return None
    return _record(f"{colour} {shape}", _whole(row), _whole(target), [_whole(other) for other in gallery])


def write(folder: Path, size: Size) -> dict[str, dict[str, int]]:
    """The four files and two folders of images."""
    counts = {}
    for name, templates in records(size).items():
        write_json(folder / f"{name}.json", templates)
        items = [item for t in templates for item in (t["reference"], t["target"], *t["gallery"])]
        key = "image_id" if TASKS[name].boxed else "val_image_id"
        counts[name] = {"templates": len(templates), "images": len({item[key] for item in items})}
    for split in ("VG_100K_all", "val2017"):
        for start in range(0, count(size, split), 512):
            part = range(start, min(count(size, split), start + 512))
            save(folder / split, [file_name(split, row) for row in part], images(size, split, part))
    return counts


GENECIS = World(name="genecis", version=2, sizes=SIZES, write=write, images=images)
