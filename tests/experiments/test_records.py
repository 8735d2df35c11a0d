import json
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from toys import EXPERIMENT, Mean

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Ranks
from cirkit.experiments import records, run
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.verify import compare


def test_a_run_leaves_evidence_that_reads_back(home):
    written = run.run(EXPERIMENT, 0)
    found = records.read(EXPERIMENT.path(0))
    assert found.fingerprint == EXPERIMENT.fingerprint and found.code == EXPERIMENT.code
    assert np.array_equal(found.evidence["colours"].mid, written.evidence["colours"].mid)
    assert len(found.evidence["colours"]) == 16 and set(found.evidence["colours"].gallery) == {31}
    assert found.basis == "world" and found.where["threads"] == 1 and found.parameters > 0
    exhibit = json.loads((home / "exhibits" / "toy" / "mean-smoke.json").read_text())
    assert exhibit["fingerprint"] == EXPERIMENT.fingerprint
    assert list(exhibit) == ["experiment", "scale", "seed", "test", "fingerprint", "queries"]
    assert [q["query"] for q in exhibit["queries"]] == [0, 3]
    first = exhibit["queries"][0]
    assert len(first["top"]) == 10 and first["reference"] not in first["top"] and first["relevant"] == [16]
    ranked = written.evidence["colours"].best()
    assert first["rank"] == ranked[0]
    if first["rank"] <= 10:
        assert first["top"][int(first["rank"]) - 1] == 16


def test_the_second_ask_reads_the_first_answer_and_a_new_declaration_asks_again(home):
    said = []
    assert run.run_missing([EXPERIMENT], tell=said.append) == run.Progress(2, 0)
    assert run.run_missing([EXPERIMENT], tell=said.append) == run.Progress(0, 0)
    changed = replace(EXPERIMENT, training=replace(EXPERIMENT.training, steps=6))
    assert records.done(changed) == []
    assert run.run_missing([changed], tell=said.append).written == 2 and len(said) == 4
    assert [record.seed for record in records.done(changed)] == [0, 1]


@dataclass(frozen=True)
class Counted:
    """How many queries there are, for every seed."""

    name: str = "counted"
    every_seed: bool = True
    letters: int = 0

    def __call__(self, model, benchmark, evidence):
        return {"queries": len(benchmark), "best": evidence().best().tolist(), "letters": "x" * self.letters}


def test_each_seed_keeps_its_exhibits_with_whose_they_are(home):
    experiment = replace(EXPERIMENT, exhibits={"colours": (TopTen((0,)), Counted())})
    written = [run.run(experiment, seed) for seed in (0, 1)]
    for record in written:
        content = records.exhibited(record, "counted")
        assert (content["experiment"], content["seed"], content["test"]) == ("toy/mean", record.seed, "colours")
        assert content["exhibit"]["letters"] == 0 and content["best"] == record.evidence["colours"].best().tolist()
    names = sorted(path.name for path in (home / "exhibits" / "toy").iterdir())
    assert names == ["mean-smoke-counted-s0.json", "mean-smoke-counted-s1.json", "mean-smoke.json"]
    assert records.exhibited(replace(written[0], fingerprint="older"), "counted") is None
    assert records.exhibited(written[0], "other") is None


def test_exhibits_change_no_fingerprint_and_one_that_is_too_large_costs_no_record(home):
    experiment = replace(EXPERIMENT, exhibits={"colours": (Counted(letters=400_000), TopTen((0,)))})
    assert experiment.fingerprint == EXPERIMENT.fingerprint
    with pytest.raises(Problem, match="300 kB is the limit"):
        run.run(experiment, 0)
    assert [record.seed for record in records.done(EXPERIMENT)] == [0]


def test_labels_do_not_change_the_fingerprint():
    assert replace(EXPERIMENT, row="Other", table="Table 9").fingerprint == EXPERIMENT.fingerprint


def test_no_two_processes_write_the_same_record(home):
    with run.record_lock(EXPERIMENT, 0) as first:
        assert first
        with run.record_lock(EXPERIMENT, 0) as second:
            assert not second
        with run.record_lock(EXPERIMENT, 1) as other:
            assert other
        assert run.run_missing([EXPERIMENT], tell=lambda line: None).written == 1
    with run.record_lock(EXPERIMENT, 0) as again:
        assert again


def test_a_spent_budget_starts_nothing_that_would_not_end_in_time(home):
    run.run(EXPERIMENT, 0)
    said = []
    assert run.run_missing([EXPERIMENT], budget=0.0, tell=said.append) == run.Progress(0, 0)
    assert "budget" in said[0]


def test_a_broken_record_says_what_to_do(home):
    run.run(EXPERIMENT, 0)
    EXPERIMENT.path(0).with_suffix(".npz").write_bytes(b"half")
    with pytest.raises(Problem, match="cirkit run --missing"):
        records.read(EXPERIMENT.path(0))


def test_an_unknown_scale_or_basis_is_refused():
    with pytest.raises(ValueError, match="scale"):
        replace(EXPERIMENT, scale="huge")


def test_verify_runs_again_and_notices_a_forged_record(home):
    record = run.run(EXPERIMENT, 0)
    assert compare(EXPERIMENT, record)["state"] == "same"
    ranks = record.evidence["colours"]
    forged = replace(
        record, evidence={"colours": Ranks.from_mid(np.where(ranks.mid > 1, 1.0, 30.0), ranks.offsets, ranks.gallery)}
    )
    assert compare(EXPERIMENT, forged)["state"] == "differs"


def test_factories_with_other_keywords_have_other_fingerprints():
    wider = replace(EXPERIMENT, training=replace(EXPERIMENT.training, model=partial(Mean, width=9)))
    assert wider.fingerprint != EXPERIMENT.fingerprint


def missing_data():
    raise Problem("The photos are not here. Get them.")


def test_data_that_is_not_here_is_said_in_a_sentence_and_stops_no_other_row(home):
    lacking = replace(EXPERIMENT, name="toy/lacking", training=replace(EXPERIMENT.training, data=missing_data))
    said = []
    assert run.run_missing([lacking, EXPERIMENT], tell=said.append) == run.Progress(2, 2)
    assert said[0] == "toy/lacking smoke seed 0: failed. The photos are not here. Get them."
