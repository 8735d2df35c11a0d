"""Birds-to-Words: a picture, a paragraph on how another bird differs; the official TSV, read and written.

MAAF §3.3 makes retrieval of it: every paragraph asks for picture 2 given picture 1, the gallery is all pictures of the
split by name, and the reference is left out. In training the pair is also turned round, its animals renamed.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, read_text, record_error
from cirkit.errors import Problem
from cirkit.files import write_atomically
from cirkit.query import Benchmark, Images, Query, Select, Triplets
from cirkit.worlds import publish as publishing
from cirkit.worlds.aviary import SPLITS, Size, latin, pictures, world
from cirkit.worlds.birds_language import swap_tokens

FILE = "birds-to-words-v1.0.tsv"
COLUMNS = (
    "img1ObservationURL", "img1ImgURL", "img1Species", "img1Selection",
    "img2ObservationURL", "img2ImgURL", "img2Species", "img2Selection",
    "split", "annN", "description",
)  # fmt: skip
SELECTIONS = ("base", "visual", "sameSpecies", "sameGenus", "sameFamily", "sameOrder", "sameClass")
OFFICIAL = {"all": {"pairs": 3347, "paragraphs": 16067}}  # the paper's; splits are counted in the file alone
HOLD = 1 << 30  # bytes of pictures that a split may take in memory; beyond, they are decoded when asked for
VERSION = 1  # of the world: raise it when the same Size would give other bytes


SIZES = {
    "smoke": Size(train=10, val=4, test=5, image=32),
    "cpu": Size(train=300, val=40, test=80),
    "gpu": Size(train=900, val=100, test=200, image=128),
}


def by_tail(url: str) -> tuple[str, ...]:
    """What a picture's file may be called: the URL's last part as it is (MAAF), or without its `?1234`."""
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
    crop: int = 224  # side of pictures too many for memory, or of more sizes than one


MAAF = Protocol()
INATURALIST = Protocol(name="inaturalist", names=by_photo)
ONE_WAY = Protocol(name="one way", swap=None)


@dataclass(frozen=True)
class Row:
    """One paragraph of the file, on the pictures of two URLs."""

    first: str
    second: str
    split: str
    number: int
    text: str


@dataclass(frozen=True)
class Dropped:
    """What a split lost because pictures are not there."""

    pictures: int
    paragraphs: int


@dataclass(frozen=True)
class Split:
    """The paragraphs of a split whose pictures are there: rows of `paths` for reference and target, and the texts."""

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
            raise record_error(path, number, "lacks a picture or its description")
        if cells[1] == cells[5]:
            raise record_error(path, number, "compares a picture with itself")
        found.append(Row(cells[1], cells[5], split, int(annotation), text.strip()))
    if not found:
        raise Problem(f"{path} has no descriptions. Download it again.")
    return found


def _files(root: Path, every: Sequence[Row], names: Callable[[str], tuple[str, ...]]) -> dict[str, Path | None]:
    """The picture of each URL, or None where it is not there. One file for two URLs is a Problem."""
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
    """A split with its pictures sorted by name; paragraphs and pictures that miss a file are dropped together."""
    root = Path(root)
    if split not in SPLITS:
        raise Problem(f"Birds-to-Words has no split {split!r}. Use one of {', '.join(SPLITS)}.")
    every = [row for row in rows(root) if row.split == split]
    files = _files(root, every, names)
    kept = [row for row in every if files[row.first] is not None and files[row.second] is not None]
    if not kept:
        raise Problem(f"No pair of the {split} split has both pictures in {root / 'images'}. Copy the pictures there.")
    paths = sorted({path for path in files.values() if path is not None})
    place = {path: row for row, path in enumerate(paths)}
    first, second = (
        [place[files[url]] for url in urls] for urls in zip(*((r.first, r.second) for r in kept), strict=True)
    )
    lost = Dropped(sum(path is None for path in files.values()), len(every) - len(kept))
    return Split(paths, first, second, [row.text for row in kept], lost)


def _images(paths: Sequence[Path], crop: int) -> Images:
    """In memory where all have one size and fit, else decoded when asked for."""
    sizes = {photos.decode(path).size for path in paths[:8]}
    width, height = min(sizes)
    if len(sizes) == 1 and width == height and 3 * width * height * len(paths) <= HOLD:
        return photos.stack(paths)
    return photos.Files(paths, crop)


def train(root: Path | str, protocol: Protocol = MAAF) -> Triplets:
    """The training paragraphs; with a `swap` each twice, the second time from picture 2 to picture 1."""
    part = read(root, "train", protocol.names)
    source, target, text = list(part.first), list(part.second), list(part.text)
    if protocol.swap is not None:
        source, target = source + target, target + source
        text += [protocol.swap(line) for line in part.text]
    images, reference = _images(part.paths, protocol.crop), torch.tensor(source)
    query = Query(image=Select(images, reference), text=text)
    return Triplets(query=query, target=Select(images, torch.tensor(target)), reference=reference)


def test(root: Path | str, protocol: Protocol = MAAF) -> Benchmark:
    """Every paragraph of the protocol's split: picture 1 and the text ask for picture 2; picture 1 is hidden."""
    part = read(root, protocol.split, protocol.names)
    images = _images(part.paths, protocol.crop)
    return Benchmark(
        name="birds-to-words",
        query=Query(image=Select(images, torch.tensor(part.first)), text=part.text),
        gallery=images,
        relevant=[[row] for row in part.second],
        excluded=[[row] for row in part.first],
    )


def manifest(size: Size) -> dict[str, Any]:
    """What `world.json` says of a world of this size."""
    return {"world": "birds-to-words", "version": VERSION, "size": dataclasses.asdict(size)}


def publish(root: Path, size: Size) -> None:
    """Write the world of this size to `root` in the official format; at once if it is there already."""
    publishing.once(root, manifest(size), lambda folder: _write(folder, size))


def published(size: Size, home: Path | None = None) -> Path:
    """The folder of this world in the data folder `home`; drawn now if it is not there yet."""
    root = publishing.folder_of(manifest(size), home)
    publish(root, size)
    return root


def _write(folder: Path, size: Size) -> None:
    """The TSV and the pictures, named without the query string that their URLs carry."""
    from PIL import Image

    lines = ["\t".join(COLUMNS)]
    (folder / "images").mkdir()
    for split, part in world(size).items():
        names = [f"{split}_{row:06d}.png" for row in range(len(part.species))]
        for start in range(0, len(names), 256):
            chosen = range(start, min(start + 256, len(names)))
            for row, pixels in zip(chosen, pictures(size, split, chosen).permute(0, 2, 3, 1).numpy(), strict=True):
                Image.fromarray(pixels).save(folder / "images" / names[row], compress_level=1)
        for (first, second, chosen_by), texts in zip(part.pairs, part.text, strict=True):
            sides = []
            for row, selection in ((first, "base"), (second, chosen_by)):
                url = f"https://birds.example/photos/{names[row]}?{row}"
                sides += [f"https://birds.example/observations/{row}", url, latin(part.species[row]), selection]
            lines += ["\t".join([*sides, split, str(number), text]) for number, text in enumerate(texts, 1)]
    write_atomically(folder / FILE, "\n".join(lines) + "\n")


@lru_cache(maxsize=2)
def world_train(size: Size) -> Triplets:
    """`train` of the world of this size, drawn first if need be; kept."""
    return train(published(size))


@lru_cache(maxsize=4)
def world_test(size: Size, split: str = "test") -> Benchmark:
    """`test` of the world of this size; kept likewise."""
    return test(published(size), Protocol(split=split))


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, how many are missing.

    Expected numbers are the paper's totals, or those of the world where `root` is one.
    """
    made, size = pictured.manifest_of(root), None
    if made is not None:
        try:
            size = Size(**made["size"])
        except (KeyError, TypeError) as error:
            raise Problem(f"{root / pictured.MANIFEST} describes no aviary. Publish it again.") from error
        if manifest(size) != made:
            raise Problem(f"{root} was made by another version of this world. Remove it and publish it again.")
    every, lines = rows(root), []

    def line(split: str, part: str, expected: int, found: int) -> None:
        lines.append(pictured.line(split, part, expected, found))

    for split in SPLITS:
        chosen = [row for row in every if row.split == split]
        files = _files(root, chosen, by_tail)
        named, pairs = len(files), len({(row.first, row.second) for row in chosen})
        due = (named, pairs, len(chosen))
        if size is not None:
            part = world(size)[split]
            due = len(part.species), len(part.pairs), sum(len(texts) for texts in part.text)
        there = {url: path is not None for url, path in files.items()}
        line(split, "pictures", due[0], sum(there.values()))
        needs = [
            pictured.Requirements(
                protocol=protocol.name,
                reference=[row.first for row in chosen],
                others=[(row.second,) for row in chosen],
                gallery=() if split == "train" else list(files),
            )
            for protocol in (MAAF, ONE_WAY)
        ]
        lines[-1].gone = pictured.gone(there, needs)
        line(split, "pairs", due[1], pairs)
        line(split, "paragraphs", due[2], len(chosen))
    if size is None:
        line("all", "pairs", OFFICIAL["all"]["pairs"], len({(row.first, row.second) for row in every}))
        line("all", "paragraphs", OFFICIAL["all"]["paragraphs"], len(every))
    return lines
