"""CIRR: "show three bottles of soft drink", in sets of six similar images. The official files, read.

Liu et al. 2021 (CIRPLANT), 003 §5.4: R@K over the split without the reference; R_s@K over the other five of its set.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.benchmarks.cirr_protocols import SOFT, SOFT_SUBSET, SUBSET, WHOLE, Annotation, Protocol
from cirkit.benchmarks.pictured import Pictured
from cirkit.benchmarks.submissions import ServerQueries
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Triplets

SPLITS = ("train", "val", "test1")
OFFICIAL = {  # counted in release rc2; the paper reports 4,184 val queries and 2,316 test1 images
    "train": {"queries": 28225, "images": 16939},  # queries not counted: the train captions were not at hand
    "val": {"queries": 4181, "images": 2297},
    "test1": {"queries": 4148, "images": 2315},
}
PROTOCOLS = {"train": (WHOLE,), "val": (WHOLE, SUBSET, SOFT, SOFT_SUBSET), "test1": (WHOLE, SUBSET)}


def _folder(root: Path) -> Path:
    """Where captions and image_splits lie: in `root`, or in its folder `cirr`."""
    return root / "cirr" if (root / "cirr").is_dir() else root


def names(root: Path, split: str) -> dict[str, str]:
    """The images of a split in official order, and where each lies below the images' folder."""
    path = _folder(root) / "image_splits" / f"split.rc2.{split}.json"
    read = read_json(path, dict)
    for name, relative in read.items():
        if not isinstance(relative, str) or not relative.endswith(f"{name}.png"):
            raise record_error(path, name, f"leads to {relative!r}, not to a PNG of its name")
    if not read or len({PurePosixPath(relative) for relative in read.values()}) != len(read):
        raise Problem(f"{path} names no image, or two at one place. Download it again.")
    return read


def annotations(root: Path, split: str) -> list[Annotation]:
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
            raise record_error(path, number, "leads from an image to itself")
        soft = {name: float(weight) for name, weight in soft.items()}
        group = need(held, "id", int, path, number)
        found.append(Annotation(pair, reference, caption, target, soft, group, tuple(members)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def extended(root: Path, split: str) -> dict[int, dict[str, str]]:
    """By pairid, the four further sentences (photo, change, not mentioned, background); `[cr0]`, `[cr1]` mark none."""
    path = _folder(root) / "captions_ext" / f"cap.ext.rc2.{split}.json"
    found: dict[int, dict[str, str]] = {}
    for number, record in enumerate(read_json(path, list)):
        pair, texts = need(record, "pairid", int, path, number), need(record, "caption_extend", dict, path, number)
        if pair in found or not all(isinstance(text, str) for text in texts.values()):
            raise record_error(path, number, "repeats a pairid or holds something other than sentences")
        found[pair] = texts
    return found


def file_path(root: Path, relative: str) -> Path:
    """Where an image lies: `img_raw/<path>` beside the captions (README), or `<root>/<path>` (CLIP4Cir)."""
    readme = image_path(_folder(root) / "img_raw", relative)
    other = image_path(root, relative)
    return other if other.is_file() and not readme.is_file() else readme


def _images(root: Path, split: str) -> Pictured:
    return pictured.find(
        _folder(root), {name: file_path(root, relative) for name, relative in names(root, split).items()}
    )


def train(root: Path | str) -> Triplets:
    """The train triplets of a CIRR folder."""
    root = Path(root)
    read, images = annotations(root, "train"), _images(root, "train")
    whole = [read[i] for i in images.complete(root, [(one.reference, one.target) for one in read])]
    source = images.at([one.reference for one in whole])
    query = Query(image=source, text=[one.caption for one in whole])
    return Triplets(query=query, target=images.at([one.target for one in whole]), reference=source.index)


def test(root: Path | str, protocol: Protocol = WHOLE, split: str = "val") -> Benchmark:
    """The queries of `val` (or `train`) under a protocol; the targets of test1 are known to the server alone."""
    whole, images = _queries(Path(root), protocol, split)
    relevant = [[images.row[name] for name in protocol.relevant(one)] for one in whole]
    part = _part(whole, images, protocol)
    return Benchmark(name=protocol.name, gallery=images.images, relevant=relevant, **part)


def worth(root: Path | str, protocol: Protocol = SOFT, split: str = "val") -> tuple[tuple[float, ...], ...]:
    """What each relevant image of `test` with the same arguments is worth, for SoftRecall."""
    whole, _ = _queries(Path(root), protocol, split)
    return tuple(tuple(protocol.relevant(one).values()) for one in whole)


def server_queries(root: Path | str, protocol: Protocol = WHOLE) -> ServerQueries:
    """The test1 queries, for a submission."""
    whole, images = _queries(Path(root), protocol, "test1")
    keys, part = [str(one.pair) for one in whole], _part(whole, images, protocol)
    return ServerQueries(name=protocol.name, keys=keys, gallery=images.images, names=list(images.row), **part)


def _queries(root: Path, protocol: Protocol, split: str) -> tuple[list[Annotation], Pictured]:
    """The annotations that have all the images that the protocol needs of them, and the images."""
    read, images = annotations(root, split), _images(root, split)
    needed = [(one.reference, *_others(one, protocol)) for one in read]
    return [read[i] for i in images.complete(root, needed)], images


def _others(one: Annotation, protocol: Protocol) -> tuple[str, ...]:
    """The images beside its reference that the protocol cannot do without."""
    return (*protocol.relevant(one), *(protocol.candidates(one) or ()))


def _part(whole: list[Annotation], images: Pictured, protocol: Protocol) -> dict[str, Any]:
    """Query, excluded rows, and the rows of a query's own set where the protocol ranks within it."""
    source = [one.reference for one in whole]
    query = Query(image=images.at(source), text=[one.caption for one in whole])
    excluded = [[images.row[name]] for name in source]
    near = [protocol.candidates(one) for one in whole]
    if all(names is None for names in near):
        return {"query": query, "excluded": excluded}
    every = range(len(images.row))
    candidates = [every if names is None else [images.row[name] for name in names] for names in near]
    return {"query": query, "excluded": excluded, "candidates": candidates}


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one. A split without captions has none.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        captions = _folder(root) / "captions" / f"cap.rc2.{split}.json"
        there = captions.is_file() or captions.with_name(captions.name + ".gz").is_file()
        files = {name: file_path(root, relative).is_file() for name, relative in names(root, split).items()}
        read = annotations(root, split) if there else []
        lines.append(pictured.line(split, "queries", expected[split]["queries"], len(read)))
        lines.append(pictured.line(split, "images", expected[split]["images"], sum(files.values())))
        needs = [
            pictured.Requirements(
                protocol=protocol.name,
                reference=[one.reference for one in read],
                others=[_others(one, protocol) for one in read],
                gallery=() if split == "train" else list(files),
            )
            for protocol in PROTOCOLS[split]
        ]
        lines[-1].gone = pictured.gone(files, needs)
    return lines
