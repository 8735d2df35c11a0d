import json
import os
import socket
from dataclasses import replace

import pytest

from cirkit.benchmarks import css as css_reader
from cirkit.declare import describe, fingerprint
from cirkit.errors import Problem
from cirkit.worlds import css
from cirkit.worlds import publish as publishing
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.publish import drawn, drawn_each_seed

TINY = Size(references=25, mods=12, image=16)


def test_a_world_is_published_once_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CIRKIT_DATA", str(tmp_path))
    made = CSS.folder(TINY)
    assert made.parent == tmp_path / "worlds" and made.name.startswith("css-")
    assert json.loads((made / "world.json").read_text())["size"]["references"] == 25
    monkeypatch.setattr(css, "render", None)  # a second drawing would fail
    assert CSS.folder(TINY) == made == CSS.folder(TINY, tmp_path)
    assert publishing.folder_of(CSS.manifest(replace(TINY, seed=1))) != made
    assert [path.name for path in (tmp_path / "worlds").iterdir()] == [made.name]


def test_a_folder_that_holds_something_else_is_never_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(Problem, match="something other"):
        CSS.publish(tmp_path, TINY)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_an_interrupted_publication_leaves_nothing(tmp_path):
    def build(folder):
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publishing.once(tmp_path / "w", {"world": "x"}, build)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_publication_left_is_cleared_by_the_next_and_folders_follow_the_umask(tmp_path):
    left = tmp_path / f".w.draft-{socket.gethostname().replace('-', '')}-{2**22 + 1}-00ff"  # of no process
    left.mkdir()
    (left / "half").write_text("")
    before = os.umask(0o027)
    try:
        publishing.once(tmp_path / "w", {"world": "x"}, lambda folder: (folder / "a").write_text("") and None)
    finally:
        os.umask(before)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "w").iterdir()} == {0o640}


def test_of_two_that_publish_at_once_the_first_wins_and_both_succeed(tmp_path):
    def build(folder):
        publishing.once(tmp_path / "w", {"world": "x"}, lambda other: (other / "a").write_text("first") and None)
        (folder / "a").write_text("second")

    assert publishing.once(tmp_path / "w", {"world": "x"}, build) == tmp_path / "w"
    assert (tmp_path / "w" / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_a_folder_of_another_world_size_or_version_is_not_current(tmp_path):
    CSS.publish(tmp_path / "w", TINY)
    CSS.require_current(tmp_path / "w")
    CSS.require_current(tmp_path)  # an original has no manifest
    made = json.loads((tmp_path / "w" / "world.json").read_text())
    assert made["counts"]["test"]["texts"] == TINY.mods
    for change, says in (
        ({"size": None}, "does not describe"),
        ({"size": {"sheep": 3}}, "does not describe"),
        ({"version": 0}, "another version"),
        ({"world": "css2"}, "another version"),
    ):
        (tmp_path / "w" / "world.json").write_text(json.dumps(made | change))
        with pytest.raises(Problem, match=says):
            CSS.require_current(tmp_path / "w")
        with pytest.raises(Problem, match="something other"):
            CSS.publish(tmp_path / "w", TINY)


def test_drawn_data_are_the_readers_own_and_shared(home):
    data = drawn(css_reader.test, CSS, TINY)
    assert data() is drawn(css_reader.test, CSS, replace(TINY))() is not drawn(css_reader.train, CSS, TINY)()
    assert data().query.text == css_reader.test(CSS.folder(TINY)).query.text
    assert describe(data) == {
        "make": "publish.drawn",
        "read": {"name": "css.test"},
        "world": {"world": "css", "version": CSS.version},
        "size": describe(TINY),
        "settings": {},
    }


def test_settings_reach_the_reader(home):
    def count(root, times, plus):
        return len(css_reader.test(root)) * times + plus

    texts = len(css_reader.test(CSS.folder(TINY)))
    assert drawn(count, CSS, TINY, {"times": 3, "plus": 1})() == 3 * texts + 1


def test_each_seed_reads_a_world_of_its_own(home):
    data = drawn_each_seed(css_reader.train, CSS, TINY)
    assert data.of_seed(0)() is data() is drawn(css_reader.train, CSS, TINY)()
    assert data.of_seed(1)().query.text != data().query.text
    assert data.of_seed(1).size == replace(TINY, seed=1)
    assert fingerprint(data) != fingerprint(drawn(css_reader.train, CSS, TINY))
