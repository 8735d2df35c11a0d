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
from cirkit.evaluators.measures import NDCG, Measure, Recall
from cirkit.evaluators.ranking import rank
from cirkit.experiments.bootstrap import Interval, estimate, gain
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Evaluator, Experiment, Test
from cirkit.experiments.records import Record
from cirkit.papers.maaf import fashioniq as row_of_maaf
from cirkit.worlds.fashioniq import FASHIONIQ
from cirkit.worlds.publish import drawn

MEASURES = (Recall(10), Recall(50), NDCG(10))
BASE = "MAAF"


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


def tests(data: Callable[[Callable[..., Any], Mapping[str, Any]], Callable[[], Any]]) -> dict[str, Test]:
    """A test for every reading by name; `data` says of a reader and its settings where the files lie."""
    readings = LITERATURE | ONE_CHANGE
    return {name: Test(data(each.read, each.settings), evaluate=each.evaluate) for name, each in readings.items()}


def under_all(model: Any, tests: Mapping[str, Test]) -> dict[str, Ranks]:
    """What one model leaves under every test."""
    return {name: each.evaluate(each.use(model), each.data()) for name, each in tests.items()}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """MAAF's FashionIQ row, of which only the tests are others, so that it shares the row's weights."""
    row = next(e for e in row_of_maaf.experiments(scale, root, change) if e.name == "maaf/fashioniq/maaf")
    if scale == "paper":
        mine = tests(lambda read, settings: partial(read, root=f"{root}/fashioniq", **settings))
    else:
        mine = tests(lambda read, settings: drawn(read, FASHIONIQ, row_of_maaf.SIZES[scale], settings))
    return [replace(row, name="protocols/maaf", paper="protocols", table="Table 1", also=(), tests=mine, exhibits={})]


@dataclass(frozen=True)
class Moved:
    """A measure under a protocol, and by how many points the protocol alone moves it.

    `difference` is paired, and None where the protocol asks other queries than the base; `points` is always there.
    """

    value: Interval
    points: float
    difference: Interval | None
    queries: int
    gallery: tuple[int, int]  # the smallest and the largest that a query is ranked among


def moved(runs: Sequence[Record], measure: Measure, base: str = BASE) -> dict[str, Moved]:
    """A measure of one model's records under each of their tests, beside that under `base`."""
    usual = estimate(runs, base, measure)
    return {name: _moved(runs, name, measure, base, usual) for name in runs[0].evidence}


def _moved(runs: Sequence[Record], name: str, measure: Measure, base: str, usual: Interval) -> Moved:
    first, other = runs[0].evidence[base], runs[0].evidence[name]
    same = (len(first), first.group) == (len(other), other.group)
    as_base = [replace(run, evidence={base: run.evidence[name]}) for run in runs]
    value = estimate(as_base, base, measure)
    sizes = np.concatenate([run.evidence[name].gallery for run in runs])
    return Moved(
        value=value,
        points=value.mean - usual.mean,
        difference=gain(as_base, runs, base, measure) if same else None,
        queries=len(other),
        gallery=(int(sizes.min()), int(sizes.max())),
    )
