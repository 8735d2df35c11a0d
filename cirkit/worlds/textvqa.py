"""The TextVQA world: streets of signs, questions that only their words answer, and TextVQA's files of both.

Singh et al. 2019: ten people's answers per question, and what an OCR system reads, mistakes included.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import write_json
from cirkit.benchmarks.pictured import Counts
from cirkit.benchmarks.textvqa import FOLDERS, SPLITS, ocr_path, questions_path
from cirkit.errors import Problem
from cirkit.worlds.image_files import as_saved, save
from cirkit.worlds.publish import World
from cirkit.worlds.reading import Question, answers, ask, recognise
from cirkit.worlds.signboards import draw
from cirkit.worlds.signs import Printed, Scene, names, sample

SHARES = {"words": 0.5, "vocabulary": 0.32, "both": 0.18}  # of the world's questions, where a scene has such
POOL = {"train": 0.7, "val": 0.12, "test": 0.18}  # of the made-up names: no two splits share one


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a TextVQA world."""

    train: int  # images
    val: int
    test: int
    questions: int = 3  # per image; the real mean is 1.6
    image: int = 128  # pixels
    seed: int = 0
    least: int = 2  # objects in an image
    most: int = 5
    names: int = 1200  # made-up words, over all splits
    tilt: float = 5.0  # degrees by which labels stand askew, at most
    agree: float = 0.8  # chance that one of the ten people answers right
    missed: float = 0.04  # chance that the OCR system misses a word
    misread: float = 0.08  # chance that it confuses a letter of one
    spurious: float = 0.15  # chance that it sees a word that is not there


SIZES = {
    "smoke": Size(train=30, val=10, test=10, image=96, names=120),
    "cpu": Size(train=3000, val=400, test=400),
    "gpu": Size(train=20000, val=2000, test=2000, image=192, names=6000),
}


@dataclass(frozen=True)
class Half:
    """One split of a world: scene i is image i; `about[j]` is the image of question j."""

    scenes: list[Scene]
    seen: list[list[Printed]]  # what the OCR system makes of each scene
    questions: list[Question]
    about: list[int]
    people: list[tuple[str, ...]]  # ten answers per question


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Half]:
    """All splits, from the size alone; no made-up name of one is printed in another."""
    pool, halves, start = names(size.seed, size.names), {}, 0
    for split in SPLITS:
        count = int(POOL[split] * size.names)
        halves[split] = _half(size, split, pool[start : start + count])
        start += count
    return halves


def _half(size: Size, split: str, pool: Sequence[str]) -> Half:
    """Sample the scenes of a split, what is read in each, and its questions with ten answers."""
    if len(pool) < size.most:
        raise Problem(f"{len(pool)} names are too few for {split} images of {size.most} objects. Ask for more names.")
    half = Half([], [], [], [], [])
    for row in range(getattr(size, split)):
        rng = np.random.default_rng([size.seed, SPLITS.index(split), row])
        scene = sample(rng, pool, size.least, size.most, size.tilt)
        half.scenes.append(scene)
        chances = {"missed": size.missed, "misread": size.misread, "spurious": size.spurious}
        half.seen.append(recognise(scene, rng, **chances, side=2 * size.image))
        left = ask(scene, rng)
        for _ in range(min(size.questions, len(left))):
            source = rng.choice(list(SHARES), p=list(SHARES.values()))
            question = next((one for one in left if one.source == source), left[0])
            left.remove(question)
            half.questions.append(question)
            half.about.append(row)
            half.people.append(answers(question, rng, size.agree))
    return half


def image_id(size: Size, split: str, row: int) -> str:
    """The name of a world's image: sixteen hexadecimal digits, as OpenImages has."""
    return hashlib.sha256(f"{size.seed} {split} {row}".encode()).hexdigest()[:16]


def images(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given images of a split, drawn again from the size alone: the same pixels as those published."""
    scenes = world(size)[split].scenes
    pixels = [draw([scenes[row]], size.image).images for row in rows]
    none = torch.zeros(0, 3, size.image, size.image, dtype=torch.uint8)
    return as_saved(torch.cat([none, *pixels]), "jpg")


def write(folder: Path, size: Size) -> Counts:
    """Questions, OCR and images of every split."""
    number, counts = 0, {}
    for split, half in world(size).items():
        ids = [image_id(size, split, row) for row in range(len(half.scenes))]
        records = []
        for question, row, people in zip(half.questions, half.about, half.people, strict=True):
            record: dict[str, Any] = {
                "question": question.text,
                "image_id": ids[row],
                "image_classes": sorted({sign.kind.capitalize() for sign in half.scenes[row].signs}),
                "flickr_original_url": "",
                "flickr_300k_url": "",
                "image_width": size.image,
                "image_height": size.image,
                "question_tokens": question.text.rstrip("?").split(),
                "question_id": number,
                "set_name": split,
            }
            if split != "test":
                record["answers"] = list(people)
            records.append(record)
            number += 1
        head = {"dataset_type": split, "dataset_name": "textvqa"}
        write_json(questions_path(folder, split), {**head, "dataset_version": "0.5.1", "data": records})
        read = [_rosetta(name, words) for name, words in zip(ids, half.seen, strict=True)]
        write_json(ocr_path(folder, split), {**head, "dataset_version": "0.2", "data": read})
        for name, scene in zip(ids, half.scenes, strict=True):
            save(folder / FOLDERS[split], [f"{name}.jpg"], draw([scene], size.image).images, "jpg")
        counts[split] = {"questions": len(records), "images": len(set(half.about))}
    return counts


def _rosetta(name: str, words: Sequence[Printed]) -> dict[str, Any]:
    """One record of the OCR file."""
    info = []
    for word in words:
        left, top, width, height = (round(value, 6) for value in word.box)
        box = {"width": width, "height": height, "rotation": round(word.tilt, 3), "roll": 0, "pitch": 0, "yaw": 0}
        info.append({"word": word.text, "bounding_box": {**box, "top_left_x": left, "top_left_y": top}})
    return {"image_id": name, "ocr_tokens": [word.text for word in words], "ocr_info": info}


TEXTVQA = World(name="textvqa", version=1, sizes=SIZES, write=write, images=images)
