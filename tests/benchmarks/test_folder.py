import io
import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cirkit.benchmarks import folder
from cirkit.benchmarks.photos import square
from cirkit.errors import Problem


def picture(seed=0, size=(40, 30), mode="RGB"):
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    picture(1).save(tmp_path / "photos" / "b.JPG")
    picture(2).save(tmp_path / "photos" / "A.png")
    picture(3).save(tmp_path / "photos" / "deep" / "c.webp")
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    (tmp_path / "photos" / "._b.jpg").write_bytes(b"left by a file manager")
    return tmp_path / "photos"


def reasons(photos):
    return {item.file: item.reason for item in photos.skipped}


def table(root, text, encoding="utf-8"):
    path = root.parent / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_photos_are_found_in_subfolders_whatever_their_case_and_come_in_alphabetical_order(root):
    photos = folder.read(root, 16)
    assert photos.names == ("A.png", "b.JPG", "deep/c.webp")
    assert photos[torch.tensor([2, 0])].shape == (2, 3, 16, 16)
    assert photos.skipped == () and photos.captions == (None, None, None)
    assert torch.equal(folder.stack(photos)[1], square(root / "b.JPG", 16))


def test_damaged_photos_are_skipped_and_reported(root):
    picture(9, (300, 300)).save(root / "whole.jpg", quality=95)
    content = (root / "whole.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(content[: len(content) // 2])
    buffer = io.BytesIO()
    picture(8, (300, 300)).save(buffer, "PNG")
    (root / "cut.png").write_bytes(buffer.getvalue()[:-2000])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.png").write_text("hello")
    (root / "folder.jpg").mkdir()
    photos = folder.read(root, 16)
    assert set(reasons(photos)) == {"cut.jpg", "cut.png", "empty.jpg", "text.png"}
    assert reasons(photos)["text.png"] == "not an image of a known format"
    with pytest.raises(Problem, match=r"cut\.jpg"):
        square(root / "cut.jpg", 16)
    with pytest.raises(Problem, match="no such file"):
        square(root / "gone.jpg", 16)


def test_links_that_lead_out_pipes_and_copies_are_skipped_and_reported(root, tmp_path):
    picture(4).save(tmp_path / "outside.png")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    (root / "dangling.png").symlink_to(root / "nothing.png")
    (root / "around").symlink_to(root)
    (root / "z.JPG").write_bytes((root / "b.JPG").read_bytes())
    os.mkfifo(root / "pipe.jpg")
    (root / "loop.tif").symlink_to(root / "loop.tif")
    (root / "null.gif").symlink_to("/dev/zero")
    photos = folder.read(root, 8)
    assert photos.names == ("A.png", "b.JPG", "deep/c.webp")
    assert reasons(photos) == {
        "around": "a link to a folder is not followed",
        "link.png": "a link that leads out of the folder is not followed",
        "dangling.png": "there is no such file",
        "pipe.jpg": "it is not a regular file",
        "loop.tif": "there is no such file",
        "null.gif": "a link that leads out of the folder is not followed",
        "z.JPG": "the same image as b.JPG",
    }


def test_a_folder_without_photos_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="holds no photo"):
        folder.read(tmp_path, 8)
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(Problem, match=r"1 files were skipped, the first \(a\.jpg\): not an image of a known format"):
        folder.read(tmp_path, 8)
    with pytest.raises(Problem, match="not a folder"):
        folder.read(tmp_path / "a.jpg", 8)


def test_captions_and_attributes_find_their_photo_by_path_name_or_stem(root):
    text = 'image,caption,colour\ndeep/c.webp,"a hat, blue",blue\nB.jpg,a hat,\nA,"Mütze\nrot",red\n'
    photos = folder.read(root, 8, table(root, text, "utf-8-sig"))
    assert photos.captions == ("Mütze\nrot", "a hat", "a hat, blue")
    assert photos.attributes == {"colour": ("red", None, "blue")}
    assert folder.read(root, 8, table(root, "image,colour\nc,blue\n")).attributes == {"colour": (None, None, "blue")}


def test_lines_without_a_photo_or_a_caption_are_reported(root):
    photos = folder.read(root, 8, table(root, "image,caption\nA.png,  \n\ngone.png,x\n../table.csv,y\nb.JPG,hat\n"))
    assert photos.captions == (None, "hat", None)
    assert reasons(photos) == {
        "table.csv, line 2": "the caption is empty",
        "table.csv, line 4": "there is no photo 'gone.png'",
        "table.csv, line 5": "there is no photo '../table.csv'",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("name,caption\nA.png,hat\n", "columns name, caption"),
        ("image;caption\nA.png;hat\n", "separated by commas"),
        ("image\nA.png\n", "attribute columns"),
        ("image,caption,caption\nA.png,a,b\n", "two columns of one name"),
        ("image,caption\nA.png,a,b\n", "line 2: 3 values for 2 columns"),
        ("image,caption\nA.png\n", "line 2: 1 values for 2 columns"),
        ('image,caption\nA.png,"open\n', "not a sound CSV"),
        ("image,caption\nx.png,a\n", "No line of .* names a photo"),
        ("image,caption\nA.png,a\nA.png,b\n", "lines 2 and 3: both describe A.png"),
    ],
)
def test_a_table_that_cannot_be_understood_is_a_problem(root, text, message):
    with pytest.raises(Problem, match=message):
        folder.read(root, 8, table(root, text))


def test_a_table_in_another_encoding_or_nowhere_is_a_problem(root):
    with pytest.raises(Problem, match="UTF-8"):
        folder.read(root, 8, table(root, "image,caption\nA.png,Mütze\n", "latin-1"))
    with pytest.raises(Problem, match="No such file"):
        folder.read(root, 8, root / "gone.csv")


def test_a_name_that_fits_two_photos_is_a_problem_unless_one_fits_exactly(root):
    picture(6).save(root / "deep" / "A.png")
    picture(7).save(root / "deep" / "A.bmp")
    with pytest.raises(Problem, match=r"'A\.bmp' could be"):
        (root / "other").mkdir()
        picture(8).save(root / "other" / "A.bmp")
        folder.read(root, 8, table(root, "image,caption\nA.bmp,hat\n"))
    assert folder.read(root, 8, table(root, "image,caption\nA.png,hat\n")).captions[0] == "hat"
    photos = folder.read(root, 8, table(root, "image,caption\ndeep/a.png,hat\n"))
    assert [name for name, caption in zip(photos.names, photos.captions, strict=True) if caption] == ["deep/A.png"]


def test_captions_ask_for_their_photo(root):
    asked = folder.captioned(folder.read(root, 8, table(root, "image,caption\nA,hat\nc,hat\nb,shoe\n")))
    assert list(asked.query.text) == ["hat", "shoe", "hat"]
    assert [list(rows) for rows in asked.relevant] == [[0, 2], [1], [0, 2]]
    with pytest.raises(Problem, match="has a caption"):
        folder.captioned(folder.read(root, 8))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["hat", "shoe", None]), st.sampled_from(["r", "g", "b", None])), max_size=9))
def test_changes_are_the_pairs_that_a_loop_finds(rows):
    same, other = [row[0] for row in rows], [row[1] for row in rows]
    slow = {}
    for i in range(len(rows)):
        for j in range(len(rows)):
            if None not in rows[i] + rows[j] and same[i] == same[j] and other[i] != other[j]:
                slow.setdefault((i, other[j]), []).append(j)
    found = folder.changes(same, other)
    assert {(row, value): answers for row, value, answers in found} == slow and len(found) == len(slow)
