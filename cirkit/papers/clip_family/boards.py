"""The five benchmarks of the CLIP family as data: worlds by seed or original files, measures, and one test for each.

CompoDiff §5.4 and Table 3; PVLF §4; PinPoint is Mahadev et al. (2026). Queries, galleries and references are the same
for every row; how the text becomes a query follows each method's paper.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import nn

from cirkit.benchmarks import circo, cirr, fashioniq, genecis, pinpoint
from cirkit.benchmarks.cirr_protocols import SUBSET, WHOLE
from cirkit.benchmarks.fashioniq_protocols import CLIP4CIR, with_mark
from cirkit.benchmarks.fashioniq_protocols import Protocol as FashionIQProtocol
from cirkit.evaluators.measures import AveragePrecision, Mean, Recall
from cirkit.evaluators.pinpoint import NegativeRecall, ParaphraseRange
from cirkit.evaluators.ranking import rank
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Column, Evaluator, Test, as_trained
from cirkit.papers.maaf.fashioniq import SIZES as MAAF_SIZES
from cirkit.worlds.circo import CIRCO
from cirkit.worlds.cirr import CIRR
from cirkit.worlds.fashioniq import FASHIONIQ
from cirkit.worlds.genecis import GENECIS
from cirkit.worlds.pinpoint import PINPOINT
from cirkit.worlds.publish import World, drawn, drawn_each_seed

VALIDATION = 2_000_001  # the seed of worlds for validation curves
SCORE = Mean((Recall(10), Recall(50)))  # FashionIQ's, averaged over the three categories by `group`
Use = Callable[[nn.Module], nn.Module]


def first_order(captions: Sequence[str]) -> tuple[str, ...]:
    """ARTEMIS's `c1 <and> c2`, of its two orders the first: an annotation is one query, as for every other row."""
    return with_mark(captions)[:1]


ARTEMIS_FIRST = replace(CLIP4CIR, name="artemis-first", join=first_order)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A benchmark: its world and the size at each scale, its tests by name (reader and settings), and its columns."""

    table: str
    folder: str  # of the original data, below the root
    world: World
    sizes: Mapping[str, Any]
    tests: Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]]
    columns: tuple[Column, ...]
    world_settings: Mapping[str, Any] = field(default_factory=dict)  # where a world's images are smaller

    def data(self, scale: str, root: str, read: Callable[..., Any], settings: Mapping[str, Any]) -> Callable[[], Any]:
        """What a reader gives of the original files, or of the world of each seed."""
        if scale == "paper":
            return partial(read, root=f"{root}/{self.folder}", **settings)
        return drawn_each_seed(read, self.world, self.sizes[scale], {**settings, **self.world_settings})

    def validation(self, test: str, scale: str, settings: Mapping[str, Any]) -> Callable[[], Any]:
        """The data of a test in a world of no run."""
        read, own = self.tests[test]
        size = replace(self.sizes[scale], seed=VALIDATION)
        return drawn(read, self.world, size, {**own, **settings, **self.world_settings})


BOARDS = {
    "fashioniq": Board(
        table="FashionIQ",
        folder="fashioniq",
        world=FASHIONIQ,
        sizes=MAAF_SIZES,  # the worlds of MAAF's rows
        tests={"fashioniq": (fashioniq.test, {})},
        columns=tuple(Column("fashioniq", measure) for measure in (SCORE, Recall(10), Recall(50))),
    ),
    "cirr": Board(
        table="CIRR",
        folder="cirr",
        world=CIRR,
        sizes={
            "smoke": CIRR.sizes["smoke"],
            "cpu": replace(CIRR.sizes["cpu"], train=500, val=80, test1=5, image=48),
            "gpu": CIRR.sizes["gpu"],
        },
        tests={"cirr": (cirr.test, {"protocol": WHOLE}), "cirr_subset": (cirr.test, {"protocol": SUBSET})},
        columns=(
            *(Column("cirr", Recall(k)) for k in (1, 5, 10, 50)),
            *(Column("cirr_subset", Recall(k)) for k in (1, 2, 3)),
        ),
    ),
    "circo": Board(
        table="CIRCO",
        folder="circo",
        world=CIRCO,
        sizes={
            "smoke": CIRCO.sizes["smoke"],
            "cpu": replace(CIRCO.sizes["cpu"], families=40, members=16, test=5, image=48),
            "gpu": CIRCO.sizes["gpu"],
        },
        tests={"circo": (circo.test, {})},
        columns=tuple(Column("circo", AveragePrecision(k)) for k in (5, 10, 25, 50)),
    ),
    "genecis": Board(
        table="GeneCIS",
        folder="genecis",
        world=GENECIS,
        sizes={
            "smoke": GENECIS.sizes["smoke"],
            "cpu": replace(GENECIS.sizes["cpu"], templates=300, crowded=400, families=200),
            "gpu": GENECIS.sizes["gpu"],
        },
        tests={"genecis": (genecis.four_tasks, {})},
        columns=tuple(Column("genecis", Recall(k)) for k in (1, 2, 3)),
        world_settings={"protocol": genecis.Protocol(side=48)},
    ),
    "pinpoint": Board(
        table="PinPoint",
        folder="pinpoint",
        world=PINPOINT,
        sizes={
            "smoke": PINPOINT.sizes["smoke"],
            "cpu": replace(PINPOINT.sizes["cpu"], pairs=8, members=24, queries=80, image=48),
            "gpu": PINPOINT.sizes["gpu"],
        },
        tests={
            "pinpoint": (pinpoint.test, {"protocol": pinpoint.POSITIVES}),
            "pinpoint_negatives": (pinpoint.test, {"protocol": pinpoint.NEGATIVES}),
        },
        columns=(
            Column("pinpoint", AveragePrecision(10)),
            Column("pinpoint_negatives", NegativeRecall(10)),
            Column("pinpoint", ParaphraseRange(AveragePrecision(10))),
        ),
    ),
}
COLUMNS = {board.table: board.columns for board in BOARDS.values()}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a method reads queries and is evaluated: FashionIQ's captions joined, and what is chosen at test time."""

    fashioniq: FashionIQProtocol = CLIP4CIR
    use: Use = as_trained
    use_on: Mapping[str, Use] = field(default_factory=dict)  # by board, where it is another
    evaluate: Evaluator = rank

    def tests(self, scale: str, root: str, boards: Sequence[str] = tuple(BOARDS)) -> dict[str, Test]:
        """The tests of the boards by name; not PinPoint's original, whose queries differ in their wordings' number."""
        found = {}
        for name in boards:
            if (scale, name) == ("paper", "pinpoint"):
                continue
            for test, (read, settings) in BOARDS[name].tests.items():
                data = BOARDS[name].data(scale, root, read, {**settings, **self._settings(name)})
                found[test] = Test(data, self.evaluate, self.use_on.get(name, self.use))
        return found

    def curves(self, scale: str, board: str) -> dict[str, tuple[Curve, ...]]:
        """The validation curve of a board's first test, which the first seed keeps."""
        if scale not in ("cpu", "gpu"):
            return {}
        test = next(iter(BOARDS[board].tests))
        measures = tuple(column.measure for column in BOARDS[board].columns if column.test == test)
        return {test: (Curve(BOARDS[board].validation(test, scale, self._settings(board)), measures),)}

    def _settings(self, board: str) -> dict[str, Any]:
        return {"protocol": self.fashioniq} if board == "fashioniq" else {}
