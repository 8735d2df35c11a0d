"""CSS: "make yellow sphere small". The official format, read and written; a world of the same kind, drawn here.

Vo et al. 2019 (TIRG), MAAF §3.1: 18,012 train and 18,057 test queries over scenes of a 3 x 3 grid. A hit is any
picture with the label of the target, since several may show the same scene; the reference is left out of the ranking.
"""

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import arrays, photos, pictured
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Images, Query, Select, Triplets
from cirkit.worlds import publish as publishing
from cirkit.worlds.language import TEMPLATES, Add, Edit, draw, possible
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, PALETTES, PLACES, SHAPES, SPACING, Scene, Thing, sample, stand, table
from cirkit.worlds.scene import SIZES as THINGS

FILE = "css_toy_dataset_novel2_small.dup.npy"
SPLITS = ("train", "test")
OFFICIAL = {  # counted in the published sentences; pictures: 1,000 references and a target per pair
    "train": {"sentences": 6004, "pairs": 18012, "pictures": 19012},
    "test": {"sentences": 6019, "pairs": 18057, "pictures": 19057},
}
TRIES = 3000  # draws before a sentence is given up
HOLD = 1 << 30  # bytes of pictures that a split may take in memory; beyond, they are decoded when asked for
CROP = 224  # side of pictures decoded when asked for
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CSS world."""

    references: int  # pictures to start from, per split
    mods: int  # distinct sentences per split
    pairs: int = 3  # references that a sentence is applied to, where so many allow it; the real CSS has 3 throughout
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # things in a reference
    most: int = 6
    jitter: float = 0.1  # of a cell's side, by which things stand off their middles
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(references=40, mods=40, image=32),
    "live": Size(references=300, mods=600),
    "cpu": Size(references=1000, mods=6004),
    "gpu": Size(references=1000, mods=6019, image=96),
}


@dataclass(frozen=True)
class Mod:
    """One sentence and the numbers of the pictures it leads from and to."""

    edit: Edit
    source: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """One half of a world: row i of `scenes` is picture i; two rows with one label show the same scene."""

    scenes: list[Scene]
    labels: list[int]
    mods: list[Mod]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Split]:
    """Both halves, from the size alone; no scene of one (jitter aside) is in the other."""
    train = _split(size, "train", frozenset())
    return {"train": train, "test": _split(size, "test", frozenset(scene.key for scene in train.scenes))}


def _split(size: Size, split: str, taken: frozenset) -> Split:
    """Sample references, then sentences in CSS's proportions, then for each the references it can be said of."""
    rng = np.random.default_rng([size.seed, SPLITS.index(split)])

    def dress(things: tuple[Thing, ...]) -> Scene:
        return Scene(things, int(rng.integers(1 << 62)), size.camera, size.light)

    scenes: list[Scene] = []
    while len(scenes) < size.references:
        scene = dress(sample(rng, PALETTES[split], (size.least, size.most), size.jitter))
        if scene.key not in taken:
            scenes.append(scene)
    rows, mods, said = table(scenes), [], set()
    templates, chance = list(TEMPLATES), np.array(list(TEMPLATES.values()))
    plan = np.resize(rng.permutation(np.repeat(np.arange(len(chance)), chance)), size.mods).tolist()
    for number, planned in enumerate(plan):
        for attempt in range(TRIES):
            # a template all of whose sentences are said, or fit too few references, gives way to another
            template = planned if attempt < 60 else rng.choice(len(chance), p=chance / chance.sum())
            near = scenes[rng.integers(size.references)].things
            edit = draw(rng, templates[template], near[rng.integers(len(near))])
            if str(edit) in said:
                continue
            fitting = np.nonzero(possible(edit, rows))[0]
            found = [] if attempt < 30 and len(fitting) < size.pairs else rng.permutation(fitting).tolist()
            source, made = [], []
            for reference in found:
                scene = dress(_edited(rng, edit, scenes[reference], size.jitter).things)
                if not taken or scene.key not in taken:
                    source.append(reference)
                    made.append(scene)
                if len(source) == size.pairs:
                    break
            if source:
                break
        else:
            raise Problem(f"{size} leaves only {number} sentences to say. Ask for fewer mods or more references.")
        said.add(str(edit))
        mods.append(Mod(edit, tuple(source), tuple(range(len(scenes), len(scenes) + len(made)))))
        scenes.extend(made)
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
    """The scenes of a split; row i is picture i of the gallery."""
    return world(size)[split].scenes


def labels(size: Size, split: str) -> list[int]:
    """Per picture, the number of the first picture that shows the same scene."""
    return world(size)[split].labels


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "css", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.place(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """The object file and the pictures."""
    from PIL import Image

    content = {}
    (folder / "images").mkdir()
    for split, half in world(size).items():
        content[split] = {
            "objects_img": [[_object(thing) for thing in scene.things] for scene in half.scenes],
            "mods": [{"from": [*mod.source], "to": [*mod.target], "to_str": str(mod.edit)} for mod in half.mods],
            "labels": half.labels,
        }
        for start in range(0, len(half.scenes), 512):
            drawn = render(half.scenes[start : start + 512], size.image).images.permute(0, 2, 3, 1).numpy()
            for row, pixels in enumerate(drawn, start):
                Image.fromarray(pixels).save(_image(folder, split, row), compress_level=1)
    held = np.empty((), object)
    held[()] = content
    buffer = io.BytesIO()
    np.save(buffer, held, allow_pickle=True)
    write_atomically(folder / FILE, buffer.getvalue())


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


def _image(root: Path, split: str, row: int) -> Path:
    return root / "images" / f"css_{split}_{row:06d}.png"


@dataclass(frozen=True)
class _Table:
    """One split of the object file, checked: parallel lists, one entry per (from, to) pair; labels per picture."""

    source: list[int]
    target: list[int]
    text: list[str]
    labels: list[int]


def _table(root: Path, split: str) -> _Table:
    """Read and check one split. Raises Problem that names file and record."""
    path = root / FILE
    content = arrays.load(path)
    part = content.get(split) if isinstance(content, dict) else None
    if not isinstance(part, dict) or not isinstance(part.get("mods"), list):
        raise Problem(f"{path} has no split {split!r} with a list of mods. Check that it is the CSS object file.")
    objects = part.get("objects_img")
    if not isinstance(objects, (list, np.ndarray)) or len(objects) == 0:
        raise Problem(f"{path}: split {split!r} lists no pictures (objects_img). Check that it is the CSS object file.")
    marks = part.get("labels", range(len(objects)))  # an older file has none: then every picture is its own label
    marks = marks.tolist() if isinstance(marks, np.ndarray) else marks
    if (
        not isinstance(marks, (list, tuple, range))
        or len(marks) != len(objects)
        or not all(isinstance(mark, (int, str)) for mark in marks)
    ):
        raise Problem(f"{path}: split {split!r} needs a label per picture. Download the file again.")
    numbers: dict[Any, int] = {}
    read = _Table([], [], [], [numbers.setdefault(mark, len(numbers)) for mark in marks])
    for record, mod in enumerate(part["mods"]):
        where = f"{path}: {split} mods[{record}]"
        if not isinstance(mod, dict) or not isinstance(mod.get("to_str"), str) or not mod["to_str"].strip():
            raise Problem(f"{where} has no sentence (to_str). Mend the record.")
        ends = [mod.get(end) for end in ("from", "to")]
        ends = [end.tolist() if isinstance(end, np.ndarray) else end for end in ends]
        if not all(isinstance(end, list) for end in ends) or len(ends[0]) != len(ends[1]) or not ends[0]:
            raise Problem(f"{where} needs lists 'from' and 'to' of one length. Mend the record.")
        for number in ends[0] + ends[1]:
            if type(number) is not int or not 0 <= number < len(objects):
                raise Problem(f"{where} names picture {number!r}; there are 0 to {len(objects) - 1}. Mend the record.")
        if any(source == target for source, target in zip(*ends, strict=True)):
            raise Problem(f"{where} leads from a picture to itself. Mend the record.")
        read.source.extend(ends[0])
        read.target.extend(ends[1])
        read.text.extend([mod["to_str"]] * len(ends[0]))
    if not read.text:
        raise Problem(f"{path}: split {split!r} has no mods. Check that it is the CSS object file.")
    return read


def _images(root: Path, split: str, count: int) -> Images:
    """The pictures of a split: in memory where they fit, else decoded when asked for."""
    paths = [_image(root, split, row) for row in range(count)]
    width, height = photos.decode(paths[0]).size
    return photos.stack(paths) if 3 * width * height * count <= HOLD else photos.Files(paths, CROP)


def train(root: Path | str) -> Triplets:
    """The train pairs of a CSS folder, one per (from, to)."""
    root = Path(root)
    read = _table(root, "train")
    images = _images(root, "train", len(read.labels))
    source, target = torch.tensor(read.source), torch.tensor(read.target)
    query = Query(image=Select(images, source), text=read.text)
    return Triplets(query=query, target=Select(images, target), reference=source)


def test(root: Path | str) -> Benchmark:
    """The test queries of a CSS folder, one per (from, to), against all test pictures.

    Right answers are all pictures with the target's label but the reference, which the protocol excludes.
    """
    root = Path(root)
    read = _table(root, "test")
    images = _images(root, "test", len(read.labels))
    alike: dict[int, list[int]] = {}
    for row, label in enumerate(read.labels):
        alike.setdefault(label, []).append(row)
    return Benchmark(
        name="css",
        query=Query(image=Select(images, torch.tensor(read.source)), text=read.text),
        gallery=images,
        relevant=[
            [row for row in alike[read.labels[target]] if row != source]
            for source, target in zip(read.source, read.target, strict=True)
        ],
        excluded=[[source] for source in read.source],
    )


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size))


@lru_cache(maxsize=2)
def world_test(size: Size) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many pictures are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    made, size = publishing.made_by(root), None
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / publishing.MANIFEST} does not describe a CSS world. Publish it again.") from error
        if manifest(size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
    lines: list[pictured.Line] = []
    for split in SPLITS:
        read = _table(root, split)
        expected = dict(OFFICIAL[split])
        if size is not None:
            half = world(size)[split]
            pairs = sum(len(mod.source) for mod in half.mods)
            expected = {"sentences": len(half.mods), "pairs": pairs, "pictures": len(half.scenes)}
        paths = [_image(root, split, row) for row in range(len(read.labels))]
        there = {path.name: path.is_file() for path in paths}
        found = {"sentences": len(set(read.text)), "pairs": len(read.text), "pictures": sum(there.values())}
        lines += [pictured.line(split, part, expected[part], count) for part, count in found.items()]
        lines[-1].gone = pictured.gone(there, None)
    return lines
