"""MIT-States: a picture of "old car" and the word "new". The official folders, read and written; clothes of that kind.

Isola et al. 2015, the protocol of TIRG (Vo et al. 2019; MAAF, Table S5): nouns of the test are not those of training,
the text is the adjective alone, any picture of the noun in that state is a hit, the reference is left out; R@1, R@5
and R@10.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, read_text, record_error
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Query, Triplets
from cirkit.worlds import image_files
from cirkit.worlds import publish as publishing
from cirkit.worlds.states import NOUNS, Thing, adjectives, sample
from cirkit.worlds.wardrobe import Picture, draw

FOLDER = "images"
TEST_NOUNS = "test_nouns.txt"  # this project's own: the original has its test nouns in TIRG's code alone
SPLITS = ("train", "test")
NO_ADJECTIVE = "adj"  # folders "adj noun" hold pictures in no particular state
OFFICIAL = {"train": {"nouns": 196}, "test": {"nouns": 49}}
VERSION = 1  # of the world: raise it when the same Size would give other bytes


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which nouns are tested, and how many training queries are drawn; the default reads the nouns from a file.

    The paper draws a new pair each time; here they are drawn once, for all ordered pairs of adjectives of a noun.
    """

    name: str = "tirg"
    test_nouns: tuple[str, ...] = ()  # none: those in `test_nouns.txt` beside `images`
    draws: int = 10  # training queries per ordered pair of adjectives of a noun
    seed: int = 0


TIRG = Protocol()


@dataclass(frozen=True, kw_only=True)
class Size:
    """Everything that decides an MIT-States world."""

    nouns: int = len(NOUNS)
    test: int = 6  # of the nouns
    adjectives: int = 11  # per noun, at most
    pictures: int = 20  # per adjective and noun
    image: int = 64  # pixels
    seed: int = 0
    mixed: float = 0.05  # chance that an attribute that the folder does not name is in some state, too


SIZES = {
    "smoke": Size(nouns=12, test=3, adjectives=3, pictures=2, image=32),
    "cpu": Size(),
    "gpu": Size(adjectives=14, pictures=60, image=96),
}


@dataclass(frozen=True)
class Entry:
    """One picture and what its folder says of it."""

    name: str  # below `images`
    adjective: str
    noun: str


@dataclass(frozen=True)
class Ask:
    """One query: the picture shown, the adjective said, and the pictures that answer it."""

    reference: str
    adjective: str
    answers: Sequence[str]


def entries(root: Path | str) -> list[Entry]:
    """All pictures in a sorted order, so that no file system decides anything.

    Folders without a space, those of the adjective "adj" and hidden ones are skipped; so are files other than .jpg.
    Raises Problem for a folder whose name is not two words, or one that leads out of the root.
    """
    root, found = Path(root), []
    for folder in _listed(root / FOLDER):
        if " " not in folder.name or not folder.is_dir():
            continue
        words = folder.name.split(" ")
        if len(words) != 2 or not all(words) or not folder.name.isprintable():
            raise Problem(f"{root / FOLDER} has a folder {folder.name!r}, which is not 'adjective noun'. Rename it.")
        if words[0] == NO_ADJECTIVE:
            continue
        image_path(root, f"{FOLDER}/{folder.name}")
        for file in _listed(Path(folder.path)):
            if not file.name.lower().endswith(".jpg"):
                continue
            name = f"{folder.name}/{file.name}"
            if file.is_symlink():
                image_path(root, f"{FOLDER}/{name}")
            found.append(Entry(name, *words))
    if not found:
        raise Problem(f"{root / FOLDER} has no pictures like 'old car/1.jpg'. Unpack MIT-States there.")
    return found


def _listed(folder: Path) -> list[os.DirEntry]:
    """What lies in a folder, sorted, hidden things left out."""
    try:
        with os.scandir(folder) as lying:
            return sorted((each for each in lying if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        raise Problem(f"{folder} cannot be listed ({error.strerror}). Check that the root is right.") from error


def tested_nouns(root: Path | str, protocol: Protocol = TIRG) -> tuple[str, ...]:
    """The nouns of the test: the protocol's, or those in the file beside the pictures, one to a line."""
    path = Path(root) / TEST_NOUNS
    if protocol.test_nouns:
        found = list(protocol.test_nouns)
    elif path.exists() or path.with_name(path.name + ".gz").exists():
        found = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    else:
        raise Problem(
            f"{path} is not there, and the protocol names no test nouns. Write the 49 nouns in datasets.py of TIRG to "
            "it, one to a line, or pass them as Protocol(test_nouns=...)."
        )
    for number, noun in enumerate(found, 1):
        if not noun or " " in noun or not noun.isprintable():
            raise record_error(path, number, f"is {noun!r}, which is not one word")
    if not found or len(set(found)) != len(found):
        raise Problem(f"{path}: the test nouns are none, or one stands twice. Mend the list.")
    return tuple(found)


def _half(root: Path, split: str, protocol: Protocol) -> list[Entry]:
    """The pictures of a split. Raises Problem for a test noun without pictures, which would be trained on silently."""
    if split not in SPLITS:
        raise Problem(f"MIT-States has no split {split!r}. Use {' or '.join(SPLITS)}.")
    found, tested = entries(root), tested_nouns(root, protocol)
    there = {entry.noun for entry in found}
    lacking = [noun for noun in tested if noun not in there]
    if lacking:
        raise Problem(f"{root} has no pictures of the test nouns {lacking[:5]}. Mend the list, or copy the folders.")
    return [entry for entry in found if (entry.noun in tested) == (split == "test")]


def _shelves(found: Sequence[Entry]) -> dict[str, dict[str, list[str]]]:
    """The picture names by noun and adjective."""
    shelves: dict[str, dict[str, list[str]]] = {}
    for entry in found:
        shelves.setdefault(entry.noun, {}).setdefault(entry.adjective, []).append(entry.name)
    return shelves


def asked(found: Sequence[Entry]) -> list[Ask]:
    """The test queries: each picture with every other adjective of its noun."""
    shelves = _shelves(found)
    return [
        Ask(entry.name, adjective, answers)
        for entry in found
        for adjective, answers in shelves[entry.noun].items()
        if adjective != entry.adjective
    ]


def drawn_pairs(found: Sequence[Entry], protocol: Protocol = TIRG) -> list[tuple[str, str, str]]:
    """The train queries: reference, adjective and target, for all ordered pairs of adjectives of each noun.

    Each noun has its own random numbers, so that a noun more or less changes nothing for the others.
    """
    made = []
    for noun, shelf in _shelves(found).items():
        rng = np.random.default_rng([protocol.seed, *noun.encode()])
        for adjective, answers in shelf.items():
            for other, references in shelf.items():
                if other == adjective:
                    continue
                starts, ends = (_deal(rng, names, protocol.draws) for names in (references, answers))
                made += [(start, adjective, end) for start, end in zip(starts, ends, strict=True)]
    return made


def _deal(rng: np.random.Generator, names: Sequence[str], count: int) -> list[str]:
    """`count` of the names, none again before all were dealt."""
    order: list[int] = []
    while len(order) < count:
        order += rng.permutation(len(names)).tolist()
    return [names[i] for i in order[:count]]


def _pictured(root: Path, found: Sequence[Entry]) -> pictured.Pictured:
    """The pictures of these entries whose files open. Raises Problem where none does."""
    paths = {entry.name: root / FOLDER / entry.name for entry in found}
    there = {name: path for name, path in paths.items() if path.is_file() and photos.side(path) is not None}
    if not there:
        raise Problem(f"{root / FOLDER} has none of the {len(paths)} pictures of this split. Copy them again.")
    rows = {name: row for row, name in enumerate(there)}
    return pictured.Pictured(photos.open_images(list(there.values())), rows, len(paths) - len(there))


def train(root: Path | str, protocol: Protocol = TIRG) -> Triplets:
    """The train queries; those whose pictures cannot be opened are left out with a warning that counts them."""
    root = Path(root)
    found = _half(root, "train", protocol)
    pairs = drawn_pairs(found, protocol)
    if not pairs:
        raise Problem(f"{root} has no noun to train on that has two adjectives. Check the test nouns.")
    images = _pictured(root, found)
    pairs = [pairs[i] for i in images.complete(root, [(start, end) for start, _, end in pairs])]
    source = images.at([start for start, _, _ in pairs])
    query = Query(image=source, text=[adjective for _, adjective, _ in pairs])
    return Triplets(query=query, target=images.at([end for _, _, end in pairs]), reference=source.index)


def test(root: Path | str, protocol: Protocol = TIRG) -> Benchmark:
    """The test queries against all pictures of the test nouns, the reference excluded.

    A query is left out, counted in a warning, where its picture cannot be opened or none of its answers can.
    """
    root = Path(root)
    found = _half(root, "test", protocol)
    asks = asked(found)
    if not asks:
        raise Problem(f"{root} has no test noun that has two adjectives. Check the test nouns.")
    images = _pictured(root, found)
    shelves = {
        (noun, adjective): ([name for name in names if name in images.row], names[0])
        for noun, shelf in _shelves(found).items()
        for adjective, names in shelf.items()
    }
    noun = {entry.name: entry.noun for entry in found}
    answers = [shelves[noun[ask.reference], ask.adjective] for ask in asks]
    kept = images.complete(
        root, [(ask.reference, (open_ or [first])[0]) for ask, (open_, first) in zip(asks, answers, strict=True)]
    )
    asks = [asks[i] for i in kept]
    rows = {key: [images.row[name] for name in open_] for key, (open_, _) in shelves.items()}
    return Benchmark(
        name="mit-states",
        query=Query(image=images.at([ask.reference for ask in asks]), text=[ask.adjective for ask in asks]),
        gallery=images.images,
        relevant=[rows[noun[ask.reference], ask.adjective] for ask in asks],
        excluded=[[images.row[ask.reference]] for ask in asks],
    )


@dataclass(frozen=True)
class Rack:
    """One split of a world: row i is the picture `names[i]` below `images`, in the order that readers have."""

    names: list[str]
    things: list[Thing]


@lru_cache(maxsize=4)
def world(size: Size) -> dict[str, Rack]:
    """Both splits, from the size alone; no noun is in both.

    Raises Problem for a size of which no world can be made.
    """
    if not 0 < size.test < size.nouns <= len(NOUNS) or size.adjectives < 2 or size.pictures < 1:
        raise Problem(f"{size} asks for more nouns than the {len(NOUNS)}, or too little of something. Change it.")
    nouns = [[*NOUNS][i] for i in np.random.default_rng(size.seed).permutation(len(NOUNS))[: size.nouns]]
    halves = {"train": sorted(nouns[size.test :]), "test": sorted(nouns[: size.test])}
    return {split: _rack(size, halves[split]) for split in SPLITS}


def _rack(size: Size, nouns: Sequence[str]) -> Rack:
    """All pictures of these nouns; each has its own random numbers."""
    filed: dict[str, Thing] = {}
    for noun in nouns:
        rng = np.random.default_rng([size.seed, *noun.encode()])
        able = adjectives(noun)
        for chosen in rng.permutation(len(able))[: size.adjectives].tolist():
            for number in range(size.pictures):
                thing = sample(rng, able[chosen], noun, size.mixed)
                filed[f"{thing.folder}/{number:04d}.jpg"] = thing
    names = sorted(filed, key=lambda name: name.split("/"))
    return Rack(names, [filed[name] for name in names])


def drawn(size: Size, split: str, rows: Sequence[int]) -> Picture:
    """Pictures and masks of a split, drawn from the size alone."""
    things = world(size)[split].things
    return draw([things[row].garment for row in rows], size.image)


def pictures(size: Size, split: str, rows: Sequence[int]) -> UInt8[Tensor, "b 3 h w"]:
    """The given pictures of a split: the same bytes as those published."""
    return drawn(size, split, rows).images


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "mit-states", "version": VERSION, "size": dataclasses.asdict(size)}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official layout (pictures as PNG); at once if it is there."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """The list of test nouns and the pictures."""
    tested = dict.fromkeys(thing.noun for thing in world(size)["test"].things)
    write_atomically(folder / TEST_NOUNS, "".join(f"{noun}\n" for noun in sorted(tested)))
    for rack in world(size).values():
        for start in range(0, len(rack.names), 256):
            here = rack.things[start : start + 256]
            shot = draw([thing.garment for thing in here], size.image).images
            image_files.save(folder / FOLDER, rack.names[start : start + 256], shot)


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept, since many runs ask for the same."""
    return train(published(size))


@lru_cache(maxsize=2)
def world_test(size: Size) -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Pictures and queries of the original are counted, but how many are due is not known; only its nouns are.
    """
    size, lines = pictured.size_of(root, "mit-states", Size, manifest), []
    for split in SPLITS:
        found = _half(root, split, TIRG)
        parts = {"nouns": len({entry.noun for entry in found})}
        opens = {entry.name: photos.side(root / FOLDER / entry.name) is not None for entry in found}
        needs = _needs(found, split, opens)
        parts["pictures"] = sum(opens.values())
        parts["queries"] = len(needs.others)
        due = parts | OFFICIAL[split]
        if size is not None:
            things = [Entry(name, *name.split("/")[0].split(" ")) for name in world(size)[split].names]
            queries = len(asked(things)) if split == "test" else len(drawn_pairs(things))
            due = {"nouns": len({thing.noun for thing in things}), "pictures": len(things), "queries": queries}
        lines += [pictured.line(split, part, due[part], count) for part, count in parts.items()]
        lines[-2].gone = pictured.gone(opens, [needs])
    return lines


def _needs(found: Sequence[Entry], split: str, opens: dict[str, bool]) -> pictured.Requirements:
    """What TIRG's protocol needs of the pictures: a test query its reference and any one of its answers."""
    if split == "train":
        pairs = drawn_pairs(found)
        first, others, gallery = [pair[0] for pair in pairs], [(pair[2],) for pair in pairs], []
    else:
        asks, gallery = asked(found), list(opens)
        first = [ask.reference for ask in asks]
        others = [() if any(opens[name] for name in ask.answers) else tuple(ask.answers) for ask in asks]
    return pictured.Requirements(protocol=TIRG.name, reference=first, others=others, gallery=gallery)
