"""CLEVR: questions about scenes of solids, each with the program that answers it, read from the official files.

Johnson et al. 2017, the data of the attention paper's MAC experiments: 70,000 / 15,000 / 15,000 images with about ten
questions each; scenes, programs and answers of the test split are not published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from cirkit import examples
from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.benchmarks.clevr_programs import (
    ATTRIBUTES,
    RELATIONS,
    Graph,
    Invalid,
    Node,
    Program,
    answer,
    fault,
    kind,
    spelled,
)
from cirkit.errors import Problem

SPLITS = ("train", "val", "test")
OFFICIAL = {
    "train": {"images": 70000, "questions": 699989},
    "val": {"images": 15000, "questions": 149991},
    "test": {"images": 15000, "questions": 149988},
}


def image_name(split: str, row: int) -> str:
    """The file name of an image below `images/<split>/`."""
    return f"CLEVR_{split}_{row:06d}.png"


def scenes_path(root: Path, split: str) -> Path:
    """Where the scenes of a split lie; those of `test` are not published."""
    return root / "scenes" / f"CLEVR_{split}_scenes.json"


def questions_path(root: Path, split: str) -> Path:
    """Where the questions of a split lie."""
    return root / "questions" / f"CLEVR_{split}_questions.json"


@dataclass(frozen=True, kw_only=True)
class Questions(examples.Questions):
    """Questions with one answer each, grouped by type; of the test split only the questions.

    Types are exist, count, compare integer, compare attribute and query attribute; `programs` are their steps.
    """

    programs: tuple[Program, ...] | None
    image_index: tuple[int, ...]
    dropped: int = 0  # questions left out because their image is missing


def read(root: Path | str, split: str) -> Questions:
    """The questions of a split with their images; those whose image is missing are dropped and counted.

    The generator's own spelling is read, too: nodes with `type` and `side_inputs`, answers that are no strings.
    """
    root = Path(root)
    path = _known(root, split)
    text, answers, programs, about, files = [], [], [], [], {}
    dropped, there = 0, {}
    for number, record in enumerate(need(read_json(path, dict), "questions", list, path, "top")):
        name, row = need(record, "image_filename", str, path, number), need(record, "image_index", int, path, number)
        question = need(record, "question", str, path, number)
        if not question.strip():
            raise record_error(path, number, "asks nothing")
        if files.setdefault(row, name) != name:
            raise record_error(path, number, f"gives image {row} a second name")
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
            answers.append((spelled(given),))
            programs.append(program)
    if not text:
        raise Problem(f"{path} leaves no question whose image is in {root / 'images' / split}. Get the images.")
    order = {row: i for i, row in enumerate(sorted(set(about)))}
    return Questions(
        images=photos.open_images([root / "images" / split / files[row] for row in order]),
        about=torch.tensor([order[row] for row in about]),
        text=tuple(text),
        answers=None if split == "test" else tuple(answers),
        group=None if split == "test" else tuple(kind(program) for program in programs),
        programs=None if split == "test" else tuple(programs),
        image_index=tuple(about),
        dropped=dropped,
    )


def _known(root: Path, split: str) -> Path:
    """The question file of a split. Raises Problem where there is no such split."""
    if split not in SPLITS:
        raise Problem(f"CLEVR has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    return questions_path(root, split)


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
    """The scenes of a split by image_index. Raises Problem for objects or relations that cannot be."""
    path, found = scenes_path(Path(root), split), {}
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
                raise record_error(path, number, f"has a relation {name!r} that does not fit its objects")
            relations[name] = tuple(tuple(sorted(set(those))) for those in lists)
        if row in found:
            raise record_error(path, number, f"describes image {row} a second time")
        found[row] = Graph(tuple(things), relations)
    return found


def disagreements(questions: Questions, graphs: dict[int, Graph]) -> list[int]:
    """The questions whose program, run on its scene, does not give the stated answer; none in sound files."""
    wrong = []
    for i, row in enumerate(questions.image_index):
        try:
            outcome = answer((questions.programs or ())[i], graphs[row])
        except (Invalid, KeyError, IndexError):
            outcome = None
        if questions.answers is None or outcome not in questions.answers[i]:
            wrong.append(i)
    return wrong


def correct(given: Sequence[str], answers: Sequence[Sequence[str]]) -> Float[np.ndarray, " q"]:
    """1 where a given answer is the stated one, else 0. Raises ValueError where the two differ in length."""
    return np.array([one in stated for one, stated in zip(given, answers, strict=True)], float)


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        path = questions_path(root, split)
        records = need(read_json(path, dict), "questions", list, path, "top")
        about = [need(record, "image_filename", str, path, number) for number, record in enumerate(records)]
        there = {name: image_path(root / "images" / split, name).is_file() for name in dict.fromkeys(about)}
        found = sum(1 for _ in (root / "images" / split).glob(f"CLEVR_{split}_*.png"))
        lines.append(pictured.line(split, "images", expected[split]["images"], found))
        needs = pictured.Requirements(protocol="clevr", reference=None, others=[(name,) for name in about])
        lines[-1].gone = pictured.gone(there, [needs])
        lines.append(pictured.line(split, "questions", expected[split]["questions"], len(records)))
    return lines
