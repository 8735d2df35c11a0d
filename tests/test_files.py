import multiprocessing
import os
import socket
import time

import pytest

from cirkit import files
from cirkit.errors import Problem
from cirkit.files import draft, inside, write_atomically

HOST = socket.gethostname().replace("-", "").replace("/", "")[:40]
NOBODY = 2**22 + 1  # above the largest process number of Linux


@pytest.fixture(autouse=True)
def _another_process():
    files._clear_once.cache_clear()


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


def _write_for_ever(path, parts):
    os.fsync = lambda handle: parts.put("half") or time.sleep(60)
    write_atomically(path, "new" * 1000)


def test_a_killed_write_leaves_the_old_file_and_the_next_clears_what_it_left(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    context = multiprocessing.get_context("fork")
    parts = context.Queue()
    process = context.Process(target=_write_for_ever, args=(path, parts))
    process.start()
    assert parts.get(timeout=20) == "half"
    assert path.read_text() == "old" and len(os.listdir(tmp_path)) == 2
    write_atomically(path, "other")  # the draft of a living process is left to it
    assert len(os.listdir(tmp_path)) == 2
    process.kill()
    process.join()
    files._clear_once.cache_clear()
    write_atomically(path, "new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "name", [f".a.draft-{HOST}-{NOBODY}-00ff", f".a.draft-elsewhere-{os.getpid()}-00ff"], ids=["here", "elsewhere"]
)
def test_drafts_that_nobody_writes_are_cleared_files_and_folders(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "x").write_text("")
    (tmp_path / f"{name}0").write_text("")
    old = time.time() - 2 * files.STALE
    for path in (tmp_path / name, tmp_path / f"{name}0"):
        os.utime(path, (old, old))
    for other in (".a.txt", "draft-1-2-3", ".gitignore"):
        (tmp_path / other).write_text("")
    draft(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == [".a.txt", ".gitignore", "draft-1-2-3"]


def test_a_young_draft_of_another_machine_is_left_to_it(tmp_path):
    (tmp_path / f".a.draft-elsewhere-{NOBODY}-00ff").write_text("")
    draft(tmp_path / "b")
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


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


@pytest.mark.parametrize("name", ["a\0b", "\0", "a\ud800", "\ud912.jpg"])
def test_names_that_no_file_can_have_are_problems(tmp_path, name):
    for act in (inside, lambda root, relative: write_atomically(root / relative, "x")):
        with pytest.raises(Problem, match="No file can be named"):
            act(tmp_path, name)
    assert not os.listdir(tmp_path)


def test_a_name_that_is_long_is_still_written(tmp_path):
    write_atomically(tmp_path / ("x" * 250), "y")
    assert (tmp_path / ("x" * 250)).read_text() == "y"
