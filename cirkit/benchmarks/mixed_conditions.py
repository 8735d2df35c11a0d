"""Queries with a negative text or a mask, and which images fulfil or break them: our own benchmark, its files read.

CompoDiff §5.4: "the existing benchmarks cannot evaluate the negative and mask conditions". A folder holds
`queries.json`, `gallery.json` (the images of each kind of query), `images/` and `masks/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from cirkit.benchmarks import photos, pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query

KINDS = ("negative", "mask")  # of queries
QUERIES, GALLERY, IMAGES, MASKS = "queries.json", "gallery.json", "images", "masks"


@dataclass(frozen=True)
class Annotation:
    """One query: a text and either a negative text or the path of a mask; `in_words` says both as one text."""

    kind: str
    reference: str
    text: str
    negative: str | None
    mask: str | None
    in_words: str
    targets: tuple[str, ...]
    broken: tuple[str, ...]  # images with the change, but with what is unwanted or in another place


Relevant = Callable[[Annotation], tuple[str, ...]]


def targets(annotation: Annotation) -> tuple[str, ...]:
    """Images in which what is asked for is there, what is unwanted is not, and the rest is as it was."""
    return annotation.targets


def broken(annotation: Annotation) -> tuple[str, ...]:
    """Images that show the change but break the condition: the evidence of negatives@K."""
    return annotation.broken


Wording = Callable[[Sequence[Annotation], Bool[Tensor, "q h w"] | None], dict[str, Any]]


def as_conditions(asked: Sequence[Annotation], mask: Bool[Tensor, "q h w"] | None) -> dict[str, Any]:
    """The text, and the negative text or the mask as a condition of its own."""
    avoid = None if mask is not None else [one.negative or "" for one in asked]
    return {"text": [one.text for one in asked], "avoid": avoid, "mask": mask}


def in_words(asked: Sequence[Annotation], mask: Bool[Tensor, "q h w"] | None) -> dict[str, Any]:
    """The same information as one text, for models that have no other condition."""
    return {"text": [one.in_words for one in asked]}


def text_alone(asked: Sequence[Annotation], mask: Bool[Tensor, "q h w"] | None) -> dict[str, Any]:
    """The text without the condition: what it is worth shows beside this."""
    return {"text": [one.text for one in asked]}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Which queries, in which wording, and which images count as relevant."""

    kind: str
    wording: Wording = as_conditions
    relevant: Relevant = targets


def annotations(root: Path) -> list[Annotation]:
    """The records of `queries.json`, checked. Raises Problem that names file and record."""
    path, found = root / QUERIES, []
    for number, record in enumerate(read_json(path, list)):
        kind = need(record, "kind", str, path, number)
        if kind not in KINDS:
            raise record_error(path, number, f"is of the kind {kind!r}, not one of {', '.join(KINDS)}")
        condition = need(record, "negative_text" if kind == "negative" else "mask", str, path, number)
        names = [need(record, key, list, path, number) for key in ("targets", "broken")]
        if not all(each and all(isinstance(name, str) for name in each) for each in names):
            raise record_error(path, number, "needs names of images as targets and as broken ones")
        if len({*names[0], *names[1]}) != len(names[0]) + len(names[1]):
            raise record_error(path, number, "names an image twice")
        found.append(
            Annotation(
                kind=kind,
                reference=need(record, "reference", str, path, number),
                text=need(record, "text", str, path, number),
                negative=condition if kind == "negative" else None,
                mask=condition if kind == "mask" else None,
                in_words=need(record, "in_words", str, path, number),
                targets=tuple(names[0]),
                broken=tuple(names[1]),
            )
        )
    return found


def gallery(root: Path, kind: str) -> list[str]:
    """The names of the images that queries of a kind are ranked among."""
    path = root / GALLERY
    names = need(read_json(path, dict), kind, list, path, kind)
    if not names or len(set(map(str, names))) != len(names) or not all(isinstance(name, str) for name in names):
        raise Problem(f"{path} has no list of distinct images of the kind {kind!r}. Publish it again.")
    return names


def test(root: Path | str, protocol: Protocol) -> Benchmark:
    """The queries of a kind against its gallery, the reference image excluded."""
    root = Path(root)
    asked = [one for one in annotations(root) if one.kind == protocol.kind]
    paths = {name: image_path(root, name, IMAGES) for name in gallery(root, protocol.kind)}
    images = pictured.find(root, paths)
    asked = [asked[i] for i in images.complete(root, [(one.reference, *one.targets, *one.broken) for one in asked])]
    mask = None if protocol.kind == "negative" else _masks(root, asked)
    return Benchmark(
        name=f"{protocol.kind} conditions",
        query=Query(image=images.at([one.reference for one in asked]), **protocol.wording(asked, mask)),
        gallery=images.images,
        relevant=[images.rows(protocol.relevant(one)).tolist() for one in asked],
        excluded=[[images.row[one.reference]] for one in asked],
    )


def _masks(root: Path, asked: Sequence[Annotation]) -> Bool[Tensor, "q h w"]:
    """White where the image may change."""
    paths = [image_path(root, one.mask or "", MASKS) for one in asked]
    if missing := [path for path in paths if not path.is_file()]:
        raise Problem(f"The mask {missing[0]} is missing, one of {len(missing)}. Publish the folder again.")
    return photos.open_images(paths)[torch.arange(len(paths))][:, 0] > 127
