import errno
import json
import os
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from cirkit.errors import Problem
from cirkit.models.base import Cosine
from cirkit.search import folder, results, storage
from cirkit.search.encoder import Encoder
from cirkit.search.folder import PhotoQuery

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


def fixed(name="mean colour", fingerprint="a" * 64, retriever=None):
    return Encoder(name=name, size=8, fingerprint=fingerprint, retriever=retriever or MeanColour())


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
    folder.build(photos, fixed(), tmp_path / "index", batch=2)
    return tmp_path / "index"


def names(hits):
    return [hit.path.name for hit in hits]


def test_a_photo_a_sentence_or_both_find_what_they_should(photos, built):
    assert names(folder.search(built, fixed(), PhotoQuery(text="blue"), k=1)) == ["blue.png"]
    both = folder.search(built, fixed(), PhotoQuery(image=photos / "red.png", text="green"), k=2)
    assert names(both)[0] == "<b>&yellow.png" and [hit.rank for hit in both] == [1, 2]
    hits = folder.search(built, fixed(), PhotoQuery(image=photos / "blue.png"), k=100)
    assert len(hits) == 4 and "blue.png" not in names(hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(-1.001 <= hit.score <= 1.001 for hit in hits)


def test_the_order_is_the_order_of_the_retrievers_own_score(photos, tmp_path):
    for score in (None, Distance()):
        encoder = fixed(retriever=MeanColour(score))
        found = folder.build(photos, encoder, tmp_path / "index")
        gallery = encoder.retriever.encode(found[torch.arange(len(found))])
        wanted = torch.tensor([COLOURS["red"]]) / 255 - 0.4
        order = encoder.retriever.score(wanted, gallery)[0].argsort(descending=True, stable=True)
        hits = folder.search(tmp_path / "index", encoder, PhotoQuery(text="red"))
        assert [hit.path.relative_to(photos.resolve()).as_posix() for hit in hits] == [found.names[i] for i in order]


def test_an_index_says_what_made_it_and_is_the_same_when_built_again(photos, built, tmp_path):
    about = json.loads((built / "index.json").read_text())
    assert about["encoder"] == "mean colour" and len(about["photos"]) == 5 and about["preprocessing"]["size"] == 8
    again = folder.build(photos, fixed(), tmp_path / "again")
    assert [(item.file, item.reason) for item in again.skipped] == [("bad.jpg", "not an image of a known format")]
    files = sorted(path.name for path in built.iterdir())
    assert len(files) == 2 and files == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in files:
        assert (built / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_captions_come_along(photos, tmp_path):
    (tmp_path / "t.csv").write_text("image,caption\nred,<a red one>\n")
    folder.build(photos, fixed(), tmp_path / "index", table=tmp_path / "t.csv")
    first = folder.search(tmp_path / "index", fixed(), PhotoQuery(text="red"), k=1)
    assert first[0].caption == "<a red one>"
    results.page(first, PhotoQuery(text="red"), tmp_path / "page.html")
    assert "&lt;a red one&gt;" in (tmp_path / "page.html").read_text()


def test_an_index_of_another_encoder_is_refused_by_name(built):
    with pytest.raises(Problem, match=r"built with mean colour \(aaaaaaaaaaaa\), not with other \(bbbbbbbbbbbb\)"):
        folder.search(built, fixed(name="other", fingerprint="b" * 64), PhotoQuery(text="red"))


def test_an_index_of_another_preprocessing_is_refused(photos, tmp_path):
    def encoder(mean, digits):
        return replace(fixed(fingerprint=digits * 64), preprocessing={"mean": (mean, 0.5, 0.5), "fit": "shortest"})

    folder.build(photos, encoder(0.5, "a"), tmp_path / "index")
    with pytest.raises(Problem, match=r"another preprocessing \(mean\) than mean colour has now"):
        folder.search(tmp_path / "index", encoder(0.4, "b"), PhotoQuery(text="red"))
    with pytest.raises(Problem, match="not with mean colour"):  # other weights
        folder.search(tmp_path / "index", encoder(0.5, "b"), PhotoQuery(text="red"))
    assert names(folder.search(tmp_path / "index", encoder(0.5, "a"), PhotoQuery(text="red"), k=1)) == ["red.png"]


def test_wrong_questions_are_problems(photos, built):
    for text in (None, "", "  "):
        with pytest.raises(Problem, match="nothing to search for"):
            folder.search(built, fixed(), PhotoQuery(text=text))
    with pytest.raises(Problem, match="first 0"):
        folder.search(built, fixed(), PhotoQuery(text="red"), k=0)
    with pytest.raises(Problem, match=r"Cannot search with the image .*bad\.jpg"):
        folder.search(built, fixed(), PhotoQuery(image=photos / "bad.jpg"))
    with pytest.raises(Problem, match="without a photo"):
        folder.search(built, fixed(retriever=NeedsBoth()), PhotoQuery(text="red"))
    with pytest.raises(Problem, match="without a text"):
        folder.search(built, fixed(retriever=NeedsBoth()), PhotoQuery(image=photos / "red.png"))


def test_vectors_of_cosines_are_stored_as_unit_vectors_and_others_as_they_are(photos, tmp_path):
    for score, unit in ((None, True), (Distance(), False)):
        encoder = fixed(retriever=MeanColour(score))
        folder.build(photos, encoder, tmp_path / "index")
        norms = storage.read(tmp_path / "index").features.norm(dim=-1)
        assert bool((norms - 1).abs().max() < 1e-6) == unit


def test_vectors_that_are_not_the_encoders_are_a_problem(photos, built, tmp_path):
    stored = storage.read(built)
    about = json.loads((built / "index.json").read_text())
    parts = (stored.features, stored.features.clone())
    for features in (parts, stored.features[:, 0], stored.features[:, :2]):
        storage.write(built, about, stored.photos, features)
        with pytest.raises(Problem, match=r"damaged|Encode both"):
            folder.search(built, fixed(), PhotoQuery(text="red"))
    folder.build(photos, fixed(retriever=MeanColour(Distance())), built)
    storage.write(built, about, stored.photos, parts)
    with pytest.raises(Problem, match="damaged"):
        folder.search(built, fixed(retriever=MeanColour(Distance())), PhotoQuery(text="red"))


def test_an_index_of_another_folder_shows_nothing_that_was_not_indexed(photos, built, tmp_path):
    secret = tmp_path / "elsewhere" / "secret.png"
    secret.parent.mkdir()
    Image.new("RGB", (20, 12), (1, 2, 3)).save(secret)
    about = json.loads((built / "index.json").read_text())
    about["folder"] = "/"
    for item in about["photos"]:
        item["image"] = str(secret).lstrip("/")
    (built / "index.json").write_text(json.dumps(about))
    hits = folder.search(built, fixed(), PhotoQuery(text="red"), k=3)
    results.page(hits, PhotoQuery(text="red"), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert len(hits) == 3 and "data:image" not in text and "file:" not in text and "no longer there" in text


def test_a_link_that_took_the_place_of_a_photo_is_refused(photos, built, tmp_path):
    (photos / "red.png").rename(tmp_path / "red.png")
    (photos / "red.png").symlink_to(tmp_path / "red.png")
    with pytest.raises(Problem, match="leaves"):
        folder.search(built, fixed(), PhotoQuery(text="red"))


def test_photos_that_were_moved_are_found_where_they_are_said_to_be(photos, built, tmp_path):
    photos.rename(tmp_path / "moved")
    with pytest.raises(Problem, match="--photos"):
        folder.search(built, fixed(), PhotoQuery(text="red"))
    (first,) = folder.search(built, fixed(), PhotoQuery(text="red"), k=1, photos=tmp_path / "moved")
    assert first.path == tmp_path / "moved" / "red.png" and first.is_unchanged()
    copy = tmp_path / "copy.png"
    copy.write_bytes(first.path.read_bytes())
    left = folder.search(built, fixed(), PhotoQuery(image=copy), photos=tmp_path / "moved")
    assert "red.png" not in names(left) and len(left) == 4


def test_a_build_that_is_cut_off_leaves_the_old_index_and_nothing_else(photos, built, tmp_path, monkeypatch):
    before = {path.name: path.read_bytes() for path in built.iterdir()}
    around = sorted(path.name for path in tmp_path.iterdir())

    def interrupt(*_):
        raise KeyboardInterrupt

    for part, name in ((MeanColour, "encode"), (storage, "write")):
        with monkeypatch.context() as patch:
            patch.setattr(part, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                folder.build(photos, fixed(), built)
            with pytest.raises(KeyboardInterrupt):
                folder.build(photos, fixed(), tmp_path / "new")
        assert {path.name: path.read_bytes() for path in built.iterdir()} == before
        assert sorted(path.name for path in tmp_path.iterdir()) == around


def test_a_full_disk_and_a_place_that_cannot_be_written_are_problems(photos, built, tmp_path, monkeypatch):
    with pytest.raises(Problem, match="Cannot write"):
        folder.build(photos, fixed(), photos / "red.png" / "index")
    around = sorted(path.name for path in tmp_path.iterdir())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="No space left"):
        folder.build(photos, fixed(), built)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == around and len(list(built.iterdir())) == 2
    assert names(folder.search(built, fixed(), PhotoQuery(text="red"), k=1)) == ["red.png"]


def test_a_folder_with_other_things_in_it_is_never_replaced(photos, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    with pytest.raises(Problem, match="something else than an index"):
        folder.build(photos, fixed(), tmp_path / "letters")
    with pytest.raises(Problem, match="no folder that can be written"):
        folder.build(photos, fixed(), photos / "red.png")
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    folder.build(photos, fixed(), tmp_path / "empty")
    assert (tmp_path / "empty" / "index.json").is_file()


def test_a_page_holds_its_pictures_escapes_its_text_and_asks_no_network(photos, built, tmp_path):
    hits = folder.search(built, fixed(), PhotoQuery(image=photos / "red.png"), k=4)
    (photos / "grey.png").unlink()
    results.page(hits, PhotoQuery(image=photos / "red.png", text="<script>alert(1)</script>"), tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert text.count("data:image/jpeg;base64,") == 4 and "no longer there, or was changed: grey.png" in text
    assert "<script" not in text and "&lt;script&gt;" in text and "<b>" not in text and "&lt;b&gt;" in text
    assert set(re.findall(r'(?:src|href)="([a-z]+):', text)) == {"data", "file"}
    assert not re.search(r"https?://|url\(|@import", text)
    assert 'lang="en"' in text and "color-scheme: light dark" in text and ":focus-visible" in text
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", text)) == text.count("<img ") == 4
    with pytest.raises(Problem, match="Cannot write"):
        results.page(hits, PhotoQuery(text="red"), photos / "red.png" / "page.html")
