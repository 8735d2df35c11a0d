import os

import pytest

from cirkit.errors import Problem
from cirkit.files import inside, write_atomically


def test_a_write_is_whole_and_replaces(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two" and os.listdir(path.parent) == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(Problem, match="can be written"):
        write_atomically(tmp_path / "a" / "b", "x")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "link/x"])
def test_paths_stay_inside(tmp_path, name):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    assert inside(root, "a/b.jpg") == root / "a/b.jpg"
    with pytest.raises(Problem, match="leaves"):
        inside(root, name)
