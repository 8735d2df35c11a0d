import json
import os
import time

import pytest
import torch
from safetensors.torch import save

from cirkit.errors import Problem
from cirkit.search import storage
from cirkit.search.storage import Photo

PHOTOS = tuple(Photo(f"{name}.jpg", digit * 64, None) for name, digit in (("a", "1"), ("b", "2")))
ABOUT = {"encoder": "e", "weights": None, "fingerprint": "f", "folder": "/photos"}


@pytest.fixture
def built(tmp_path):
    storage.write(tmp_path / "index", ABOUT, PHOTOS, torch.eye(2))
    return tmp_path / "index"


def change(built, **parts):
    plain = json.loads((built / "index.json").read_text())
    (built / "index.json").write_text(json.dumps(plain | parts))


def test_what_is_written_is_read(built):
    stored = storage.read(built)
    assert stored.photos == PHOTOS and torch.equal(stored.features, torch.eye(2))
    assert (stored.encoder, stored.weights, stored.fingerprint, str(stored.folder)) == ("e", None, "f", "/photos")
    parts = (torch.ones(2, 3), torch.zeros(2))
    storage.write(built, ABOUT, PHOTOS, parts)
    assert all(torch.equal(*pair) for pair in zip(storage.read(built).features, parts, strict=True))


ITEM = {"image": "a.jpg", "digest": "1" * 64, "caption": None}


@pytest.mark.parametrize(
    "parts",
    [
        {"photos": []},
        {"photos": [ITEM]},
        {"photos": [ITEM, 3]},
        {"photos": [ITEM, ITEM | {"image": 3}]},
        {"photos": [ITEM, ITEM | {"image": ""}]},
        {"photos": [ITEM, ITEM | {"image": "/etc/hostname"}]},
        {"photos": [ITEM, ITEM | {"image": "../../etc/hostname"}]},
        {"photos": [ITEM, ITEM | {"image": "a\0b"}]},
        {"photos": [ITEM, ITEM | {"image": "\ud800"}]},
        {"photos": [ITEM, ITEM | {"digest": "short"}]},
        {"photos": [ITEM, ITEM | {"caption": 3}]},
        {"folder": "photos"},
        {"folder": "/a\0b"},
        {"folder": "/\ud800"},
        {"folder": None},
        {"encoder": 3},
        {"weights": 3},
        {"vectors": "../" * 20},
        {"vectors": "0" * 64},
    ],
)
def test_an_index_with_a_part_that_cannot_be_is_a_problem(built, parts):
    change(built, **parts)
    with pytest.raises(Problem, match="Build it again"):
        storage.read(built)


@pytest.mark.parametrize("content", [b"{", b"[]", b"", b"\xff", b"[" * 200_000 + b"]" * 200_000, b'{"photos": 3}'])
def test_a_damaged_description_is_a_problem_within_a_second(built, content):
    (built / "index.json").write_bytes(content)
    started = time.process_time()
    with pytest.raises(Problem, match="Build"):
        storage.read(built)
    assert time.process_time() - started < 1


def vectors(built):
    (path,) = built.glob("vectors-*")
    return path


def test_vectors_that_were_changed_cut_or_taken_away_are_a_problem(built):
    whole = vectors(built).read_bytes()
    for content in (b"", whole[:-1], whole[:-1] + b"\1"):
        vectors(built).write_bytes(content)
        with pytest.raises(Problem, match="Build it again"):
            storage.read(built)
    vectors(built).unlink()
    with pytest.raises(Problem, match="Build it again"):
        storage.read(built)


@pytest.mark.parametrize(
    "parts",
    [
        {"000": torch.tensor([[1.0, float("nan")], [0.0, 1.0]])},
        {"000": torch.eye(3)},
        {"000": torch.tensor(1.0)},
        {"000": torch.ones(2, 2, dtype=torch.int64)},
        {"000": torch.eye(2), "001": torch.eye(3)},
        {},
    ],
)
def test_vectors_that_cannot_be_are_a_problem_although_their_digest_is_right(built, parts, monkeypatch):
    monkeypatch.setattr("safetensors.torch.save", lambda _: save(parts))
    storage.write(built, ABOUT, PHOTOS, torch.eye(2))
    with pytest.raises(Problem, match="Build it again"):
        storage.read(built)


def test_a_build_killed_at_any_file_leaves_an_index_and_the_next_one_clears_up(built, monkeypatch):
    write = storage.write_atomically

    def killed(path, content):
        if path.name == "index.json":
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(storage, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        storage.write(built, ABOUT, PHOTOS, torch.ones(2, 2))
    assert len(list(built.iterdir())) == 3 and torch.equal(storage.read(built).features, torch.eye(2))
    monkeypatch.undo()
    storage.write(built, ABOUT, PHOTOS, 2 * torch.eye(2))
    assert len(list(built.iterdir())) == 2 and torch.equal(storage.read(built).features, 2 * torch.eye(2))


def test_a_first_build_that_was_killed_is_built_again(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / f"vectors-{'0' * 16}.safetensors").write_bytes(b"half")
    storage.check_writable(tmp_path / "index")
    storage.write(tmp_path / "index", ABOUT, PHOTOS, torch.eye(2))
    assert len(list((tmp_path / "index").iterdir())) == 2


def test_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        storage.write(tmp_path / "index", ABOUT, PHOTOS, torch.eye(2))
    finally:
        os.umask(before)
    assert (tmp_path / "index").stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "index").iterdir()} == {0o640}


def test_a_place_that_cannot_be_written_is_a_problem_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for out in (tmp_path / "file", tmp_path / "file" / "index", tmp_path / "loop"):
        with pytest.raises(Problem, match="Cannot write"):
            storage.check_writable(out)
    storage.check_writable(tmp_path / "new" / "index")
    assert not (tmp_path / "new").exists()
