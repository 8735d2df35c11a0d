import hashlib
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import clothing
from cirkit.benchmarks.sources import CLOTHING, SOURCES
from cirkit.errors import Problem
from cirkit.query import all_rows

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "images_clothing_cc0"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the clothing photos are not here")

COLOURS = {"navy": (20, 25, 80), "red": (200, 30, 30), "green": (30, 150, 60), "white": (235, 235, 235)}


@pytest.fixture
def root(tmp_path):
    """Senders 1 to 4 with three classes; colours named for shirts and hats, and only for some of them."""
    (tmp_path / "images").mkdir()
    lines, labels = [], []
    for sender, (label, colour) in itertools.product(
        (1, 2, 3, 4), itertools.product(("Shirt", "Hat", "Shoes"), COLOURS)
    ):
        name = f"{label}-{colour}-{sender}"
        lines.append(f"{name},{sender},{label},False")
        named = (label == "Hat" or (label == "Shirt" and colour in ("navy", "red"))) and sender < 3
        pixels = np.full((40, 30, 3), (120, 90 + 10 * sender, 60), np.uint8)
        pixels[10:30, 5:25] = COLOURS[colour]
        path = tmp_path / "images" / f"{name}.jpg"
        Image.fromarray(pixels).save(path, quality=95)
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        labels.append(f"{name},{git},{colour if named else ''}")
    lines.append("another,1,Shirt,False")  # the archive holds more than the experiment uses
    (tmp_path / "images.csv").write_text("\n".join(["image,sender_id,label,kids", *reversed(lines)]) + "\n")
    (tmp_path / "labels.csv").write_text("\n".join(["image,git,colour", *labels]) + "\n")
    return tmp_path


def photos(root):
    return clothing.photos(root, root / "labels.csv")


def train(root, **settings):
    return clothing.train(root=root, labels=root / "labels.csv", **settings)


def ask(root, **settings):
    return clothing.test(root=root, labels=root / "labels.csv", **settings)


def test_lab_gives_the_published_values_of_the_primaries():
    # Lindbloom's calculator, sRGB and D65
    published = {
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
    }
    for rgb, expected in published.items():
        assert clothing.lab(np.array([rgb], np.uint8))[0] == pytest.approx(expected, abs=0.05)
    greys = clothing.lab(np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1))
    assert np.abs(greys[:, 1:]).max() < 0.01 and np.all(np.diff(greys[:, 0]) > 0)
    assert greys[[0, 255], 0] == pytest.approx([0, 100], abs=1e-6)


def test_the_colour_of_a_garment_is_not_the_colour_of_the_floor():
    picture = torch.zeros(3, 64, 64, dtype=torch.uint8)
    picture[:] = torch.tensor([120, 90, 60])[:, None, None]
    floor = clothing.lab(np.array([[120, 90, 60]], np.uint8))[0]
    assert clothing.garment(picture) == pytest.approx(floor)
    picture[:, 20:44, 26:38] = torch.tensor([20, 25, 80])[:, None, None]  # covers 28 % of the central half
    assert clothing.garment(picture) == pytest.approx(clothing.lab(np.array([[20, 25, 80]], np.uint8))[0])


def test_photos_whose_colour_was_not_named_are_named_by_their_pixels(root):
    chosen = [photo for photo in photos(root) if clothing.even(photo.sender)]
    assert clothing.colour_names(chosen) == [photo.path.stem.split("-")[1] for photo in chosen]
    assert {photo.sender for photo in chosen} == {2, 4}
    assert clothing.agreement(root, lambda sender: sender < 3, root / "labels.csv") == 1
    with pytest.raises(Problem, match="named by eye"):
        clothing.colour_names([photo for photo in chosen if photo.sender == 4])


def test_a_target_is_the_same_class_in_the_colour_of_the_sentence(root):
    triplets = train(root, image=16, draws=2)
    chosen = [photo for photo in photos(root) if clothing.even(photo.sender)]
    for row in range(len(triplets)):
        reference = chosen[triplets.query.image.index[row]].path.stem.split("-")
        target = chosen[triplets.target.index[row]].path.stem.split("-")
        assert target[0] == reference[0] and target[1] != reference[1]
        assert triplets.query.text[row] in {template.format(target[1]) for template in clothing.TEMPLATES}
    assert len(triplets) == 24 * 3 * 2  # references, other colours, draws
    assert triplets[torch.tensor([3, 1])].target.shape == (2, 3, 16, 16)


def test_the_seed_decides_the_triplets(root):
    first, same, other = (train(root, image=8, seed=seed) for seed in (0, 0, 1))
    assert first.query.text == same.query.text and torch.equal(first.target.index, same.target.index)
    assert first.query.text != other.query.text and not torch.equal(first.target.index, other.target.index)


def test_a_question_is_answered_by_every_photo_of_its_class_and_colour_and_by_nothing_else(root):
    asked = ask(root, image=8)
    names = [p.path.stem for p in photos(root) if p.sender in (1, 3) and (p.colour or p.label == "Shoes")]
    assert len(asked.gallery) == len(names) == 6 + 8
    assert len(asked) == 4 * 3 + 2 * 1
    for row in range(len(asked)):
        label, colour, _ = names[asked.query.image.index[row]].split("-")
        wanted = asked.query.text[row].split()
        assert asked.excluded[row] == [int(asked.query.image.index[row])] and colour not in wanted
        slow = [i for i, n in enumerate(names) if n.split("-")[0] == label and n.split("-")[1] in wanted]
        assert list(asked.relevant[row]) == slow
    with pytest.raises(Problem, match="two colours"):
        ask(root, senders=lambda sender: sender == 4)


def test_the_splits_share_no_sender_and_leave_none_out():
    for sender in range(1000):
        assert clothing.even(sender) != clothing.odd(sender)
        assert clothing.even(sender) == (clothing.even_to_learn(sender) != clothing.even_to_choose(sender))
        assert not (clothing.even_to_learn(sender) and clothing.even_to_choose(sender))


def test_a_folder_that_is_not_the_data_set_is_a_problem(root, tmp_path):
    with pytest.raises(Problem, match=r"cirkit data get clothing --root .*gone"):
        clothing.test(root=tmp_path / "gone")
    for name, content, message in [
        ("images.csv", "image,label\na,Hat\n", "lacks one of the columns"),
        ("images.csv", "image,sender_id,label\na,2,Hat\n", "lacks 'Shirt-navy-1'"),
        ("labels.csv", "image,git,colour\n", "is empty"),
    ]:
        whole = (root / name).read_text()
        (root / name).write_text(content)
        with pytest.raises(Problem, match=message):
            train(root)
        (root / name).write_text(whole)
    for name, extra in (("images.csv", "../a,2,Hat,False\n"), ("labels.csv", "../a,0,red\n")):
        (root / name).write_text((root / name).read_text() + extra)
    with pytest.raises(Problem, match="strange line"):
        train(root)


def test_a_check_tells_the_photos_of_the_archive_from_others_of_their_name(root):
    def counts():
        return {row["part"]: (row["expected"], row["found"]) for row in clothing.check(root, root / "labels.csv")}

    assert counts()["photos"] == counts()["photos as in the archive"] == (48, 48)
    Image.new("RGB", (30, 40)).save(root / "images" / "Hat-red-1.jpg")
    (root / "images" / "Hat-red-2.jpg").unlink()
    assert counts()["photos"] == (48, 47) and counts()["photos as in the archive"] == (48, 46)


def test_every_photo_of_the_experiment_has_a_public_address_and_a_checksum():
    files = {file.destination: file for file in SOURCES["clothing"].files}
    names = [line.split(",")[0] for line in CLOTHING.read_text().splitlines()[1:]]
    assert len(names) == len(set(names)) == 1185 and {f"images/{name}.jpg" for name in names} < set(files)
    assert set(files) - {f"images/{name}.jpg" for name in names} == {"images.csv", "LICENSE"}
    assert all(re.fullmatch(r"git:[0-9a-f]{40}", file.checksum) for file in files.values())
    assert all(file.url.startswith("https://") and file.licence == "CC0 1.0" for file in files.values())


@real
def test_the_real_photos_give_the_counts_we_declare():
    chosen = clothing.photos(SHARED)
    assert (len(chosen), sum(photo.colour is not None for photo in chosen)) == (1185, 203)
    benchmark = clothing.test(root=SHARED, image=8)
    assert (len(benchmark), len(benchmark.gallery)) == (540, 400)
    missing = {row["part"]: row["missing"] for row in clothing.check(SHARED)}
    assert missing.pop("photos as in the archive") == 1185  # these are reduced copies
    assert set(missing.values()) == {0}
    assert benchmark.gallery[all_rows(benchmark.gallery)].shape == (400, 3, 8, 8)


@real
def test_pixels_name_most_training_colours_as_the_eye_did():
    assert clothing.agreement(SHARED) == pytest.approx(0.84, abs=0.01)
