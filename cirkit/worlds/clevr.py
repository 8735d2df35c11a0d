"""The CLEVR world: scenes of solids, questions about them with their programs, and CLEVR's files of both.

Johnson et al. 2017: scenes, programs and answers of the test split stay unpublished; answers are balanced over a split.
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
from cirkit.benchmarks.clevr import SPLITS, image_name, questions_path, scenes_path
from cirkit.benchmarks.pictured import Counts
from cirkit.worlds.clevr_scenes import directions, scatter, seen_at
from cirkit.worlds.clevr_scenes import graph as graph_of
from cirkit.worlds.families import Asked, Balance, ask
from cirkit.worlds.image_files import save
from cirkit.worlds.publish import World
from cirkit.worlds.render import render
from cirkit.worlds.scene import SIZES as RADII
from cirkit.worlds.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CLEVR world."""

    train: int  # images
    val: int
    test: int
    questions: int = 10  # per image
    image: int = 96  # pixels
    seed: int = 0
    least: int = 3  # objects in an image
    most: int = 10
    camera: float = 0.3  # world units, by which the camera strays from image to image
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=20, val=8, test=8, questions=4, image=48),
    "cpu": Size(train=4000, val=500, test=500),
    "gpu": Size(train=30000, val=3000, test=3000, image=128),
}


@lru_cache(maxsize=6)
def scenes(size: Size, split: str) -> list[Scene]:
    """The scenes of a split of the world, each from its own number; row i is image i."""
    chosen = [np.random.default_rng([size.seed, SPLITS.index(split), row]) for row in range(getattr(size, split))]
    return [scatter(rng, size.least, size.most, size.camera, size.light) for rng in chosen]


@lru_cache(maxsize=6)
def questions(size: Size, split: str) -> list[list[Asked]]:
    """The questions of a split of the world, per scene; answers are balanced over the split."""
    rng, balance = np.random.default_rng([size.seed, SPLITS.index(split)]), Balance()
    return [ask(graph_of(scene), rng, balance, size.questions) for scene in scenes(size, split)]


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same pixels as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def write(folder: Path, size: Size) -> Counts:
    """Images, scenes and questions; of the test split neither scenes nor programs and answers."""
    counts = {}
    for split in SPLITS:
        chosen, info = scenes(size, split), {"split": split, "version": "1.0", "license": "world"}
        for start in range(0, len(chosen), 512):
            part = range(start, min(start + 512, len(chosen)))
            names = [f"images/{split}/{image_name(split, row)}" for row in part]
            save(folder, names, images(size, split, part))
        if split != "test":
            records = [_scene(scene, split, row, size.image) for row, scene in enumerate(chosen)]
            write_json(scenes_path(folder, split), {"info": info, "scenes": records})
        records = []
        for row, mine in enumerate(questions(size, split)):
            for question in mine:
                records.append(_question(question, split, row, len(records)))
        write_json(questions_path(folder, split), {"info": info, "questions": records})
        counts[split] = {"images": len(chosen), "questions": len(records)}
    return counts


def _scene(scene: Scene, split: str, row: int, image: int) -> dict[str, Any]:
    """A scene in the official keys; rotations are degrees, the third coordinate the height of the centre."""
    graph, objects = graph_of(scene), []
    for thing, facts, seen in zip(scene.things, graph.things, seen_at(scene, image), strict=True):
        place = [thing.x, thing.y, RADII[thing.size] * (0.8 if thing.shape == "cube" else 1.0)]
        rotation = float(np.degrees(thing.rotation))
        objects.append({**facts, "3d_coords": place, "rotation": rotation, "pixel_coords": list(seen)})
    ways = {name: direction.tolist() for name, direction in directions(scene).items()}
    return {
        "image_index": row,
        "image_filename": image_name(split, row),
        "split": split,
        "directions": {**ways, "above": [0.0, 0.0, 1.0], "below": [0.0, 0.0, -1.0]},
        "relationships": {name: [list(those) for those in lists] for name, lists in graph.relations.items()},
        "objects": objects,
    }


def _question(question: Asked, split: str, row: int, number: int) -> dict[str, Any]:
    """A question in the official keys."""
    record: dict[str, Any] = {"image_index": row, "image_filename": image_name(split, row), "split": split}
    record |= {"question_index": number, "question": question.text}
    if split != "test":
        program = [
            {
                "function": node.function,
                "inputs": list(node.inputs),
                "value_inputs": [] if node.value is None else [node.value],
            }
            for node in question.program
        ]
        record |= {"program": program, "answer": question.answer, "question_family_index": question.family}
    return record


CLEVR = World(name="clevr", version=1, sizes=SIZES, write=write, images=images)
