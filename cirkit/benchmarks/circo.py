"""CIRCO: "shows two people and has a more colorful background", several right answers. The format, read and written.

Baldrati et al. 2023 (SEARLE), 003 §5.4: mAP@5, 10, 25, 50 over all COCO 2017 unlabeled pictures, the reference among
them; the query is the relative caption alone.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.benchmarks.pictured import Pictured
from cirkit.benchmarks.submissions import Unanswered
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query
from cirkit.worlds import groups, image_files, statements
from cirkit.worlds import publish as publishing
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

SPLITS = ("val", "test")
OFFICIAL = {"val": 220, "test": 800, "pictures": 123_403}  # queries counted; pictures as COCO states them
ASPECTS = (  # the nine of val; a world has no viewpoint, as its camera hardly moves
    "addition", "cardinality", "compare_change", "comparative_statement", "direct_addressing", "negation",
    "spatial_relations_background", "statement_with_conjunction", "viewpoint",
)  # fmt: skip
COCO = "COCO2017_unlabeled"
MOST = 14  # right answers of a query, as in val
TRIES = 60  # draws per query before the world is given up
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CIRCO world."""

    families: int  # concepts: pairs of large things, of which each picture shows one
    members: int  # pictures of each
    val: int  # queries
    test: int
    image: int = 64  # pixels
    seed: int = 0
    least: int = 0  # small things in a scene
    most: int = 4
    joined: float = 0.5  # share of sentences with `and`, where one can be said
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(families=8, members=8, val=12, test=12, image=32),
    "cpu": Size(families=120, members=32, val=220, test=800),
    "gpu": Size(families=220, members=90, val=220, test=800, image=96),
}


@dataclass(frozen=True)
class Question:
    """One record; ids are COCO's. Of a test record, target is None and `right` and `aspects` are empty."""

    id: int
    reference: int
    caption: str
    concept: str
    target: int | None
    right: tuple[int, ...]  # the written target first
    aspects: tuple[str, ...]


def relative(question: Question) -> str:
    """The relative caption alone: the protocol."""
    return question.caption


def with_concept(question: Question) -> str:
    """What reference and answers share, too: an easier question, which some later papers ask."""
    return f"{question.concept} that {question.caption}"


def every_answer(question: Question) -> tuple[int, ...]:
    """All right answers: for mAP@K."""
    return question.right


def written_target(question: Question) -> tuple[int, ...]:
    """The one picture that the sentence was written for: for the Recall@K of the official evaluation."""
    return question.right[:1]


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A protocol: what is said, what is right, whether the reference stays in the ranking, and how queries count."""

    name: str
    words: Callable[[Question], str] = relative
    right: Callable[[Question], tuple[int, ...]] = every_answer
    reference: Literal["kept", "excluded"] = "kept"  # the official evaluation keeps it
    count: Literal["once", "per aspect"] = "once"  # per aspect: a query stands once in the group of each of its aspects


ALL = Asking(name="circo")
TARGET = Asking(name="circo-target", right=written_target)
BY_ASPECT = Asking(name="circo-aspects", count="per aspect")  # means over `group` are the semantic mAPs
ASKED = (("val", ALL), ("val", TARGET), ("val", BY_ASPECT), ("test", ALL))


def pictures_of(root: Path) -> dict[int, str]:
    """The gallery: id and file name of every unlabeled picture, in the order of image_info_unlabeled2017.json."""
    path = root / COCO / "annotations" / "image_info_unlabeled2017.json"
    found: dict[int, str] = {}
    for number, record in enumerate(need(read_json(path, dict), "images", list, path, "the top")):
        key, name = need(record, "id", int, path, number), need(record, "file_name", str, path, number)
        if key in found or name != f"{key:012d}.jpg":
            raise record_error(path, number, f"has id {key} twice or under the name {name!r}")
        found[key] = name
    if not found:
        raise Problem(f"{path} lists no pictures. Download it again.")
    return found


def questions(root: Path, split: str) -> list[Question]:
    """The records of a split, checked. Raises Problem that names file and record."""
    path = root / "annotations" / f"{split}.json"
    found, seen = [], set()
    for number, record in enumerate(read_json(path, list)):
        key, reference = need(record, "id", int, path, number), need(record, "reference_img_id", int, path, number)
        caption, concept = (need(record, part, str, path, number) for part in ("relative_caption", "shared_concept"))
        if key in seen:
            raise record_error(path, number, f"has the id {key} of an earlier one")
        seen.add(key)
        target, right, aspects = None, [], []
        if split != "test":
            target, right = (
                need(record, "target_img_id", int, path, number),
                need(record, "gt_img_ids", list, path, number),
            )
            aspects = record.get("semantic_aspects", [])
            if not all(type(one) is int for one in right) or len(set(right)) != len(right) or right[:1] != [target]:
                raise record_error(path, number, "needs distinct gt_img_ids, the target_img_id first")
            if reference in right:
                raise record_error(path, number, "has its reference among its answers")
            if not isinstance(aspects, list) or not all(isinstance(one, str) for one in aspects):
                raise record_error(path, number, "has semantic_aspects that are no list of words")
        found.append(Question(key, reference, caption, concept, target, tuple(right), tuple(aspects)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def place(root: Path, name: str) -> Path:
    """Where a picture lies."""
    return image_path(root / COCO / "unlabeled2017", name)


def test(root: Path | str, asking: Asking = ALL, split: str = "val") -> Benchmark:
    """The queries of `val` under a protocol; the answers of `test` are known to the server alone."""
    root = Path(root)
    asked, images = _asked(root, split)
    kept = images.complete(root, [[str(one) for one in (q.reference, *asking.right(q))] for q in asked])
    rows = [(i, "") for i in kept]
    if asking.count == "per aspect":
        rows = [(i, aspect) for i in kept for aspect in asked[i].aspects]
    chosen = [asked[i] for i, _ in rows]
    source = [str(q.reference) for q in chosen]
    return Benchmark(
        name=asking.name,
        query=Query(image=images.at(source), text=[asking.words(q) for q in chosen]),
        gallery=images.images,
        relevant=[[images.row[str(one)] for one in asking.right(q)] for q in chosen],
        excluded=[[images.row[name]] for name in source] if asking.reference == "excluded" else None,
        group=[aspect for _, aspect in rows] if asking.count == "per aspect" else None,
    )


def unanswered(root: Path | str, asking: Asking = ALL) -> Unanswered:
    """The test queries, for a submission."""
    root = Path(root)
    asked, images = _asked(root, "test")
    kept = images.complete(root, [[str(q.reference)] for q in asked])
    source = [str(asked[i].reference) for i in kept]
    return Unanswered(
        name=asking.name,
        query=Query(image=images.at(source), text=[asking.words(asked[i]) for i in kept]),
        keys=[str(asked[i].id) for i in kept],
        gallery=images.images,
        names=[int(name) for name in images.row],
        excluded=[[images.row[name]] for name in source] if asking.reference == "excluded" else None,
    )


def _asked(root: Path, split: str) -> tuple[list[Question], Pictured]:
    """Records and pictures; every id must be in the gallery's list, whether its picture lies there or not."""
    known, asked = pictures_of(root), questions(root, split)
    for number, question in enumerate(asked):
        for key in (question.reference, *question.right):
            if key not in known:
                path = root / "annotations" / f"{split}.json"
                raise record_error(path, number, f"names picture {key}, which image_info_unlabeled2017.json does not")
    return asked, pictured.find(root, {str(key): place(root, name) for key, name in known.items()})


@dataclass(frozen=True)
class Asked:
    """A query of a world: rows of its gallery; the one the sentence was drawn for stands first."""

    source: int
    said: statements.Statement
    right: tuple[int, ...]


@lru_cache(maxsize=4)
def world(size: Size) -> tuple[list[Scene], dict[str, list[Asked]]]:
    """Gallery and queries, from the size alone. All scenes are held against every sentence: no right one is missed."""
    rng = np.random.default_rng([size.seed, 7])
    chosen = groups.neighbours(rng, groups.cores()["unlabeled"], size.families)
    scenes = [
        groups.dress(rng, groups.sample(rng, wanted, (size.least, size.most)), size.camera, size.light)
        for wanted in chosen
        for _ in range(size.members)
    ]
    scenes = [scenes[i] for i in rng.permutation(len(scenes)).tolist()]
    family: dict[groups.Core, list[int]] = {}
    for row, scene in enumerate(scenes):
        family.setdefault(groups.core(scene.things), []).append(row)
    asked: dict[str, list[Asked]] = {}
    for split, start in (("val", 0), ("test", 1)):  # no concept is asked of in both
        asked[split] = _queries(rng, scenes, family, chosen, chosen[start::2], getattr(size, split), size.joined)
    return scenes, asked


def _queries(
    rng: np.random.Generator,
    scenes: list[Scene],
    family: dict[groups.Core, list[int]],
    chosen: list[groups.Core],
    mine: list[groups.Core],
    count: int,
    joined: float,
) -> list[Asked]:
    """`count` queries whose references are of the families `mine`, with 1 to MOST right answers each."""
    near = {one: [other for other in chosen if groups.apart(one, other) == 1] for one in mine}
    found: list[Asked] = []
    seen = set()
    for _ in range(TRIES * count):
        wanted = mine[rng.integers(len(mine))]
        around = near[wanted] if near[wanted] and rng.random() < 0.25 else [wanted]
        goals = family[around[rng.integers(len(around))]]
        source, target = (int(rows[rng.integers(len(rows))]) for rows in (family[wanted], goals))
        before = scenes[source].things
        singles, both = statements.draw(rng, before, scenes[target].things)
        options = both if both and rng.random() < joined else singles
        if source == target or not options:
            continue
        said = options[rng.integers(min(3, len(options)))]
        goal = family.get(said.core(wanted), [])
        right = [row for row in goal if row != source and said.holds(before, scenes[row].things)]
        if 1 <= len(right) <= MOST and (source, str(said)) not in seen:
            seen.add((source, str(said)))
            found.append(Asked(source, said, (target, *(row for row in right if row != target))))
            if len(found) == count:
                return found
    raise Problem(f"The world has only {len(found)} of {count} queries to ask. Ask for fewer, or for more families.")


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of the gallery, which both splits share, drawn again: the same bytes as those published."""
    scenes, _ = world(size)
    return render([scenes[row] for row in rows], size.image).images


def answers(size: Size, split: str) -> dict[str, tuple[int, ...]]:
    """By query id, the ids of the right answers of a world: what the server keeps for test."""
    return {str(i): tuple(map(key_of, one.right)) for i, one in enumerate(world(size)[1][split])}


def key_of(row: int) -> int:
    """The id of picture `row` of a world: neither dense nor equal to the row, as COCO's."""
    return 3 * row + 8


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "circo", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """Annotations, the gallery's list and the pictures."""
    scenes, asked = world(size)
    for split, queries in asked.items():
        records = []
        for number, one in enumerate(queries):
            kinds = groups.core(scenes[one.source].things) & groups.core(scenes[one.right[0]].things)
            shared = [f"a large {colour} {material} {shape}" for shape, colour, material in sorted(kinds)]
            record: dict[str, Any] = {"reference_img_id": key_of(one.source)}
            record |= {"relative_caption": str(one.said), "shared_concept": statements.listed(shared), "id": number}
            if split != "test":
                right = [key_of(row) for row in one.right]
                aspects = statements.aspects(one.said)
                record |= {"target_img_id": right[0], "gt_img_ids": right, "semantic_aspects": aspects}
            records.append(record)
        write_json(folder / "annotations" / f"{split}.json", records)
    names = [f"{key_of(row):012d}.jpg" for row in range(len(scenes))]
    listed = [
        {"id": key_of(row), "file_name": name, "height": size.image, "width": size.image}
        for row, name in enumerate(names)
    ]
    write_json(folder / COCO / "annotations" / "image_info_unlabeled2017.json", {"images": listed})
    for start in range(0, len(scenes), 512):
        drawn = render(scenes[start : start + 512], size.image).images
        image_files.save(folder / COCO / "unlabeled2017", names[start : start + 512], drawn)


@lru_cache(maxsize=4)
def world_test(size: Size, asking: Asking = ALL) -> Benchmark:
    """`test` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return test(published(size), asking)


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    size, expected = pictured.size_of(root, "CIRCO", Size, manifest), dict(OFFICIAL)
    if size is not None:
        expected = {"val": size.val, "test": size.test, "pictures": len(world(size)[0])}
    lines = [pictured.line(split, "queries", expected[split], len(questions(root, split))) for split in SPLITS]
    listed = root / COCO / "annotations" / "image_info_unlabeled2017.json"
    there = pictures_of(root) if listed.is_file() else {}
    found = {name: place(root, name).is_file() for name in there.values()}
    lines.append(pictured.line("unlabeled", "pictures", expected["pictures"], sum(found.values())))
    lines[-1].gone = pictured.gone(found, [_needs(root, split, each, there) for split, each in ASKED])
    return lines


def _needs(root: Path, split: str, asking: Asking, known: dict[int, str]) -> pictured.Requirements:
    """What a protocol needs of the pictures."""
    asked = questions(root, split)
    return pictured.Requirements(
        protocol=f"{asking.name} {split}",
        reference=[known.get(q.reference, "") for q in asked],
        others=[[known.get(one, "") for one in asking.right(q)] for q in asked],
        gallery=list(known.values()),
    )
