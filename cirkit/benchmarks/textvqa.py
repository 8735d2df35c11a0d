"""TextVQA: questions that only the words in a picture answer. The official format, read and written; a world of signs.

Singh et al. 2019, the data of the attention paper's M4C experiments: 34,602 / 5,000 / 5,734 questions over OpenImages,
ten answers each (none for test), and the words that the OCR system Rosetta read, with their boxes.
"""

import dataclasses
import hashlib
import io
from collections.abc import Callable, Sequence
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
from cirkit.files import write_atomically
from cirkit.query import Images
from cirkit.worlds import publish as publishing
from cirkit.worlds.reading import Question, answers, ask, recognise
from cirkit.worlds.signboards import draw
from cirkit.worlds.signs import Printed, Scene, names, sample

SPLITS = ("train", "val", "test")
FOLDERS = {"train": "train_images", "val": "train_images", "test": "test_images"}  # as the official archives unpack
OFFICIAL = {  # questions [README]; pictures [the paper], of val counted
    "train": {"questions": 34602, "pictures": 21953},
    "val": {"questions": 5000, "pictures": 3166},
    "test": {"questions": 5734, "pictures": 3289},
}
SHARES = {"words": 0.5, "vocabulary": 0.32, "both": 0.18}  # of the world's questions, where a scene has such
POOL = {"train": 0.7, "val": 0.12, "test": 0.18}  # of the made-up names: no two splits share one
HOLD = 1 << 30  # bytes of pictures that a split may take in memory; beyond, they are decoded when asked for
SIDE = 224  # of pictures decoded when asked for
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a TextVQA world."""

    train: int  # pictures
    val: int
    test: int
    questions: int = 3  # per picture; the real mean is 1.6
    image: int = 128  # pixels
    seed: int = 0
    least: int = 2  # things in a picture
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
    """One split of a world: scene i is picture i; `about[j]` is the picture of question j."""

    scenes: list[Scene]
    seen: list[list[Printed]]  # what the OCR system makes of each scene
    questions: list[Question]
    about: list[int]
    people: list[tuple[str, ...]]  # ten answers per question


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Half]:
    """All splits, from the size alone; no made-up name of one is printed in another."""
    pool, made, start = names(size.seed, size.names), {}, 0
    for split in SPLITS:
        count = int(POOL[split] * size.names)
        made[split] = _half(size, split, pool[start : start + count])
        start += count
    return made


def _half(size: Size, split: str, pool: Sequence[str]) -> Half:
    """Sample the scenes of a split, what is read in each, and its questions with ten answers."""
    if len(pool) < size.most:
        raise Problem(f"{len(pool)} names are too few for {split} pictures of {size.most} things. Ask for more names.")
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
            asked = next((question for question in left if question.source == source), left[0])
            left.remove(asked)
            half.questions.append(asked)
            half.about.append(row)
            half.people.append(answers(asked, rng, size.agree))
    return half


def image_id(size: Size, split: str, row: int) -> str:
    """The name of a world's picture: sixteen hexadecimal digits, as OpenImages has."""
    return hashlib.sha256(f"{size.seed} {split} {row}".encode()).hexdigest()[:16]


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same pixels as those published."""
    from PIL import Image

    scenes = world(size)[split].scenes
    drawn = [np.asarray(Image.open(io.BytesIO(_jpeg(scenes[row], size.image)))) for row in rows]
    shape = (len(rows), size.image, size.image, 3)
    return torch.from_numpy(np.stack(drawn) if drawn else np.empty(shape, np.uint8)).permute(0, 3, 1, 2).contiguous()


def _jpeg(scene: Scene, size: int) -> bytes:
    """The bytes of a picture file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(draw([scene], size).images[0].permute(1, 2, 0).numpy()).save(
        buffer, "JPEG", quality=95, subsampling=0
    )
    return buffer.getvalue()


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "textvqa", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """Questions, OCR and pictures of every split."""
    number = 0
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
        write_json(_questions(folder, split), {**head, "dataset_version": "0.5.1", "data": records})
        read = [_rosetta(name, words) for name, words in zip(ids, half.seen, strict=True)]
        write_json(_ocr(folder, split), {**head, "dataset_version": "0.2", "data": read})
        for name, scene in zip(ids, half.scenes, strict=True):
            write_atomically(folder / FOLDERS[split] / f"{name}.jpg", _jpeg(scene, size.image))


def _rosetta(name: str, words: Sequence[Printed]) -> dict[str, Any]:
    """One record of the OCR file."""
    info = []
    for word in words:
        left, top, width, height = (round(value, 6) for value in word.box)
        box = {"width": width, "height": height, "rotation": round(word.tilt, 3), "roll": 0, "pitch": 0, "yaw": 0}
        info.append({"word": word.text, "bounding_box": {**box, "top_left_x": left, "top_left_y": top}})
    return {"image_id": name, "ocr_tokens": [word.text for word in words], "ocr_info": info}


def _questions(root: Path, split: str) -> Path:
    return root / f"TextVQA_0.5.1_{split}.json"


def _ocr(root: Path, split: str) -> Path:
    return root / f"TextVQA_Rosetta_OCR_v0.2_{split}.json"


@dataclass(frozen=True)
class Words:
    """What an OCR system read in a picture: words, and left, top, right, bottom in parts of its sides."""

    text: tuple[str, ...]
    boxes: Float[np.ndarray, "t 4"]


NONE = Words((), np.zeros((0, 4)))


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Questions about pictures: row i of every part belongs to question i, but `pictures` are counted by `about`."""

    pictures: Images
    about: Int[Tensor, " q"]  # the picture of each question
    text: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...] | None  # ten each; None where they are not published (test)
    words: tuple[Words, ...]
    id: tuple[int, ...]
    image_id: tuple[str, ...]
    dropped: int = 0  # questions left out because their picture is missing

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True)
class Whole:
    """Pictures decoded when asked for, each squeezed to a square of `size` pixels, so that boxes in parts hold."""

    paths: Sequence[Path]
    size: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Int[Tensor, " b"]) -> UInt8[Tensor, "b 3 h w"]:
        chosen = [photos.decode(self.paths[i]).resize((self.size, self.size)) for i in index.tolist()]
        pixels = np.stack([np.asarray(image) for image in chosen]) if chosen else np.empty((0, 1, 1, 3), np.uint8)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def rosetta(root: Path, split: str) -> dict[str, Words]:
    """The official OCR file: what Rosetta read in each picture."""
    path, found = _ocr(root, split), {}
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
            raise record_error(path, number, f"speaks of picture {name} a second time")
        found[name] = Words(tuple(text), np.array(rows, float).reshape(-1, 4))
    return found


def nothing(root: Path, split: str) -> dict[str, Words]:
    """No words at all: for models that read the pixels themselves."""
    return {}


def read(root: Path | str, split: str, ocr: Callable[[Path, str], dict[str, Words]] = rosetta) -> Questions:
    """The questions of a split with pictures and the words that `ocr` finds; those without a picture are dropped."""
    root = Path(root)
    if split not in SPLITS:
        raise Problem(f"TextVQA has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    path, words = _questions(root, split), ocr(root, split)
    text, people, ids, images = [], [], [], []
    seen: set[int] = set()
    dropped, there, sides = 0, {}, set()
    for number, record in enumerate(need(read_json(path, dict), "data", list, path, "top")):
        asked = need(record, "question", str, path, number)
        name, identity = (
            need(record, "image_id", str, path, number),
            need(record, "question_id", int, path, number),
        )
        if not asked.strip():
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
        sides.add(tuple(need(record, side, int, path, number) for side in ("image_width", "image_height")))
        for part, value in ((text, asked), (people, given), (ids, identity), (images, name)):
            part.append(value)
    if not text:
        raise Problem(f"{path} leaves no question whose picture lies in {root / FOLDERS[split]}. Get the pictures.")
    order = {name: row for row, name in enumerate(dict.fromkeys(images))}
    return Questions(
        pictures=_pictures([root / FOLDERS[split] / f"{name}.jpg" for name in order], sides),
        about=torch.tensor([order[name] for name in images]),
        text=tuple(text),
        answers=None if split == "test" else tuple(people),
        words=tuple(words.get(name, NONE) for name in images),
        id=tuple(ids),
        image_id=tuple(images),
        dropped=dropped,
    )


def _pictures(paths: list[Path], sides: set[tuple[int, ...]]) -> Images:
    """Pictures of one size in memory where they fit, else squeezed when asked for."""
    if len(sides) == 1 and 3 * np.prod(next(iter(sides)), dtype=float) * len(paths) <= HOLD:
        return photos.stack(paths)
    return Whole(paths, SIDE)


def vocabulary(train: Questions, least: int = 1) -> tuple[str, ...]:
    """The fixed answer words of a train split: those of its answers that at least `least` answers hold, sorted."""
    count: dict[str, int] = {}
    for answer in (answer for given in train.answers or () for answer in given):
        for word in answer.lower().split():
            count[word] = count.get(word, 0) + 1
    return tuple(sorted(word for word, times in count.items() if times >= least))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing."""
    made, size = pictured.manifest_of(root), None
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / pictured.MANIFEST} does not describe a TextVQA world. Publish it again.") from error
        if manifest(size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
    lines: list[pictured.Line] = []
    for split in SPLITS:
        path, expected = _questions(root, split), dict(OFFICIAL[split])
        if size is not None:
            half = world(size)[split]
            expected = {"questions": len(half.questions), "pictures": len(set(half.about))}
        records = need(read_json(path, dict), "data", list, path, "top")
        about = [f"{need(record, 'image_id', str, path, number)}.jpg" for number, record in enumerate(records)]
        there = {name: image_path(root / FOLDERS[split], name).is_file() for name in dict.fromkeys(about)}
        lines.append(pictured.line(split, "questions", expected["questions"], len(records)))
        lines.append(pictured.line(split, "pictures", expected["pictures"], sum(there.values())))
        needs = pictured.Requirements(protocol="textvqa", reference=None, others=[(name,) for name in about])
        lines[-1].gone = pictured.gone(there, [needs])
    return lines
