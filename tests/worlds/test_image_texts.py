"""Images of every kind of scene and what is written of them: the words that benchmarks use, and nothing untrue."""

import re

import torch

from cirkit.worlds.groups import WORDS
from cirkit.worlds.image_texts import CLASSES, FAMILIES, album


def test_every_kind_of_benchmark_is_written_of():
    words = {
        name: {word.strip(".,") for texts in album(name, "train", 60, 16, 3).texts for word in " ".join(texts).split()}
        for name in FAMILIES
    }
    for name, known in {
        "single solids": {"red", "metal", "rubber", "cube"},  # GeneCIS
        "solids on a grid": {"top-left", "small", "large", "cylinder"},  # CSS
        "groups of solids": {"two", "things", "behind", "sphere"},  # CIRR, CIRCO, PinPoint
        "garments": {"dress", "sleeves", "navy", "skirt"},  # FashionIQ, Fashion200k, PinPoint
        "garments in states": {"polo", "striped"},  # MIT-States
        "shoes": {"boot", "heel", "laces"},
        "birds": {"bird", "crown", "belly", "crested"},  # Birds-to-Words, CUB
        "people": {"man", "woman", "hair"},
    }.items():
        assert known <= words[name], name
    assert all("photo" in known for name, known in words.items() if name != "people")


def test_an_album_follows_from_its_arguments_and_its_split():
    for name in FAMILIES:
        one, same, other = (album(name, split, 6, 16, 7) for split in ("train", "train", "test"))
        assert one.images.shape == (6, 3, 16, 16) and len(one.texts) == 6 and all(one.texts)
        assert torch.equal(one.images, same.images) and one.texts == same.texts
        assert not torch.equal(one.images, other.images)
        assert (one.label is not None) == (name in CLASSES)


def number(part):
    """How many things `two small cubes` are."""
    word = part.split()[0]
    return WORDS.index(word) if word in WORDS else 1


def test_texts_of_one_scene_agree_on_how_many_things_there_are():
    for texts in album("solids on a grid", "train", 30, 16, 3).texts:
        every, *_, shapes, colours = (re.split(", | and ", text.removeprefix("a photo of ")) for text in texts)
        assert len(every) == sum(map(number, shapes)) == sum(map(number, colours))


def test_a_solid_is_what_its_texts_say():
    found = album("single solids", "train", 24, 16, 3)
    for texts, label in zip(found.texts, found.label, strict=True):
        colour, shape = label.split()
        assert all(shape in text for text in texts[:3]) and colour in texts[0] and texts[3].endswith("thing")
