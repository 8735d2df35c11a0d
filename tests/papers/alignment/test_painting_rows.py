"""The rows of AttnGAN: each runs, they differ in their attention alone, and share a DAMSM per seed and one judge."""

import json

import numpy as np
import pytest
import torch

from cirkit.attention.alignment import SCORES, sigmoid
from cirkit.benchmarks.cub import CAPTIONS
from cirkit.benchmarks.cub_phrases import colours_named
from cirkit.declare import fingerprint
from cirkit.evaluators.evidence import Answers, Ranks, Samples
from cirkit.examples import Examples, at_seed
from cirkit.experiments.experiment import SCALES
from cirkit.experiments.run import run
from cirkit.models.attngan import own_words, released_rows
from cirkit.papers.alignment import bird_data, painting_claims, painting_rows
from cirkit.papers.alignment.painting_exhibits import PaintedExamples, strength
from cirkit.papers.alignment.scores import ROWS
from cirkit.worlds.cub import flock, true_of

SMOKE = {each.name.rpartition("/")[2]: each for each in painting_rows.experiments("smoke")}
PAINTERS = [name for name in SMOKE if name not in ("damsm", "judge")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("painting") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize("name", ["damsm", "judge", "scaled", "activated_sigmoid", "dot_released_mask"])
def test_a_row_runs_and_leaves_its_evidence(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests) and record.basis == "world"
    kinds = {"classes": Samples, "features": Samples, "captions": Ranks, "colours": Answers}
    for test, evidence in record.evidence.items():
        assert type(evidence) is kinds[test] and len(evidence) == len(at_seed(row.tests[test].data, 0)())
        assert record.drawn_each_seed(test) == (name != "judge")
    if name in PAINTERS:
        trained = SMOKE["damsm"].training
        assert record.start["damsm"]["fingerprint"] == fingerprint(trained) and record.start["damsm"]["seed"] == 0
        assert len([*place.rglob(f"{fingerprint(SMOKE['judge'].training)}-s0")]) == 1
        for column in painting_rows.COLUMNS[painting_rows.TABLE]:
            weight = np.full((1, len(record.evidence[column.test])), 1 / len(record.evidence[column.test]))
            assert np.isfinite(column.measure(record.evidence[column.test], weight)).all()


def test_rows_differ_in_their_attention_alone():
    for scale in SCALES:
        rows = painting_rows.experiments(scale)
        assert len({each.fingerprint for each in rows}) == len(rows) == 12
        rest = set()
        for row in rows[2:]:
            plain = row.declared()
            plain["training"]["model"]["generator"] |= {"alignment": None, "allowed": None}
            rest.add(json.dumps(plain))
        assert len(rest) == 1


def test_the_table_has_the_papers_seven_rows_a_control_and_what_the_released_code_does():
    rows = {name: SMOKE[name] for name in PAINTERS}
    assert [row.row for row in rows.values()][:7] == [label for label in ROWS.values() if label != "cosine similarity"]
    parts = {name: row.training.model.keywords["generator"].keywords for name, row in rows.items()}
    assert {name for name, each in parts.items() if each["allowed"] is not own_words} == {"dot_released_mask"}
    assert parts["dot_released_mask"]["allowed"] is released_rows
    activations = {
        name: each["alignment"].keywords.get("activation") for name, each in parts.items() if name != "uniform"
    }
    assert {name for name, each in activations.items() if each is sigmoid} == {"activated_sigmoid"}
    assert {each["alignment"].keywords["name"] for name, each in parts.items() if name != "uniform"} <= {
        *SCORES, "dot", "scaled dot",
    }  # fmt: skip
    apart = {
        label
        for row in rows.values()
        for table, label in ((row.table, row.row), *row.also)
        if table == painting_rows.APART
    }
    assert len(apart) == 4


def test_training_pairs_prompts_and_real_matches_are_of_classes_apart(place):
    pairs = SMOKE["dot"].training.data.of_seed(0)()
    prompts = SMOKE["dot"].tests["colours"].data.of_seed(0)()
    size = painting_rows.SIZES["smoke"]
    assert isinstance(pairs, Examples) and len(pairs) == CAPTIONS * size.each * (size.classes - size.held)
    assert not set(pairs.group) & set(prompts.group) and all(colours_named(text) for text in prompts.text)
    batch = pairs[torch.tensor([0, CAPTIONS])]
    assert batch.image.shape == (2, 3, 32, 32) and batch.group[0] == batch.group[1]
    assert batch.reference.tolist() == [0, 1]
    assert SMOKE["dot"].training.data.of_seed(1)().texts != pairs.texts
    matches = SMOKE["damsm"].tests["captions"].data.of_seed(0)()
    assert matches.gallery == prompts.text and torch.equal(
        matches.query.image[torch.arange(2)], prompts.image[torch.arange(2)]
    )


def test_what_a_judge_learns_is_true_of_species_that_its_test_lacks(place):
    size = painting_rows.JUDGE_SIZES["smoke"]
    train, test = (
        painting_rows._judge_data("smoke", "", bird_data.labelled, {"side": 32, "training": each, "kin": 4})()
        for each in (True, False)
    )
    birds = flock(size)
    for held, first in ((train, 0), (test, size.classes - size.held)):
        for row, text in enumerate(held.text):
            kind, *colours = text.split()
            label = first + row // size.each
            assert kind == f"{bird_data.CLASS}::{label // 4}" and set(colours) <= true_of(birds.species[label])
            assert len(colours) == len(bird_data.JUDGED)
    asked = SMOKE["judge"].tests["colours"].data()
    assert len(asked) == len(test) * len(bird_data.JUDGED) and set(asked.group) == set(bird_data.JUDGED)


def test_painted_examples_hold_images_and_the_words_of_each_stage(place):
    row = SMOKE["general_star"]
    model = row.training.model(row.training.data.of_seed(0)().texts)
    prompts = row.tests["captions"].data.of_seed(0)()
    content = PaintedExamples(captions=2)(model, prompts, lambda: None)
    assert len(content["captions"]) == 2
    for line in content["captions"]:
        assert len(line["images"]) == 2 and len(line["attention"]) == 1
        stage = line["attention"][0]
        assert len(stage["weights"]) == len(line["words"]) and abs(sum(stage["weights"]) - 1) < 1e-2
        assert stage["maps"]["shape"] == [min(5, len(line["words"])), 16, 16]
        order = [stage["strength"][i] for i in stage["first"]]
        assert order == sorted(order, reverse=True)


def test_strong_words_come_first_and_weak_ones_keep_an_order():
    maps = torch.full((4, 2, 2), 0.25)
    assert strength(maps).tolist() == [1.0] * 4
    maps = torch.zeros(8, 2, 2)
    maps[3], maps[1] = 0.7, 0.3
    torch.testing.assert_close(strength(maps), torch.tensor([0, 0, 0, 2.8, 0, 0, 0, 0]))


def test_claims_need_rows_and_tests_that_there_are():
    rows = {each.name: each for each in painting_rows.experiments("cpu")}
    ids = [claim.id for claim in painting_claims.CLAIMS]
    assert len(set(ids)) == len(ids) and all(60 <= int(each.removeprefix("align-")) < 100 for each in ids)
    for claim in painting_claims.CLAIMS:
        assert set(claim.quantity.needs) <= rows.keys()
        assert all(claim.quantity.test in rows[name].tests for name in claim.quantity.needs)
        assert claim.where in painting_rows.COLUMNS
