"""FashionIQ read otherwise: one gallery for all categories, M-BEIR's queries, both orders of the captions side by side.

Wei et al. 2024 (UniIR), src/data/preprocessing, for M-BEIR, whose files mteb scores as FashionIQIT2IRetrieval; Baldrati
et al. 2023 (SEARLE), src/validate.py, for the orders. What M-BEIR publishes: 6,003 queries among 74,381 images.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cirkit.benchmarks import fashioniq, pictured
from cirkit.benchmarks.fashioniq_layouts import image_paths
from cirkit.benchmarks.fashioniq_protocols import MAAF, SEARLE, STRIPPED, Protocol, with_reference
from cirkit.query import Benchmark, Query, Select


def as_sentence(captions: Sequence[str]) -> tuple[str, ...]:
    """M-BEIR: `C1 and c2.`; each caption loses its period and begins small, and the whole is made a sentence."""
    stripped = (caption.strip() for caption in captions)
    whole = " and ".join(caption[:1].lower() + caption[1:].removesuffix(".") for caption in stripped)
    whole = whole.replace("\r", "").strip().strip('"')
    return (f"{whole[:1].upper()}{whole[1:]}{'' if whole.endswith(('.', '?', '!')) or not whole else '.'}",)


def strip_and_reverse(captions: Sequence[str]) -> tuple[str, ...]:
    """`c2 and c1`, stripped: the other of SEARLE's two orders."""
    return (" and ".join(caption.strip(STRIPPED) for caption in reversed(captions)),)


MBEIR = Protocol(name="mbeir", join=as_sentence, reference=with_reference)
SEARLE_REVERSED = replace(SEARLE, name="searle-reversed", join=strip_and_reverse)


def mixed(root: Path | str, protocol: Protocol = MAAF, others: Sequence[str] = ()) -> Benchmark:
    """The queries of val in one gallery of all categories, each image once; `others` are splits that lie in it, too.

    Of every split the gallery has what the protocol takes of val. Queries and gallery items whose images are missing
    are left out with a warning.
    """
    root = Path(root)
    read = [fashioniq.annotations(root, category, "val") for category in protocol.categories]
    further = [fashioniq.annotations(root, category, split) for split in others for category in protocol.categories]
    paths: dict[str, Path] = {}
    for part in (*read, *further):
        there = image_paths(root, part.category, protocol.gallery(part))
        paths |= {name: path for name, path in there.items() if name not in paths or path.is_file()}
    images = pictured.find(root, paths)
    records = [(part.category, record) for part in read for record in part.records]
    needed = [(record.candidate, record.target or "") for _, record in records]
    asked = [
        (*records[number], text)
        for number in images.complete(root, needed)
        for text in protocol.texts(records[number][1].captions)
    ]
    source = images.rows([record.candidate for _, record, _ in asked])
    excluded = [protocol.reference(row) for row in source.tolist()]
    return Benchmark(
        name=f"fashioniq/{protocol.name}-mixed",
        query=Query(image=Select(images.images, source), text=[text for *_, text in asked]),
        gallery=images.images,
        relevant=[[images.row[record.target or ""]] for _, record, _ in asked],
        excluded=excluded if any(excluded) else None,
        group=[category for category, *_ in asked],
    )


def mbeir(root: Path | str) -> Benchmark:
    """M-BEIR's test: the queries of val among the images of all categories and splits, the reference one of them.

    Annotations that say the same of one reference are one query with all their targets. The mean is over queries.
    """
    each = mixed(root, MBEIR, others=("train", "test"))
    targets: dict[tuple[int, str], list[int]] = {}  # by reference and text
    for row, text, relevant in zip(each.query.image.index.tolist(), each.query.text, each.relevant, strict=True):
        mine = targets.setdefault((row, text), [])
        mine += [item for item in relevant if item not in mine]
    image = Select(each.query.image.images, torch.tensor([row for row, _ in targets]))
    query = Query(image=image, text=[text for _, text in targets])
    return replace(each, name="fashioniq/mbeir", query=query, relevant=list(targets.values()), group=None)


def both_orders(root: Path | str) -> tuple[Benchmark, Benchmark]:
    """SEARLE's val: the same queries with the captions in either order, for an evaluation that averages the two."""
    return fashioniq.test(root, SEARLE), fashioniq.test(root, SEARLE_REVERSED)
