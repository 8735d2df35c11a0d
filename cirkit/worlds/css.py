"""The CSS world: scenes of simple objects, edits of one object, and CSS's files of both.

Vo et al. 2019 (TIRG), MAAF §3.1. Templates come in CSS's proportions, and no scene of one split is in the other.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.css import FILE, SPLITS, image_name
from cirkit.benchmarks.pictured import Counts
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.worlds.image_files import save
from cirkit.worlds.language import TEMPLATES, Add, Edit, draw, possible
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, PALETTES, PLACES, SHAPES, SPACING, Scene, Thing, sample, stand, table
from cirkit.worlds.scene import SIZES as THINGS

TRIES = 3000  # draws before a text is given up


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CSS world."""

    references: int  # images to start from, per split
    mods: int  # distinct texts per split
    pairs: int = 3  # references that a text is applied to, where so many allow it; the real CSS has 3 throughout
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # things in a reference
    most: int = 6
    jitter: float = 0.1  # of a cell's side, by which things stand off their middles
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(references=40, mods=40, image=32),
    "live": Size(references=300, mods=600),
    "cpu": Size(references=1000, mods=6004),
    "gpu": Size(references=1000, mods=6019, image=96),
}


@dataclass(frozen=True)
class Mod:
    """One text and the numbers of the images it leads from and to."""

    edit: Edit
    source: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """One half of a world: row i of `scenes` is image i; two rows with one label show the same scene."""

    scenes: list[Scene]
    labels: list[int]
    mods: list[Mod]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Split]:
    """Both halves, from the size alone; no scene of one (jitter aside) is in the other."""
    train = _split(size, "train", frozenset())
    return {"train": train, "test": _split(size, "test", frozenset(scene.key for scene in train.scenes))}


def _split(size: Size, split: str, taken: frozenset) -> Split:
    """Sample references, then texts in CSS's proportions, then for each the references that it fits."""
    rng = np.random.default_rng([size.seed, SPLITS.index(split)])

    def dress(things: tuple[Thing, ...]) -> Scene:
        return Scene(things, int(rng.integers(1 << 62)), size.camera, size.light)

    scenes: list[Scene] = []
    while len(scenes) < size.references:
        scene = dress(sample(rng, PALETTES[split], (size.least, size.most), size.jitter))
        if scene.key not in taken:
            scenes.append(scene)
    rows, mods, texts = table(scenes), [], set()
    templates, chance = list(TEMPLATES), np.array(list(TEMPLATES.values()))
    plan = np.resize(rng.permutation(np.repeat(np.arange(len(chance)), chance)), size.mods).tolist()
    for number, planned in enumerate(plan):
        for attempt in range(TRIES):
            # a template all of whose texts are taken, or fit too few references, gives way to another
            template = planned if attempt < 60 else rng.choice(len(chance), p=chance / chance.sum())
            near = scenes[rng.integers(size.references)].things
            edit = draw(rng, templates[template], near[rng.integers(len(near))])
            if str(edit) in texts:
                continue
            fitting = np.nonzero(possible(edit, rows))[0]
            candidates = [] if attempt < 30 and len(fitting) < size.pairs else rng.permutation(fitting).tolist()
            source, targets = [], []
            for reference in candidates:
                scene = dress(_edited(rng, edit, scenes[reference], size.jitter).things)
                if not taken or scene.key not in taken:
                    source.append(reference)
                    targets.append(scene)
                if len(source) == size.pairs:
                    break
            if source:
                break
        else:
            raise Problem(f"{size} leaves only {number} texts. Ask for fewer mods or more references.")
        texts.add(str(edit))
        mods.append(Mod(edit, tuple(source), tuple(range(len(scenes), len(scenes) + len(targets)))))
        scenes.extend(targets)
    first: dict[Any, int] = {}
    return Split(scenes, [first.setdefault(scene.key, row) for row, scene in enumerate(scenes)], mods)


def _edited(rng: np.random.Generator, edit: Edit, scene: Scene, jitter: float) -> Scene:
    """The scene after the edit; what `add` leaves open is drawn."""
    if not isinstance(edit, Add):
        return edit.apply(scene)
    taken, what = {thing.cell for thing in scene.things}, edit.what
    free = [place for cell, place in enumerate(PLACES) if cell not in taken]

    def pick(names: Sequence[str]) -> str:
        return names[rng.integers(len(names))]

    shape, colour, size = (
        what.shape or pick(SHAPES),
        what.colour or pick(tuple(COLOURS)),
        what.size or pick(tuple(THINGS)),
    )
    cell = PLACES.index(what.place or pick(free))
    return edit.apply(scene, stand(rng, shape, colour, size, cell, jitter))


def scenes(size: Size, split: str) -> list[Scene]:
    """The scenes of a split; row i is image i of the gallery."""
    return world(size)[split].scenes


def labels(size: Size, split: str) -> list[int]:
    """Per image, the number of the first image that shows the same scene."""
    return world(size)[split].labels


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def write(folder: Path, size: Size) -> Counts:
    """The object file and the images."""
    content = {}
    for split, half in world(size).items():
        content[split] = {
            "objects_img": [[_object(thing) for thing in scene.things] for scene in half.scenes],
            "mods": [{"from": [*mod.source], "to": [*mod.target], "to_str": str(mod.edit)} for mod in half.mods],
            "labels": half.labels,
        }
        for start in range(0, len(half.scenes), 512):
            pixels = render(half.scenes[start : start + 512], size.image).images
            save(folder, [f"images/{image_name(split, start + row)}" for row in range(len(pixels))], pixels)
    whole = np.empty((), object)
    whole[()] = content
    buffer = io.BytesIO()
    np.save(buffer, whole, allow_pickle=True)
    write_atomically(folder / FILE, buffer.getvalue())
    return {
        split: {
            "texts": len(half.mods),
            "pairs": sum(len(mod.source) for mod in half.mods),
            "images": len(half.scenes),
        }
        for split, half in world(size).items()
    }


def _object(thing: Thing) -> dict[str, Any]:
    """A thing in the official keys (pos: down and across, 0 to 1), and what else drew it, which readers ignore."""
    return {
        "shape": thing.shape,
        "color": thing.colour,
        "size": thing.size,
        "pos": [0.5 - thing.y / (3 * SPACING), 0.5 + thing.x / (3 * SPACING)],
        "rotation": thing.rotation,
        "material": thing.material,
    }


CSS = World(name="css", version=1, sizes=SIZES, write=write, images=images)
