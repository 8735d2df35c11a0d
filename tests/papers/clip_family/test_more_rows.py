"""PALAVRA and the painter as rows: they run, share the CLIP, and are tested where they can be."""

import json

import pytest

from cirkit.declare import describe, fingerprint
from cirkit.examples import at_seed
from cirkit.experiments import cost
from cirkit.experiments.run import run
from cirkit.models.late_fusion import image_alone
from cirkit.papers import clip_family
from cirkit.papers.clip_family import more_rows, world_clip, zero_shot
from cirkit.papers.clip_family.boards import BOARDS, COLUMNS
from cirkit.worlds.publish import drawn_each_seed


def declared(scale: str):
    return {each.name: each for each in more_rows.experiments(scale)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("more") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        yield home


@pytest.mark.parametrize("name", declared("smoke"))
def test_every_row_runs_and_is_tested_on_all_its_boards(place, name):
    row = declared("smoke")[name]
    record = run(row, 0)
    assert set(record.evidence) == set(row.tests)
    for test, evidence in record.evidence.items():
        assert len(evidence) == len(row.tests[test].data.of_seed(0)())
    assert {each["fingerprint"] for each in record.start.values()} == {fingerprint(world_clip.training("smoke"))}


def test_a_painted_row_is_image_only_but_for_its_references():
    row, others = declared("cpu")["clip_family/painter"], {e.name: e for e in zero_shot.experiments("cpu")}
    plain = others["clip_family/image_only"]
    assert fingerprint(row.training) == fingerprint(plain.training)
    assert set(row.tests) == {"cirr", "cirr_subset", "circo"}
    for name, test in row.tests.items():
        assert isinstance(test.data, drawn_each_seed) and at_seed(test.data, 2).size.seed == 2
        theirs = plain.tests[name]
        assert (test.use, test.evaluate) == (theirs.use, theirs.evaluate) and test.use.fuse is image_alone
        assert (test.data.size, test.data.settings) == (theirs.data.size, theirs.data.settings)


def test_at_paper_scale_instruct_pix2pix_paints_and_nothing_learns():
    row = declared("paper")["clip_family/painter"]
    assert set(row.tests) == {"fashioniq", "cirr", "cirr_subset", "circo", "genecis"} and row.training.steps == 0
    assert all("instruct-pix2pix" in json.dumps(describe(test)) for test in row.tests.values())
    assert cost.plan(declared("gpu")["clip_family/painter"])["judged by"].startswith("nothing")


def test_palavra_s_batches_are_whole_sets_and_its_word_is_read_as_searle_s():
    searle = {e.name: e for e in zero_shot.experiments("cpu")}["clip_family/searle"]
    for scale in ("smoke", "cpu", "gpu", "paper"):
        row = declared(scale)["clip_family/palavra"]
        assert row.training.batch == more_rows.SET * more_rows.SETS[scale]
        assert row.training.sampler.size == row.training.objective.size == more_rows.SET
    protocol = declared("cpu")["clip_family/palavra"].tests["fashioniq"].data.settings["protocol"]
    assert protocol == searle.tests["fashioniq"].data.settings["protocol"]


def test_tables_and_claims_have_the_rows_that_they_show():
    rows = {each.name: each for each in clip_family.experiments("cpu")}
    for row in declared("cpu").values():
        for table in (row.table, *(name for name, _ in row.also)):
            assert {column.test for column in COLUMNS[table]} <= set(row.tests)
    for claim in more_rows.CLAIMS:
        assert all(claim.quantity.test in rows[name].tests for name in claim.quantity.needs)
        assert claim.where == BOARDS[claim.quantity.test].table
    assert len({each.fingerprint for each in rows.values()}) == len(rows)
