"""CIRCO: "shows two people and has a more colorful background", several relevant images. The official files, read.

Baldrati et al. 2023 (SEARLE), 003 §5.4: mAP@5, 10, 25, 50 over all COCO 2017 unlabeled images, the reference among
them; the query is the relative caption alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.benchmarks.pictured import Pictured
from cirkit.benchmarks.submissions import ServerQueries
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query

SPLITS = ("val", "test")
OFFICIAL = {"val": {"queries": 220}, "test": {"queries": 800}, "unlabeled": {"images": 123_403}}  # images: COCO's count
ASPECTS = (  # the nine of val; a world has no viewpoint, as its camera hardly moves
    "addition", "cardinality", "compare_change", "comparative_statement", "direct_addressing", "negation",
    "spatial_relations_background", "statement_with_conjunction", "viewpoint",
)  # fmt: skip
COCO = "COCO2017_unlabeled"
LIST = f"{COCO}/annotations/image_info_unlabeled2017.json"


@dataclass(frozen=True)
class Annotation:
    """One record; ids are COCO's. Of a test record, target is None and `relevant` and `aspects` are empty."""

    id: int
    reference: int
    caption: str
    concept: str
    target: int | None
    relevant: tuple[int, ...]  # the written target first
    aspects: tuple[str, ...]


def relative(annotation: Annotation) -> str:
    """The relative caption alone: the protocol."""
    return annotation.caption


def with_concept(annotation: Annotation) -> str:
    """What reference and targets share, too: an easier query, which some later papers use."""
    return f"{annotation.concept} that {annotation.caption}"


def all_relevant(annotation: Annotation) -> tuple[int, ...]:
    """All relevant images: for mAP@K."""
    return annotation.relevant


def written_target(annotation: Annotation) -> tuple[int, ...]:
    """The one image that the sentence was written for: for the Recall@K of the official evaluation."""
    return annotation.relevant[:1]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The text of a query, what is relevant, whether the reference stays in the ranking, and how queries count."""

    name: str
    words: Callable[[Annotation], str] = relative
    relevant: Callable[[Annotation], tuple[int, ...]] = all_relevant
    reference: Literal["kept", "excluded"] = "kept"  # the official evaluation keeps it
    count: Literal["once", "per aspect"] = "once"  # per aspect: a query stands once in the group of each of its aspects


ALL = Protocol(name="circo")
TARGET = Protocol(name="circo-target", relevant=written_target)
BY_ASPECT = Protocol(name="circo-aspects", count="per aspect")  # means over `group` are the semantic mAPs
PROTOCOLS = (("val", ALL), ("val", TARGET), ("val", BY_ASPECT), ("test", ALL))


def image_names(root: Path) -> dict[int, str]:
    """The gallery: id and file name of every unlabeled image, in the order of image_info_unlabeled2017.json."""
    path = root / LIST
    found: dict[int, str] = {}
    for number, record in enumerate(need(read_json(path, dict), "images", list, path, "the top")):
        key, name = need(record, "id", int, path, number), need(record, "file_name", str, path, number)
        if key in found or name != f"{key:012d}.jpg":
            raise record_error(path, number, f"has id {key} twice or under the name {name!r}")
        found[key] = name
    if not found:
        raise Problem(f"{path} lists no images. Download it again.")
    return found


def annotations(root: Path, split: str) -> list[Annotation]:
    """The records of a split, checked. Raises Problem that names file and record."""
    path = root / "annotations" / f"{split}.json"
    found, seen = [], set()
    for number, record in enumerate(read_json(path, list)):
        key, reference = need(record, "id", int, path, number), need(record, "reference_img_id", int, path, number)
        caption, concept = (need(record, part, str, path, number) for part in ("relative_caption", "shared_concept"))
        if key in seen:
            raise record_error(path, number, f"has the id {key} of an earlier one")
        seen.add(key)
        target, relevant, aspects = None, [], []
        if split != "test":
            target, relevant = (
                need(record, "target_img_id", int, path, number),
                need(record, "gt_img_ids", list, path, number),
            )
            aspects = record.get("semantic_aspects", [])
            distinct = all(type(one) is int for one in relevant) and len(set(relevant)) == len(relevant)
            if not distinct or relevant[:1] != [target]:
                raise record_error(path, number, "needs distinct gt_img_ids, the target_img_id first")
            if reference in relevant:
                raise record_error(path, number, "has its reference among its targets")
            if not isinstance(aspects, list) or not all(isinstance(one, str) for one in aspects):
                raise record_error(path, number, "has semantic_aspects that are no list of words")
        found.append(Annotation(key, reference, caption, concept, target, tuple(relevant), tuple(aspects)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def file_path(root: Path, name: str) -> Path:
    """Where an image lies."""
    return image_path(root / COCO / "unlabeled2017", name)


def test(root: Path | str, protocol: Protocol = ALL, split: str = "val") -> Benchmark:
    """The queries of `val` under a protocol; the targets of `test` are known to the server alone."""
    root = Path(root)
    read, images = _read(root, split)
    whole = images.complete(root, [[str(key) for key in (one.reference, *protocol.relevant(one))] for one in read])
    rows = [(read[i], "") for i in whole]
    if protocol.count == "per aspect":
        rows = [(read[i], aspect) for i in whole for aspect in read[i].aspects]
    source = [str(one.reference) for one, _ in rows]
    return Benchmark(
        name=protocol.name,
        query=Query(image=images.at(source), text=[protocol.words(one) for one, _ in rows]),
        gallery=images.images,
        relevant=[[images.row[str(key)] for key in protocol.relevant(one)] for one, _ in rows],
        excluded=[[images.row[name]] for name in source] if protocol.reference == "excluded" else None,
        group=[aspect for _, aspect in rows] if protocol.count == "per aspect" else None,
    )


def server_queries(root: Path | str, protocol: Protocol = ALL) -> ServerQueries:
    """The test queries, for a submission."""
    root = Path(root)
    read, images = _read(root, "test")
    whole = [read[i] for i in images.complete(root, [[str(one.reference)] for one in read])]
    source = [str(one.reference) for one in whole]
    return ServerQueries(
        name=protocol.name,
        query=Query(image=images.at(source), text=[protocol.words(one) for one in whole]),
        keys=[str(one.id) for one in whole],
        gallery=images.images,
        names=[int(name) for name in images.row],
        excluded=[[images.row[name]] for name in source] if protocol.reference == "excluded" else None,
    )


def _read(root: Path, split: str) -> tuple[list[Annotation], Pictured]:
    """Records and images; every id must be in the gallery's list, whether its image lies there or not."""
    known, read = image_names(root), annotations(root, split)
    for number, one in enumerate(read):
        for key in (one.reference, *one.relevant):
            if key not in known:
                path = root / "annotations" / f"{split}.json"
                raise record_error(path, number, f"names image {key}, which image_info_unlabeled2017.json does not")
    return read, pictured.find(root, {str(key): file_path(root, name) for key, name in known.items()})


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    expected = pictured.expected_counts(root, OFFICIAL)
    lines = [
        pictured.line(split, "queries", expected[split]["queries"], len(annotations(root, split))) for split in SPLITS
    ]
    listed = image_names(root) if (root / LIST).is_file() else {}
    there = {name: file_path(root, name).is_file() for name in listed.values()}
    lines.append(pictured.line("unlabeled", "images", expected["unlabeled"]["images"], sum(there.values())))
    lines[-1].gone = pictured.gone(there, [_requirements(root, split, each, listed) for split, each in PROTOCOLS])
    return lines


def _requirements(root: Path, split: str, protocol: Protocol, known: dict[int, str]) -> pictured.Requirements:
    """What a protocol needs of the images."""
    read = annotations(root, split)
    return pictured.Requirements(
        protocol=f"{protocol.name} {split}",
        reference=[known.get(one.reference, "") for one in read],
        others=[[known.get(key, "") for key in protocol.relevant(one)] for one in read],
        gallery=list(known.values()),
    )
