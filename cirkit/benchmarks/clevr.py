"""CLEVR: questions about scenes of solids, each with the program that answers it. The official format; a world of it.

Johnson et al. 2017, the data of the attention paper's MAC experiments: 70,000 / 15,000 / 15,000 pictures with about ten
questions each; scenes, programs and answers of the test split are not published. A world of the same kind, drawn here.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.errors import Problem
from cirkit.query import Images
from cirkit.worlds import publish as publishing
from cirkit.worlds.families import Asked, Balance, ask
from cirkit.worlds.programs import (
    ATTRIBUTES,
    RELATIONS,
    Graph,
    Invalid,
    Node,
    Program,
    answer,
    directions,
    fault,
    kind,
    scatter,
    seen_at,
    spelled,
)
from cirkit.worlds.programs import graph as graph_of
from cirkit.worlds.render import render
from cirkit.worlds.scene import SIZES as RADII
from cirkit.worlds.scene import Scene

SPLITS = ("train", "val", "test")
OFFICIAL = {
    "train": {"pictures": 70000, "questions": 699989},
    "val": {"pictures": 15000, "questions": 149991},
    "test": {"pictures": 15000, "questions": 149988},
}
HOLD = 1 << 30  # bytes of pictures that a split may take in memory; beyond, they are decoded when asked for
SIDE = 224  # of pictures decoded when asked for
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CLEVR world."""

    train: int  # pictures
    val: int
    test: int
    questions: int = 10  # per picture
    image: int = 96  # pixels
    seed: int = 0
    least: int = 3  # things in a picture
    most: int = 10
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=20, val=8, test=8, questions=4, image=48),
    "cpu": Size(train=4000, val=500, test=500),
    "gpu": Size(train=30000, val=3000, test=3000, image=128),
}


@lru_cache(maxsize=6)
def scenes(size: Size, split: str) -> list[Scene]:
    """The scenes of a split of the world, each from its own number; row i is picture i."""
    chosen = [np.random.default_rng([size.seed, SPLITS.index(split), row]) for row in range(getattr(size, split))]
    return [scatter(rng, size.least, size.most, size.camera, size.light) for rng in chosen]


@lru_cache(maxsize=6)
def asked(size: Size, split: str) -> list[list[Asked]]:
    """The questions of a split of the world, per scene; answers are balanced over the split."""
    rng, balance = np.random.default_rng([size.seed, SPLITS.index(split)]), Balance()
    return [ask(graph_of(scene), rng, balance, size.questions) for scene in scenes(size, split)]


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same pixels as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "clevr", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """Pictures, scenes and questions; of the test split neither scenes nor programs and answers."""
    from PIL import Image

    for split in SPLITS:
        (folder / "images" / split).mkdir(parents=True)
        chosen, info = scenes(size, split), {"split": split, "version": "1.0", "license": "world"}
        for start in range(0, len(chosen), 512):
            drawn = render(chosen[start : start + 512], size.image).images.permute(0, 2, 3, 1).numpy()
            for row, pixels in enumerate(drawn, start):
                Image.fromarray(pixels).save(folder / "images" / split / _name(split, row), compress_level=1)
        if split != "test":
            records = [_scene(scene, split, row, size.image) for row, scene in enumerate(chosen)]
            write_json(_scenes(folder, split), {"info": info, "scenes": records})
        records = []
        for row, questions in enumerate(asked(size, split)):
            for question in questions:
                records.append(_question(question, split, row, len(records)))
        write_json(_questions(folder, split), {"info": info, "questions": records})


def _name(split: str, row: int) -> str:
    return f"CLEVR_{split}_{row:06d}.png"


def _scenes(root: Path, split: str) -> Path:
    return root / "scenes" / f"CLEVR_{split}_scenes.json"


def _questions(root: Path, split: str) -> Path:
    return root / "questions" / f"CLEVR_{split}_questions.json"


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
        "image_filename": _name(split, row),
        "split": split,
        "directions": {**ways, "above": [0.0, 0.0, 1.0], "below": [0.0, 0.0, -1.0]},
        "relationships": {name: [list(those) for those in lists] for name, lists in graph.relations.items()},
        "objects": objects,
    }


def _question(question: Asked, split: str, row: int, number: int) -> dict[str, Any]:
    """A question in the official keys."""
    record: dict[str, Any] = {"image_index": row, "image_filename": _name(split, row), "split": split}
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


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Questions about pictures; row i of every part belongs to question i. Of the test split only the questions."""

    pictures: Images
    about: Int[Tensor, " q"]  # the row in `pictures` of each question
    text: tuple[str, ...]
    answers: tuple[str, ...] | None
    programs: tuple[Program, ...] | None
    image_index: tuple[int, ...]
    dropped: int = 0  # questions left out because their picture is missing

    def __len__(self) -> int:
        return len(self.text)

    @property
    def kinds(self) -> tuple[str, ...] | None:
        """The type of each question: exist, count, compare integer, compare attribute or query attribute."""
        return None if self.programs is None else tuple(kind(program) for program in self.programs)


def read(root: Path | str, split: str) -> Questions:
    """The questions of a split with their pictures; those whose picture is missing are dropped and counted.

    The generator's own spelling is read, too: nodes with `type` and `side_inputs`, answers that are no strings.
    """
    root = Path(root)
    path = _known(root, split)
    text, said, programs, about, files = [], [], [], [], {}
    dropped, there = 0, {}
    for number, record in enumerate(need(read_json(path, dict), "questions", list, path, "top")):
        name, row = need(record, "image_filename", str, path, number), need(record, "image_index", int, path, number)
        question = need(record, "question", str, path, number)
        if not question.strip():
            raise record_error(path, number, "asks nothing")
        if files.setdefault(row, name) != name:
            raise record_error(path, number, f"gives picture {row} a second name")
        if split != "test":
            given = need(record, "answer", (str, bool, int), path, number)
            program = _program(record, path, number)
        if name not in there:
            there[name] = image_path(root / "images" / split, name).is_file()
        if not there[name]:
            dropped += 1
            continue
        text.append(question)
        about.append(row)
        if split != "test":
            said.append(spelled(given))
            programs.append(program)
    if not text:
        raise Problem(f"{path} leaves no question whose picture is in {root / 'images' / split}. Get the pictures.")
    order = {row: i for i, row in enumerate(sorted(set(about)))}
    return Questions(
        pictures=_pictures([root / "images" / split / files[row] for row in order]),
        about=torch.tensor([order[row] for row in about]),
        text=tuple(text),
        answers=None if split == "test" else tuple(said),
        programs=None if split == "test" else tuple(programs),
        image_index=tuple(about),
        dropped=dropped,
    )


def _known(root: Path, split: str) -> Path:
    """The question file of a split. Raises Problem where there is no such split."""
    if split not in SPLITS:
        raise Problem(f"CLEVR has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    return _questions(root, split)


def _pictures(paths: list[Path]) -> Images:
    """Pictures in memory where they fit, else decoded when asked for."""
    width, height = photos.decode(paths[0]).size
    return photos.stack(paths) if 3 * width * height * len(paths) <= HOLD else photos.Files(paths, SIDE)


def _program(record: Any, path: Path, number: int) -> Program:
    """The program of a question, checked step by step."""
    nodes = []
    for part in need(record, "program", list, path, number):
        old = isinstance(part, dict) and "function" not in part  # as the generator writes it
        inputs = need(part, "inputs", list, path, number)
        key = "side_inputs" if old else "value_inputs"
        values = need(part, key, list, path, number) if isinstance(part, dict) and key in part else []
        if not all(type(i) is int for i in inputs) or len(values) > 1 or not all(isinstance(v, str) for v in values):
            raise record_error(path, number, "has a step whose inputs cannot be read")
        name = need(part, "type" if old else "function", str, path, number)
        nodes.append(Node(name, tuple(inputs), values[0] if values else None))
    wrong = fault(nodes)
    if wrong is not None:
        raise record_error(path, number, f"has a program that cannot run: {wrong}")
    return tuple(nodes)


def graphs(root: Path | str, split: str) -> dict[int, Graph]:
    """The scenes of a split by image_index. Raises Problem for things or relations that cannot be."""
    path, found = _scenes(Path(root), split), {}
    for number, record in enumerate(need(read_json(path, dict), "scenes", list, path, "top")):
        row, things = need(record, "image_index", int, path, number), []
        for part in need(record, "objects", list, path, number):
            things.append({name: need(part, name, str, path, number) for name in ATTRIBUTES})
        stated, relations = need(record, "relationships", dict, path, number), {}
        for name in RELATIONS:
            lists = need(stated, name, list, path, number)
            if len(lists) != len(things) or not all(
                isinstance(those, list) and all(type(i) is int and 0 <= i < len(things) for i in those)
                for those in lists
            ):
                raise record_error(path, number, f"has a relation {name!r} that does not fit its things")
            relations[name] = tuple(tuple(sorted(set(those))) for those in lists)
        if row in found:
            raise record_error(path, number, f"describes picture {row} a second time")
        found[row] = Graph(tuple(things), relations)
    return found


def disagreements(questions: Questions, graphs: dict[int, Graph]) -> list[int]:
    """The questions whose program, run on its scene, does not give the stated answer; none in sound files."""
    wrong = []
    for i, row in enumerate(questions.image_index):
        try:
            said = answer((questions.programs or ())[i], graphs[row])
        except (Invalid, KeyError, IndexError):
            said = None
        if questions.answers is None or said != questions.answers[i]:
            wrong.append(i)
    return wrong


def correct(said: Sequence[str], answers: Sequence[str]) -> Float[np.ndarray, " q"]:
    """1 where an answer is the stated one, else 0. Raises ValueError where the two differ in length."""
    return np.array([one == other for one, other in zip(said, answers, strict=True)], float)


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing."""
    made, size = pictured.manifest_of(root), None
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / pictured.MANIFEST} does not describe a CLEVR world. Publish it again.") from error
        if manifest(size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
    lines: list[pictured.Line] = []
    for split in SPLITS:
        path, expected = _questions(root, split), dict(OFFICIAL[split])
        if size is not None:
            expected = {"pictures": getattr(size, split), "questions": sum(map(len, asked(size, split)))}
        records = need(read_json(path, dict), "questions", list, path, "top")
        about = [need(record, "image_filename", str, path, number) for number, record in enumerate(records)]
        there = {name: image_path(root / "images" / split, name).is_file() for name in dict.fromkeys(about)}
        found = sum(1 for _ in (root / "images" / split).glob(f"CLEVR_{split}_*.png"))
        lines.append(pictured.line(split, "pictures", expected["pictures"], found))
        needs = pictured.Requirements(protocol="clevr", reference=None, others=[(name,) for name in about])
        lines[-1].gone = pictured.gone(there, [needs])
        lines.append(pictured.line(split, "questions", expected["questions"], len(records)))
    return lines
