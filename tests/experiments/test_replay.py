"""Replay: today's code is confirmed where it computes what the record says, and not where anything differs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import EXPERIMENT, Mean, colour_benchmark, colour_triplets

from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import records, replay, run
from cirkit.experiments.confirmations import confirm, current
from cirkit.experiments.experiment import Test
from cirkit.experiments.replay import Replay, differences, first_losses, same_ranks

ROW = replace(EXPERIMENT, scale="cpu", training=replace(EXPERIMENT.training, steps=120), exhibits={})


@pytest.fixture
def record(home):
    """A finished run that other code made."""
    records.write(replace(run.run(ROW, 0), code="other"), ROW.path(0))
    return records.read(ROW.path(0))


def test_a_record_that_today_s_code_reproduces_is_confirmed_until_code_or_record_change(record):
    assert not current(ROW.code, record)
    (row,) = replay.replay([ROW])
    assert row["state"] == "confirmed" and row["training"].startswith("mean loss of steps 1 to 2: ")
    assert row["ranks"] == "16 of 16 ranks of colours"
    assert current(ROW.code, record) and not current("newer", record)
    assert list(replay.replay([ROW])) == []
    records.write(replace(record, seconds={"train": 0.0, "test": 0.0}, loss=[(3, 1.0)]), ROW.path(0))
    assert not current(ROW.code, records.read(ROW.path(0)))


def test_the_first_steps_are_those_of_the_whole_training(record):
    whole = []
    run.Trainer(accept=lambda *_: False, watch=lambda step, loss: whole.append(loss))(ROW.training, 0)
    assert first_losses(ROW.training, 0, 7, colour_triplets) == whole[:7] and len(whole) == 120


def test_other_arithmetic_is_not_confirmed(record, monkeypatch):
    monkeypatch.setattr(Mean, "score", lambda self, composed, gallery: 1.05 * self.cosine(composed, gallery))
    row = Replay()(ROW, record)
    assert row["state"] == "differs" and "differs: mean loss" in row["training"]
    assert row["tests"] == "same items in colours" and not current(ROW.code, record)


def fewer():
    data = colour_benchmark()
    return replace(data, query=data.query[torch.arange(15)], relevant=data.relevant[:15], excluded=data.excluded[:15])


def two_relevant():
    data = colour_benchmark()
    return replace(data, relevant=[[16 + i, 16 + (i + 1) % 16] for i in range(16)])


def nothing_excluded():
    return replace(colour_benchmark(), excluded=None)


def grouped():
    return replace(colour_benchmark(), group=["a"] * 16)


@pytest.mark.parametrize(
    ("data", "said"),
    [(fewer, "15 items"), (two_relevant, "other relevant items"), (nothing_excluded, "galleries of other sizes")],
)
def test_a_benchmark_that_asks_something_else_is_not_confirmed(record, data, said):
    row = Replay()(replace(ROW, tests={"colours": Test(data)}), record)
    assert row["state"] == "differs" and said in row["tests"]


def test_groups_and_lost_tests_are_compared():
    data, ranks = grouped(), Ranks.from_mid(np.ones(16), np.arange(17), 31, ("b",) * 16)
    assert differences(data, ranks) == ["other groups"]
    assert differences(data, replace(ranks, group=("a",) * 16)) == []
    assert differences(data, None) == ["the record has no such test"]


def test_weights_that_rank_otherwise_are_not_confirmed(record):
    evidence, model = record.evidence["colours"], run.Trainer()(ROW.training, 0).model
    assert same_ranks(ROW.tests["colours"], model, colour_benchmark(), evidence) == (16, 16)
    with torch.no_grad():
        model.image.weight.copy_(torch.randn_like(model.image.weight))
    same, asked = same_ranks(ROW.tests["colours"], model, colour_benchmark(), evidence)
    assert asked == 16 and same < 14


def test_data_of_one_benchmark_are_read_once(record, monkeypatch):
    reads = []

    def counted():
        reads.append(1)
        return colour_triplets()

    shelf = replay.Shelf()
    monkeypatch.setattr(replay, "describe", lambda data: "the same data")
    assert shelf(counted, 0) is shelf(counted, 0) and reads == [1]


def test_confirmations_of_two_records_stand_side_by_side_and_a_broken_file_confirms_nothing(record, home):
    other = replace(record, name="toy/other")
    confirm("code", record, "all")
    confirm("code", other, "all")
    assert current("code", record) and current("code", other)
    (home / "records" / "confirmed.json").write_text("[1")
    assert not current("code", record)
