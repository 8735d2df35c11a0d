"""CIRR: "show three bottles of soft drink", in sets of six similar pictures. The official format, read and written.

Liu et al. 2021 (CIRPLANT), 003 §5.4: R@K over the split without the reference; R_s@K over the other five of its set.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error, write_json
from cirkit.benchmarks.cirr_asking import SOFT, SOFT_SUBSET, SUBSET, WHOLE, Asking, Question
from cirkit.benchmarks.pictured import Pictured
from cirkit.benchmarks.submissions import Unanswered
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets
from cirkit.worlds import groups, image_files, statements
from cirkit.worlds import publish as publishing
from cirkit.worlds.render import render
from cirkit.worlds.scene import Scene

SPLITS = ("train", "val", "test1")
OFFICIAL = {  # counted in release rc2; the paper prints 4,184 val queries and 2,316 test1 pictures
    "train": {"queries": 28225, "pictures": 16939},  # queries not counted: the train captions were not at hand
    "val": {"queries": 4181, "pictures": 2297},
    "test1": {"queries": 4148, "pictures": 2315},
}
PROTOCOLS = {"train": (WHOLE,), "val": (WHOLE, SUBSET, SOFT, SOFT_SUBSET), "test1": (WHOLE, SUBSET)}
FOLDERS = {"train": "train", "val": "dev", "test1": "test1"}  # pictures of `val` are called dev
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides a CIRR world."""

    train: int  # sets of six
    val: int
    test1: int
    queries: int = 9  # per set, where so many sentences single their target out
    image: int = 64  # pixels
    seed: int = 0
    least: int = 1  # small things in the first scene of a set
    most: int = 4
    joined: float = 0.4  # share of sentences with `and`, where one can be said
    camera: float = 0.3  # world units, by which the camera strays from picture to picture
    light: float = 0.15  # the same for the direction of the light


SIZES = {
    "smoke": Size(train=8, val=5, test1=5, image=32),
    "cpu": Size(train=1200, val=160, test1=160),
    "gpu": Size(train=4000, val=503, test1=503, image=96),
}


@dataclass(frozen=True)
class Pair:
    """A sentence that leads from one scene of a set to another, and the one it leaves out of a conjunction, if any."""

    source: int  # row of the split
    target: int
    said: statements.Statement
    soft: tuple[int, ...]  # rows of which one half of a conjunction is true


@dataclass(frozen=True)
class Split:
    """One split of a world: rows 6 k .. 6 k + 5 of `scenes` are set k."""

    scenes: list[Scene]
    pairs: list[Pair]


@lru_cache(maxsize=4)
def world(size: Size, split: str) -> Split:
    """One split, from the size alone; no two splits share the large things of a set."""
    rng = np.random.default_rng([size.seed, SPLITS.index(split)])
    mine = groups.cores()[split]
    order, allowed = rng.permutation(len(mine)).tolist(), frozenset(mine)
    scenes: list[Scene] = []
    pairs: list[Pair] = []
    for number in range(getattr(size, split)):
        wanted = mine[order[number % len(mine)]]
        members = groups.group(rng, wanted, allowed, (size.least, size.most))
        pairs += _pairs(rng, size, members, len(scenes))
        scenes += [groups.dress(rng, things, size.camera, size.light) for things in members]
    return Split(scenes, pairs)


def _pairs(rng: np.random.Generator, size: Size, members: list[groups.Things], first: int) -> list[Pair]:
    """Up to `queries` pairs of a set with a sentence that is true of the target and of no other member."""
    found: list[Pair] = []
    ends = [(i, j) for i in range(len(members)) for j in range(len(members)) if i != j]
    for at in rng.permutation(len(ends)).tolist():
        source, target = ends[at]
        before = members[source]
        singles, joined = statements.draw(rng, before, members[target])
        both = bool(rng.random() < size.joined)
        for said in (joined + singles) if both else (singles + joined):
            right = [k for k, things in enumerate(members) if k != source and statements.answers(said, before, things)]
            if right == [target]:
                halves = (said.first, said.second) if isinstance(said, statements.Both) else ()
                half = {
                    k for one in halves for k, things in enumerate(members) if statements.answers(one, before, things)
                }
                soft = tuple(first + k for k in sorted(half - {source, target}))
                found.append(Pair(first + source, first + target, said, soft))
                break
        if len(found) == size.queries:
            break
    return found


def scenes(size: Size, split: str) -> list[Scene]:
    """The scenes of a split; row i is picture i of the gallery."""
    return world(size, split).scenes


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split, drawn again from the size alone: the same bytes as those published."""
    chosen = scenes(size, split)
    return render([chosen[row] for row in rows], size.image).images


def answers(size: Size, split: str) -> dict[str, str]:
    """By pairid, the right answer of every query of a world: what the server keeps for test1."""
    return {str(_pairid(split, i)): name_of(split, p.target) for i, p in enumerate(world(size, split).pairs)}


def name_of(split: str, row: int) -> str:
    """The official kind of name, `<split>-<set>-<scene>-img<0 or 1>`: NLVR2 pairs its pictures."""
    return f"{FOLDERS[split]}-{row // 6}-{row % 6 // 2}-img{row % 2}"


def _relative(split: str, row: int) -> str:
    """Its path in the split file; pictures of `train` lie in numbered folders."""
    folder = f"train/{row // 6 % 100}" if split == "train" else FOLDERS[split]
    return f"./{folder}/{name_of(split, row)}.png"


def _pairid(split: str, number: int) -> int:
    return SPLITS.index(split) * 1_000_000 + 2 * number  # unique over the splits, not contiguous: as the official ones


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "cirr", "version": VERSION, "size": dataclasses.asdict(size)}


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def _write(folder: Path, size: Size) -> None:
    """Captions, further sentences, splits and pictures."""
    for split in SPLITS:
        made = world(size, split)
        rows = range(len(made.scenes))
        short, further = [], []
        for number, pair in enumerate(made.pairs):
            members = [name_of(split, pair.source // 6 * 6 + k) for k in range(6)]
            held: dict[str, Any] = {"id": pair.source // 6, "members": members, "reference_rank": pair.source % 6}
            record = {"pairid": _pairid(split, number), "reference": name_of(split, pair.source)}
            target = name_of(split, pair.target)
            soft = {target: 1.0} | {name_of(split, row): 0.5 for row in pair.soft}
            if split != "test1":
                record |= {"target_hard": target, "target_soft": soft}
                held["target_rank"] = pair.target % 6
            short.append({**record, "caption": str(pair.said), "img_set": held})
            record.pop("target_soft", None)
            further.append({**record, "caption_extend": _further(made.scenes[pair.target], number)})
        write_json(folder / "captions" / f"cap.rc2.{split}.json", short)
        write_json(folder / "captions_ext" / f"cap.ext.rc2.{split}.json", further)
        names_ = {name_of(split, row): _relative(split, row) for row in rows}
        write_json(folder / "image_splits" / f"split.rc2.{split}.json", names_)
        for start in range(0, len(rows), 512):
            part = rows[start : start + 512]
            drawn = render([made.scenes[row] for row in part], size.image).images
            image_files.save(folder / "img_raw", [_relative(split, row) for row in part], drawn)


def _further(scene: Scene, number: int) -> dict[str, str]:
    """The four further sentences; the official marks where there is nothing to say."""
    photo = statements.captions(np.random.default_rng(number), scene.things)[3].removesuffix(".")
    nothing = "[cr0] Nothing worth mentioning"
    return {"0": f"being a photo of {photo}", "1": nothing, "2": "[cr1] Covered in query", "3": nothing}


def _folder(root: Path) -> Path:
    """Where captions and image_splits lie: in `root`, or in its folder `cirr`."""
    return root / "cirr" if (root / "cirr").is_dir() else root


def names(root: Path, split: str) -> dict[str, str]:
    """The pictures of a split in official order, and where each lies below the pictures' folder."""
    path = _folder(root) / "image_splits" / f"split.rc2.{split}.json"
    read = read_json(path, dict)
    for name, relative in read.items():
        if not isinstance(relative, str) or not relative.endswith(f"{name}.png"):
            raise record_error(path, name, f"leads to {relative!r}, not to a PNG of its name")
    if not read or len({PurePosixPath(relative) for relative in read.values()}) != len(read):
        raise Problem(f"{path} names no picture, or two at one place. Download it again.")
    return read


def questions(root: Path, split: str) -> list[Question]:
    """The records of a split, checked. Raises Problem that names file and record."""
    path = _folder(root) / "captions" / f"cap.rc2.{split}.json"
    known, found, seen = names(root, split), [], set()
    for number, record in enumerate(read_json(path, list)):
        pair, caption = need(record, "pairid", int, path, number), need(record, "caption", str, path, number)
        reference, held = need(record, "reference", str, path, number), need(record, "img_set", dict, path, number)
        members = need(held, "members", list, path, number)
        if pair in seen:
            raise record_error(path, number, f"has the pairid {pair} of an earlier one")
        seen.add(pair)
        target, soft = None, {}
        if split != "test1":
            target, soft = need(record, "target_hard", str, path, number), record.get("target_soft", {})
            if not isinstance(soft, dict) or not all(type(weight) in (int, float) for weight in soft.values()):
                raise record_error(path, number, "has a 'target_soft' that is not names with weights")
        named = [reference, *members, *soft, *([target] if target else [])]
        for name in named:
            if not isinstance(name, str) or name not in known:
                raise record_error(path, number, f"names {name!r}, which split.rc2.{split}.json does not")
        if len(set(members)) != len(members) or reference not in members or (target and target not in members):
            raise record_error(path, number, "needs distinct members, its reference and target among them")
        if target == reference or len(members) < 2:
            raise record_error(path, number, "leads from a picture to itself")
        soft = {name: float(weight) for name, weight in soft.items()}
        group = need(held, "id", int, path, number)
        found.append(Question(pair, reference, caption, target, soft, group, tuple(members)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def extended(root: Path, split: str) -> dict[int, dict[str, str]]:
    """By pairid, the four further sentences (photo, change, not mentioned, background); `[cr0]`, `[cr1]` mark none."""
    path = _folder(root) / "captions_ext" / f"cap.ext.rc2.{split}.json"
    found: dict[int, dict[str, str]] = {}
    for number, record in enumerate(read_json(path, list)):
        pair, said = need(record, "pairid", int, path, number), need(record, "caption_extend", dict, path, number)
        if pair in found or not all(isinstance(text, str) for text in said.values()):
            raise record_error(path, number, "repeats a pairid or holds something other than sentences")
        found[pair] = said
    return found


def place(root: Path, relative: str) -> Path:
    """Where a picture lies: `img_raw/<path>` beside the captions (README), or `<root>/<path>` (CLIP4Cir)."""
    readme = image_path(_folder(root) / "img_raw", relative)
    other = image_path(root, relative)
    return other if other.is_file() and not readme.is_file() else readme


def _pictures(root: Path, split: str) -> Pictured:
    return pictured.find(_folder(root), {name: place(root, relative) for name, relative in names(root, split).items()})


def train(root: Path | str) -> Triplets:
    """The train triplets of a CIRR folder."""
    root = Path(root)
    asked, images = questions(root, "train"), _pictures(root, "train")
    kept = images.complete(root, [(q.reference, q.target) for q in asked])
    source, target = [asked[i].reference for i in kept], [asked[i].target for i in kept]
    query = Query(image=images.at(source), text=[asked[i].caption for i in kept])
    return Triplets(query=query, target=images.at(target), reference=images.rows(source))


def test(root: Path | str, asking: Asking = WHOLE, split: str = "val") -> Benchmark:
    """The queries of `val` (or `train`) under a protocol; the answers of test1 are known to the server alone."""
    root = Path(root)
    asked, images, kept = _asked(root, asking, split)
    relevant = [[images.row[name] for name in asking.answers(asked[i])] for i in kept]
    part = _part(asked, images, kept, asking)
    return Benchmark(name=asking.name, gallery=images.images, relevant=relevant, **part)


def weights(root: Path | str, asking: Asking = SOFT, split: str = "val") -> tuple[tuple[float, ...], ...]:
    """What each answer of `test` with the same arguments is worth, for SoftRecall."""
    asked, _, kept = _asked(Path(root), asking, split)
    return tuple(tuple(asking.answers(asked[i]).values()) for i in kept)


def unanswered(root: Path | str, asking: Asking = WHOLE) -> Unanswered:
    """The test1 queries, for a submission."""
    root = Path(root)
    asked, images, kept = _asked(root, asking, "test1")
    keys, part = [str(asked[i].pair) for i in kept], _part(asked, images, kept, asking)
    return Unanswered(name=asking.name, keys=keys, gallery=images.images, names=list(images.row), **part)


def _asked(root: Path, asking: Asking, split: str) -> tuple[list[Question], Pictured, list[int]]:
    """Records, pictures, and which records have all the pictures that the protocol needs of them."""
    asked, images = questions(root, split), _pictures(root, split)
    needed = _needed(asked, asking)
    return asked, images, images.complete(root, [(q.reference, *mine) for q, mine in zip(asked, needed, strict=True)])


def _needed(asked: list[Question], asking: Asking) -> list[tuple[str, ...]]:
    """Of each record, the pictures beside its reference that the protocol cannot do without."""
    return [(*asking.answers(q), *(asking.candidates(q) or ())) for q in asked]


def _part(asked: list[Question], images: Pictured, kept: list[int], asking: Asking) -> dict[str, Any]:
    """Query, hidden rows, and the rows of a query's own group where the protocol ranks within it."""
    source = [asked[i].reference for i in kept]
    query = Query(image=images.at(source), text=[asked[i].caption for i in kept])
    first = [[images.row[name]] for name in source]
    near = [asking.candidates(asked[i]) for i in kept]
    if all(names is None for names in near):
        return {"query": query, "excluded": first}
    among = [range(len(images.row)) if names is None else [images.row[name] for name in names] for names in near]
    return {"query": query, "excluded": first, "candidates": among}


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size))


@lru_cache(maxsize=4)
def world_test(size: Size, asking: Asking = WHOLE) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size), asking)


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one. A split without captions has none.
    """
    size, lines = pictured.size_of(root, "CIRR", Size, manifest), []
    for split in SPLITS:
        expected = dict(OFFICIAL[split])
        if size is not None:
            made = world(size, split)
            expected = {"queries": len(made.pairs), "pictures": len(made.scenes)}
        captions = _folder(root) / "captions" / f"cap.rc2.{split}.json"
        there = captions.is_file() or captions.with_name(captions.name + ".gz").is_file()
        found = {name: place(root, relative).is_file() for name, relative in names(root, split).items()}
        asked = questions(root, split) if there else []
        lines.append(pictured.line(split, "queries", expected["queries"], len(asked)))
        lines.append(pictured.line(split, "pictures", expected["pictures"], sum(found.values())))
        needs = [
            pictured.Requirements(
                protocol=asking.name,
                reference=[q.reference for q in asked],
                others=_needed(asked, asking),
                gallery=() if split == "train" else list(found),
            )
            for asking in PROTOCOLS[split]
        ]
        lines[-1].gone = pictured.gone(found, needs)
    return lines
