import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.benchmarks import annotations
from cirkit.benchmarks.annotations import image_path, need, read_json, write_json
from cirkit.errors import Problem


def test_json_comes_back_packed_or_not(tmp_path):
    value = [{"a": 1, "b": ["ombré", None]}]
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", list) == value
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(value).encode()))
    assert read_json(tmp_path / "b.json", list) == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1, 2", "not whole JSON"),
        (b"{}", "dict where a list"),
        (b'[{"a": 1, "a": 2}]', "twice"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "not whole JSON"),
    ],
)
def test_bad_json_is_a_problem_that_names_the_file(tmp_path, content, said):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(Problem, match=said) as caught:
        read_json(tmp_path / "a.json", list)
    assert "a.json" in str(caught.value)


def test_a_missing_cut_or_swollen_file_is_a_problem(tmp_path, monkeypatch):
    with pytest.raises(Problem, match="There is no"):
        read_json(tmp_path / "none.json", list)
    whole = gzip.compress(b"[" + b"1," * 9000 + b"1]")
    (tmp_path / "c.json.gz").write_bytes(whole[:20])
    with pytest.raises(Problem, match="cannot be read"):
        read_json(tmp_path / "c.json", list)
    monkeypatch.setattr(annotations, "LIMIT", 100)
    (tmp_path / "c.json.gz").write_bytes(whole)
    with pytest.raises(Problem, match="unpacks to more"):
        read_json(tmp_path / "c.json", list)


def test_fields_are_typed_and_named(tmp_path):
    path = tmp_path / "x.json"
    assert need({"a": 3}, "a", int, path, 7) == 3
    for record, said in [([], "not an object"), ({}, "no 'a'"), ({"a": "3"}, "type str"), ({"a": True}, "type bool")]:
        with pytest.raises(Problem, match=f"record 7 .*{said}"):
            need(record, "a", int, path, 7)


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x.png", "a/../../x.png", "\\x", "a\0b", "out/x.png"])
def test_image_names_stay_below_the_root(tmp_path, name):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    assert image_path(root, "a/b.png") == root / "a/b.png"
    with pytest.raises(Problem):
        image_path(root, name)


def test_a_folder_of_the_layout_may_be_a_link_and_no_other(tmp_path):
    root, away = tmp_path / "root", tmp_path / "away"
    root.mkdir()
    (away / "inner").mkdir(parents=True)
    (root / "images").symlink_to(away)
    (away / "out").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(root)
    for base in (root, tmp_path / "linked"):
        assert image_path(base, "images/inner/a.png", "images").resolve() == away / "inner" / "a.png"
        for name in ("images/out/a.png", "images/../a.png", "images/../../a.png", "images"):
            with pytest.raises(Problem, match="leaves"):
                image_path(base, name, "images")
        with pytest.raises(Problem, match="leaves"):
            image_path(base, "images/a.png")
        assert image_path(base / "images", "a.png").resolve() == away / "a.png"


@given(st.binary(max_size=60))
@settings(max_examples=50, deadline=None)
def test_whatever_lies_there_only_a_problem_comes_out(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "a.json"
    path.write_bytes(content)
    try:
        assert isinstance(read_json(path, list), list)
    except Problem as problem:
        assert "a.json" in str(problem)
