"""Queries of several wordings, from a test's data to a record and to an interval."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import EXPERIMENT

from cirkit.benchmarks import pinpoint
from cirkit.evaluators.evidence import chance
from cirkit.evaluators.measures import AveragePrecision
from cirkit.evaluators.pinpoint import NegativeRecall, ParaphraseMean, ParaphraseRange
from cirkit.evaluators.ranking import rank
from cirkit.experiments import bootstrap, records, run
from cirkit.experiments.experiment import Test
from cirkit.worlds.pinpoint import PINPOINT, Size
from cirkit.worlds.publish import drawn, drawn_each_seed

TINY = Size(pairs=2, members=12, queries=4, image=8)
FEW = 2  # seeds
MEAN, RANGE = (fold(AveragePrecision(10)) for fold in (ParaphraseMean, ParaphraseRange))
NEGATIVES = ParaphraseMean(NegativeRecall(10))


def row(data):
    """The toy model on both tests of a world."""
    named = {"pinpoint": pinpoint.POSITIVES, "negatives": pinpoint.NEGATIVES}
    tests = {name: Test(data(pinpoint.test, PINPOINT, TINY, {"protocol": each})) for name, each in named.items()}
    return replace(EXPERIMENT, name="toy/paraphrases", training=replace(EXPERIMENT.training, steps=2), tests=tests,
                   exhibits={})  # fmt: skip


@pytest.mark.parametrize("data", [drawn, drawn_each_seed])
def test_records_keep_what_the_measures_need(home, data):
    experiment = row(data)
    for seed in range(FEW):
        run.run(experiment, seed)
    read = [records.read(experiment.path(seed)) for seed in range(FEW)]
    for name, measure in (("pinpoint", MEAN), ("pinpoint", RANGE), ("negatives", NEGATIVES)):
        values = [measure.values(record.evidence[name]) for record in read]
        assert all(
            len(each) == 8 and len(record.evidence[name]) == 48 for each, record in zip(values, read, strict=True)
        )
        found = bootstrap.estimate(read, name, measure)
        assert found.mean == pytest.approx(np.mean(values)) and 0 <= found.low <= found.mean <= found.high <= 100
        assert bootstrap.gain(read, read, name, measure).mean == 0
    negatives = bootstrap.estimate(read, "negatives", NEGATIVES)
    assert negatives.low < negatives.mean < negatives.high
    assert 0 < bootstrap.overall(chance(read[0].evidence["negatives"]), NEGATIVES) < 50


class Constant(torch.nn.Module):
    """Scores everything alike."""

    def encode(self, images):
        return torch.zeros(len(images), 1)

    def compose(self, query):
        return torch.zeros(len(query), 1)

    def score(self, composed, gallery):
        return composed @ gallery.T


class Reference(Constant):
    """Searches for images like the reference, whatever the text."""

    def encode(self, images):
        return torch.nn.functional.normalize(images.float().flatten(1) - 128)

    def compose(self, query):
        return self.encode(query.image)


@pytest.fixture
def ranks(home):
    """The ranks of positives and of negatives under a model."""
    root = PINPOINT.folder(TINY)
    return lambda model: [rank(model, pinpoint.test(root, each)) for each in (pinpoint.POSITIVES, pinpoint.NEGATIVES)]


def test_a_constant_model_is_at_chance(ranks):
    right, wrong = ranks(Constant())
    assert MEAN.values(right) == pytest.approx(MEAN.values(chance(right))) and RANGE.values(right) == pytest.approx(0)
    counts = np.diff(wrong.offsets)[::6]
    assert NEGATIVES.values(wrong) == pytest.approx(100 * counts * 10 / 96 / np.minimum(10, counts))


def test_a_model_that_looks_at_the_reference_alone_meets_negatives_and_has_no_range(ranks):
    right, wrong = ranks(Reference())
    assert RANGE.values(right) == pytest.approx(0)
    assert bootstrap.overall(wrong, NEGATIVES) > 1.5 * bootstrap.overall(chance(wrong), NEGATIVES)
    assert (np.minimum.reduceat(wrong.first, wrong.offsets[:-1]) == 1).all()  # the reference itself
