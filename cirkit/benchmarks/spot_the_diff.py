"""Spot-the-Diff: two frames of one fixed camera and sentences that say what changed. The official files, read.

Jhamtani & Berg-Kirkpatrick 2018; MAAF Table 6: each sentence leads from the first frame to the second; the gallery is
both frames of every pair, the reference is left out; R@10, R@50.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from cirkit.benchmarks import pictured
from cirkit.benchmarks.annotations import image_path, need, read_json, record_error
from cirkit.benchmarks.pictured import Pictured
from cirkit.errors import Problem
from cirkit.query import Benchmark, Query, Select, Triplets

SPLITS = ("train", "val", "test")
OFFICIAL = {  # counted, empty sentences included; MAAF reports 17,672 train triples, four fewer
    "train": {"records": 9524, "pairs": 8566, "sentences": 17676},
    "val": {"records": 1634, "pairs": 1493, "sentences": 3310},
    "test": {"records": 1404, "pairs": 1270, "sentences": 2107},
}
Record = tuple[str, tuple[str, ...]]  # img_id and sentences


@dataclass(frozen=True)
class Pair:
    """Two frames, `<id>.png` and `<id>_2.png`, and the sentences on them."""

    id: str
    sentences: tuple[str, ...]

    @property
    def frames(self) -> tuple[str, str]:
        """The names of the two images."""
        return f"{self.id}.png", f"{self.id}_2.png"


def merged(records: Sequence[Record]) -> list[Pair]:
    """One pair per img_id, with the sentences of all its records: every frame is in the gallery once."""
    sentences: dict[str, tuple[str, ...]] = {}
    for key, more in records:
        sentences[key] = sentences.get(key, ()) + more
    return [Pair(key, every) for key, every in sentences.items()]


def as_listed(records: Sequence[Record]) -> list[Pair]:
    """One pair per record, as the released code lists them: frames of several records are in the gallery repeatedly."""
    return [Pair(key, sentences) for key, sentences in records]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a pair is, which sentences are queries, and whether the reference is left out of the ranking."""

    name: str = "spot-the-diff"
    pairs: Callable[[Sequence[Record]], list[Pair]] = merged
    sentences: Literal["not empty", "all"] = "not empty"  # 53, 6 and 7 official sentences are empty
    reference: Literal["excluded", "kept"] = "excluded"


# paper: 1,493 val and 1,270 test pairs; released code: a pair per record, so that the gallery holds 3,268 val and
# 2,808 test frames, a copy of the target is a miss, and a copy of the reference stays in the ranking
MAAF = Protocol()
RELEASED = Protocol(name="spot-the-diff-released", pairs=as_listed)


def _folder(root: Path) -> Path:
    """Where annotations and resized_images lie: in `root`, or in its folder `data`, as the repository has it."""
    return root / "data" if (root / "data" / "annotations").is_dir() else root


def records(root: Path, split: str) -> list[Record]:
    """The records of a split as they stand, several of one pair among them. Raises Problem that names the record."""
    path, found = _folder(root) / "annotations" / f"{split}.json", []
    for number, record in enumerate(read_json(path, list)):
        key, sentences = need(record, "img_id", str, path, number), need(record, "sentences", list, path, number)
        if not key or not key.replace("_", "").isalnum() or key.endswith(("_2", "_diff")):
            raise record_error(path, number, f"has the img_id {key!r}, which names no pair of frames")
        if not all(isinstance(sentence, str) for sentence in sentences):
            raise record_error(path, number, "has sentences that are none")
        found.append((key, tuple(sentences)))
    if not found:
        raise Problem(f"{path} has no records. Download it again.")
    return found


def pairs(root: Path, split: str, protocol: Protocol = MAAF) -> list[Pair]:
    """The pairs of a split in the order of their first record."""
    return protocol.pairs(records(root, split))


def frame_path(root: Path, name: str) -> Path:
    """Where an image lies."""
    return image_path(_folder(root) / "resized_images", name)


@dataclass(frozen=True)
class _Queries:
    """A sentence each, from the first frame of pair `number[i]` to its second."""

    images: Pictured
    pairs: list[Pair]
    text: list[str]
    number: list[int]

    def frames(self, which: int) -> list[str]:
        """The names of the queries' first (0) or second (1) frames."""
        return [self.pairs[number].frames[which] for number in self.number]


def _queries(root: Path, split: str, protocol: Protocol) -> _Queries:
    """Images and queries, those left out that lack a frame."""
    held = pairs(root, split, protocol)
    images = pictured.find(_folder(root), {name: frame_path(root, name) for pair in held for name in pair.frames})
    texts = [
        (number, sentence)
        for number, pair in enumerate(held)
        for sentence in pair.sentences
        if protocol.sentences == "all" or sentence.strip()
    ]
    whole = images.complete(root, [held[number].frames for number, _ in texts])
    return _Queries(images, held, [texts[i][1] for i in whole], [texts[i][0] for i in whole])


def train(root: Path | str, protocol: Protocol = MAAF) -> Triplets:
    """The train triplets: one per sentence, from the first frame to the second."""
    queries = _queries(Path(root), "train", protocol)
    source = queries.images.at(queries.frames(0))
    query = Query(image=source, text=queries.text)
    return Triplets(query=query, target=queries.images.at(queries.frames(1)), reference=source.index)


def test(root: Path | str, protocol: Protocol = MAAF, split: str = "test") -> Benchmark:
    """The queries of a split; the gallery holds the frames of pairs without a usable sentence, too."""
    queries = _queries(Path(root), split, protocol)
    images, rows = queries.images, []
    row: dict[tuple[int, int], int] = {}  # of the gallery, by the number of a pair and 0 or 1 for its frame
    for number, pair in enumerate(queries.pairs):
        for which, name in enumerate(pair.frames):
            if name in images.row:
                row[number, which] = len(rows)
                rows.append(images.row[name])
    return Benchmark(
        name=protocol.name,
        query=Query(image=images.at(queries.frames(0)), text=queries.text),
        gallery=Select(images.images, torch.tensor(rows)),
        relevant=[[row[number, 1]] for number in queries.number],
        excluded=[[row[number, 0]] for number in queries.number] if protocol.reference == "excluded" else None,
    )


def check(root: Path) -> list[dict[str, Any]]:
    """Per split and part, how many there should be, how many there are, and how many are missing.

    Expected numbers are the original's, or those of the world where `root` is one.
    """
    expected, lines = pictured.expected_counts(root, OFFICIAL), []
    for split in SPLITS:
        listed = records(root, split)
        held = merged(listed)
        found = {
            "records": len(listed),
            "pairs": len(held),
            "sentences": sum(len(pair.sentences) for pair in held),
        }
        lines += [pictured.line(split, part, expected[split][part], count) for part, count in found.items()]
        there = {name: frame_path(root, name).is_file() for pair in held for name in pair.frames}
        lines.append(pictured.line(split, "frames", 2 * expected[split]["pairs"], sum(there.values())))
        lines[-1].gone = pictured.gone(there, [_requirements(each, listed, split) for each in (MAAF, RELEASED)])
    return lines


def _requirements(protocol: Protocol, listed: list[Record], split: str) -> pictured.Requirements:
    """What a protocol needs of the images."""
    held = protocol.pairs(listed)
    ends = [pair.frames for pair in held for sentence in pair.sentences if sentence.strip()]
    return pictured.Requirements(
        protocol=protocol.name,
        reference=[first for first, _ in ends],
        others=[(second,) for _, second in ends],
        gallery=() if split == "train" else [name for pair in held for name in pair.frames],
    )
