import io
import json
import os
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from toys import EXPERIMENT, Mean

from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.evaluators.evidence import Answers, Ranks, Samples
from cirkit.experiments import records, run
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.experiment import ROOT
from cirkit.experiments.trainings import Trainer, never
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


def damaged(path, way, place):
    """Spoil one place of a file: a byte turned round, or everything after it cut off."""
    content = bytearray(path.read_bytes())
    at = place * (len(content) - 2) // 19
    if way == "flip":
        content[at] ^= 0xFF
    path.write_bytes(bytes(content[:at] if way == "cut" else content))


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("way", ["flip", "cut"])
def test_a_record_damaged_anywhere_is_a_sentence_and_never_believed(home, way, suffix):
    run.run(EXPERIMENT, 0)
    path = EXPERIMENT.path(0).with_suffix(suffix)
    whole, before = path.read_bytes(), records.read(EXPERIMENT.path(0))
    refused = 0
    for place in range(20):
        path.write_bytes(whole)
        damaged(path, way, place)
        records._read.cache_clear()
        try:
            now = records.read(EXPERIMENT.path(0))
        except Problem as problem:
            refused += "Delete it and run `cirkit run --missing`" in str(problem)
        else:  # a letter of a label
            assert suffix == ".json" and way == "flip"
            assert np.array_equal(now.evidence["colours"].mid, before.evidence["colours"].mid)
    assert refused == 20 if suffix == ".npz" or way == "cut" else refused > 0


def rewritten(path, arrays=None, **changes):
    """The record's files with other arrays or other JSON, and a digest that fits."""
    plain = json.loads(path.read_text())
    with np.load(path.with_suffix(".npz")) as file:
        arrays = dict(file) | (arrays or {})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.with_suffix(".npz").write_bytes(buffer.getvalue())
    path.write_text(json.dumps(plain | {"digest": records._digest(buffer.getvalue())} | changes))
    records._read.cache_clear()


@pytest.mark.parametrize(
    "arrays",
    [
        {"colours.first": np.zeros(16, np.int32)},
        {"colours.first": -np.ones(16, np.int32)},
        {"colours.first": np.full(16, np.nan)},
        {"colours.last": np.full(16, 99, np.int32)},
        {"colours.offsets": np.arange(16, dtype=np.int32)},
        {"colours.offsets": np.array(["a"] * 17)},
        {"colours.gallery": np.ones(3, np.int32)},
        {"colours.group": np.zeros(16, np.int32)},
        {"loss.value": np.array([np.nan] * 5)},
        {"loss.value": np.ones(4)},
        {"loss.step": np.array([3, 2, 1, 0, 0])},
    ],
    ids=lambda arrays: next(iter(arrays)),
)
def test_numbers_that_no_run_could_have_left_are_refused(home, arrays):
    run.run(EXPERIMENT, 0)
    rewritten(EXPERIMENT.path(0))
    assert records.read(EXPERIMENT.path(0)).seed == 0
    rewritten(EXPERIMENT.path(0), arrays)
    with pytest.raises(Problem, match="cannot be read"):
        records.read(EXPERIMENT.path(0))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": "0"},
        {"declared": []},
        {"tests": {}},
        {"tests": {"colours": {"kind": "guesses", "groups": None}}},
        {"tests": []},
        {"where": None},
        {"digest": None},
        {"one": "more"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_record_that_is_none_is_refused(home, changes):
    run.run(EXPERIMENT, 0)
    rewritten(EXPERIMENT.path(0), **changes)
    with pytest.raises(Problem, match="cannot be read"):
        records.read(EXPERIMENT.path(0))


def test_json_too_deep_to_read_is_refused(home):
    run.run(EXPERIMENT, 0)
    EXPERIMENT.path(0).write_text("[" * 100_000)
    with pytest.raises(Problem, match="cannot be read"):
        records.read(EXPERIMENT.path(0))


def test_a_kill_between_the_two_files_is_detected_and_one_within_a_file_leaves_the_old_record(home, monkeypatch):
    first = run.run(EXPERIMENT, 0)
    other = replace(first, evidence={"colours": first.evidence["colours"].take(range(5))})
    real, path = records.write_atomically, EXPERIMENT.path(0)

    def killed_before(target, content):
        if target.suffix == ".json":
            raise KeyboardInterrupt
        real(target, content)

    monkeypatch.setattr(records, "write_atomically", killed_before)
    with pytest.raises(KeyboardInterrupt):
        records.write(other, path)
    with pytest.raises(Problem, match="of another run"):
        records.read(path)
    monkeypatch.setattr(records, "write_atomically", real)
    records.write(first, path)

    def killed_within(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed_within)
    with pytest.raises(KeyboardInterrupt):
        records.write(other, path)
    records._read.cache_clear()
    assert len(records.read(path).evidence["colours"]) == 16 and len(list(path.parent.iterdir())) == 2


def test_evidence_of_every_kind_comes_back_with_its_groups(home):
    first = run.run(EXPERIMENT, 0)
    group = ("cat", "dog", "cat")
    answers = Answers(("yes", "no", "ümläut"), np.array([1.0, 0.0, 0.5]), group)
    samples = Samples(np.random.default_rng(0).normal(size=(4, 3)))
    ranks = replace(first.evidence["colours"].take([0, 1]), group=("b", "a"))
    records.write(replace(first, evidence={"a": answers, "a.b": samples, "c": ranks}), EXPERIMENT.path(0))
    found = records.read(EXPERIMENT.path(0)).evidence
    assert list(found) == ["a", "a.b", "c"] and found["a"].given == answers.given and found["a"].group == group
    assert np.array_equal(found["a.b"].features, samples.features) and found["a.b"].group is None
    assert np.array_equal(found["c"].last, ranks.last) and found["c"].group == ("b", "a")
    assert EXPERIMENT.path(0).read_text().count("\n") < 120


def test_the_budget_expects_what_finished_seeds_took(home):
    path = EXPERIMENT.path(0)
    records.write(replace(run.run(EXPERIMENT, 0), seconds={"train": 90.0, "test": 10.0}), path)
    assert run.expected(EXPERIMENT) == 100.0 and run.expected(replace(EXPERIMENT, name="toy/new")) == 0.0
    lines = []
    assert run.run_missing([EXPERIMENT], budget=99.0, tell=lines.append) == run.Progress(0, 0)
    assert lines == ["toy/mean smoke seed 1: left out, the budget is spent"]
    assert run.run_missing([EXPERIMENT], budget=200.0, tell=lines.append) == run.Progress(1, 0)


def diverge(model, batch):
    return model.score(model.compose(batch.query), model.encode(batch.target)).sum() * float("inf")


def test_rows_that_fail_are_told_and_the_next_go_on(home):
    rows = {name: replace(EXPERIMENT, name=f"toy/{name}", seeds=(0,)) for name in ("broken", "diverged", "good")}
    rows["diverged"] = replace(rows["diverged"], training=replace(EXPERIMENT.training, objective=diverge))
    run.run(rows["broken"], 0)
    rows["broken"].path(0).with_suffix(".npz").write_bytes(b"half")
    lines = []
    assert run.run_missing(list(rows.values()), tell=lines.append) == run.Progress(1, 2)
    assert "toy/broken smoke seed 0: failed. The record" in lines[0] and "The loss is" in lines[1]
    assert len(records.done(rows["good"])) == 1


def test_local_rows_leave_nothing_beside_the_committed_ones(home):
    changed = replace(EXPERIMENT, local=True, training=replace(EXPERIMENT.training, steps=3))
    record = run.run(changed, 0)
    assert records.done(changed) == [records.read(changed.path(0))] and records.done(EXPERIMENT) == []
    assert records.exhibited(record, "")["queries"][0]["query"] == 0
    files = [path.relative_to(home).parts[0] for path in home.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert set(files) == {"local"} and changed.weights(0).parent == home / "local" / "weights"


def test_a_seed_that_is_not_declared_and_a_finished_one_are_refused(home):
    with pytest.raises(Problem, match="has no seed 7 at scale smoke"):
        run.run_named(EXPERIMENT, 7, Trainer())
    run.run_named(EXPERIMENT, 0, Trainer())
    with pytest.raises(Problem, match="--again"):
        run.run_named(EXPERIMENT, 0, Trainer())
    assert run.run_named(EXPERIMENT, 0, Trainer(accept=never), again=True).seed == 0
    older = replace(EXPERIMENT, training=replace(EXPERIMENT.training, steps=2))
    assert run.run_named(older, 0, Trainer()).seed == 0  # the record there is of another configuration


def test_every_committed_configuration_hashes_to_its_fingerprint():
    committed = sorted((ROOT / "data" / "records").rglob("*-s*.json"))
    for path in committed:
        plain = json.loads(path.read_text())
        assert fingerprint(plain["declared"]) == plain["fingerprint"], path
    assert committed
