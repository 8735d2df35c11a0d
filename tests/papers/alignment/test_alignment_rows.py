"""The rows of the alignment paper: each runs, differs from the others in its score alone, and shares the regions."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.attention.alignment import AlignmentScore
from cirkit.benchmarks.clevr import Questions as ClevrQuestions
from cirkit.declare import describe, fingerprint
from cirkit.evaluators.evidence import Answers, Ranks
from cirkit.evaluators.prefilter import Prefiltered, rank_at_once
from cirkit.examples import Examples, at_seed
from cirkit.experiments.experiment import SCALES
from cirkit.experiments.run import run
from cirkit.losses.triplet import all_negatives, hardest
from cirkit.models.scan import SCAN
from cirkit.papers import alignment
from cirkit.papers.alignment import matching, prefiltered, reasoning, region_data
from cirkit.papers.alignment.scores import BESIDE, ROWS, SCRAMBLED, control_score, score
from cirkit.worlds.publish import drawn, drawn_each_seed

SMOKE = {each.name: each for each in alignment.experiments("smoke")}
SOME = (  # one of each kind; the others differ by an object that has tests of its own
    "alignment/regions",
    "alignment/flickr30k/cosine",
    "alignment/flickr30k/activated_released",
    "alignment/coco/general_star",
    "alignment/coco/scaled_prefiltered",
    "alignment/clevr/biased_star",
    "alignment/clevr/general_star_control",
    "alignment/clevr/question_only",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One home for all rows, so that what they share is drawn and trained once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("alignment") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize("name", SOME)
def test_a_row_runs_and_is_tested_on_all_its_tests(place, name):
    row = SMOKE[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests) and record.basis == "world"
    kind = Ranks if ("flickr" in name or "coco" in name) else Answers
    for test, evidence in record.evidence.items():
        assert type(evidence) is kind and len(evidence) == len(at_seed(row.tests[test].data, 0)())
        assert record.drawn_each_seed(test) == (name != "alignment/regions")
    shared = fingerprint(region_data.training("smoke"))
    assert len([*place.rglob(f"{shared}-s0")]) == 1


def test_regions_of_a_split_are_computed_once_and_follow_the_seed(place):
    data = SMOKE["alignment/flickr30k/dot"].training.data
    one = data.of_seed(0)()
    files = set((place / "features").iterdir())
    again, other = data.of_seed(0)(), data.of_seed(1)()
    assert torch.equal(one.regions.vectors, again.regions.vectors) and isinstance(one, Examples)
    assert len(set((place / "features").iterdir()) - files) == 1 and other.texts != one.texts
    released = SMOKE["alignment/flickr30k/general_dagger_released"].training.data
    assert describe(released) == describe(data)


def test_questions_of_all_types_are_those_of_each_type_with_no_more_relations_than_allowed(place):
    tests = SMOKE["alignment/clevr/dot"].tests
    held: ClevrQuestions = tests["clevr"].data.of_seed(0).data()
    fits = [reasoning.relations(program) == 0 for program in held.programs]
    for text, fit in zip(held.text, fits, strict=True):  # comparisons say *same*, too, and name no relation by it
        assert not (fit and re.search(r"left|right|behind|in front", text))
        assert fit or re.search(r"left|right|behind|in front|same", text)
    every = reasoning.some_questions(hops=0)(held)
    assert every.text == [text for text, short in zip(held.text, fits, strict=True) if short] and not all(fits)
    for kind, label in reasoning.KINDS.items():
        form = tests[kind].data.form
        assert (form.kind, form.hops) == (label, reasoning.ALL)
        texts = [t for t, short, group in zip(held.text, fits, held.group, strict=True) if short and group == label]
        assert reasoning.some_questions(hops=0, kind=label)(held).text == texts
    found = tests["clevr"].data.of_seed(0)()
    counts = found.images.mask.sum(1)
    assert found.group is None and found.answers == list(held.answers)
    assert len(found.images) == len(set(held.image_index)) and int(counts.min()) >= 1 and int(counts.max()) <= 10


def test_rows_of_a_table_differ_in_the_score_and_the_layout_alone():
    for scale in SCALES:
        rows = {each.name: each for each in alignment.experiments(scale)}
        assert len({each.fingerprint for each in rows.values()}) == len(rows)
        for dataset in matching.DATASETS:
            rest = set()
            for name, row in rows.items():
                if f"/{dataset}/" in name and row.table == matching.DATASETS[dataset].table:
                    plain = row.declared()
                    plain["training"]["model"]["attention"] = None
                    for begun in plain["training"]["start"].values():
                        begun["of"]["model"]["attention"] = None
                    rest.add(json.dumps(plain))
            assert len(rest) == 1
        rest = set()
        for name, row in rows.items():
            if "/clevr/" in name and not name.endswith(("question_only", reasoning.THINGS_ALONE)):
                plain = row.declared()
                plain["training"]["model"] |= {"control": None, "read": None}
                rest.add(json.dumps(plain))
        assert len(rest) == 1


def test_a_row_of_scan_begins_with_all_negatives_and_at_paper_scale_with_the_hardest():
    for scale in SCALES:
        setting = matching.SETTINGS[scale]
        row = next(each for each in alignment.experiments(scale) if each.name == "alignment/coco/activated")
        training = row.training
        assert training.objective.loss.over is hardest and bool(training.start) == (scale != "paper")
        for begun in training.start.values():
            assert begun.of.objective.loss.over is all_negatives and begun.seed is None and not begun.of.start
            assert begun.of.steps == setting.first and begun.of.model is training.model


def test_the_prefiltered_rows_share_the_weights_of_their_row_and_nothing_of_its_tests_but_the_data():
    for scale in SCALES:
        rows = {each.name: each for each in alignment.experiments(scale)}
        for dataset in matching.DATASETS:
            row, whole = rows[prefiltered.name(dataset)], rows[f"alignment/{dataset}/scaled"]
            assert (
                fingerprint(row.training) == fingerprint(whole.training)
                and row.basis == whole.basis
                and row.seeds == whole.seeds
            )
            for form, test in row.tests.items():
                assert describe(test.data) == describe(whole.tests[form].data) and test.evaluate is rank_at_once
                assert test.use.func is Prefiltered and test.use.keywords == {"first": 5 if scale == "smoke" else 100}


def test_the_four_affected_rows_stand_in_both_layouts_and_the_others_in_one():
    rows = [each for each in alignment.experiments("cpu") if each.table == "Table 2, Flickr30k"]
    assert [row.row for row in rows[:8]] == list(ROWS.values())
    assert [row.name.rpartition("/")[2] for row in rows[8:]] == [f"{name}_released" for name in SCRAMBLED]
    for row in rows:
        norm = row.training.model.keywords["attention"].keywords["norm"].__name__
        assert norm == ("released_layout" if row.name.endswith("_released") else "clipped_l2")


def test_rows_that_are_equal_by_algebra_are_equal_with_one_set_of_weights():
    """Cosine, dot and scaled dot: vectors of length one, and a norm that takes off their scale."""
    torch.manual_seed(0)
    texts, models = ["a red cube and a sphere", "two cubes"], matching.models(matching.SETTINGS["smoke"])
    similarities = []
    for name in ("cosine", "dot", "scaled"):
        torch.manual_seed(1)
        model: SCAN = models[name][1](texts).double()
        regions = at_seed(SMOKE["alignment/flickr30k/dot"].training.data, 0)().regions[torch.arange(4)]
        images = model.encode(type(regions)(vectors=regions.vectors.double(), mask=regions.mask))
        similarities.append(model.score(model.encode(texts), images))
    for other in similarities[1:]:
        torch.testing.assert_close(other, similarities[0], rtol=0, atol=1e-6)


def test_the_control_unit_of_a_mark_transforms_the_other_side():
    for name in ("general_star", "general_dagger", "biased_star", "biased_dagger", "activated"):
        control, read = control_score(name)(4), score(name)(4)
        sides = [isinstance(each, torch.nn.Linear) for each in (control.query, control.key, read.query, read.key)]
        assert sides in ([False, True, True, False], [True, False, False, True]) and isinstance(read, AlignmentScore)
    rows = reasoning.models(reasoning.SETTINGS["cpu"], "cpu")
    for name in BESIDE:
        both, control, read = (rows[each][2].keywords for each in (name, f"{name}_control", f"{name}_read"))
        assert describe(control["control"]) == describe(both["control"])
        assert describe(read["read"]) == describe(both["read"])
        assert describe(control["read"]) == describe(read["control"]) == describe(score("dot"))


def test_a_seed_draws_its_worlds_and_the_region_encoder_is_one_for_all():
    for row in alignment.experiments("cpu"):
        if not row.name.startswith(("alignment/flickr30k/", "alignment/coco/", "alignment/clevr/")):
            continue
        for data in (row.training.data, *(test.data for test in row.tests.values())):
            assert isinstance(data.data, drawn_each_seed) and at_seed(data, 3).data.size.seed == 3
            assert data.encoder.weights.seed == 0 and at_seed(data, 3).encoder == data.encoder
        for curves in row.exhibits.values():
            assert all(type(curve.data.data) is drawn for curve in curves if hasattr(curve, "data"))
    assert matching.VALIDATION not in range(1000) and region_data.SEED not in range(1000)


def test_the_row_without_the_whole_image_lacks_that_region_and_nothing_else():
    rows = {row.name.removeprefix("alignment/clevr/"): row for row in alignment.experiments("cpu")}
    usual, without = rows["dot"], rows[reasoning.THINGS_ALONE]
    assert (usual.training.data.others, without.training.data.others) == (1, 0)
    pairs = [(without.training, usual.training), *((test, usual.tests[name]) for name, test in without.tests.items())]
    for mine, theirs in pairs:
        assert fingerprint(mine) != fingerprint(theirs)
        assert fingerprint(replace(mine, data=replace(mine.data, others=1))) == fingerprint(theirs)


def test_labels_of_crops_say_what_is_seen():
    found = region_data.labelled_crops(scenes=8, seed=5)
    assert len(found.text) == len(found.image) and set(map(len, map(str.split, found.text))) == {1}
    assert "floor" in found.text and len(set(found.text)) > 8
    floor = np.array([label == "floor" for label in found.text])
    spread = found.image.float().flatten(2).std(2).mean(1).numpy()
    assert spread[floor].mean() < 0.5 * spread[~floor].mean()  # things have edges, an empty floor shades off


def test_the_paper_s_scale_reads_what_was_published(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((2, 36, 4)).astype(np.float32)
    for folder in ("f30k_precomp", "coco_precomp"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "train_ims.npy", vectors)
        (tmp_path / folder / "train_caps.txt").write_text("a caption\n" * 10)
    rows = {each.name: each for each in alignment.experiments("paper", str(tmp_path))}
    pairs = rows["alignment/coco/dot"].training.data()
    assert len(pairs) == 10 and pairs[torch.tensor([7])].target.vectors.shape == (1, 36, 4)
    assert rows["alignment/coco/dot"].training.steps > rows["alignment/flickr30k/dot"].training.steps
    assert all(row.basis == "original" for row in rows.values()) and "alignment/regions" not in rows
