"""Shards: the whole pipeline, a folder at a time, and the official file that lists what they hold.

Gu et al. (2024), "CompoDiff", §4. A shard follows from the configuration and its number alone, and is there whole or
not at all, so a run that was cut off loses the shard it was at, and several machines can share the numbers.
"""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.annotations import read_json, write_json
from cirkit.benchmarks.synth_triplets import COLUMNS, FILE, IMAGES
from cirkit.declare import fingerprint
from cirkit.encoders.clip import Clip
from cirkit.errors import Problem
from cirkit.files import draft, write_atomically
from cirkit.synthesis.base import CaptionTriplet, Painter, Route
from cirkit.synthesis.filters import clip_filter
from cirkit.worlds.image_files import save

COUNTS = "counts.json"  # beside the official file: the sums of all shards
SHARD = "shard.json"  # in a shard's folder: its triplets and counts, and the configuration they follow from


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Everything that decides the triplets: captions by a `route`, pairs by a `painter`, and what a filter keeps.

    Each caption triplet is painted `tries` times, and the first `keep` that pass are kept (InstructPix2Pix: 100, and
    the four of the best direction).
    """

    route: Route
    painter: Painter
    clip: Callable[[], Clip]
    keep_if: clip_filter = field(default_factory=clip_filter)
    size: int = 64  # caption triplets of a shard
    tries: int = 4
    keep: int = 1
    seed: int = 0

    @cached_property
    def encoder(self) -> Clip:
        """The filter's CLIP, loaded once."""
        return self.clip()

    @torch.no_grad()
    def shard(self, number: int) -> "Shard":
        """Shard `number`, computed."""
        captions = self.route(number, self.size)
        seeds = np.random.default_rng([self.seed, number, 65]).integers(2**31, size=(self.size, self.tries)).tolist()
        passed: Counter[str] = Counter()
        left, triplets, pairs = [self.keep] * len(captions), [], []
        for attempt in range(self.tries):
            rows = [row for row, still in enumerate(left) if still]
            if not rows:
                break
            asked = [captions[row] for row in rows]
            before, after = self.painter(asked, [seeds[row][attempt] for row in rows])
            verdicts = self.keep_if(self.encoder, asked, before, after)
            passes = torch.stack(list(verdicts.values())).all(0)
            passed.update({f"pass: {name}": int(each.sum()) for name, each in verdicts.items()})
            passed["image pairs"] += len(rows)
            for place in passes.nonzero()[:, 0].tolist():
                left[rows[place]] -= 1
                triplets.append(asked[place])
                pairs.append(torch.stack([before[place], after[place]]))
        counts = {"caption triplets": len(captions), **passed, "kept": len(triplets)}
        return Shard(triplets, torch.stack(pairs) if pairs else torch.empty(0, 2, 3, 1, 1, dtype=torch.uint8), counts)


@dataclass(frozen=True)
class Shard:
    """The triplets that were kept, their image pairs, and how many passed each filter."""

    triplets: Sequence[CaptionTriplet]
    images: UInt8[Tensor, "n 2 3 h w"]
    counts: dict[str, int]


def synthesise(
    root: Path, pipeline: Pipeline, numbers: Sequence[int], tell: Callable[[str], None] = print
) -> dict[str, int]:
    """Make the shards of these numbers that are not there yet, then list all that are there; returns their counts.

    Raises Problem where a folder holds shards of another configuration.
    """
    wanted = fingerprint(pipeline)
    for number in numbers:
        folder = shard_folder(root, number)
        if folder.exists():
            if read_json(folder / SHARD, dict).get("configuration") != wanted:
                raise Problem(f"{folder} follows another configuration. Name an empty folder, or remove this one.")
            continue
        shard = pipeline.shard(number)
        _write(folder, number, shard, wanted)
        tell(f"shard {number}: {shard.counts['kept']} triplets of {shard.counts['caption triplets']} captions")
    return gather(root)


def shard_folder(root: Path, number: int) -> Path:
    """Where a shard lies, below the official folder of images."""
    return root / IMAGES / f"{number:05d}"


def gather(root: Path) -> dict[str, int]:
    """Write the official list of all shards that are there and the sums of their counts, which it returns.

    Raises Problem where there is none, or one of another configuration.
    """
    folders = sorted((root / IMAGES).glob("[0-9]" * 5))
    if not folders:
        raise Problem(f"{root} has no shard yet. Run `cirkit synth` first.")
    counts: Counter[str] = Counter(shards=len(folders))
    lines, seen = [], set()
    for folder in folders:
        content = read_json(folder / SHARD, dict)
        seen.add(content.get("configuration"))
        counts.update(content["counts"])
        lines += [json.dumps(record) + "\n" for record in content["triplets"]]
    if len(seen) > 1:
        raise Problem(f"{root} holds shards of {len(seen)} configurations. Keep those of one, and move the others.")
    write_atomically(root / FILE, "".join(lines))
    write_json(root / COUNTS, {"configuration": seen.pop(), "counts": dict(counts)})
    return dict(counts)


def _write(folder: Path, number: int, shard: Shard, configuration: str) -> None:
    """The shard's folder, whole at once; where another process was first, its copy stays."""
    stage = draft(folder)
    names = [[f"{row:06d}_{side}.png" for side in range(2)] for row in range(len(shard.triplets))]
    records = [_record(triplet, number, pair) for triplet, pair in zip(shard.triplets, names, strict=True)]
    try:
        stage.mkdir()
        save(stage, [name for pair in names for name in pair], shard.images.flatten(0, 1))
        write_json(stage / SHARD, {"configuration": configuration, "counts": shard.counts, "triplets": records})
        try:
            os.rename(stage, folder)
        except OSError:
            if not (folder / SHARD).is_file():
                raise
    except OSError as error:
        raise Problem(f"Cannot write {folder}: {error.strerror}. Free some room or choose another folder.") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _record(triplet: CaptionTriplet, number: int, names: Sequence[str]) -> dict[str, Any]:
    """A line of the official file; a part that a triplet does not have is left out."""
    reference, target = (f"{IMAGES}/{number:05d}/{name}" for name in names)
    record = {
        COLUMNS.reference: reference,
        COLUMNS.target: target,
        COLUMNS.instruction: triplet.instruction,
        COLUMNS.source_keyword: triplet.source_keyword,
        COLUMNS.target_keyword: triplet.target_keyword,
        COLUMNS.reference_caption: triplet.reference,
        COLUMNS.target_caption: triplet.target,
    }
    return {key: value for key, value in record.items() if value is not None}
