"""SynthTriplets18M: generated images and instructions. A reader for what the papers say; the published schema is not.

003 §4 (CompoDiff), appendix: 11.4M triplets from keywords, 7.4M from a language model. Not verified: the columns of the
published files. So the reader takes JSON lines, `Columns` names their keys, and whatever is optional may be absent.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_text, record_error
from cirkit.query import Query, Triplets

IMAGES = "images"
FILE = "triplets.jsonl"  # not verified: ours, as the published name is not known
OFFICIAL = {"train": {"triplets": 18_800_000}}  # as the paper says; 1M of them is its smaller set

TEMPLATES = (  # 003 Table 2: 48 cells, of which two are one cut in two and two repeat others. S source, T target
    "replace S with T", "substitute T for S", "change S to T", "T", "apply T", "add T", "exchange S with T",
    "alter S to T", "convert S to T", "transform S into T", "swap S for T", "remodel S into T", "redesign S as T",
    "update S to T", "revamp S into T", "if it is T", "modify S to become T", "turn S into T", "alter S to match T",
    "customize S to become T", "adapt S to fit T", "upgrade S to T", "change S to match T", "tweak S to become T",
    "amend S to fit T", "T is the new option", "choose T instead", "T is the updated version", "use T from now on",
    "T is the new choice", "opt for T", "T is the updated option", "T is the new selection",
    "T is the new option available", "T is the updated choice", "S is replaced with T", "S is removed and T is added",
    "T is introduced after S is removed", "S is removed and T takes its place", "T is added after S is removed",
    "S is removed and T is introduced", "T is added in place of S", "T is introduced after S is retired",
    "T is added as a replacement for S", "T is introduced as the new option after S is removed",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What the keys of a record are called. Not verified: pass another object when the files say otherwise."""

    reference: str = "reference_image"
    target: str = "target_image"
    instruction: str = "instruction"
    source_keyword: str = "source_keyword"
    target_keyword: str = "target_keyword"
    reference_caption: str = "reference_caption"
    target_caption: str = "target_caption"


COLUMNS = Columns()


@dataclass(frozen=True)
class Triplet:
    """One record; of the parts that may be None, an instruction or both keywords are there."""

    reference: str  # path below the root
    target: str
    instruction: str | None
    source_keyword: str | None
    target_keyword: str | None
    reference_caption: str | None
    target_caption: str | None


def as_given(triplet: Triplet, row: int) -> str:
    """The instruction; where there is none, a template filled with the keywords."""
    return triplet.instruction or retold(triplet, row)


def retold(triplet: Triplet, row: int) -> str:
    """A template drawn by the row's number and filled with the keywords; the instruction where there are none."""
    if triplet.source_keyword is None or triplet.target_keyword is None:
        return triplet.instruction or ""
    template = TEMPLATES[int(np.random.default_rng(row).integers(len(TEMPLATES)))]
    return fill(template, triplet.source_keyword, triplet.target_keyword)


def fill(template: str, source: str, target: str) -> str:
    """The template with its words S and T replaced; other capitals stay."""
    return " ".join({"S": source, "T": target}.get(word, word) for word in template.split())


def triplets(root: Path, columns: Columns = COLUMNS) -> list[Triplet]:
    """The records of `triplets.jsonl`, checked. Raises Problem that names file and record."""
    path, found = root / FILE, []
    for number, text in enumerate(read_text(path).removesuffix("\n").split("\n")):
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise record_error(path, number, f"is no JSON ({error})") from error
        parts: dict[str, Any] = {}
        for field, key in dataclasses.asdict(columns).items():
            optional = field not in ("reference", "target") and isinstance(record, dict) and record.get(key) is None
            parts[field] = None if optional else need(record, key, str, path, number)
        one = Triplet(**parts)
        keywords = (one.source_keyword, one.target_keyword)
        if not (one.instruction or "").strip() and not all((word or "").strip() for word in keywords):
            raise record_error(path, number, "has neither an instruction nor two keywords to make one from")
        if one.reference == one.target:
            raise record_error(path, number, "leads from an image to itself")
        found.append(one)
    return found


def train(root: Path | str, words: Callable[[Triplet, int], str] = as_given, columns: Columns = COLUMNS) -> Triplets:
    """The triplets of a folder, in the words chosen: `as_given` or `retold`."""
    root = Path(root)
    held = triplets(root, columns)
    names = dict.fromkeys(name for one in held for name in (one.reference, one.target))
    images = pictured.find(root, {name: image_path(root, name, IMAGES) for name in names})
    kept = images.complete(root, [(one.reference, one.target) for one in held])
    first = [held[i].reference for i in kept]
    query = Query(image=images.at(first), text=[words(held[i], i) for i in kept])
    return Triplets(query=query, target=images.at([held[i].target for i in kept]), reference=images.rows(first))


def check(root: Path) -> list[dict[str, Any]]:
    """How many triplets and images there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those counted as a world was published.
    """
    expected, held = pictured.expected_counts(root, OFFICIAL), triplets(root)
    names = dict.fromkeys(name for one in held for name in (one.reference, one.target))
    found = {name: image_path(root, name, IMAGES).is_file() for name in names}
    first, second = [one.reference for one in held], [(one.target,) for one in held]
    lines = [
        pictured.line("train", "triplets", expected["train"]["triplets"], len(held)),
        pictured.line("train", "images", len(names), sum(found.values())),
    ]
    lines[-1].gone = pictured.gone(found, [pictured.Requirements(protocol="triplets", reference=first, others=second)])
    return lines
