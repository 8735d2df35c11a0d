import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.benchmarks.birds_to_words import swap_tokens, swap_words
from cirkit.worlds import birds
from cirkit.worlds.birds import AREAS, COLOURS, PARTS, SIZES, Species
from cirkit.worlds.birds_language import (
    BEAKS,
    EYES,
    NOUNS,
    caption,
    compare,
    differences,
    traits,
)

PARROT = Species(
    genus=0, size="large", beak="hooked", beak_colour="yellow", long_tail=True, crest=False, back="green", wing="blue",
    crown="red", head="white", breast="orange", belly="yellow", tail="black", legs="grey",
)  # fmt: skip
LOOK = birds.Look(
    facing="right", tilt=0.1, nod=0.0, scale=1.0, right=0.0, down=0.0, gain=1.0, ground="sky", seed=5
)  # fmt: skip


def shot(species, met=LOOK, size=128):
    return birds.draw([species], [met], (size, size))


def shown(drawing, part):
    return drawing.images[0].permute(1, 2, 0)[drawing.owner[0] == PARTS.index(part)].float()


def spread(drawing):
    """How far the pixels of the breast lie from their mean."""
    return shown(drawing, "breast").std(0).mean()


def nearest(pixels):
    away = {name: (pixels.median(0).values - torch.tensor(rgb)).abs().sum() for name, rgb in COLOURS.items()}
    return min(away, key=away.get)


@pytest.mark.parametrize("area", AREAS)
def test_every_area_has_pixels_of_its_colour(area):
    plain = dict.fromkeys(AREAS, "grey")
    for colour in ("red", "blue", "yellow"):
        drawing = shot(replace(PARROT, **(plain | {area: colour})))
        assert len(shown(drawing, area)) > 40 and nearest(shown(drawing, area)) == colour


def test_a_picture_drawn_alone_equals_the_picture_in_a_batch_at_any_shape():
    rng = np.random.default_rng(0)
    kinds = birds.genera(rng, 2, 3)
    looks = [birds.look(rng) for _ in kinds]
    for shape in ((64, 64), (32, 48)):
        every = birds.draw(kinds, looks, shape)
        assert every.images.shape == (6, 3, *shape)
        for row in (4, 0):
            alone = birds.draw([kinds[row]], [looks[row]], shape)
            assert torch.equal(alone.images[0], every.images[row]) and torch.equal(alone.owner[0], every.owner[row])


def test_each_trait_changes_the_picture_where_it_should():
    plain = shot(PARROT)
    changes = {"bars": True, "crest": True, "eye": "line", "pattern": "spotted", "beak": "needle", "long_tail": False}
    for name, value in changes.items():
        other = shot(replace(PARROT, **{name: value}))
        part = {"crest": "crown", "pattern": "breast", "long_tail": "tail"}.get(name, name)
        if name == "pattern":
            assert torch.equal(other.owner, plain.owner) and spread(other) > 1.2 * spread(plain)
        else:
            assert ((other.owner == PARTS.index(part)) != (plain.owner == PARTS.index(part))).any()
    assert not (plain.owner == PARTS.index("bars")).any()


def test_larger_species_fill_more_of_the_picture_and_facing_mirrors():
    areas = [(shot(replace(PARROT, size=size)).owner >= PARTS.index("tail")).sum() for size in SIZES]
    assert areas[0] < areas[1] < areas[2]
    right, left = (shot(PARROT, replace(LOOK, facing=side)).owner for side in ("right", "left"))
    bird = [torch.where(owner >= PARTS.index("tail"), owner, 0) for owner in (right, left.flip(-1))]
    assert (bird[0] == bird[1]).float().mean() > 0.98


def test_the_box_holds_all_of_the_bird_and_no_less():
    rng = np.random.default_rng(3)
    kinds = birds.genera(rng, 3, 2)
    owner = birds.draw(kinds, [birds.look(rng) for _ in kinds], (64, 64)).owner
    for mask, (left, top, width, height) in zip(owner >= PARTS.index("tail"), birds.boxes(owner).tolist(), strict=True):
        rows, columns = mask.nonzero().T
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width - 1, top + height - 1) == (columns.max(), rows.max())


def test_species_are_distinct_and_kin_differ_in_two_to_four_things():
    every = birds.genera(np.random.default_rng(0), 50, 4)
    assert len(set(every)) == 200 and [kind.genus for kind in every[:8]] == [0] * 4 + [1] * 4
    for row in range(0, 200, 4):
        first = every[row]
        for other in every[row + 1 : row + 4]:
            assert 2 <= len(differences(first, other)) <= 4
            assert (other.beak, other.size, other.legs) == (first.beak, first.size, first.legs)


def test_captions_are_true_of_the_species_and_vary():
    rng = np.random.default_rng(1)
    every = {caption(rng, PARROT) for _ in range(300)}
    assert len(every) > 250
    for text in every:
        assert text == text.lower() and text.endswith(".") and "bird" in text
        for area in AREAS:
            for noun in NOUNS[area]:
                for word in re.findall(rf"(\w+) {noun}\b", text):
                    others = {getattr(PARROT, name) for name in AREAS if noun in NOUNS[name]}
                    assert word in others
        assert not {"crest", "eyering", "stripe", "bars", "spotted"} & set(re.findall(r"\w+", text))
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text)


def test_traits_cover_all_that_a_species_has():
    fancy = replace(PARROT, crest=True, bars=True, eye="ring", pattern="striped")
    assert {trait.about for trait in traits(PARROT, lambda names: names[0])} == {*AREAS, "beak", "legs"}
    found = {trait.about: trait.phrase for trait in traits(fancy, lambda names: names[0])}
    assert set(found) == {*AREAS, "beak", "legs", "bars", "crest", "eye"}
    assert found["tail"] == "a long black tail" and found["breast"] == "a striped orange breast"
    assert found["crest"] == "a red crest" and set(BEAKS) == set(birds.BEAKS) and {"plain", *EYES} == set(birds.EYES)


def test_a_paragraph_names_differences_and_nothing_false():
    rng = np.random.default_rng(2)
    other = replace(PARROT, crown="blue", bars=True, size="small", tail="white")
    assert differences(PARROT, other) == ["size", "crown", "tail", "bars"]
    looks = (LOOK, replace(LOOK, facing="left"))
    said = set()
    for _ in range(200):
        text = compare(rng, PARROT, other, looks)
        said |= set(text.split())
        assert "animal1" in text.split() or "both" in text.split()
        for one, words in (
            (1, "red (?:crown|cap)|black (?:tail|rectrices)"),
            (2, "blue (?:crown|cap)|white (?:tail|rectrices)"),
        ):
            for name in re.findall(rf"(animal[12]) has (?:a |an )?(?:{words})", text):
                assert name == f"animal{one}"
        assert not re.search(r"animal1 is (smaller|tinier)|only animal1 has white", text)
        assert "animal1 is facing left" not in text and "animal2 is facing right" not in text
    assert {"crown", "larger", "bars", "tail", "both", "facing"} <= said


def test_two_of_one_species_are_said_to_look_the_same_and_to_sit_so():
    text = compare(np.random.default_rng(0), PARROT, PARROT, (LOOK, replace(LOOK, facing="left")))
    assert "animal1 is facing right and animal2 is facing left" in text


def test_swapping_the_names_turns_a_paragraph_round():
    text = "animal1 is larger than animal2 . animal2, the red one"
    assert swap_tokens(text) == "animal2 is larger than animal1 . animal2, the red one"  # as released: glued ones stay
    assert swap_words(text) == "animal2 is larger than animal1 . animal1, the red one"
    assert swap_words("Animal 1's bill; ANIMAL2.") == "Animal 2's bill; ANIMAL1."
    rng = np.random.default_rng(4)
    other = replace(PARROT, crown="blue", bars=True)
    for _ in range(50):
        line = compare(rng, PARROT, other, (LOOK, LOOK))
        assert swap_tokens(swap_tokens(line)) == line and swap_tokens(line) == swap_words(line)
