import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import clothing
from cirkit.errors import Problem
from cirkit.query import all_rows

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "images_clothing_cc0"
real = pytest.mark.skipif(not SHARED.is_dir(), reason="the clothing photos are not here")

COLOURS = {"navy": (20, 25, 80), "red": (200, 30, 30), "green": (30, 150, 60), "white": (235, 235, 235)}


@pytest.fixture
def root(tmp_path):
    """Senders 1 to 4 with three classes; colours named by hand for shirts and hats, and only for some of them."""
    (tmp_path / "images").mkdir()
    lines, by_hand = [], []
    for sender, (label, colour) in itertools.product(
        (1, 2, 3, 4), itertools.product(("Shirt", "Hat", "Shoes"), COLOURS)
    ):
        name = f"{label}-{colour}-{sender}"
        lines.append(f"{name},{sender},{label},False")
        if (label == "Hat" or (label == "Shirt" and colour in ("navy", "red"))) and sender < 3:
            by_hand.append(f"{name},{label},{colour}")
        pixels = np.full((40, 30, 3), (120, 90 + 10 * sender, 60), np.uint8)
        pixels[10:30, 5:25] = COLOURS[colour]
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.jpg", quality=95)
    (tmp_path / "images.csv").write_text("\n".join(["image,sender_id,label,kids", *lines]) + "\n")
    (tmp_path / "manual_colour.csv").write_text("\n".join(["image,label,colour", *by_hand]) + "\n")
    return tmp_path


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


def test_photos_without_a_hand_label_are_named_by_their_pixels(root):
    chosen = [photo for photo in clothing.photos(root) if clothing.even(photo.sender)]
    assert clothing.named(chosen) == [photo.path.stem.split("-")[1] for photo in chosen]
    assert {photo.sender for photo in chosen} == {2, 4}
    assert clothing.agreement(root, lambda sender: sender < 3) == 1
    with pytest.raises(Problem, match="named by hand"):
        clothing.named([photo for photo in chosen if photo.sender == 4])


def test_a_target_is_the_same_class_in_the_colour_of_the_sentence(root):
    triplets = clothing.train(root, image=16, draws=2)
    chosen = [photo for photo in clothing.photos(root) if clothing.even(photo.sender)]
    for row in range(len(triplets)):
        reference = chosen[triplets.query.image.index[row]].path.stem.split("-")
        target = chosen[triplets.target.index[row]].path.stem.split("-")
        assert target[0] == reference[0] and target[1] != reference[1]
        assert triplets.query.text[row] in {template.format(target[1]) for template in clothing.TEMPLATES}
    assert len(triplets) == 24 * 3 * 2  # references, other colours, draws
    assert triplets[torch.tensor([3, 1])].target.shape == (2, 3, 16, 16)


def test_the_seed_decides_the_triplets(root):
    first, same, other = (clothing.train(root, image=8, seed=seed) for seed in (0, 0, 1))
    assert first.query.text == same.query.text and torch.equal(first.target.index, same.target.index)
    assert first.query.text != other.query.text and not torch.equal(first.target.index, other.target.index)


def test_a_question_is_answered_by_every_photo_of_its_class_and_colour_and_by_nothing_else(root):
    asked = clothing.test(root, image=8)
    names = [p.path.stem for p in clothing.photos(root) if p.sender in (1, 3) and (p.colour or p.label == "Shoes")]
    assert len(asked.gallery) == len(names) == 6 + 8
    assert len(asked) == 4 * 3 + 2 * 1
    for row in range(len(asked)):
        label, colour, _ = names[asked.query.image.index[row]].split("-")
        wanted = asked.query.text[row].split()
        assert asked.excluded[row] == [int(asked.query.image.index[row])] and colour not in wanted
        slow = [i for i, n in enumerate(names) if n.split("-")[0] == label and n.split("-")[1] in wanted]
        assert list(asked.relevant[row]) == slow
    with pytest.raises(Problem, match="two colours"):
        clothing.test(root, senders=lambda sender: sender == 4)


def test_the_splits_share_no_sender_and_leave_none_out():
    for sender in range(1000):
        assert clothing.even(sender) != clothing.odd(sender)
        assert clothing.even(sender) == (clothing.even_to_learn(sender) != clothing.even_to_choose(sender))
        assert not (clothing.even_to_learn(sender) and clothing.even_to_choose(sender))


def test_a_folder_that_is_not_the_data_set_is_a_problem(root, tmp_path, monkeypatch):
    monkeypatch.setenv("CIRKIT_PHOTOS", str(tmp_path / "gone"))
    assert clothing.default_root() == tmp_path / "gone"
    with pytest.raises(Problem, match="CIRKIT_PHOTOS"):
        clothing.test()
    for name, content, message in [
        ("images.csv", "image,label\na,Hat\n", "lacks one of the columns"),
        ("images.csv", "image,sender_id,label\n../a,2,Hat\n", "names .* which images.csv lacks"),
        ("manual_colour.csv", "image,colour\n", "is empty"),
    ]:
        whole = (root / name).read_text()
        (root / name).write_text(content)
        with pytest.raises(Problem, match=message):
            clothing.train(root)
        (root / name).write_text(whole)
    (root / "images.csv").write_text((root / "images.csv").read_text() + "../a,2,Hat,False\n")
    with pytest.raises(Problem, match="strange line"):
        clothing.train(root)


@real
def test_the_real_photos_give_the_counts_we_declare():
    found = clothing.photos(SHARED)
    assert (len(found), sum(photo.colour is not None for photo in found)) == (1185, 203)
    asked = clothing.test(SHARED, image=8)
    assert (len(asked), len(asked.gallery)) == (540, 400)
    assert {row["missing"] for row in clothing.check(SHARED)} == {0}
    assert asked.gallery[all_rows(asked.gallery)].shape == (400, 3, 8, 8)


@real
def test_pixels_name_most_training_colours_as_the_hand_did():
    assert clothing.agreement(SHARED) == pytest.approx(0.84, abs=0.01)
