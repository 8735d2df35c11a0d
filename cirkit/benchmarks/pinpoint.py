"""PinPoint: "show a dress appropriate for this place" in several wordings, many relevant images, explicit negatives.

Mahadev et al. 2026 (arXiv 2603.04598): over one index that holds the references, too, mAP@10, the negatives among the
first ten, and mAP@10 without them. The released table as JSON, since parquet needs a library of its own:
`pandas.read_parquet("pinpoint_licensed.parquet").to_json("pinpoint_licensed.json", orient="records")`.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, read_text, record_error
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query

TABLE, INDEX, IMAGES = "pinpoint_licensed.json", "index_signatures.txt", "images"
OFFICIAL = {"test": {"queries": 7635}, "index": {"images": 109_600}}  # a query is one wording
SIGNATURE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Annotation:
    """One wording of a query; images are named by their signatures."""

    id: str
    reference: str
    second: str | None  # another reference, which 13 % of the official queries have
    instruction: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]  # none of the positives


def positives(annotation: Annotation) -> tuple[str, ...]:
    """The relevant images."""
    return annotation.positives


def negatives(annotation: Annotation) -> tuple[str, ...]:
    """The explicit hard negatives, of which the reference may be one."""
    return annotation.negatives


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is searched for, and what is left out of the ranking; all protocols have the same queries."""

    name: str
    relevant: Callable[[Annotation], tuple[str, ...]] = positives
    excluded: Callable[[Annotation], tuple[str, ...]] | None = None


POSITIVES = Protocol(name="pinpoint")
NEGATIVES = Protocol(name="pinpoint-negatives", relevant=negatives)  # for `NegativeRecall`
WITHOUT_NEGATIVES = Protocol(name="pinpoint-without-negatives", excluded=negatives)  # the release's mAP@10_noNeg
PROTOCOLS = (POSITIVES, NEGATIVES, WITHOUT_NEGATIVES)


def index(root: Path) -> list[str]:
    """The signatures of the gallery, in the order of its list."""
    path = root / INDEX
    found = read_text(path).split()
    for number, name in enumerate(found):
        if not SIGNATURE.fullmatch(name):
            raise record_error(path, number, f"has the signature {name[:40]!r}, which is not 32 hexadecimal digits")
    if not found or len(set(found)) != len(found):
        raise Problem(f"{path} lists {'an image twice' if found else 'no images'}. Download it again.")
    return found


def annotations(root: Path) -> list[Annotation]:
    """All wordings, those of one reference together. Raises Problem that names file and record.

    Released file: lists name images twice, and null among the negatives; here an image is listed once. Of an image
    that is positive and negative to one query, as 310 records have it, only the first counts.
    """
    path, known = root / TABLE, set(index(root))
    found: dict[tuple[str, str | None], list[Annotation]] = {}
    seen = set()
    for number, record in enumerate(read_json(path, list)):
        key, reference = (need(record, part, str, path, number) for part in ("query_id", "query_image_signature"))
        instruction = need(record, "instruction", str, path, number)
        right, wrong = (_signatures(record, f"{kind}_candidates", path, number) for kind in ("positive", "negative"))
        second = record.get("query_image_signature2")
        second = None if second == "None" else second  # as the release writes a reference that is not there
        if not isinstance(second, str | None):
            raise record_error(path, number, "has a query_image_signature2 that is no signature")
        if key in seen:
            raise record_error(path, number, f"has the query_id {key} of an earlier one")
        seen.add(key)
        for name in (reference, *([] if second is None else [second]), *right, *wrong):
            if name not in known:
                raise record_error(path, number, f"names image {name[:40]!r}, which {INDEX} does not")
        wrong = tuple(name for name in wrong if name not in right)
        if not right or not wrong:
            raise record_error(path, number, f"has no {'negative' if right else 'positive'}_candidates")
        found.setdefault((reference, second), []).append(Annotation(key, reference, second, instruction, right, wrong))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return [one for same in found.values() for one in same]


def _signatures(record: dict[str, Any], key: str, path: Path, number: int) -> tuple[str, ...]:
    """The images of a list, each once; null, which stands in some, is none."""
    names = need(record, key, list, path, number)
    if not all(name is None or isinstance(name, str) for name in names):
        raise record_error(path, number, f"has {key} that are no list of signatures")
    return tuple(name for name in dict.fromkeys(names) if name is not None)


def file_path(root: Path, name: str) -> Path:
    """Where an image lies."""
    return image_path(root / IMAGES, f"{name}.jpg")


def test(root: Path | str, protocol: Protocol = POSITIVES) -> Benchmark:
    """All wordings with one reference under a protocol; the wordings of a reference stand next to each other."""
    mine, images = _whole(Path(root))
    out = None if protocol.excluded is None else [protocol.excluded(one) for one in mine]
    return Benchmark(
        name=protocol.name,
        query=Query(image=images.at([one.reference for one in mine]), text=[one.instruction for one in mine]),
        gallery=images.images,
        relevant=[[images.row[name] for name in protocol.relevant(one)] for one in mine],
        excluded=None if out is None else [[images.row[name] for name in names] for names in out],
    )


def runs(root: Path | str) -> tuple[int, ...]:
    """How many wordings each reference has in `test`, in its order: for measures over paraphrases.

    As in the released evaluation, everything asked of one image counts as one query's paraphrases.
    """
    mine, _ = _whole(Path(root))
    return tuple(Counter(one.reference for one in mine).values())


def _whole(root: Path) -> tuple[list[Annotation], Pictured]:
    """The annotations that can be asked: of one reference, and all their images there."""
    read = annotations(root)
    mine = [one for one in read if one.second is None]
    if len(mine) < len(read):
        warnings.warn(
            f"{root}: {len(read) - len(mine)} of {len(read)} queries are left out: they have two references.",
            stacklevel=3,
        )
    images = pictured.find(root, {name: file_path(root, name) for name in index(root)})
    whole = images.complete(root, [[one.reference, *one.positives, *one.negatives] for one in mine])
    return [mine[i] for i in whole], images


def check(root: Path) -> list[dict[str, Any]]:
    """How many queries and images there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    expected, read = pictured.expected_counts(root, OFFICIAL), annotations(root)
    there = {name: file_path(root, name).is_file() for name in index(root)}
    lines = [
        pictured.line("test", "queries", expected["test"]["queries"], len(read)),
        pictured.line("index", "images", expected["index"]["images"], sum(there.values())),
    ]
    mine = [one for one in read if one.second is None]
    needed = pictured.Requirements(
        protocol=", ".join(protocol.name for protocol in PROTOCOLS),
        reference=[one.reference for one in mine],
        others=[[*one.positives, *one.negatives] for one in mine],
        gallery=list(there),
    )
    lines[-1].gone = pictured.gone(there, [needed])
    return lines
