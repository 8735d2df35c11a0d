"""Trainings that start from others' weights or are shared by rows: each is run once, whoever needs it first."""

import multiprocessing
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toys import EXPERIMENT, TRAINING, Mean, colour_triplets

from cirkit.errors import Problem
from cirkit.experiments import records, run, trainings
from cirkit.experiments.experiment import Test, weights_folder
from cirkit.experiments.locks import lock
from cirkit.experiments.trainings import Busy, Trainer, never
from cirkit.training import loop
from cirkit.training.loop import Weights

FIRST = replace(TRAINING, steps=4)
SECOND = replace(TRAINING, steps=6, start={"image": Weights(of=FIRST, part="image")})
SHARED = replace(TRAINING, steps=6, start={"image": Weights(of=FIRST, seed=0, part="image")})


def row(name, training=FIRST, **changes):
    return replace(EXPERIMENT, name=f"toy/{name}", training=training, exhibits={}, **changes)


@pytest.fixture
def fits(monkeypatch):
    """The steps and the seed of every training that is run."""
    seen = []

    def counted(training, seed, **words):
        seen.append((training.steps, seed))
        return loop.fit(training, seed, **words)

    monkeypatch.setattr(trainings, "fit", counted)
    return seen


def quiet(**words):
    return Trainer(tell=lambda line: None, **words)


def test_a_second_stage_trains_the_first_and_starts_where_it_ended(home, fits):
    record = run.run(row("second", SECOND), 1)
    assert fits == [(4, 1), (6, 1)]  # the seed of the run that asks
    first = quiet()(FIRST, 1)
    assert fits == [(4, 1), (6, 1)]  # it lies in its folder now
    alone = loop.fit(SECOND, 1, start={"image": first.model.image.state_dict()})
    again = quiet()(SECOND, 1)
    assert all(torch.equal(a, b) for a, b in zip(alone.model.parameters(), again.model.parameters(), strict=True))
    origin = record.start["image"]
    assert (origin["fingerprint"], origin["seed"], origin["part"]) == (first.facts.fingerprint, 1, "image")
    assert record.loss == [(step, round(value, 5)) for step, value in alone.loss]


def test_one_encoder_serves_all_seeds_and_all_rows(home, fits):
    rows = [row("a", SHARED), row("b", replace(SHARED, steps=5))]
    assert run.run_missing(rows, tell=lambda line: None) == run.Progress(4, 0)
    assert fits.count((4, 0)) == 1 and len(fits) == 5
    assert {records.done(each)[1].start["image"]["seed"] for each in rows} == {0}


def test_a_part_that_is_not_there_is_a_sentence(home):
    with pytest.raises(Problem, match="no part 'nothing'"):
        quiet()(replace(TRAINING, steps=2, start={"image": Weights(of=FIRST, part="nothing")}), 0)


class Doubled(torch.nn.Module):
    """The model with scores twice as large."""

    def __init__(self, model, by=2.0):
        super().__init__()
        self.model, self.by = model, by
        self.encode, self.compose = model.encode, model.compose

    def score(self, composed, gallery):
        return self.by * self.model.score(composed, gallery)


def test_what_is_chosen_at_test_time_is_no_part_of_the_training(home, fits):
    plain = row("plain")
    doubled = row("doubled", tests={"colours": Test(plain.tests["colours"].data, use=partial(Doubled, by=3.0))})
    assert plain.fingerprint != doubled.fingerprint and plain.weights(0) == doubled.weights(0)
    assert run.run_missing([plain, doubled], tell=lambda line: None).written == 4
    assert sorted(fits) == [(4, 0), (4, 1)]
    a, b = records.done(plain)[0], records.done(doubled)[0]
    assert a.seconds["train"] == b.seconds["train"] and a.loss == b.loss and a.parameters == b.parameters > 0
    assert np.array_equal(a.evidence["colours"].mid, b.evidence["colours"].mid)


def first_half(model, benchmark):
    return EXPERIMENT.tests["colours"].evaluate(model, benchmark).take(range(8))


def test_a_row_may_have_several_tests_each_evaluated_its_own_way(home):
    data = EXPERIMENT.tests["colours"].data
    two = row("two", tests={"whole": Test(data), "half": Test(data, first_half, partial(Doubled))})
    run.run(two, 0)
    evidence = records.read(two.path(0)).evidence
    assert list(evidence) == ["whole", "half"] and len(evidence["whole"]) == 16
    assert np.array_equal(evidence["half"].mid, evidence["whole"].take(range(8)).mid)


def test_weights_that_other_code_made_are_trained_anew_by_their_own_row_and_used_by_others(home, fits, monkeypatch):
    run.run(row("first"), 0)
    monkeypatch.setattr(trainings, "code_hash", lambda value, also: "f" * 16)
    lines = []
    Trainer(tell=lines.append)(SECOND, 0)
    assert fits == [(4, 0), (6, 0)] and "other code" in lines[0]
    quiet()(FIRST, 0)
    assert fits[2:] == [(4, 0)]
    quiet()(FIRST, 0)
    assert len(fits) == 3
    quiet(accept=never)(FIRST, 0)
    assert len(fits) == 4


def test_a_checkpoint_that_is_damaged_is_trained_anew(home, fits):
    quiet()(FIRST, 0)
    folder = weights_folder(FIRST, 0)
    (folder / "model.safetensors").write_bytes(b"half")
    quiet()(FIRST, 0)
    (folder / "training.json").write_text("{")
    quiet()(FIRST, 0)
    assert len(fits) == 3 and trainings.read(folder).seed == 0


def test_weights_that_cannot_be_written_cost_no_record(home, monkeypatch):
    def full(*words):
        raise Problem("Cannot write: No space left on device. Free some room.")

    monkeypatch.setattr(trainings, "save", full)
    lines = []
    run.run(row("full"), 0, Trainer(tell=lines.append))
    assert len(records.done(row("full"))) == 1 and "not kept" in lines[0] and "No space left" in lines[0]


def test_the_facts_of_a_training_wait_in_its_folder(home):
    outcome = quiet()(FIRST, 1)
    facts = trainings.read(weights_folder(FIRST, 1))
    assert facts == outcome.facts and facts.where["peak_mb"] > 0 and facts.seconds > 0
    frozen = replace(FIRST, model=frozen_image)
    facts = quiet()(frozen, 0).facts
    assert facts.parameters - facts.trainable == 4 * 8  # a linear map of three colours with its bias


def frozen_image(texts):
    model = Mean(texts, width=8)
    model.image.requires_grad_(False)
    return model


def test_a_row_whose_weights_another_process_trains_comes_back_at_the_end(home, monkeypatch):
    here, other = row("here"), row("other", replace(FIRST, steps=3))
    with lock(weights_folder(FIRST, 0).name) as mine:
        assert mine
        with pytest.raises(Busy, match="another process"):
            quiet(wait=False)(FIRST, 0)
        order, plain = [], run.run

        def ran(experiment, seed, trainer):
            order.append((experiment.name, seed, trainer.wait))
            if trainer.wait:
                trainer = replace(trainer, wait=False)
            return plain(experiment, seed, trainer)

        monkeypatch.setattr(run, "run", ran)
        assert run.run_missing([here, other], tell=lambda line: None) == run.Progress(3, 0)
    assert order[0] == ("toy/here", 0, False) and order[-1] == ("toy/here", 0, True) and len(order) == 5


def slow_triplets():
    time.sleep(0.7)
    return colour_triplets()


def _run_rows(names, lines):
    slow = replace(FIRST, data=slow_triplets)
    run.run_missing([row(name, slow, seeds=(0,)) for name in names], tell=lines.put)


def test_two_processes_that_start_together_train_what_they_share_once(home, monkeypatch):
    context = multiprocessing.get_context("fork")
    lines, started = context.Queue(), context.Value("i", 0)

    def counted(training, seed, **words):
        with started.get_lock():
            started.value += 1
        return loop.fit(training, seed, **words)

    monkeypatch.setattr(trainings, "fit", counted)
    both = [context.Process(target=_run_rows, args=(names, lines)) for names in (("a", "b"), ("b", "a"))]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0] and started.value == 1
    assert all(records.read(row(name).path(0)).seed == 0 for name in ("a", "b"))
