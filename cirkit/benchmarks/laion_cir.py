"""Laion-CIR: training triplets whose texts a template, a language model, or both wrote, read from the official files.

Liu et al. 2023 (TransAgg), 002 Tables 1, 2: 16,000 triplets each over LAION-COCO, about 32,000 combined. Train only.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.errors import Problem
from cirkit.query import Query, Triplets

IMAGES = "images"  # the folder is not named anywhere; images directly below the root are found, too


@dataclass(frozen=True)
class Triplet:
    """One record; ids are digits. `target_caption` is what the language model said of the target, else None."""

    reference: str
    caption: str
    target: str
    target_caption: str | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who wrote the texts: the file, how it is read, and how many triplets the original has."""

    name: str
    file: str
    read: Callable[[Path], list[Triplet]]
    triplets: int


def _listed(path: Path) -> list[Triplet]:
    """Template and combined: a list of records; a reference may stand in several."""
    return [_triplet(path, n, record, "ref_image_id") for n, record in enumerate(read_json(path, list))]


def _keyed(path: Path) -> list[Triplet]:
    """The language model's: an object by reference id, so one triplet per reference."""
    found = []
    for key, record in read_json(path, dict).items():
        said = need(record, "tgt_cap", str, path, key)
        found.append(dataclasses.replace(_triplet(path, key, {**record, "ref": key}, "ref"), target_caption=said))
    return found


def _triplet(path: Path, number: int | str, record: Any, reference: str) -> Triplet:
    """One record, checked. Ids are strings but for 2,000 targets of the template file, which are numbers."""
    names = [str(need(record, key, (str, int), path, number)) for key in (reference, "tgt_image_id")]
    for name in names:
        if not (name.isascii() and name.isdigit() and len(name) <= 12):
            raise record_error(path, number, f"has the image id {name!r}, which is no number")
    caption = need(record, "relative_cap", str, path, number)
    if names[0] == names[1] or not caption.strip():
        raise record_error(path, number, "leads from an image to itself or says nothing")
    return Triplet(names[0], caption, names[1])


TEMPLATE = Source(name="template", file="laion_template_info.json", read=_listed, triplets=16_000)
LLM = Source(name="llm", file="laion_llm_info.json", read=_keyed, triplets=16_000)
COMBINED = Source(
    name="combined", file="laion_combined_info.json", read=_listed, triplets=32_000
)  # not seen, only cited
SOURCES = (TEMPLATE, LLM, COMBINED)


def triplets(root: Path, source: Source) -> list[Triplet]:
    """The records of a file, checked. Raises Problem that names file and record."""
    path = root / source.file
    found = source.read(path)
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def path_of(root: Path, key: str) -> Path:
    """Where an image lies: its id with seven digits, in `images` or in the root."""
    name = f"{key.zfill(7)}.png"
    direct = image_path(root, name)
    return direct if direct.is_file() else image_path(root / IMAGES, name)


def train(root: Path | str, source: Source = COMBINED) -> Triplets:
    """The triplets of one source. Texts stand as written; released code (TransAgg) lower-cases."""
    root = Path(root)
    held = triplets(root, source)
    names = dict.fromkeys(key for one in held for key in (one.reference, one.target))
    images = pictured.find(root, {key: path_of(root, key) for key in names})
    kept = images.complete(root, [(one.reference, one.target) for one in held])
    first = [held[i].reference for i in kept]
    query = Query(image=images.at(first), text=[held[i].caption for i in kept])
    return Triplets(query=query, target=images.at([held[i].target for i in kept]), reference=images.rows(first))


def check(root: Path) -> list[dict[str, Any]]:
    """Per source and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those counted as a world was published. A source without file has none.
    """
    lines = []
    expected = pictured.expected_counts(root, {source.name: {"triplets": source.triplets} for source in SOURCES})
    for source in SOURCES:
        path = root / source.file
        there = path.is_file() or path.with_name(path.name + ".gz").is_file()
        held = triplets(root, source) if there else []
        names = dict.fromkeys(key for one in held for key in (one.reference, one.target))
        found = {key: path_of(root, key).is_file() for key in names}
        lines.append(pictured.line(source.name, "triplets", expected[source.name]["triplets"], len(held)))
        lines.append(pictured.line(source.name, "images", len(names), sum(found.values())))
        first, second = [one.reference for one in held], [(one.target,) for one in held]
        lines[-1].gone = pictured.gone(
            found, [pictured.Requirements(protocol=source.name, reference=first, others=second)]
        )
    if not any(line["found"] for line in lines):
        raise Problem(f"{root} holds none of Laion-CIR's files ({', '.join(each.file for each in SOURCES)}). Check it.")
    return lines
