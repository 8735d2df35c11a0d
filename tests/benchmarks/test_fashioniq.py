import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import spoiled
from PIL import Image

from cirkit.benchmarks import fashioniq, photos
from cirkit.benchmarks.fashioniq import OFFICIAL, annotations, caption_file, split_file
from cirkit.benchmarks.fashioniq_layouts import MAAF as LAYOUT_OF_MAAF
from cirkit.benchmarks.fashioniq_layouts import PIC2WORD as LAYOUT_OF_PIC2WORD
from cirkit.benchmarks.fashioniq_layouts import START_KIT, link
from cirkit.benchmarks.fashioniq_protocols import (
    ARTEMIS,
    CATEGORIES,
    CLIP4CIR,
    CLIP4CIR_TRAINING,
    MAAF,
    PIC2WORD,
    PROTOCOLS,
    SEARLE,
    SEARLE_BOTH,
    SEARLE_MEAN,
    VAL,
    Protocol,
    union,
    with_blanks,
)
from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank_features
from cirkit.query import all_rows
from cirkit.worlds import fashioniq as synthetic
from cirkit.worlds.fashioniq import FASHIONIQ, SIZES, Size

SMOKE = SIZES["smoke"]
TINY = Size(train=(3, 6), val=(4, 8), test=(2, 4), image=16)
REAL = Path(__file__).parents[2].parent / "shared" / "data" / "fashioniq"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the official annotations are not here")
EACH = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fashioniq") / "world"
    FASHIONIQ.publish(folder, SMOKE)
    return folder


@pytest.fixture
def copied(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns("world.json", "img"))
    return tmp_path / "copy"


def edit(path, change):
    """Change the value in a file."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return path


class Table:
    """A model whose scores are given."""

    def __init__(self, scores):
        self.scores = scores

    def encode(self, images):
        raise NotImplementedError

    compose = encode

    def score(self, composed, gallery):
        return self.scores[composed][:, gallery]


@pytest.fixture(scope="module")
def official():
    return {(c, s): annotations(REAL, c, s) for c in CATEGORIES for s in fashioniq.SPLITS}


@real
def test_the_official_files_have_the_counts_that_were_published(official):
    table = {
        "dress": ((5985, 11452), (2017, 3817), (2024, 3818)),
        "shirt": ((5988, 19036), (2038, 6346), (2038, 6346)),
        "toptee": ((6027, 16121), (1961, 5373), (2056, 5374)),
    }
    for category, counts in table.items():
        for split, count in zip(("train", "val", "test"), counts, strict=True):
            read = official[category, split]
            assert (len(read.records), len(read.names)) == count == tuple(OFFICIAL[f"{category} {split}"].values())
            assert all((record.target is None) == (split == "test") for record in read.records)
            assert all(len(record.captions) == 2 for record in read.records)
    assert sum(len(official[category, "val"].records) for category in CATEGORIES) == 6016
    assert len({name for read in official.values() for name in read.names}) == 74381


@real
def test_the_official_galleries_are_those_of_the_two_schools(official):
    val = [official[category, "val"] for category in CATEGORIES]
    assert [len(MAAF.gallery(read)) for read in val] == [3817, 6346, 5373]
    assert [len(VAL.gallery(read)) for read in val] == [2628, 3089, 2902]
    used = {name for record in val[0].records for name in (record.candidate, record.target)}
    assert set(union(val[0])) == used and sorted(union(val[0]), key=val[0].names.index) == union(val[0])


@real
def test_the_official_captions_are_sixteen_times_empty_and_never_lost(official):
    empty = {
        key: sum(not caption.strip() for record in read.records for caption in record.captions)
        for key, read in official.items()
    }
    assert {key: count for key, count in empty.items() if count} == {
        ("shirt", "val"): 1, ("shirt", "test"): 1, ("toptee", "train"): 12, ("toptee", "val"): 2,
    }  # fmt: skip
    val = [record.captions for category in CATEGORIES for record in official[category, "val"].records]
    asked = {name: sum(len(one.texts(said)) for said in val) for name, one in PROTOCOLS.items()}
    assert asked == {
        "maaf": 6016, "val": 12029, "artemis": 12029, "clip4cir": 6016, "pic2word": 6016, "searle": 6016,
        "searle-both": 12029, "searle-mean": 6016,
    }  # fmt: skip
    assert sum(len(replace(VAL, blanks=with_blanks).texts(said)) for said in val) == 12032


@real
def test_the_official_categories_leak_into_one_another():
    assert fashioniq.leaks(REAL) == {("shirt", "toptee"): 392, ("toptee", "shirt"): 419}


@real
def test_the_official_annotations_alone_are_checked_and_miss_all_pictures():
    lines = {(line["split"], line["part"]): line for line in fashioniq.check(REAL)}
    assert len(lines) == 27
    assert lines["shirt val", "queries"]["found"] == lines["shirt val", "queries"]["expected"] == 2038
    assert lines["toptee train", "listed"]["missing"] == 0 and lines["dress val", "images"]["missing"] == 3817
    with pytest.raises(Problem, match="none of its 15415 images"):
        fashioniq.test(REAL)


def test_the_published_folder_has_the_official_layout_and_schema(root):
    for category in CATEGORIES:
        for split in fashioniq.SPLITS:
            records = json.loads((root / "captions" / f"cap.{category}.{split}.json").read_text())
            keys = ["candidate", "captions"] if split == "test" else ["target", "candidate", "captions"]
            assert all(list(record) == keys and len(record["captions"]) == 2 for record in records)
            names = json.loads((root / "image_splits" / f"split.{category}.{split}.json").read_text())
            assert (len(records), len(names)) == getattr(SMOKE, split)
            assert all(len(name) == 10 and (root / "images" / f"{name}.jpg").is_file() for name in names)


def test_what_is_read_is_what_the_world_holds(root):
    test, made = fashioniq.test(root), synthetic.world(SMOKE)
    shelves = [made[category, "val"] for category in CATEGORIES]
    count = sum(len(shelf.names) for shelf in shelves)
    gallery = synthetic.images(SMOKE, "val", range(count))
    assert torch.equal(test.gallery[all_rows(test.gallery)], gallery)
    said = [captions for shelf in shelves for captions in shelf.captions]
    assert test.query.text == [" inadditiontothat ".join(captions) for captions in said]
    starts = [0, SMOKE.val[1], 2 * SMOKE.val[1]]
    pairs = [(at + s, at + t) for at, shelf in zip(starts, shelves, strict=True) for s, t in shelf.pairs]
    assert test.relevant == [[target] for _, target in pairs]
    for i, (source, _) in enumerate(pairs):
        assert torch.equal(test.query.image[torch.tensor([i])][0], gallery[source])


def test_training_pairs_lead_from_reference_to_target(root):
    train, made = fashioniq.train(root), synthetic.world(SMOKE)
    drawn = synthetic.images(SMOKE, "train", range(3 * SMOKE.train[1]))
    rows = [(i * SMOKE.train[1] + s, i * SMOKE.train[1] + t) for i, c in enumerate(CATEGORIES)
            for s, t in made[c, "train"].pairs]  # fmt: skip
    batch = train[torch.arange(len(train))]
    assert len(train) == 3 * SMOKE.train[0]
    assert torch.equal(batch.query.image, drawn[[s for s, _ in rows]])
    assert torch.equal(batch.target, drawn[[t for _, t in rows]])
    assert len(fashioniq.train(root, VAL)) == 2 * len(train)
    assert train.reference.tolist() == [s for s, _ in rows]


def test_any_row_drawn_again_from_the_size_alone_equals_the_published_picture(root):
    gallery = fashioniq.test(root).gallery
    synthetic.world.cache_clear()
    for rows in ([5], [40, 2, 40]):
        assert torch.equal(synthetic.images(SMOKE, "val", rows), gallery[torch.tensor(rows)])
        assert synthetic.drawing(SMOKE, "val", rows).parts.shape == (len(rows), 32, 32)


def test_the_same_size_publishes_the_same_bytes_and_another_seed_other_ones(tmp_path):
    FASHIONIQ.publish(tmp_path / "one", TINY)
    synthetic.world.cache_clear()
    FASHIONIQ.publish(tmp_path / "two", TINY)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert len(files) == 1 + 18 + 3 * (6 + 8 + 4)
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    assert synthetic.world(TINY)["dress", "val"].names != synthetic.world(replace(TINY, seed=1))["dress", "val"].names


@pytest.mark.parametrize("seed", [0, 1])
def test_no_two_splits_share_a_picture_or_a_garment(seed):
    made = synthetic.world(replace(SMOKE, train=(40, 90), val=(30, 60), test=(20, 40), seed=seed))
    names = [name for shelf in made.values() for name in shelf.names]
    looks = [garment.key for shelf in made.values() for garment in shelf.garments]
    assert len(set(names)) == len(names) == 3 * 190 == len(set(looks))
    for category in CATEGORIES:
        held = [{garment.key for garment in made[category, split].garments} for split in fashioniq.SPLITS]
        assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


def test_a_world_leaks_nothing_and_what_leaks_is_counted(copied):
    assert fashioniq.leaks(copied) == {}
    name = json.loads(split_file(copied, "shirt", "train").read_text())[0]
    edit(split_file(copied, "toptee", "val"), lambda names: names.append(name))
    assert fashioniq.leaks(copied) == {("shirt", "toptee"): 1}


SAID = (" Is Shiny, and RED.", "has longer sleeves?")


@pytest.mark.parametrize(
    "protocol, texts, alone",
    [
        (MAAF, (" Is Shiny, and RED. inadditiontothat has longer sleeves?",), (SAID[1],)),
        (VAL, SAID, (SAID[1],)),
        (
            ARTEMIS,
            (" Is Shiny, and RED. <and> has longer sleeves?", "has longer sleeves? <and>  Is Shiny, and RED."),
            (SAID[1],),
        ),
        (CLIP4CIR, ("Is shiny, and red and has longer sleeves",), ("Has longer sleeves",)),
        (
            CLIP4CIR_TRAINING,
            (
                "Is shiny, and red and has longer sleeves",
                "Has longer sleeves and Is Shiny, and RED",
                "Is shiny, and red",
                "Has longer sleeves",
            ),
            ("Has longer sleeves",),
        ),
        (
            PIC2WORD,
            ("a photo of * , has longer sleeves? and  Is Shiny, and RED.",),
            ("a photo of * , has longer sleeves?",),
        ),
        (SEARLE, ("Is Shiny, and RED and has longer sleeves",), ("has longer sleeves",)),
        (
            SEARLE_BOTH,
            ("Is Shiny, and RED and has longer sleeves", "has longer sleeves and Is Shiny, and RED"),
            ("has longer sleeves",),
        ),
        (SEARLE_MEAN, ("Is Shiny, and RED\nhas longer sleeves",), ("has longer sleeves",)),
    ],
    ids=lambda value: value.name if isinstance(value, Protocol) else "",
)
def test_each_protocol_joins_the_captions_as_its_paper_does(protocol, texts, alone):
    assert protocol.texts(SAID) == texts
    assert protocol.texts((" ", SAID[1])) == protocol.texts((SAID[1], "")) == alone


def test_empty_captions_survive_where_nothing_else_is_said(copied):
    assert MAAF.texts(("", " ")) == ("",) == VAL.texts(("", "")) == SEARLE_BOTH.texts((" ", ""))
    blanks = replace(MAAF, blanks=with_blanks)
    assert blanks.texts(("", "b")) == (" inadditiontothat b",)
    assert replace(VAL, blanks=with_blanks).texts(("", "b")) == ("", "b")
    edit(caption_file(copied, "dress", "val"), lambda records: records[0].update(captions=["", " "]))
    test = fashioniq.test(copied)
    assert test.query.text[0] == "" and len(test) == 18
    assert fashioniq.test(copied, CLIP4CIR).query.text[0] == ""


def test_every_image_of_a_world_lies_where_each_released_loader_opens_it(root, tmp_path):
    for category in CATEGORIES:
        for split in fashioniq.SPLITS:
            for name in annotations(root, category, split).names:
                path = root / START_KIT.relative(category, name)
                with Image.open(path) as image:
                    assert image.format == "JPEG" and image.size == (32, 32)
                assert (root / LAYOUT_OF_MAAF.relative(category, name)).samefile(path)
    FASHIONIQ.publish(tmp_path / "png", replace(TINY, image_format="png"))
    names = annotations(tmp_path / "png", "dress", "val").names
    paths = [tmp_path / "png" / LAYOUT_OF_PIC2WORD.relative("dress", name) for name in names]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    drawn = synthetic.drawing(replace(TINY, image_format="png"), "val", range(len(names))).images
    assert torch.equal(photos.stack(paths), drawn)


def test_a_layout_is_linked_for_images_that_are_there_and_again_without_harm(copied):
    names = annotations(copied, "dress", "val").names
    (copied / "images" / f"{names[0]}.jpg").unlink()
    for _ in range(2):
        link(copied, "dress", names, LAYOUT_OF_MAAF)
    assert {path.name for path in (copied / "img" / "dress").iterdir()} == set(names[1:])


@EACH
def test_queries_galleries_and_what_is_hidden_are_as_a_count_by_hand_has_them(root, protocol):
    test = fashioniq.test(root, protocol)
    each = 2 if protocol in (VAL, ARTEMIS, SEARLE_BOTH) else 1
    rows, asked = [], 0  # (category, name) of each gallery row
    for category in CATEGORIES:
        read = json.loads(caption_file(root, category, "val").read_text())
        names = json.loads(split_file(root, category, "val").read_text())
        used = {record[key] for record in read for key in ("candidate", "target")}
        rows += [(category, name) for name in names if protocol is not VAL or name in used]
    assert len(test.gallery) == len(rows) and (len(rows) == 42) == (protocol is not VAL)
    for category in CATEGORIES:
        for record in json.loads(caption_file(root, category, "val").read_text()):
            for _ in range(each if all(caption.strip() for caption in record["captions"]) else 1):
                assert test.group[asked] == category and test.relevant[asked] == [
                    rows.index((category, record["target"]))
                ]
                reference = rows.index((category, record["candidate"]))
                mine = [row for row, (other, _) in enumerate(rows) if other == category]
                out = [reference] if protocol in (MAAF, VAL, ARTEMIS) else []
                assert [*test.candidates[asked]] == mine and test.ranked(asked) == len(mine) - len(out)
                assert list(test.excluded[asked]) == out if test.excluded is not None else not out
                asked += 1
    assert asked == len(test) and test.name == f"fashioniq/{protocol.name}"


@EACH
def test_a_query_ranks_within_the_gallery_of_its_category_as_a_loop_does(root, protocol):
    test = fashioniq.test(root, protocol)
    scores = torch.randn(len(test), len(test.gallery), generator=torch.Generator().manual_seed(0))
    found = rank_features(Table(scores), torch.arange(len(test)), torch.arange(len(test.gallery)), test)
    galleries = {}
    for category in CATEGORIES:
        start = sum(len(names) for names in galleries.values())
        names = protocol.gallery(annotations(root, category, "val"))
        galleries[category] = {name: start + i for i, name in enumerate(names)}
    queries = [
        (category, record)
        for category in CATEGORIES
        for record in annotations(root, category, "val").records
        for _ in protocol.texts(record.captions)
    ]
    for i, (category, record) in enumerate(queries):
        mine, rank = scores[i, galleries[category][record.target]].item(), 1
        for name, row in galleries[category].items():
            out = name == record.candidate and protocol in (MAAF, VAL, ARTEMIS)
            rank += not out and scores[i, row].item() > mine
        assert found.mid[i] == rank


def test_one_category_alone_hides_nothing_but_the_reference(root):
    dresses = fashioniq.test(root, Protocol(categories=("dress",)))
    assert (
        len(dresses.gallery) == 14
        and [len(rows) for rows in dresses.excluded] == [1] * 6
        and dresses.candidates is None
    )
    assert (
        set(dresses.group) == {"dress"}
        and fashioniq.test(root, replace(SEARLE, categories=("dress",))).excluded is None
    )
    assert len(fashioniq.train(root, Protocol(categories=("shirt", "toptee")))) == 2 * SMOKE.train[0]


def test_queries_and_pictures_that_need_what_is_missing_are_left_out_together_and_said(copied):
    whole, records = fashioniq.test(copied), annotations(copied, "dress", "val").records
    gone = records[0].candidate
    (copied / "images" / f"{gone}.jpg").unlink()
    out = [i for i, record in enumerate(records) if gone in (record.candidate, record.target)]
    says = f"1 of 42 images are missing, so {len(out)} of 18 queries are left out"
    with pytest.warns(UserWarning, match=says):
        rest = fashioniq.test(copied)
    assert len(rest.gallery) == 41 and rest.query.text == [t for i, t in enumerate(whole.query.text) if i not in out]
    rows = torch.tensor([row for (row,) in rest.excluded])  # in the gallery, wherever the images lie in the folder
    assert torch.equal(rest.gallery[rows], rest.query.image[all_rows(rest.query)])
    left = [i for i in range(18) if i not in out]
    for here, there in enumerate(left):
        same = rest.gallery[torch.tensor(rest.relevant[here])], whole.gallery[torch.tensor(whole.relevant[there])]
        assert torch.equal(*same) and len(rest.candidates[here]) == len(whole.candidates[there]) - (there < 6)
    spare = next(name for name in annotations(copied, "shirt", "val").names
                 if name not in union(annotations(copied, "shirt", "val")))  # fmt: skip
    (copied / "images" / f"{spare}.jpg").unlink()
    with pytest.warns(UserWarning, match=f"2 of 42 images are missing, so {len(out)} of 18"):
        assert len(fashioniq.test(copied).gallery) == 40
    with pytest.warns(UserWarning, match=r"1 of \d+ images"):  # a gallery of what is used never had it
        fashioniq.test(copied, VAL)
    lines = {(line["split"], line["part"]): line for line in fashioniq.check(copied)}
    assert lines["dress val", "images"]["found"] == 13 and lines["dress val", "images"]["expected"] == 3817
    shutil.rmtree(copied / "images")
    with pytest.raises(Problem, match="has none of its 42 images"):
        fashioniq.test(copied)


@pytest.mark.parametrize("end", [".jpg", ".png", ".jpeg", ""])
@pytest.mark.parametrize("folder", ["resized_images/{}", "img/{}", "{}"])
def test_images_may_lie_by_category_with_any_ending(copied, folder, end):
    whole = fashioniq.test(copied)
    for category in CATEGORIES:
        to = copied / folder.format(category)
        to.mkdir(parents=True)
        for name in annotations(copied, category, "val").names:
            (copied / "images" / f"{name}.jpg").rename(to / f"{name}{end}")
    found = fashioniq.test(copied)
    assert torch.equal(found.gallery[all_rows(found.gallery)], whole.gallery[all_rows(whole.gallery)])


def test_a_picture_that_two_categories_name_is_found_in_the_folder_of_either(copied):
    name = annotations(copied, "shirt", "val").names[0]
    edit(split_file(copied, "toptee", "val"), lambda names: names.append(name))
    (copied / "resized_images" / "shirt").mkdir(parents=True)
    (copied / "images" / f"{name}.jpg").rename(copied / "resized_images" / "shirt" / f"{name}.jpg")
    assert len(fashioniq.test(copied).gallery) == 43
    edit(caption_file(copied, "toptee", "val"), lambda records: records[0].update(candidate=name))
    (copied / "images" / f"{annotations(copied, 'dress', 'val').names[-1]}.jpg").unlink()
    with pytest.warns(UserWarning, match="are missing"):
        test = fashioniq.test(copied)
    asked = next(i for i, category in enumerate(test.group) if category == "toptee")
    (row,) = test.excluded[asked]
    assert row == test.candidates[asked][-1]  # its place among the tops, where it was listed last
    assert torch.equal(test.gallery[torch.tensor([row])], test.query.image[torch.tensor([asked])])


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda r: r.update(candidate=3), "'candidate' of type int"),
        (lambda r: r.update(target=None), "'target' of type NoneType"),
        (lambda r: r.update(captions="is red"), "'captions' of type str"),
        (lambda r: r.update(captions=["is red", 3]), "needs captions, a list of strings"),
        (lambda r: r.update(captions=[]), "needs captions, a list of strings"),
        (lambda r: r.pop("target"), "no 'target'"),
        (lambda r: r.pop("captions"), "no 'captions'"),
        (lambda r: r.update(target=r["candidate"]), "to itself"),
        (lambda r: r.update(target="B000000000"), "names 'B000000000'"),
        (lambda r: r.update(candidate="../../etc/x"), r"names '\.\./\.\./etc/x'"),
    ],
)
def test_a_broken_record_is_a_problem_that_names_it(copied, change, says):
    edit(caption_file(copied, "dress", "val"), lambda records: change(records[1]))
    with pytest.raises(Problem, match=rf"cap\.dress\.val\.json: record 1 .*{says}"):
        fashioniq.test(copied)


@pytest.mark.parametrize("read", [lambda root: annotations(root, "dress", "val"), fashioniq.leaks])
@pytest.mark.parametrize("name", [7, None, [], {}, "b000000000", "B00000000", "../../../x", "/etc/pass", "B00000000\n"])
def test_a_name_that_is_no_number_of_the_shop_is_a_problem(copied, name, read):
    edit(split_file(copied, "dress", "val"), lambda names: names.insert(2, name))
    with pytest.raises(Problem, match=r"split\.dress\.val\.json: record 2 .*not ten capital letters and digits"):
        read(copied)


def test_a_name_that_stands_twice_is_a_problem(copied):
    edit(split_file(copied, "shirt", "train"), lambda names: names.append(names[0]))
    with pytest.raises(Problem, match=r"split\.shirt\.train\.json lists 1 images twice"):
        fashioniq.train(copied)


@pytest.mark.parametrize("path", ["captions/cap.toptee.val.json", "image_splits/split.toptee.val.json"])
def test_a_cut_doubled_or_missing_file_is_a_problem_that_names_it(copied, path):
    whole = (copied / path).read_text()
    for broken, says in (
        (whole[: len(whole) // 2], "not whole JSON"),
        ("{}", "a list is due"),
        ('[{"target": 1, "target": 2}]', "'target' twice"),
        ("[3]", "record 0 is "),
    ):
        (copied / path).write_text(broken)
        with pytest.raises(Problem, match=f"{Path(path).name}.*{says}"):
            fashioniq.test(copied)
    (copied / path).unlink()
    with pytest.raises(Problem, match=f"There is no .*{Path(path).name}"):
        fashioniq.test(copied)


def test_a_file_without_queries_and_a_split_that_does_not_exist_are_problems(copied):
    caption_file(copied, "dress", "val").write_text("[]")
    with pytest.raises(Problem, match=r"cap\.dress\.val\.json holds no queries"):
        fashioniq.test(copied)
    for asked in (("dress", "dev"), ("shoes", "val")):
        with pytest.raises(Problem, match="FashionIQ has no"):
            annotations(copied, *asked)
    with pytest.raises(Problem, match="never released"):
        fashioniq.test(copied, split="test")


def test_a_picture_that_leads_out_of_the_root_is_a_problem(copied, tmp_path):
    name = annotations(copied, "dress", "val").names[0]
    (copied / "images" / f"{name}.jpg").rename(tmp_path / "outside.png")
    (copied / "images" / f"{name}.jpg").symlink_to(tmp_path / "outside.png")
    with pytest.raises(Problem, match=name):
        fashioniq.test(copied)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_whatever_is_spoiled_only_a_problem_comes_out(root, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("spoiled")
    for part in ("captions/cap.dress.val.json", "image_splits/split.dress.val.json"):
        value = json.loads((root / part).read_text())
        value = data.draw(spoiled(value)) if data.draw(st.booleans()) else value
        (folder / part).parent.mkdir()
        (folder / part).write_text(json.dumps(value))
    try:
        assert annotations(folder, "dress", "val").records
    except Problem as problem:
        assert "dress.val.json" in str(problem)


def test_a_world_holds_what_its_counts_say(root):
    lines = fashioniq.check(root)
    assert len(lines) == 27 and all(line["expected"] == line["found"] and line["missing"] == 0 for line in lines)
