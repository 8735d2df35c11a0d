import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import laion_cir as laion
from cirkit.benchmarks.annotations import read_json
from cirkit.benchmarks.laion_cir import COMBINED, LLM, SOURCES, TEMPLATE
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import groups
from cirkit.worlds import laion_cir as laion_world
from cirkit.worlds.laion_cir import LAION_CIR, Size

WORLD = LAION_CIR
TINY = Size(triplets=6, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "laion_cir"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


def edit(root, change, source=TEMPLATE):
    path = root / source.file
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return root


@real
def test_the_official_files_have_the_counts_that_were_published():
    template, spoken = laion.triplets(REAL, TEMPLATE), laion.triplets(REAL, LLM)
    assert len(template) == len(spoken) == 16000
    assert len({one.reference for one in template}) == 15684 and len({one.reference for one in spoken}) == 16000
    assert len({key for one in template for key in (one.reference, one.target)}) == 26827
    raw = read_json(REAL / TEMPLATE.file, list)
    assert sum(type(record["tgt_image_id"]) is int for record in raw) == 2000
    assert len({key for record in raw for key in (record["ref_image_id"], record["tgt_image_id"])}) == 26898
    assert round(np.mean([len(one.caption.split()) for one in template]), 1) == 6.1
    assert all(one.target_caption for one in spoken) and all(one.target_caption is None for one in template)
    lines = {(line["split"], line["part"]): line for line in laion.check(REAL)}
    assert lines["combined", "triplets"]["found"] == 0 and lines["template", "images"]["missing"] == 26827


def test_the_published_files_have_the_official_schema(root):
    for source, count in ((TEMPLATE, 6), (COMBINED, 12)):
        records = json.loads((root / source.file).read_text())
        assert len(records) == count
        assert all(set(record) == {"ref_image_id", "relative_cap", "tgt_image_id"} for record in records)
    spoken = json.loads((root / LLM.file).read_text())
    assert all(set(record) == {"tgt_image_id", "relative_cap", "tgt_cap"} for record in spoken.values())
    for one in laion.triplets(root, COMBINED):
        assert (root / "images" / f"{int(one.reference):07d}.png").is_file()
    assert laion.triplets(root, COMBINED)[:6] == laion.triplets(root, TEMPLATE)
    bare = [replace(one, target_caption=None) for one in laion.triplets(root, LLM)]
    assert laion.triplets(root, COMBINED)[6:] == bare


def test_what_is_read_is_what_the_world_holds(root):
    train, (scenes, said) = laion.train(root, TEMPLATE), laion_world.world(TINY)
    drawn = LAION_CIR.images(TINY, "train", range(len(scenes)))
    batch = train[all_rows(train)]
    assert torch.equal(batch.query.image, drawn[::2]) and torch.equal(batch.target, drawn[1::2])
    assert batch.query.text == [lines[0] for lines in said]
    assert laion.train(root, LLM).query.text == [lines[1] for lines in said]
    assert len(set(laion.train(root).reference.tolist())) == 6 and len(laion.train(root)) == 12
    laion_world.world.cache_clear()
    assert torch.equal(LAION_CIR.images(TINY, "train", [3, 0]), drawn[[3, 0]])


def test_only_what_benchmarks_do_not_show_is_trained_on():
    scenes, said = laion_world.world(replace(TINY, triplets=30))
    assert len(scenes) == 60 and len(said) == 30
    kept = {core for split in ("val", "test1", "unlabeled") for core in groups.cores()[split]}
    assert not kept & {groups.core(scene.things) for scene in scenes}


def test_another_seed_shows_other_scenes():
    assert laion_world.world(TINY) != laion_world.world(replace(TINY, seed=1))


def test_pictures_may_lie_directly_in_the_root(copied):
    for path in (copied / "images").iterdir():
        path.rename(copied / path.name)
    assert len(laion.train(copied)) == 12


def test_triplets_that_need_a_missing_picture_are_left_out_and_said(copied):
    laion.path_of(copied, laion.triplets(copied, TEMPLATE)[2].target).unlink()
    with pytest.warns(UserWarning, match="1 of 12 images are missing, so 1 of 6 queries"):
        assert len(laion.train(copied, TEMPLATE)) == 5


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda v: v[0].update(ref_image_id=7.0), "'ref_image_id' of type float"),
        (lambda v: v[0].update(tgt_image_id=-7), "which is no number"),
        (lambda v: v[0].update(tgt_image_id=int(v[0]["ref_image_id"])), "to itself"),
        (lambda v: v[0].update(ref_image_id="../../x"), "which is no number"),
        (lambda v: v[0].update(tgt_image_id="/etc/passwd"), "which is no number"),
        (lambda v: v[0].update(tgt_image_id=v[0]["ref_image_id"]), "to itself"),
        (lambda v: v[0].update(relative_cap=" "), "says nothing"),
        (lambda v: v[0].pop("relative_cap"), "no 'relative_cap'"),
        (lambda v: v.__setitem__(0, 3), "record 0"),
        (lambda v: v.clear(), "no records"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    with pytest.raises(Problem, match=r"laion_template_info\.json.*" + says):
        laion.train(edit(copied, change), TEMPLATE)


def test_a_reference_twice_or_no_record_in_the_file_of_the_language_model_is_a_problem(copied):
    path = copied / LLM.file
    record = '{"tgt_image_id": "2", "relative_cap": "x", "tgt_cap": "y"}'
    path.write_text(f'{{"1": {record}, "1": {record}}}')
    with pytest.raises(Problem, match="the key '1' twice"):
        laion.train(copied, LLM)
    path.write_text('{"1": [0]}')
    with pytest.raises(Problem, match=r"record 1 is a list"):
        laion.train(copied, LLM)
    path.write_text(path.read_text()[:4])
    with pytest.raises(Problem, match="not whole JSON"):
        laion.train(copied, LLM)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    for source in SOURCES:
        (folder / source.file).write_text(json.dumps(data.draw(spoiled(json.loads((root / source.file).read_text())))))
        try:
            assert laion.triplets(folder, source)
        except Problem as problem:
            assert source.file in str(problem)
