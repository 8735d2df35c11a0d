import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled

from cirkit.benchmarks import spot_the_diff as spot
from cirkit.benchmarks.spot_the_diff import MAAF, OFFICIAL, RELEASED, Protocol
from cirkit.errors import Problem
from cirkit.query import all_rows
from cirkit.worlds import groups
from cirkit.worlds import spot_the_diff as synthetic
from cirkit.worlds.spot_the_diff import SPOT_THE_DIFF, Size

WORLD = SPOT_THE_DIFF
TINY = Size(train=12, val=6, test=11, image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "spot_the_diff"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")


def edit(root, change):
    path = root / "annotations" / "test.json"
    records = json.loads(path.read_text())
    change(records)
    path.write_text(json.dumps(records))
    return root


@real
def test_the_official_files_have_the_counts_that_were_published():
    ids, empty = [], []
    for split in spot.SPLITS:
        held = spot.pairs(REAL, split)
        said = [sentence for pair in held for sentence in pair.sentences]
        assert {"records": len(spot.records(REAL, split)), "pairs": len(held), "sentences": len(said)} == OFFICIAL[
            split
        ]
        ids.append({pair.id for pair in held})
        empty.append(sum(not sentence.strip() for sentence in said))
    assert not ids[0] & ids[1] and not ids[0] & ids[2] and not ids[1] & ids[2]
    assert empty == [53, 6, 7]
    assert all(line["missing"] == (line["part"] == "frames") * line["expected"] for line in spot.check(REAL))


@real
def test_the_released_protocol_lists_two_frames_per_record():
    counts = {}
    for split in ("val", "test"):
        frames = [name for pair in spot.pairs(REAL, split, RELEASED) for name in pair.frames]
        assert set(frames) == {name for pair in spot.pairs(REAL, split) for name in pair.frames}
        counts[split] = len(frames)
    assert counts == {"val": 3268, "test": 2808}


def test_under_the_released_protocol_a_copy_of_the_reference_is_ranked_and_a_copy_of_the_target_is_a_miss(copied):
    first = spot.pairs(copied, "test")[0]
    edit(copied, lambda r: r.append({"img_id": first.id, "sentences": ["one more"]}))
    ours, theirs = spot.test(copied), spot.test(copied, RELEASED)
    records = spot.records(copied, "test")
    assert len(ours.gallery) == 2 * len(spot.pairs(copied, "test")) and len(theirs.gallery) == 2 * len(records)
    assert sorted(ours.query.text) == sorted(theirs.query.text) and theirs.query.text[-1] == "one more"
    assert theirs.excluded[-1] == [2 * len(records) - 2] and theirs.relevant[-1] == [2 * len(records) - 1]
    assert theirs.excluded[0] == [0] and theirs.relevant[0] == [1]
    twins = theirs.gallery[torch.tensor([0, 2 * len(records) - 2, 1, 2 * len(records) - 1])]
    assert torch.equal(twins[0], twins[1]) and torch.equal(twins[2], twins[3])
    for benchmark in (ours, theirs):
        rows = torch.tensor([row for (row,) in benchmark.excluded])
        assert torch.equal(benchmark.gallery[rows], benchmark.query.image[all_rows(benchmark.query)])
    assert len(spot.train(copied, RELEASED)) == len(spot.train(copied))


def test_with_a_frame_missing_the_released_protocol_still_points_at_the_frames_it_means(copied):
    gone, other = spot.pairs(copied, "test")[:2]
    edit(copied, lambda r: r.append({"img_id": other.id, "sentences": ["one more"]}))
    (copied / "resized_images" / gone.frames[0]).unlink()
    with pytest.warns(UserWarning, match="are missing"):
        test = spot.test(copied, RELEASED)
    assert len(test.gallery) == 2 * len(spot.records(copied, "test")) - sum(
        key == gone.id for key, _ in spot.records(copied, "test")
    )
    rows = torch.tensor([row for (row,) in test.excluded])
    assert torch.equal(test.gallery[rows], test.query.image[all_rows(test.query)])


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for split in spot.SPLITS:
        records = json.loads((root / "annotations" / f"{split}.json").read_text())
        assert all(set(record) == {"img_id", "sentences"} and type(record["img_id"]) is str for record in records)
        for key in {record["img_id"] for record in records}:
            for name in (f"{key}.png", f"{key}_2.png", f"{key}_diff.jpg"):
                assert (root / "resized_images" / name).is_file()


def test_what_is_read_is_what_the_world_holds(root):
    test, made = spot.test(root), synthetic.world(TINY, "test")
    gallery = synthetic.images(TINY, "test", range(2 * len(made)))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    assert test.query.text == [sentence for pair in made for sentence in pair.sentences]
    rows = [2 * number for number, pair in enumerate(made) for _ in pair.sentences]
    assert test.excluded == [[row] for row in rows] and test.relevant == [[row + 1] for row in rows]
    assert torch.equal(test.query.image[torch.tensor([3])][0], gallery[rows[3]])
    synthetic.world.cache_clear()
    assert torch.equal(synthetic.images(TINY, "test", [5, 2, 5]), gallery[[5, 2, 5]])
    train = spot.train(root)
    assert len(train) == sum(len(pair.sentences) for pair in synthetic.world(TINY, "train"))
    assert train[torch.tensor([0, 1])].target.shape == (2, 3, 16, 16)


def test_records_of_one_pair_are_merged(root):
    records = spot.records(root, "test")
    assert len(records) >= len(spot.pairs(root, "test")) == 11
    merged = spot.pairs(root, "train")[0]
    parts = [said for key, said in spot.records(root, "train") if key == merged.id]
    assert merged.sentences == tuple(sentence for said in parts for sentence in said)


def test_a_pair_in_two_records_has_the_sentences_of_both(copied):
    edit(copied, lambda r: r.append({"img_id": r[0]["img_id"], "sentences": ["one more", ""]}))
    pair = spot.pairs(copied, "test")[0]
    assert pair.sentences[-2:] == ("one more", "") and len(spot.pairs(copied, "test")) == 11


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(root, tmp_path):
    synthetic.world.cache_clear()
    SPOT_THE_DIFF.publish(tmp_path / "again", TINY)
    for file in (path.relative_to(root) for path in root.rglob("*.*")):
        assert (root / file).read_bytes() == (tmp_path / "again" / file).read_bytes()
    assert synthetic.world(TINY, "val") != synthetic.world(replace(TINY, seed=1), "val")


def test_one_thing_changes_seen_by_a_camera_that_does_not_move():
    size, kinds = replace(TINY, test=40), set()
    for number, made in enumerate(synthetic.world(size, "test")):
        (before, after), changed = made.frames, made.changed
        for frame in made.frames:
            assert (frame.seed, frame.camera, frame.light) == (0, 0.0, 0.0)
        rest = [
            [thing for i, thing in enumerate(frame.things) if i != one]
            for frame, one in zip(made.frames, changed, strict=True)
        ]
        assert rest[0] == rest[1]
        kinds.add(tuple(one is not None for one in changed))
        if changed == (None, None):
            assert before == after and made.sentences == ("there are no differences",)
            continue
        pixels, owners = (
            draw(size, "test", [2 * number, 2 * number + 1]) for draw in (synthetic.images, synthetic.owners)
        )
        inside = torch.zeros(16, 16, dtype=torch.bool)
        for owner, one in zip(owners, changed, strict=True):
            inside |= owner == (-2 if one is None else one)
        apart = (pixels[0].int() - pixels[1].int()).abs().sum(0)
        assert apart.max() > 30 and apart[inside].float().mean() > 3 * apart[~inside].float().mean()
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}


def test_pairs_that_begin_with_the_same_frame_end_otherwise():
    size = replace(TINY, train=20, afters=8)
    pairs = synthetic.world(size, "train")
    befores = [pair.frames[0] for pair in pairs]
    assert len(pairs) == 20
    assert all(befores[i] == befores[i - i % 8] for i in range(20)) and befores[0] != befores[8] != befores[16]
    assert len({pair.frames[1] for pair in pairs[:8]}) > 4
    assert synthetic.world(replace(size, afters=1), "train")[0] == pairs[0]


def test_the_first_sentence_names_one_thing_alone_or_says_all_there_is_to_say():
    for made in synthetic.world(replace(TINY, test=40), "test"):
        before, after = (frame.things for frame in made.frames)
        said = made.sentences[0]
        if made.changed[0] is not None:
            thing = before[made.changed[0]]
            words = synthetic._the(thing, before)
            assert str(words) in said and words.fits(thing)
            assert words.count(before) == 1 or words == groups.all_of(thing)
        if "gone" in said:
            assert len(after) == len(before) - 1
        if "moved to the left" in said:
            assert after[made.changed[1]].x < before[made.changed[0]].x - 0.5


def test_no_two_splits_share_ids_or_large_things():
    size = Size(train=15, val=15, test=15)
    held = [{groups.core(frame.things) for frame in synthetic.scenes(size, split)[::2]} for split in spot.SPLITS]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
    ids = [synthetic.id_of(split, number) for split in spot.SPLITS for number in range(15)]
    assert len(set(ids)) == len(ids)


def test_empty_sentences_are_no_queries_but_their_frames_stay_in_the_gallery(copied):
    whole = spot.test(copied)
    edit(copied, lambda r: [record.update(sentences=["", "  "]) for record in r if record["img_id"] == r[0]["img_id"]])
    fewer, every_one = spot.test(copied), spot.test(copied, Protocol(sentences="all"))
    assert len(fewer.gallery) == len(whole.gallery) == 22 and len(fewer) < len(whole)
    assert len(every_one) >= len(fewer) + 2 and "  " in every_one.query.text


def test_the_reference_is_hidden_unless_the_protocol_keeps_it(root):
    assert spot.test(root, Protocol(reference="kept")).excluded is None
    assert all(rows for rows in spot.test(root, MAAF).excluded)


def test_queries_and_frames_that_need_what_is_missing_are_left_out_together_and_said(copied):
    pair = spot.pairs(copied, "test")[0]
    (copied / "resized_images" / pair.frames[1]).unlink()
    whole = sum(len(one.sentences) for one in spot.pairs(copied, "test"))
    with pytest.warns(UserWarning, match=f"1 of 22 images are missing, so {len(pair.sentences)} of {whole}"):
        rest = spot.test(copied)
    assert len(rest.gallery) == 21 and len(rest) == whole - len(pair.sentences)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda r: r[0].update(img_id=7), "'img_id' of type int"),
        (lambda r: r[0].update(img_id="../../x"), "names no pair"),
        (lambda r: r[0].update(img_id="/etc/passwd"), "names no pair"),
        (lambda r: r[0].update(img_id=""), "names no pair"),
        (lambda r: r[0].update(img_id="7_2"), "names no pair"),  # would be the second frame of 7
        (lambda r: r[0].update(sentences="x"), "'sentences' of type str"),
        (lambda r: r[0].update(sentences=[1]), "sentences that are none"),
        (lambda r: r[0].pop("sentences"), "no 'sentences'"),
        (lambda r: r.clear(), "no records"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    with pytest.raises(Problem, match=r"test\.json.*" + says):
        spot.test(edit(copied, change))


def test_a_frame_that_is_a_link_out_of_the_root_and_a_cut_file_are_problems(copied, tmp_path):
    path = copied / "resized_images" / spot.pairs(copied, "test")[0].frames[0]
    path.rename(tmp_path / "out.png")
    path.symlink_to(tmp_path / "out.png")
    with pytest.raises(Problem, match="leaves"):
        spot.test(copied)
    (copied / "annotations" / "test.json").write_text('[{"img_id": "1", ')
    with pytest.raises(Problem, match="not whole JSON"):
        spot.test(copied)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    value = data.draw(spoiled(json.loads((root / "annotations" / "test.json").read_text())))
    (folder / "annotations").mkdir()
    (folder / "annotations" / "test.json").write_text(json.dumps(value))
    try:
        assert spot.pairs(folder, "test")
    except Problem as problem:
        assert "test.json" in str(problem)


def test_a_world_holds_what_its_counts_say(root):
    lines = spot.check(root)
    assert len(lines) == 12 and all(line["expected"] == line["found"] and line["missing"] == 0 for line in lines)
