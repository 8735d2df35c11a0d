"""TextVQA: questions that only the words in an image answer, read from the official files.

Singh et al. 2019, the data of the attention paper's M4C experiments: 34,602 / 5,000 / 5,734 questions over OpenImages,
ten answers each (none for test), and the words that the OCR system Rosetta read, with their boxes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cirkit import examples
from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.errors import Problem
from cirkit.examples import Words

SPLITS = ("train", "val", "test")
FOLDERS = {"train": "train_images", "val": "train_images", "test": "test_images"}  # as the official archives unpack
OFFICIAL = {  # questions [README]; images [the paper], of val counted
    "train": {"questions": 34602, "images": 21953},
    "val": {"questions": 5000, "images": 3166},
    "test": {"questions": 5734, "images": 3289},
}
SQUEEZED = partial(photos.stretch, resample="bicubic")  # whole images as squares, so that boxes in parts of them hold


def questions_path(root: Path, split: str) -> Path:
    """Where the questions of a split lie."""
    return root / f"TextVQA_0.5.1_{split}.json"


def ocr_path(root: Path, split: str) -> Path:
    """Where the words lie that Rosetta read in the images of a split."""
    return root / f"TextVQA_Rosetta_OCR_v0.2_{split}.json"


NONE = Words((), np.zeros((0, 4)))


@dataclass(frozen=True, kw_only=True)
class Questions(examples.Questions):
    """Questions with ten answers each (of the test split none), and the words read in their images."""

    id: tuple[int, ...]
    image_id: tuple[str, ...]
    dropped: int = 0  # questions left out because their image is missing


def rosetta(root: Path, split: str) -> dict[str, Words]:
    """The official OCR file: what Rosetta read in each image."""
    path, found = ocr_path(root, split), {}
    for number, record in enumerate(need(read_json(path, dict), "data", list, path, "top")):
        name = need(record, "image_id", str, path, number)
        text, rows = [], []
        for info in need(record, "ocr_info", list, path, number):
            box = need(info, "bounding_box", dict, path, number)
            old = "topLeftX" in box  # as version 0.1 spells it
            keys = ("topLeftX", "topLeftY") if old else ("top_left_x", "top_left_y")
            x, y, width, height = (
                float(need(box, key, (int, float), path, number)) for key in (*keys, "width", "height")
            )
            if not all(np.isfinite((x, y, width, height))) or width < 0 or height < 0:
                raise record_error(path, number, "has a box that is none")
            text.append(need(info, "word", str, path, number))
            rows.append((x, y, x + width, y + height))
        if name in found:
            raise record_error(path, number, f"speaks of image {name} a second time")
        found[name] = Words(tuple(text), np.array(rows, float).reshape(-1, 4))
    return found


def nothing(root: Path, split: str) -> dict[str, Words]:
    """No words at all: for models that read the pixels themselves."""
    return {}


def read(root: Path | str, split: str, ocr: Callable[[Path, str], dict[str, Words]] = rosetta) -> Questions:
    """The questions of a split with images and the words that `ocr` finds; those without an image are dropped."""
    root = Path(root)
    if split not in SPLITS:
        raise Problem(f"TextVQA has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    path, words = questions_path(root, split), ocr(root, split)
    text, people, ids, images = [], [], [], []
    seen: set[int] = set()
    dropped, there = 0, {}
    for number, record in enumerate(need(read_json(path, dict), "data", list, path, "top")):
        question = need(record, "question", str, path, number)
        name, identity = (
            need(record, "image_id", str, path, number),
            need(record, "question_id", int, path, number),
        )
        if not question.strip():
            raise record_error(path, number, "asks nothing")
        if identity in seen:
            raise record_error(path, number, f"has the question_id {identity} of another record")
        seen.add(identity)
        given = ("",) if split == "test" else tuple(need(record, "answers", list, path, number))
        if not given or not all(isinstance(answer, str) for answer in given):
            raise record_error(path, number, "needs a list of answers in words")
        file = image_path(root / FOLDERS[split], f"{name}.jpg")
        if name not in there:
            there[name] = file.is_file()
        if not there[name]:
            dropped += 1
            continue
        for part, value in ((text, question), (people, given), (ids, identity), (images, name)):
            part.append(value)
    if not text:
        raise Problem(f"{path} leaves no question whose image lies in {root / FOLDERS[split]}. Get the images.")
    order = {name: row for row, name in enumerate(dict.fromkeys(images))}
    paths = [root / FOLDERS[split] / f"{name}.jpg" for name in order]
    return Questions(
        images=photos.open_images(paths, (photos.CROP, photos.CROP), SQUEEZED),
        about=torch.tensor([order[name] for name in images]),
        text=tuple(text),
        answers=None if split == "test" else tuple(people),
        words=tuple(words.get(name, NONE) for name in images),
        id=tuple(ids),
        image_id=tuple(images),
        dropped=dropped,
    )


def vocabulary(train: Questions, least: int = 1) -> tuple[str, ...]:
    """The fixed answer words of a train split: those of its answers that at least `least` answers hold, sorted."""
    count: dict[str, int] = {}
    for answer in (answer for given in train.answers or () for answer in given):
        for word in answer.lower().split():
            count[word] = count.get(word, 0) + 1
    return tuple(sorted(word for word, times in count.items() if times >= least))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        path = questions_path(root, split)
        records = need(read_json(path, dict), "data", list, path, "top")
        about = [f"{need(record, 'image_id', str, path, number)}.jpg" for number, record in enumerate(records)]
        there = {name: image_path(root / FOLDERS[split], name).is_file() for name in dict.fromkeys(about)}
        lines.append(pictured.line(split, "questions", expected[split]["questions"], len(records)))
        lines.append(pictured.line(split, "images", expected[split]["images"], sum(there.values())))
        needs = pictured.Requirements(protocol="textvqa", reference=None, others=[(name,) for name in about])
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
