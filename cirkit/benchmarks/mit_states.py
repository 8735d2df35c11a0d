"""MIT-States: an image of "old car" and the word "new". The official folders, read.

Isola et al. 2015, the protocol of TIRG (Vo et al. 2019; MAAF, Table S5): nouns of the test are not those of training,
the text is the adjective alone, any image of the noun in that state is a hit, the reference is left out; R@1, R@5
and R@10.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, read_text, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets

FOLDER = "images"
LIST = "test_nouns.txt"  # of a folder with other test nouns than TIRG's; the original has no such file
TEST_NOUNS = (  # in the code of TIRG, MAAF and GeneCIS
    "armor", "bracelet", "bush", "camera", "candy", "castle", "ceramic", "cheese", "clock", "clothes", "coffee", "fan",
    "fig", "fish", "foam", "forest", "fruit", "furniture", "garden", "gate", "glass", "horse", "island", "laptop",
    "lead", "lightning", "mirror", "orange", "paint", "persimmon", "plastic", "plate", "potato", "road", "rubber",
    "sand", "shell", "sky", "smoke", "steel", "stream", "table", "tea", "tomato", "vacuum", "wax", "wheel", "window",
    "wool",
)  # fmt: skip
SPLITS = ("train", "test")
NO_ADJECTIVE = "adj"  # folders "adj noun" hold images in no particular state
OFFICIAL = {"train": {"nouns": 196}, "test": {"nouns": 49}}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which nouns are tested, and how many training queries are drawn.

    The paper draws a new pair each time; here they are drawn once, for all ordered pairs of adjectives of a noun.
    """

    name: str = "tirg"
    test_nouns: tuple[str, ...] = ()  # none: those in `test_nouns.txt` beside `images`, or where it is not, TIRG's
    draws: int = 10  # training queries per ordered pair of adjectives of a noun
    seed: int = 0


TIRG = Protocol()


@dataclass(frozen=True)
class Entry:
    """One image and what its folder says of it."""

    name: str  # below `images`
    adjective: str
    noun: str


@dataclass(frozen=True)
class StateQuery:
    """One query: the reference, the adjective, and the relevant images."""

    reference: str
    adjective: str
    relevant: Sequence[str]


def entries(root: Path | str) -> list[Entry]:
    """All images in a sorted order, so that no file system decides anything.

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
        image_path(root / FOLDER, folder.name)
        for file in _listed(Path(folder.path)):
            if not file.name.lower().endswith(".jpg"):
                continue
            name = f"{folder.name}/{file.name}"
            if file.is_symlink():
                image_path(root / FOLDER, name)
            found.append(Entry(name, *words))
    if not found:
        raise Problem(f"{root / FOLDER} has no images like 'old car/1.jpg'. Unpack MIT-States there.")
    return found


def _listed(folder: Path) -> list[os.DirEntry]:
    """What lies in a folder, sorted, hidden things left out."""
    try:
        with os.scandir(folder) as lying:
            return sorted((each for each in lying if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        raise Problem(f"{folder} cannot be listed ({error.strerror}). Check that the root is right.") from error


def test_nouns(root: Path | str, protocol: Protocol = TIRG) -> tuple[str, ...]:
    """The nouns of the test: the protocol's, those in the file beside the images, one to a line, or TIRG's."""
    path = Path(root) / LIST
    if protocol.test_nouns:
        found = list(protocol.test_nouns)
    elif path.exists() or path.with_name(path.name + ".gz").exists():
        found = [line.strip() for line in read_text(path).split("\n") if line.strip()]
    else:
        found = list(TEST_NOUNS)
    for number, noun in enumerate(found, 1):
        if not noun or " " in noun or not noun.isprintable():
            raise record_error(path, number, f"is {noun!r}, which is not one word")
    if not found or len(set(found)) != len(found):
        raise Problem(f"{path}: the test nouns are none, or one stands twice. Mend the list.")
    return tuple(found)


def _half(root: Path, split: str, protocol: Protocol) -> list[Entry]:
    """The images of a split. Raises Problem for a test noun without images, which would be trained on silently."""
    if split not in SPLITS:
        raise Problem(f"MIT-States has no split {split!r}. Use {' or '.join(SPLITS)}.")
    found, tested = entries(root), test_nouns(root, protocol)
    there = {entry.noun for entry in found}
    lacking = [noun for noun in tested if noun not in there]
    if lacking:
        raise Problem(f"{root} has no images of the test nouns {lacking[:5]}. Mend the list, or copy the folders.")
    return [entry for entry in found if (entry.noun in tested) == (split == "test")]


def _shelves(found: Sequence[Entry]) -> dict[str, dict[str, list[str]]]:
    """The image names by noun and adjective."""
    shelves: dict[str, dict[str, list[str]]] = {}
    for entry in found:
        shelves.setdefault(entry.noun, {}).setdefault(entry.adjective, []).append(entry.name)
    return shelves


def queries(found: Sequence[Entry]) -> list[StateQuery]:
    """The test queries: each image with every other adjective of its noun."""
    shelves = _shelves(found)
    return [
        StateQuery(entry.name, adjective, names)
        for entry in found
        for adjective, names in shelves[entry.noun].items()
        if adjective != entry.adjective
    ]


def training_pairs(found: Sequence[Entry], protocol: Protocol = TIRG) -> list[tuple[str, str, str]]:
    """The train queries: reference, adjective and target, for all ordered pairs of adjectives of each noun.

    Each noun has its own random numbers, so that a noun more or less changes nothing for the others.
    """
    triplets = []
    for noun, shelf in _shelves(found).items():
        rng = np.random.default_rng([protocol.seed, *noun.encode()])
        for adjective, targets in shelf.items():
            for other, references in shelf.items():
                if other == adjective:
                    continue
                starts, ends = (_deal(rng, names, protocol.draws) for names in (references, targets))
                triplets += [(start, adjective, end) for start, end in zip(starts, ends, strict=True)]
    return triplets


def _deal(rng: np.random.Generator, names: Sequence[str], count: int) -> list[str]:
    """`count` of the names, none again before all were dealt."""
    order: list[int] = []
    while len(order) < count:
        order += rng.permutation(len(names)).tolist()
    return [names[i] for i in order[:count]]


def _images(root: Path, found: Sequence[Entry]) -> pictured.Pictured:
    """The images of these entries whose files open. Raises Problem where none does."""
    paths = {entry.name: root / FOLDER / entry.name for entry in found}
    there = {name: path for name, path in paths.items() if path.is_file() and photos.side(path) is not None}
    if not there:
        raise Problem(f"{root / FOLDER} has none of the {len(paths)} images of this split. Copy them again.")
    rows = {name: row for row, name in enumerate(there)}
    return pictured.Pictured(photos.open_images(list(there.values())), rows, len(paths) - len(there))


def train(root: Path | str, protocol: Protocol = TIRG) -> Triplets:
    """The train queries; those whose images cannot be opened are left out with a warning that counts them."""
    root = Path(root)
    found = _half(root, "train", protocol)
    pairs = training_pairs(found, protocol)
    if not pairs:
        raise Problem(f"{root} has no noun to train on that has two adjectives. Check the test nouns.")
    images = _images(root, found)
    pairs = [pairs[i] for i in images.complete(root, [(start, end) for start, _, end in pairs])]
    source = images.at([start for start, _, _ in pairs])
    query = Query(image=source, text=[adjective for _, adjective, _ in pairs])
    return Triplets(query=query, target=images.at([end for _, _, end in pairs]), reference=source.index)


def test(root: Path | str, protocol: Protocol = TIRG) -> Benchmark:
    """The test queries against all images of the test nouns, the reference excluded.

    A query is left out, counted in a warning, where its image cannot be opened or none of its targets can.
    """
    root = Path(root)
    found = _half(root, "test", protocol)
    wanted = queries(found)
    if not wanted:
        raise Problem(f"{root} has no test noun that has two adjectives. Check the test nouns.")
    images = _images(root, found)
    shelves = {
        (noun, adjective): ([name for name in names if name in images.row], names[0])
        for noun, shelf in _shelves(found).items()
        for adjective, names in shelf.items()
    }
    noun = {entry.name: entry.noun for entry in found}
    relevant = [shelves[noun[one.reference], one.adjective] for one in wanted]
    whole = images.complete(
        root, [(one.reference, (open_ or [first])[0]) for one, (open_, first) in zip(wanted, relevant, strict=True)]
    )
    wanted = [wanted[i] for i in whole]
    rows = {key: [images.row[name] for name in open_] for key, (open_, _) in shelves.items()}
    return Benchmark(
        name="mit-states",
        query=Query(image=images.at([one.reference for one in wanted]), text=[one.adjective for one in wanted]),
        gallery=images.images,
        relevant=[rows[noun[one.reference], one.adjective] for one in wanted],
        excluded=[[images.row[one.reference]] for one in wanted],
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Images and queries of the original are counted, but how many are due is not known; only its nouns are.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        found = _half(root, split, TIRG)
        opens = {entry.name: photos.side(root / FOLDER / entry.name) is not None for entry in found}
        needs = _requirements(found, split, opens)
        parts = {
            "nouns": len({entry.noun for entry in found}),
            "images": sum(opens.values()),
            "queries": len(needs.others),
        }
        due = parts | expected[split]
        lines += [pictured.line(split, part, due[part], count) for part, count in parts.items()]
        lines[-2].gone = pictured.gone(opens, [needs])
    return lines


def _requirements(found: Sequence[Entry], split: str, opens: dict[str, bool]) -> pictured.Requirements:
    """What TIRG's protocol needs of the images: a test query its reference and any one of its targets."""
    if split == "train":
        pairs = training_pairs(found)
        first, others, gallery = [pair[0] for pair in pairs], [(pair[2],) for pair in pairs], []
    else:
        wanted, gallery = queries(found), list(opens)
        first = [one.reference for one in wanted]
        others = [() if any(opens[name] for name in one.relevant) else tuple(one.relevant) for one in wanted]
    return pictured.Requirements(protocol=TIRG.name, reference=first, others=others, gallery=gallery)
