"""SCAN behind a prefilter: pooled vectors find a hundred of a gallery, and those alone are scored pair by pair.

Our addition to Cao et al. (2022), Table 2: what scaled dot product's recall loses where most pairs are never compared.
"""

from dataclasses import replace
from functools import partial

from cirkit.evaluators.measures import Recall
from cirkit.evaluators.prefilter import Prefiltered, rank_at_once
from cirkit.experiments.change import UNCHANGED, Change
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.papers.alignment import matching

TABLE = "Prefilter and re-rank"
ROW = "scaled"  # the paper's best
LABELS = {"flickr30k": "Flickr30k, first 100 re-ranked", "coco": "COCO, first 100 re-ranked"}
COLUMNS = {TABLE: tuple(Column(test, measure) for test in matching.FORMS for measure in (Recall(1), Recall(10)))}


def name(dataset: str) -> str:
    """The experiment of a data set."""
    return f"alignment/{dataset}/{ROW}_prefiltered"


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """One row per data set, with the weights of its row of Table 2; `root` as there."""
    rows = {each.name: each for each in matching.experiments(scale, root, change)}
    use = partial(Prefiltered, first=5 if scale == "smoke" else 100)
    return [
        replace(
            whole := rows[f"alignment/{dataset}/{ROW}"],
            name=name(dataset),
            table=TABLE,
            row=label,
            tests={form: Test(test.data, rank_at_once, use) for form, test in whole.tests.items()},
            exhibits={},
        )
        for dataset, label in LABELS.items()
    ]
