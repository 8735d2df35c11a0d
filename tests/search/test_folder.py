import errno
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.search import folder, results

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 30), "blue": (20, 30, 220), "grey": (120, 120, 120)}


class MeanColour(nn.Module):
    """A picture is its mean colour less grey, a word the colour it names; a query is the sum."""

    def __init__(self, score=None):
        super().__init__()
        self.score = score or Cosine(1.0)

    def encode(self, images):
        return images.float().mean((2, 3)) / 255 - 0.4

    def compose(self, query):
        parts = [] if query.image is None else [self.encode(query.image)]
        if query.text is not None:
            parts.append(torch.tensor([COLOURS[text] for text in query.text]) / 255 - 0.4)
        return torch.stack(parts).sum(0)


class Distance(nn.Module):
    def forward(self, composed, gallery):
        return -torch.cdist(composed, gallery)


class NeedsBoth(MeanColour):
    def compose(self, query):
        return self.encode(query.image) + len(query.text)


@dataclass(frozen=True)
class Fixed:
    name: str = "mean colour"
    size: int = 8
    fingerprint: str = "a" * 64
    retriever: nn.Module = MeanColour()  # noqa: RUF009


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name, colour in COLOURS.items():
        Image.new("RGB", (20, 12), colour).save(tmp_path / "photos" / f"{name}.png")
    Image.new("RGB", (20, 12), (250, 200, 20)).save(tmp_path / "photos" / "sub" / "<b>&yellow.png")
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"bad")
    return tmp_path / "photos"


@pytest.fixture
def built(photos, tmp_path):
    folder.build(photos, Fixed(), tmp_path / "index", batch=2)
    return tmp_path / "index"


def names(hits):
    return [hit.path.name for hit in hits]


def test_a_photo_a_sentence_or_both_find_what_they_should(photos, built):
    assert names(folder.search(built, Fixed(), text="blue", k=1)) == ["blue.png"]
    both = folder.search(built, Fixed(), image=photos / "red.png", text="green", k=2)
    assert names(both)[0] == "<b>&yellow.png" and [hit.rank for hit in both] == [1, 2]
    hits = folder.search(built, Fixed(), image=photos / "blue.png", k=100)
    assert len(hits) == 4 and "blue.png" not in names(hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(-1.001 <= hit.score <= 1.001 for hit in hits)


def test_the_order_is_the_order_of_the_retrievers_own_score(photos, tmp_path):
    for score in (None, Distance()):
        encoder = Fixed(retriever=MeanColour(score))
        found = folder.build(photos, encoder, tmp_path / "index")
        gallery = encoder.retriever.encode(found[torch.arange(len(found))])
        wanted = torch.tensor([COLOURS["red"]]) / 255 - 0.4
        order = encoder.retriever.score(wanted, gallery)[0].argsort(descending=True, stable=True)
        hits = folder.search(tmp_path / "index", encoder, text="red")
        assert [hit.path.relative_to(photos.resolve()).as_posix() for hit in hits] == [found.names[i] for i in order]


def test_an_index_says_what_made_it_and_is_the_same_when_built_again(photos, built, tmp_path):
    about = json.loads((built / "index.json").read_text())
    assert about["encoder"] == "mean colour" and about["count"] == 5 and about["preprocessing"]["size"] == 8
    again = folder.build(photos, Fixed(), tmp_path / "again")
    assert [(item.file, item.reason) for item in again.skipped] == [("bad.jpg", "not an image of a known format")]
    for name in ("index.json", "items.json", "vectors.safetensors"):
        assert (built / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_captions_come_along(photos, tmp_path):
    (tmp_path / "t.csv").write_text("image,caption\nred,<a red one>\n")
    folder.build(photos, Fixed(), tmp_path / "index", table=tmp_path / "t.csv")
    first = folder.search(tmp_path / "index", Fixed(), text="red", k=1)
    assert first[0].caption == "<a red one>"
    results.page(first, folder.Question(text="red"), tmp_path / "page.html")
    assert "&lt;a red one&gt;" in (tmp_path / "page.html").read_text()


def test_an_index_of_another_encoder_is_refused_by_name(built):
    with pytest.raises(Problem, match=r"built with mean colour \(aaaaaaaaaaaa\), not with other \(bbbbbbbbbbbb\)"):
        folder.search(built, Fixed(name="other", fingerprint="b" * 64), text="red")


def test_wrong_questions_are_problems(photos, built):
    for text in (None, "", "  "):
        with pytest.raises(Problem, match="nothing to search for"):
            folder.search(built, Fixed(), text=text)
    with pytest.raises(Problem, match="first 0"):
        folder.search(built, Fixed(), text="red", k=0)
    with pytest.raises(Problem, match=r"Cannot read the image .*bad\.jpg"):
        folder.search(built, Fixed(), image=photos / "bad.jpg")
    with pytest.raises(Problem, match="without a photo"):
        folder.search(built, Fixed(retriever=NeedsBoth()), text="red")
    with pytest.raises(Problem, match="without a sentence"):
        folder.search(built, Fixed(retriever=NeedsBoth()), image=photos / "red.png")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.json", b"{"),
        ("index.json", b"[]"),
        ("items.json", b"[]"),
        ("items.json", b'[{"image": 3}]'),
        ("vectors.safetensors", b"short"),
        ("vectors.safetensors", None),
    ],
)
def test_a_damaged_index_is_a_problem(built, name, content):
    (built / name).unlink() if content is None else (built / name).write_bytes(content)
    with pytest.raises(Problem, match="Build"):
        folder.search(built, Fixed(), text="red")


def test_an_index_cannot_name_files_outside_its_photos(built):
    items = json.loads((built / "items.json").read_text())
    items[0]["image"] = "../../../etc/hostname"
    (built / "items.json").write_text(json.dumps(items))
    with pytest.raises(Problem, match="leaves"):
        folder.search(built, Fixed(), text="red")


def test_a_build_that_is_cut_off_leaves_the_old_index_and_nothing_else(photos, built, tmp_path, monkeypatch):
    before = {path.name: path.read_bytes() for path in built.iterdir()}
    around = sorted(path.name for path in tmp_path.iterdir())

    def interrupt(*_):
        raise KeyboardInterrupt

    for name in ("encode", "_write"):
        with monkeypatch.context() as patch:
            patch.setattr(*((MeanColour, "encode") if name == "encode" else (folder, "_write")), interrupt)
            with pytest.raises(KeyboardInterrupt):
                folder.build(photos, Fixed(), built)
            with pytest.raises(KeyboardInterrupt):
                folder.build(photos, Fixed(), tmp_path / "new")
        assert {path.name: path.read_bytes() for path in built.iterdir()} == before
        assert sorted(path.name for path in tmp_path.iterdir()) == around


def test_a_full_disk_and_a_place_that_cannot_be_written_are_problems(photos, built, tmp_path, monkeypatch):
    with pytest.raises(Problem, match="Cannot write"):
        folder.build(photos, Fixed(), photos / "red.png" / "index")
    around = sorted(path.name for path in tmp_path.iterdir())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Problem, match="No space left"):
        folder.build(photos, Fixed(), built)
    assert sorted(path.name for path in tmp_path.iterdir()) == around
    assert names(folder.search(built, Fixed(), text="red", k=1)) == ["red.png"]


def test_a_folder_with_other_things_in_it_is_never_replaced(photos, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    for out in (tmp_path / "letters", photos / "red.png"):
        with pytest.raises(Problem, match="something else than an index"):
            folder.build(photos, Fixed(), out)
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    folder.build(photos, Fixed(), tmp_path / "empty")
    assert (tmp_path / "empty" / "index.json").is_file()


def test_a_page_holds_its_pictures_escapes_its_text_and_asks_no_network(photos, built, tmp_path):
    hits = folder.search(built, Fixed(), image=photos / "red.png", k=4)
    (photos / "grey.png").unlink()
    results.page(hits, folder.Question(image=photos / "red.png", text="<script>alert(1)</script>"), tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert text.count("data:image/jpeg;base64,") == 4 and "no longer there: grey.png" in text
    assert "<script" not in text and "&lt;script&gt;" in text and "<b>" not in text and "&lt;b&gt;" in text
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {"data", "file"}
    assert not re.search(r"https?://|url\(|@import", text)
    assert 'lang="en"' in text and "color-scheme: light dark" in text and ":focus-visible" in text
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", text)) == text.count("<img ") == 4
    with pytest.raises(Problem, match="Cannot write"):
        results.page(hits, folder.Question(text="red"), photos / "red.png" / "page.html")


def test_encoders_are_named_by_open_clip_or_by_a_folder(tmp_path, monkeypatch):
    import cirkit.encoders.clip
    import cirkit.training.checkpoints

    class FakeClip:
        size = 8

        def __init__(self, arch, pretrained):
            self.asked = arch, pretrained

        def fingerprint(self):
            return "c" * 64

    monkeypatch.setattr(cirkit.encoders.clip, "OpenClip", FakeClip)
    assert folder.encoder_from("open_clip:ViT-B-32/openai").retriever.asked == ("ViT-B-32", "openai")
    assert folder.encoder_from("open_clip:tiny//a/b.pt").retriever.asked == ("tiny", "/a/b.pt")
    with pytest.raises(Problem, match="lacks its weights"):
        folder.encoder_from("open_clip:ViT-B-32")
    with pytest.raises(Problem, match="no checkpoint folder"):
        folder.encoder_from(str(tmp_path / "gone"))
    monkeypatch.setattr(cirkit.training.checkpoints, "load", lambda folder: MeanColour())
    monkeypatch.setattr(cirkit.training.checkpoints, "image_size", lambda folder: 24, raising=False)
    (tmp_path / "model.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    first = folder.encoder_from(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert isinstance(first, folder.Encoder) and first.size == 24
    assert first.fingerprint != folder.encoder_from(str(tmp_path)).fingerprint
