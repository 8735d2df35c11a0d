"""Birds-to-Words: an image, a paragraph on how another bird differs; the official TSV, read.

MAAF §3.3 makes retrieval of it: every paragraph asks for image 2 given image 1, the gallery is all images of the
split by name, and the reference is left out. In training the pair is also turned round, its animals renamed.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, read_text, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets

SPLITS = ("train", "val", "test")
FILE = "birds-to-words-v1.0.tsv"
COLUMNS = (
    "img1ObservationURL", "img1ImgURL", "img1Species", "img1Selection",
    "img2ObservationURL", "img2ImgURL", "img2Species", "img2Selection",
    "split", "annN", "description",
)  # fmt: skip
SELECTIONS = ("base", "visual", "sameSpecies", "sameGenus", "sameFamily", "sameOrder", "sameClass")
OFFICIAL = {"all": {"pairs": 3347, "paragraphs": 16067}}  # the paper's; splits are counted in the file alone


def swap_tokens(text: str) -> str:
    """animal1 for animal2 and back where they stand between spaces: released code of MAAF; `animal1,` stays."""
    names = {"animal1": "animal2", "animal2": "animal1"}
    return " ".join(names.get(word, word) for word in text.split(" "))


def swap_words(text: str) -> str:
    """animal1 for animal2 and back wherever they stand, `Animal 1,` and `animal2's` too."""
    return re.sub(r"(?i)\b(animal ?)([12])\b", lambda match: match[1] + "21"[int(match[2]) - 1], text)


def by_tail(url: str) -> tuple[str, ...]:
    """What an image's file may be called: the URL's last part as it is (MAAF), or without its `?1234`."""
    last = url.rsplit("/", 1)[-1]
    return last, last.split("?")[0]


def by_photo(url: str) -> tuple[str, ...]:
    """As iNaturalist's folders go: `photos/647514/large.jpg?1` is `647514.jpg`; `by_tail` would call all large.jpg."""
    path = PurePosixPath(url.split("?")[0])
    return (f"{path.parent.name}{path.suffix}",)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How the pairs are asked about; the default is MAAF's."""

    name: str = "maaf"
    split: str = "test"
    swap: Callable[[str], str] | None = swap_tokens  # of the animals' names in a pair turned round; None: do not turn
    names: Callable[[str], tuple[str, ...]] = by_tail
    crop: int = 224  # side of images too many for memory, or of more sizes than one


MAAF = Protocol()
INATURALIST = Protocol(name="inaturalist", names=by_photo)
ONE_WAY = Protocol(name="one way", swap=None)


@dataclass(frozen=True)
class Row:
    """One paragraph of the file, on the images of two URLs."""

    first: str
    second: str
    split: str
    number: int
    text: str


@dataclass(frozen=True)
class Dropped:
    """What a split lost because images are not there."""

    images: int
    paragraphs: int


@dataclass(frozen=True)
class Split:
    """The paragraphs of a split whose images are there: rows of `paths` for reference and target, and the texts."""

    paths: list[Path]
    first: list[int]
    second: list[int]
    text: list[str]
    dropped: Dropped


def rows(root: Path | str) -> list[Row]:
    """Every paragraph of the file, checked. Raises Problem that names file and line."""
    path = Path(root) / FILE
    found: list[Row] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        cells = line.rstrip("\r").split("\t")
        if cells == [""] or (number == 1 and cells[-3:] == list(COLUMNS[-3:])):
            continue
        if len(cells) != len(COLUMNS):
            raise record_error(path, number, f"has {len(cells)} columns, not {len(COLUMNS)}")
        split, annotation, text = cells[-3:]
        if split not in SPLITS:
            raise record_error(path, number, f"is of the split {split!r}, not {' or '.join(SPLITS)}")
        if annotation not in tuple("12345"):
            raise record_error(path, number, f"has the annotation number {annotation!r}, not 1 to 5")
        if not cells[1] or not cells[5] or not text.strip():
            raise record_error(path, number, "lacks an image or its description")
        if cells[1] == cells[5]:
            raise record_error(path, number, "compares an image with itself")
        found.append(Row(cells[1], cells[5], split, int(annotation), text.strip()))
    if not found:
        raise Problem(f"{path} has no descriptions. Download it again.")
    return found


def _files(root: Path, every: Sequence[Row], names: Callable[[str], tuple[str, ...]]) -> dict[str, Path | None]:
    """The image of each URL, or None where it is not there. One file for two URLs is a Problem."""
    found: dict[str, Path | None] = {}
    owner: dict[Path, str] = {}
    for url in sorted({url for row in every for url in (row.first, row.second)}):
        places = [image_path(root / "images", name) for name in dict.fromkeys(names(url)) if name]
        found[url] = next((place for place in places if os.path.isfile(place)), None)
        taken = found[url]
        if taken is not None and owner.setdefault(taken, url) != url:
            raise Problem(f"{taken} stands for {owner[taken]} and for {url}. Name the files by another rule.")
    return found


def read(root: Path | str, split: str, names: Callable[[str], tuple[str, ...]] = by_tail) -> Split:
    """A split with its images sorted by name; paragraphs and images that miss a file are dropped together."""
    root = Path(root)
    if split not in SPLITS:
        raise Problem(f"Birds-to-Words has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    every = [row for row in rows(root) if row.split == split]
    files = _files(root, every, names)
    kept = [row for row in every if files[row.first] is not None and files[row.second] is not None]
    if not kept:
        raise Problem(f"No pair of the {split} split has both images in {root / 'images'}. Copy the images there.")
    paths = sorted({path for path in files.values() if path is not None})
    place = {path: row for row, path in enumerate(paths)}
    first, second = (
        [place[files[url]] for url in urls] for urls in zip(*((r.first, r.second) for r in kept), strict=True)
    )
    lost = Dropped(sum(path is None for path in files.values()), len(every) - len(kept))
    return Split(paths, first, second, [row.text for row in kept], lost)


def train(root: Path | str, protocol: Protocol = MAAF) -> Triplets:
    """The training paragraphs; with a `swap` each twice, the second time from image 2 to image 1."""
    part = read(root, "train", protocol.names)
    source, target, text = list(part.first), list(part.second), list(part.text)
    if protocol.swap is not None:
        source, target = source + target, target + source
        text += [protocol.swap(line) for line in part.text]
    images, reference = photos.open_images(part.paths, protocol.crop), torch.tensor(source)
    query = Query(image=Select(images, reference), text=text)
    return Triplets(query=query, target=Select(images, torch.tensor(target)), reference=reference)


def test(root: Path | str, protocol: Protocol = MAAF) -> Benchmark:
    """Every paragraph of the protocol's split: image 1 and the text ask for image 2; image 1 is excluded."""
    part = read(root, protocol.split, protocol.names)
    images = photos.open_images(part.paths, protocol.crop)
    return Benchmark(
        name="birds-to-words",
        query=Query(image=Select(images, torch.tensor(part.first)), text=part.text),
        gallery=images,
        relevant=[[row] for row in part.second],
        excluded=[[row] for row in part.first],
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, how many are missing.

    Expected numbers are the paper's totals, or those counted as a world was published.
    """
    expected, whole, lines = pictured.expected_counts(root, OFFICIAL), rows(root), []

    def line(split: str, part: str, found: int) -> None:
        lines.append(pictured.line(split, part, expected.get(split, {}).get(part, found), found))

    for split in SPLITS:
        chosen = [row for row in whole if row.split == split]
        there = {url: path is not None for url, path in _files(root, chosen, by_tail).items()}
        named = expected.get(split, {}).get("images", len(there))
        lines.append(pictured.line(split, "images", named, sum(there.values())))
        needs = [
            pictured.Requirements(
                protocol=protocol.name,
                reference=[row.first for row in chosen],
                others=[(row.second,) for row in chosen],
                gallery=() if split == "train" else list(there),
            )
            for protocol in (MAAF, ONE_WAY)
        ]
        lines[-1].gone = pictured.gone(there, needs)
        line(split, "pairs", len({(row.first, row.second) for row in chosen}))
        line(split, "paragraphs", len(chosen))
    line("all", "pairs", len({(row.first, row.second) for row in whole}))
    line("all", "paragraphs", len(whole))
    return lines
