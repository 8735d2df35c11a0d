"""Experiment: one row of a table, its training, its tests, and what its numbers may be called.

Its fingerprint follows what is configured, not where the code lies.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cirkit.declare import PACKAGE, code_hash, describe, fingerprint
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import Exhibit
from cirkit.query import Benchmark
from cirkit.training.loop import Training

ROOT = PACKAGE.parent


SCALES = ("smoke", "cpu", "gpu", "paper")


BASES = ("world", "photos", "original")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of a table: a training, the benchmarks it is tested on, and what its numbers may be called."""

    name: str  # "maaf/css/identity"
    paper: str
    table: str
    row: str  # as the table labels it
    scale: str
    basis: str
    seeds: tuple[int, ...]
    training: Training
    tests: Mapping[str, Callable[[], Benchmark]]
    also: tuple[tuple[str, str], ...] = ()  # (table, row) under which other tables show it, too
    exhibits: tuple[Exhibit, ...] = ()  # what to keep of the first test beside the ranks; decides no number

    def __post_init__(self) -> None:
        if self.scale not in SCALES or self.basis not in BASES:
            raise ValueError(f"{self.name}: scale is one of {SCALES}, basis one of {BASES}.")

    def declared(self) -> dict[str, Any]:
        """What decides the numbers, as plain JSON."""
        return {"training": describe(self.training), "tests": describe(self.tests)}

    @functools.cached_property
    def fingerprint(self) -> str:
        """Follows the declaration, not the row's labels."""
        return fingerprint({"training": self.training, "tests": self.tests})

    @functools.cached_property
    def code(self) -> str:
        """The hash of today's code that this declaration reaches."""
        return code_hash(
            {"training": self.training, "tests": self.tests}, also=("cirkit.training.loop", "cirkit.evaluators.ranking")
        )

    def path(self, seed: int) -> Path:
        """Where the record of a seed lies."""
        return records_home() / self.name / f"{self.scale}-s{seed}.json"

    def keeps(self, seed: int) -> dict[Path, Exhibit]:
        """The exhibits that a seed keeps, by where they lie."""
        kept = [each for each in self.exhibits if each.every_seed or seed == self.seeds[0]]
        return {exhibits_home() / artifacts.place(self.name, self.scale, each.name, seed): each for each in kept}

    def weights(self, seed: int) -> Path:
        """The checkpoint folder of a seed; rows that differ in their tests alone share it."""
        return weights_home() / f"{fingerprint(self.training)}-s{seed}"


def records_home() -> Path:
    """data/records of the repository, or what CIRKIT_RECORDS names."""
    return Path(os.environ.get("CIRKIT_RECORDS", ROOT / "data" / "records"))


def exhibits_home() -> Path:
    """data/exhibits, beside the records."""
    return records_home().parent / "exhibits"


def weights_home() -> Path:
    """data/weights, beside the records; ignored by git."""
    return records_home().parent / "weights"
