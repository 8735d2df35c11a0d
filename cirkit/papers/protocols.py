"""One checkpoint under every FashionIQ protocol of the literature, and under MAAF's with one thing changed at a time.

No paper makes this table; MAAF Table 3 and CompoDiff Table B.1 put numbers of several protocols side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from cirkit.benchmarks import fashioniq, fashioniq_readings
from cirkit.benchmarks.fashioniq_protocols import (
    ARTEMIS,
    CLIP4CIR,
    MAAF,
    PIC2WORD,
    VAL,
    each_alone,
    union,
    with_mark,
    with_reference,
)
from cirkit.evaluators.averaging import rank_mean
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import NDCG, Mean, Measure, Recall
from cirkit.evaluators.ranking import rank
from cirkit.experiments.bootstrap import Interval, estimate, gain, over_seeds, overall
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.claims import Claim, Expectation, above, below, claims_of, within
from cirkit.experiments.experiment import Column, Evaluator, Experiment, Test
from cirkit.experiments.records import Record
from cirkit.papers.maaf import fashioniq as row_of_maaf
from cirkit.worlds.fashioniq import FASHIONIQ
from cirkit.worlds.publish import drawn_each_seed

MEASURES = (Recall(10), Recall(50), NDCG(10))
BASE = "MAAF"
NAME = "protocols/maaf"
TABLE = "Table 1"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A reader of FashionIQ with its settings, how it is evaluated, and where that is written."""

    source: str
    read: Callable[..., Any] = fashioniq.test
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Evaluator = rank


def _changed(name: str, **parts: Any) -> Reading:
    return Reading(source=f"MAAF's, but {name}", settings={"protocol": replace(MAAF, name=name, **parts)})


LITERATURE = {
    BASE: Reading(source="yahoo/maaf 49a0df9"),
    "VAL": Reading(source="yanbeic/VAL 8d12749", settings={"protocol": VAL}),
    "ARTEMIS, CoSMo": Reading(source="naver/artemis f36f779", settings={"protocol": ARTEMIS}),
    "CLIP4Cir": Reading(source="ABaldrati/CLIP4Cir dfed9f7, validate.py", settings={"protocol": CLIP4CIR}),
    "Pic2Word": Reading(source="google-research/composed_image_retrieval 8c05329", settings={"protocol": PIC2WORD}),
    "SEARLE, LinCIR": Reading(
        source="miccunifi/SEARLE a9c314b, validate.py", read=fashioniq_readings.both_orders, evaluate=rank_mean
    ),
    "M-BEIR, mteb": Reading(
        source="TIGER-AI-Lab/UniIR, fashioniq_data_preprocessor.py (R@10); mteb, FashionIQIT2IRetrieval (nDCG@10)",
        read=fashioniq_readings.mbeir,
    ),
}
ONE_CHANGE = {
    "union gallery": _changed("union gallery", gallery=union),
    "reference kept": _changed("reference kept", reference=with_reference),
    "each caption alone": _changed("each caption alone", join=each_alone),
    "both orders": _changed("both orders", join=with_mark),
    "one gallery": Reading(source="MAAF's, but all categories in one gallery", read=fashioniq_readings.mixed),
    "one gallery, all splits": Reading(
        source="MAAF's, but all categories and splits in one gallery",
        read=fashioniq_readings.mixed,
        settings={"others": ("train", "test")},
    ),
}

READINGS = LITERATURE | ONE_CHANGE
COLUMNS = {TABLE: tuple(Column(name, measure) for name in READINGS for measure in MEASURES)}


def tests(data: Callable[[Callable[..., Any], Mapping[str, Any]], Callable[[], Any]]) -> dict[str, Test]:
    """A test for every reading by name; `data` says of a reader and its settings where the files lie."""
    return {name: Test(data(each.read, each.settings), evaluate=each.evaluate) for name, each in READINGS.items()}


def under_all(model: Any, tests: Mapping[str, Test]) -> dict[str, Ranks]:
    """What one model leaves under every test."""
    return {name: each.evaluate(each.use(model), each.data()) for name, each in tests.items()}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """MAAF's FashionIQ row with other tests, so that it shares that row's weights; the first three of its seeds."""
    row = next(e for e in row_of_maaf.experiments(scale, root, change) if e.name == "maaf/fashioniq/maaf")
    if scale == "paper":
        mine = tests(lambda read, settings: partial(read, root=f"{root}/fashioniq", **settings))
    else:
        mine = tests(lambda read, settings: drawn_each_seed(read, FASHIONIQ, row_of_maaf.SIZES[scale], settings))
    here = {"name": NAME, "paper": "protocols", "table": TABLE, "row": "MAAF", "also": (), "exhibits": {}}
    return [replace(row, **here, tests=mine, seeds=row.seeds[:3])]


@dataclass(frozen=True)
class Moved:
    """A measure under a protocol, and by how many points the protocol alone moves it.

    `difference` is None where the protocol asks other queries than the base, of one draw of the data; `points` is
    always there.
    """

    value: Interval
    points: float
    difference: Interval | None
    queries: int  # of the first seed
    gallery: tuple[int, int]  # the smallest and the largest that a query is ranked among


def moved(runs: Sequence[Record], measure: Measure, base: str = BASE) -> dict[str, Moved]:
    """A measure of one model's records under each of their tests, beside that under `base`."""
    return {name: _moved(runs, name, measure, base) for name in runs[0].evidence}


def _moved(runs: Sequence[Record], name: str, measure: Measure, base: str) -> Moved:
    value = estimate(runs, name, measure)
    sizes = np.concatenate([run.evidence[name].gallery for run in runs])
    return Moved(
        value=value,
        points=value.mean - estimate(runs, base, measure).mean,
        difference=_difference(runs, name, measure, base),
        queries=len(runs[0].evidence[name]),
        gallery=(int(sizes.min()), int(sizes.max())),
    )


def _difference(runs: Sequence[Record], name: str, measure: Measure, base: str) -> Interval | None:
    """Within each draw of the data, where each seed has its own; else query by query."""
    if len(runs) > 1 and runs[0].drawn_each_seed(base):
        each = [overall(run.evidence[name], measure) - overall(run.evidence[base], measure) for run in runs]
        return over_seeds(np.array(each))
    first, other = runs[0].evidence[base], runs[0].evidence[name]
    if (len(first), first.group) != (len(other), other.group):
        return None
    return gain([replace(run, evidence={base: run.evidence[name]}) for run in runs], runs, base, measure)


@dataclass(frozen=True)
class Moves:
    """By how many points of a measure the protocol `test` moves the checkpoint from where `base` has it."""

    test: str
    measure: Measure
    base: str = BASE

    @property
    def needs(self) -> tuple[str, ...]:
        return (NAME,)

    def __call__(self, records: dict[str, list[Record]]) -> Interval | None:
        return _difference(records[NAME], self.test, self.measure, self.base)


def _claim(number: int, says: str, reported: str, quantity: Moves, expect: Expectation) -> Claim:
    make = claims_of("protocols", "protocols")
    return make(number, TABLE, says, reported, quantity, expect, headline=number == 1)


OURS = "not in a paper: our addition"
# every margin was set before the first run; the first is the lead that MAAF Table 3 reports across two protocols
CLAIMS = [
    _claim(
        1,
        "On FashionIQ, VAL's gallery alone raises one checkpoint's (R@10 + R@50) / 2 by more than the 1.2 points by "
        "which MAAF is ahead of VAL.",
        "36.6 ± 0.4 against 35.4, each under its own protocol",
        Moves("union gallery", Mean((Recall(10), Recall(50)))),
        above(1.2),
    ),
    _claim(
        2,
        "On FashionIQ, one checkpoint has a lower R@10 where each caption alone is a query.",
        OURS,
        Moves("each caption alone", Recall(10)),
        below(0.0),
    ),
    _claim(
        3,
        "On FashionIQ, a reference that stays in the gallery lowers one checkpoint's R@10 by more than one point.",
        OURS,
        Moves("reference kept", Recall(10)),
        below(-1.0),
    ),
    _claim(
        4,
        "On FashionIQ, the protocol of M-BEIR and mteb lowers one checkpoint's R@10 by more than five points.",
        OURS,
        Moves("M-BEIR, mteb", Recall(10)),
        below(-5.0),
    ),
    _claim(
        5,
        "On FashionIQ, how CLIP4Cir joins the two captions moves one checkpoint's R@10 by less than two points.",
        OURS,
        Moves("CLIP4Cir", Recall(10), base="reference kept"),
        within(2.0),
    ),
]
