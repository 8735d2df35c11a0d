"""Experiment: one row of a table, its training, its tests, and what its numbers may be called.

Its fingerprint follows what is configured, not where the code lies.
"""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from cirkit.declare import PACKAGE, code_hash, describe, fingerprint, rootless
from cirkit.evaluators import ranking
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Measure
from cirkit.examples import at_seed
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import Exhibit
from cirkit.training.loop import Training

ROOT = PACKAGE.parent
SCALES = ("smoke", "cpu", "gpu", "paper")
BASES = ("world", "photos", "original")
LOOP = ("cirkit.training.loop",)  # what every training runs through beside what it names


Evaluator = Callable[[nn.Module, Any], Ranks]


def as_trained(model: nn.Module) -> nn.Module:
    """The model itself: nothing is chosen at test time."""
    return model


@dataclass(frozen=True)
class Test:
    """Data, how a model is evaluated on them, and what is chosen at test time.

    `use` turns the trained model into the one that is tested (sampling steps, guidance, a fusion weight). Nothing here
    decides weights, so rows that differ in their tests alone share a training.
    """

    __test__ = False  # not a test of pytest's

    data: Callable[[], Any]
    evaluate: Evaluator = ranking.rank
    use: Callable[[nn.Module], nn.Module] = as_trained


@dataclass(frozen=True)
class Column:
    """What a table shows of a row: a measure on one of its tests."""

    test: str
    measure: Measure

    def __str__(self) -> str:
        return str(self.measure)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One row of a table: a training, its tests by name, and what its numbers may be called.

    The records, exhibits and weights of a `local` experiment, a row that a reader changed, lie below data/local.
    """

    name: str  # "maaf/css/identity"
    paper: str
    table: str
    row: str  # as the table labels it
    scale: str
    basis: str
    seeds: tuple[int, ...]
    training: Training
    tests: Mapping[str, Test]
    also: tuple[tuple[str, str], ...] = ()  # (table, row) under which other tables show it, too
    exhibits: Mapping[str, tuple[Exhibit, ...]] = field(default_factory=dict)  # by test; decide no number
    local: bool = False

    def __post_init__(self) -> None:
        if self.scale not in SCALES or self.basis not in BASES:
            raise ValueError(f"{self.name}: scale is one of {SCALES}, basis one of {BASES}.")
        if not self.tests or not self.exhibits.keys() <= self.tests.keys():
            raise ValueError(f"{self.name}: there is a test at least, and every exhibit belongs to one.")

    def declared(self) -> dict[str, Any]:
        """What decides the numbers, as plain JSON; where the data lie does not."""
        return rootless({"training": describe(self.training), "tests": describe(self.tests)})

    @functools.cached_property
    def fingerprint(self) -> str:
        """Follows the configuration, not the row's labels."""
        return fingerprint({"training": self.training, "tests": self.tests})

    @property
    def code(self) -> str:
        """The hash of today's code that this configuration reaches: eight digits for the training, eight for tests."""
        return code_of(code_hash(self.training, also=LOOP), self.tests)

    def path(self, seed: int) -> Path:
        """Where the record of a seed lies."""
        home = local_home(self.fingerprint) / "records" if self.local else records_home()
        return home / self.name / f"{self.scale}-s{seed}.json"

    def keeps(self, seed: int) -> dict[Path, tuple[str, Exhibit]]:
        """The exhibits that a seed keeps, each with its test, by where they lie.

        Where each seed draws its own data, an exhibit that has `of_seed` is of the seed's world, too.
        """
        home = local_home(self.fingerprint) / "exhibits" if self.local else exhibits_home()

        def own(test: str, each: Exhibit) -> Exhibit:
            return at_seed(each, seed) if hasattr(self.tests[test].data, "of_seed") else each

        return {
            home / artifacts.exhibit_path(self.name, self.scale, each.name, seed): (test, own(test, each))
            for test, exhibits in self.exhibits.items()
            for each in exhibits
            if each.every_seed or seed == self.seeds[0]
        }

    def whose(self, seed: int, test: str, exhibit: Exhibit) -> dict[str, Any]:
        """What the file of an exhibit says of the run and the test that it is of."""
        run = {"experiment": self.name, "scale": self.scale, "seed": seed, "test": test}
        return run | {"fingerprint": self.fingerprint} | artifacts.head(exhibit)

    def weights(self, seed: int) -> Path:
        """The checkpoint folder of a seed; rows that differ in their tests alone share it."""
        return weights_folder(self.training, seed, self.local)


def code_of(training: str, tests: Mapping[str, Test]) -> str:
    """The code of a record whose weights were trained by code of this hash and tested by today's."""
    return training[:8] + code_hash(tests)[:8]


def records_home() -> Path:
    """data/records of the repository, or what CIRKIT_RECORDS names."""
    return Path(os.environ.get("CIRKIT_RECORDS", ROOT / "data" / "records"))


def exhibits_home() -> Path:
    """data/exhibits, beside the records."""
    return records_home().parent / "exhibits"


def weights_home() -> Path:
    """data/weights, beside the records; ignored by git."""
    return records_home().parent / "weights"


def local_home(name: str) -> Path:
    """A folder of data/local, where what readers change is kept; ignored by git."""
    return records_home().parent / "local" / name


def weights_folder(training: Training, seed: int, local: bool = False) -> Path:
    """Where the weights of a training lie; those of a `local` row apart, unless the committed rows have the same."""
    name = f"{fingerprint(training)}-s{seed}"
    shared = weights_home() / name
    return local_home("weights") / name if local and not shared.exists() else shared
