"""The pipeline end to end: scenes painted from captions, filtered, written in shards, read by the official reader."""

import json
from dataclasses import dataclass, replace

import pytest
import torch
from toys import TinyClip

from cirkit.benchmarks import synth_triplets as reader
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.synthesis.base import CaptionTriplet
from cirkit.synthesis.filters import Thresholds, clip_filter
from cirkit.synthesis.keywords import keyword_swaps
from cirkit.synthesis.scene_painter import scene_painter, things_in
from cirkit.synthesis.shards import SHARD, Pipeline, gather, shard_folder, synthesise

ALL = clip_filter(thresholds=Thresholds(images=-1.0, caption=-1.0, direction=-1.0, keyword=-1.0, instruction=-1.0))
HALF = replace(ALL, thresholds=replace(ALL.thresholds, direction=0.0))
KINDS = [
    f"{size} {colour} {shape}"
    for size in ("small", "large")
    for colour in ("red", "blue")
    for shape in ("cube", "sphere")
]


def captions() -> list[str]:
    return [f"a {one}, a {other}" for one in KINDS for other in KINDS if one != other]


ROUTE = keyword_swaps(captions=captions, clip=TinyClip, window=(-1.0, 0.99))
PIPELINE = Pipeline(route=ROUTE, painter=scene_painter(pixels=16), clip=TinyClip, keep_if=HALF, size=4, tries=3)


def content(root) -> dict:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class cut_off:
    """Paints until it is told to stop."""

    painter: scene_painter
    left: list

    def described(self):
        return self.painter

    def __call__(self, triplets, seeds):
        if not self.left:
            raise KeyboardInterrupt
        self.left.pop()
        return self.painter(triplets, seeds)


def test_the_official_reader_reads_what_is_written(tmp_path):
    counts = synthesise(tmp_path, PIPELINE, range(3), tell=lambda line: None)
    shards = [PIPELINE.shard(number) for number in range(3)]
    kept = [each for shard in shards for each in shard.triplets]
    assert 0 < counts["kept"] == len(kept) < counts["image pairs"] and counts["caption triplets"] == 12
    held = reader.triplets(tmp_path)
    assert [(one.instruction, one.source_keyword, one.reference_caption, one.target_caption) for one in held] == [
        (each.instruction, each.source_keyword, each.reference, each.target) for each in kept
    ]
    train = reader.train(tmp_path)
    batch = train[all_rows(train)]
    images = torch.cat([shard.images for shard in shards])
    assert torch.equal(batch.query.image, images[:, 0]) and torch.equal(batch.target, images[:, 1])
    assert batch.query.text == [each.instruction for each in kept]


def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    synthesise(whole, PIPELINE, range(3), tell=lambda line: None)
    with pytest.raises(KeyboardInterrupt):
        synthesise(cut, replace(PIPELINE, painter=cut_off(PIPELINE.painter, [0] * 4)), range(3), tell=lambda line: None)
    there = content(cut)
    assert shard_folder(cut, 0).is_dir() and not shard_folder(cut, 2).exists() and reader.FILE not in there
    told = []
    synthesise(cut, PIPELINE, [2, 1, 0], tell=told.append)  # in another order
    assert content(cut) == content(whole) and there.items() <= content(cut).items()
    assert told and all(line.startswith("shard") for line in told) and not told[-1].startswith("shard 0")
    synthesise(cut, PIPELINE, range(3), tell=lambda line: pytest.fail("nothing was missing"))


def test_shards_of_another_configuration_are_refused(tmp_path):
    synthesise(tmp_path, PIPELINE, [0], tell=lambda line: None)
    with pytest.raises(Problem, match="another configuration"):
        synthesise(tmp_path, replace(PIPELINE, seed=1), [0, 1], tell=lambda line: None)
    synthesise(tmp_path / "other", replace(PIPELINE, seed=1), [1], tell=lambda line: None)
    shard_folder(tmp_path / "other", 1).rename(shard_folder(tmp_path, 1))
    with pytest.raises(Problem, match="2 configurations"):
        gather(tmp_path)
    with pytest.raises(Problem, match="no shard yet"):
        gather(tmp_path / "empty")


def test_a_caption_triplet_is_painted_until_it_passes(tmp_path):
    every = replace(PIPELINE, keep_if=ALL, keep=2).shard(0)
    assert len(every.triplets) == 8 and every.counts["image pairs"] == 8  # the third try is not needed
    none = replace(PIPELINE, keep_if=replace(ALL, thresholds=replace(ALL.thresholds, images=1.1)))
    counts = synthesise(tmp_path, none, [0], tell=lambda line: None)
    assert counts["kept"] == 0 and counts["image pairs"] == 12 and counts["pass: image pair"] == 0
    assert json.loads((shard_folder(tmp_path, 0) / SHARD).read_text())["triplets"] == []


def test_the_painter_keeps_what_the_caption_keeps():
    triplet = CaptionTriplet(
        reference="a small red rubber cube, a large blue metal sphere and a tree", instruction="",
        target="a small red rubber cube, a large green rubber cylinder and a tree",
    )  # fmt: skip
    painter = scene_painter(pixels=32)
    (one, other), again = painter.scenes(triplet, 5), painter.scenes(triplet, 6)
    assert [thing.shape for thing in one.things] == ["cube", "sphere"] and one.seed == other.seed
    assert one.things[0] == other.things[0]
    assert replace(one.things[1], shape="cylinder", colour="green", material="rubber") == other.things[1]
    assert again[0].things[0] != one.things[0] and painter.scenes(triplet, 5) == (one, other)
    before, after = painter([triplet, triplet], [5, 5])
    assert torch.equal(before[0], before[1]) and (before != after).any() and before.shape == (2, 3, 32, 32)


def test_what_a_caption_leaves_open_is_plain_and_what_is_added_stands_beside():
    (cube,) = things_in("A cube")
    assert (cube.colour, cube.size, cube.material) == ("gray", "small", "rubber") and things_in("a tree") == ()
    triplet = CaptionTriplet(reference="a cube", instruction="", target="a cube, a sphere")
    before, after = scene_painter().scenes(triplet, 0)
    assert after.things[: len(before.things)] == before.things and len(after.things) == 2
