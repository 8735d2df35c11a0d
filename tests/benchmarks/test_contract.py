"""What every reader and every world keep: counts, bytes, what is left out, what is refused, links, versions."""

import json
import shutil
from dataclasses import replace

import pytest

from cirkit.benchmarks import (
    birds_to_words,
    captions,
    circo,
    cirr,
    clevr,
    css,
    cub,
    fashion200k,
    fashioniq,
    genecis,
    laion_cir,
    mit_states,
    pedes,
    pinpoint,
    shoes,
    spot_the_diff,
    synth_triplets,
    textvqa,
)
from cirkit.benchmarks.catalogue import find
from cirkit.benchmarks.pictured import report, whole
from cirkit.errors import Problem
from cirkit.worlds.catalogue import WORLDS, publish, world_of


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The smoke world of a name, published once."""
    home = tmp_path_factory.mktemp("worlds")

    def published(name):
        publish(name, home / name, "smoke")
        return home / name

    return published


@pytest.mark.parametrize("name", WORLDS)
def test_every_world_publishes_at_smoke_scale_and_checks_out(smoke, name):
    entry, root = find(name), smoke(name)
    rows = entry.check(root)
    assert rows and all(row["missing"] == 0 and row["found"] == row["expected"] for row in rows), rows
    assert report(rows) == [] and all(whole(row).keys() == row.keys() for row in rows)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    publish(name, root, "smoke")
    assert before == {path: path.stat().st_mtime_ns for path in root.rglob("*")}  # the second call writes nothing


@pytest.mark.parametrize("name", WORLDS)
def test_the_same_size_publishes_the_same_bytes(smoke, tmp_path, name):
    publish(name, tmp_path / "again", "smoke")
    first, second = ({path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
                     for root in (smoke(name), tmp_path / "again"))  # fmt: skip
    assert first == second and len(first) > 5


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_of_another_version_or_size_is_refused(smoke, tmp_path, name):
    shutil.copytree(smoke(name), tmp_path / "copy")
    world, path = world_of(name), tmp_path / "copy" / "world.json"
    made = json.loads(path.read_text())
    world.require_current(tmp_path / "copy")
    for change in ({"version": 0}, {"world": "sheep"}, {"size": {**made["size"], "sheep": 3}}):
        path.write_text(json.dumps(made | change))
        with pytest.raises(Problem, match=r"another version|does not describe"):
            world.require_current(tmp_path / "copy")
        with pytest.raises(Problem, match="something other"):
            publish(name, tmp_path / "copy", "smoke")


@pytest.mark.parametrize("name", WORLDS)
def test_folders_of_images_may_be_links_that_the_user_made(smoke, tmp_path, name):
    root = tmp_path / "copy"
    shutil.copytree(smoke(name), root)
    linked = 0
    for folder in IMAGES[name]:
        (tmp_path / "elsewhere" / folder).parent.mkdir(parents=True, exist_ok=True)
        (root / folder).rename(tmp_path / "elsewhere" / folder)
        (root / folder).symlink_to(tmp_path / "elsewhere" / folder)
        linked += 1
    (tmp_path / "root").symlink_to(root)
    rows = find(name).check(tmp_path / "root")
    assert linked and all(row["missing"] == 0 and row["found"] == row["expected"] for row in rows)
    for read in READERS[name][1].values():
        assert len(read(tmp_path / "root")) > 0


@pytest.mark.parametrize("name", WORLDS)
def test_an_annotation_file_cut_short_is_never_more_than_a_problem(smoke, tmp_path, name):
    shutil.copytree(smoke(name), tmp_path / "copy")
    (tmp_path / "copy" / "world.json").unlink()
    files = [path for path in (tmp_path / "copy").rglob("*") if path.suffix in (".json", ".npy", ".tsv", ".jsonl")]
    files += [path for path in (tmp_path / "copy").rglob("*.txt") if path.parent.parent.name != "text"]
    assert files
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        problems = 0
        for read in (find(name).check, *READERS[name][1].values()):
            try:
                read(tmp_path / "copy")
            except Problem as problem:
                problems += path.name in str(problem)
            except Warning as warning:
                assert "left out" in str(warning)
        assert problems or path.suffix in (".txt", ".tsv") or path.parent.name in UNREAD or path.name in UNREAD, path
        path.write_bytes(content)


def emptied(whole, name, root, every):
    """A copy at `root` without every so manieth picture, and the names that went."""
    shutil.copytree(whole, root, ignore=shutil.ignore_patterns("img"))  # second names of FashionIQ's images
    paths = sorted(path for end in ("png", "jpg") for path in root.rglob(f"*.{end}*") if "_diff" not in path.name)
    for path in paths[every // 2 :: every]:
        path.write_bytes(b"") if name == "mit-states" else path.unlink()  # its list is that of the files
    return {path.stem for path in paths[every // 2 :: every]}


@pytest.mark.parametrize("name", WORLDS)
def test_a_check_names_the_missing_pictures_and_no_others(smoke, tmp_path, name):
    went = emptied(smoke(name), name, tmp_path / "some", 3)
    rows = [row for row in find(name).check(tmp_path / "some") if row.gone is not None]
    assert rows and all(len(row.gone.absent) == len(set(row.gone.absent)) == row["missing"] > 0 for row in rows)
    named = {each.zfill(7) if name == "laion-cir" else each for row in rows for each in row.gone.absent}
    assert all(any(stem in each for stem in went) for each in named)
    assert json.loads(json.dumps([whole(row)["absent"] for row in rows])) == [row.gone.absent for row in rows]
    said = report(rows)
    assert all(any(f"not there ({row['missing']}): {row.gone.absent[0]}" in line for line in said) for row in rows)
    assert ("stops" if name == "css" else "not comparable") in said[-1]


def joint(protocol):
    """FashionIQ per category, one query per record whatever the protocol makes of the captions."""
    return {
        (f"{category} val", protocol.name): lambda root, c=category: fashioniq.test(
            root, replace(protocol, categories=(c,), join=fashioniq.MAAF.join)
        )
        for category in fashioniq.CATEGORIES
    }


IMAGES = {  # folders that the layouts name, where users keep images elsewhere
    "css": ("images",),
    "cuhk-pedes": ("imgs",),
    "icfg-pedes": ("imgs",),
    "rstpreid": ("imgs",),
    "birds-to-words": ("images",),
    "cub": ("CUB_200_2011/images", "text"),
    "textvqa": ("train_images", "test_images"),
    "clevr": ("images",),
    "cirr": ("img_raw",),
    "circo": ("COCO2017_unlabeled/unlabeled2017",),
    "pinpoint": ("images",),
    "genecis": ("VG_100K_all", "val2017"),
    "spot-the-diff": ("resized_images",),
    "flickr30k": ("flickr30k-images",),
    "coco": ("train2014", "val2014"),
    "laion-cir": ("images",),
    "synth-triplets": ("images",),
    "fashioniq": ("images",),
    "fashion200k": ("women",),
    "shoes": ("womens_pumps",),
    "mit-states": ("images",),
}
UNREAD = ("annotations", "dataset_flickr30k.json", "captions_ext", "scenes")  # by the calls of this file

READERS = {  # by name: of the smoke world, every so manieth picture is taken away; who reads the split and protocol
    "fashioniq": (5, joint(fashioniq.MAAF) | joint(fashioniq.PROTOCOLS["val"])),
    "cirr": (
        11,
        {("train", "cirr"): cirr.train, ("test1", "cirr-subset"): lambda root: cirr.server_queries(root, cirr.SUBSET)}
        | {("val", each.name): lambda root, each=each: cirr.test(root, each) for each in cirr.PROTOCOLS["val"]},
    ),
    "circo": (
        9,
        {("unlabeled", "circo val"): circo.test, ("unlabeled", "circo test"): circo.server_queries}
        | {("unlabeled", "circo-target val"): lambda root: circo.test(root, circo.TARGET)},
    ),
    "pinpoint": (
        70,  # a query needs some 35 of the 112 images
        {("index", each.name): lambda root, each=each: pinpoint.test(root, each) for each in pinpoint.PROTOCOLS},
    ),
    "genecis": (
        60,
        {(task.name, "genecis"): lambda root, task=task: genecis.test(root, task) for task in genecis.TASKS.values()},
    ),
    "shoes": (5, {("train", "shoes"): shoes.train, ("test", "shoes"): shoes.test}),
    "spot-the-diff": (
        5,
        {("test", "spot-the-diff"): spot_the_diff.test, ("train", "spot-the-diff"): spot_the_diff.train}
        | {
            ("test", "spot-the-diff-released"): lambda root: spot_the_diff.test(root, spot_the_diff.RELEASED),
        },
    ),
    "fashion200k": (5, {("test", "tirg"): fashion200k.test}),
    "mit-states": (7, {("train", "tirg"): mit_states.train, ("test", "tirg"): mit_states.test}),
    "laion-cir": (9, {("combined", "combined"): laion_cir.train}),
    "synth-triplets": (9, {("train", "triplets"): synth_triplets.train}),
    "birds-to-words": (5, {("test", "one way"): lambda root: birds_to_words.test(root, birds_to_words.ONE_WAY)}),
    "css": (5, {("test", "css"): css.test, ("train", "css"): css.train}),
    **{
        layout.name: (5, {("test", "official"): lambda root, layout=layout: pedes.test(layout, root)})
        for layout in pedes.LAYOUTS.values()
    },
    "cub": (5, {("test", "official split"): lambda root: cub.test(root, cub.OFFICIAL_SPLIT).benchmark()}),
    "coco": (
        5,
        {("val", "text-to-image"): lambda root: captions.text_to_image(root, captions.COCO.read(root)[2]["val"])},
    ),
    "flickr30k": (
        5,
        {
            ("test", "text-to-image"): lambda root: captions.text_to_image(
                root / captions.FOLDER, captions.multi30k(root, "test")
            )
        },
    ),
    "clevr": (5, {("val", "clevr"): lambda root: clevr.read(root, "val")}),
    "textvqa": (
        5,
        {(split, "textvqa"): lambda root, split=split: textvqa.read(root, split) for split in textvqa.SPLITS},
    ),
}


@pytest.mark.filterwarnings("ignore:.*queries are left out")
@pytest.mark.parametrize("name", sorted(READERS.keys() - {"css"}))
def test_a_check_counts_what_the_readers_leave_out(smoke, tmp_path, name):
    every, readers = READERS[name]
    root, told = tmp_path / "some", {}
    emptied(smoke(name), name, root, every)
    for row in find(name).check(root):
        for one in (row.gone and row.gone.dropped) or ():
            assert one["queries"] == one.get("by_reference", 0) + one.get("by_target", one["queries"])
            told |= {(row["split"], protocol): one for protocol in one["protocol"].split(", ")}
    assert any(told[key]["queries"] > 0 for key in readers)
    for key, read in readers.items():
        got = read(root)
        assert len(got) == told[key]["of_queries"] - told[key]["queries"], key
        if told[key]["of_gallery"] and name != "genecis":  # whose reader has the references in its gallery, too
            assert len(got.gallery) == told[key]["of_gallery"] - told[key]["gallery"], key


@pytest.mark.parametrize("name", READERS)
def test_where_nothing_is_left_the_check_says_that_the_reader_refuses(smoke, tmp_path, name):
    root, refused = tmp_path / "none", 0
    emptied(smoke(name), name, root, 1)
    text = "\n".join(report(find(name).check(root)))
    assert "so the reader refuses" in text or "it stops" in text
    for read in READERS[name][1].values():
        with pytest.raises(Problem):
            read(root)
        refused += 1
    assert refused


def test_the_reader_of_css_stops_as_the_check_says(smoke, tmp_path):
    emptied(smoke("css"), "css", tmp_path / "some", 3)
    assert [row.gone.dropped for row in css.check(tmp_path / "some") if row.gone is not None] == [None, None]
    with pytest.raises(Problem, match="no such file"):
        css.test(tmp_path / "some")


@pytest.mark.parametrize("name", WORLDS)
def test_a_folder_that_is_not_the_benchmark_is_a_problem(tmp_path, name):
    (tmp_path / "unrelated.txt").write_text("")
    with pytest.raises(Problem):
        find(name).check(tmp_path)
    with pytest.raises(Problem):
        publish(name, tmp_path, "smoke")
    assert [path.name for path in tmp_path.iterdir()] == ["unrelated.txt"]
    with pytest.raises(Problem, match="no scale"):
        publish(name, tmp_path / "new", "huge")
