"""Images of every kind of scene, and what may be written of each: what a CLIP can learn from.

CLIP (Radford et al. 2021) learns from images and alt texts of all sorts. The captions of Flickr30k, CUB-200-2011 and
CUHK-PEDES are those of their worlds; the other benchmarks write of two images, and what is said here is of one.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from cirkit.benchmarks.genecis import cut
from cirkit.worlds import birds, footwear, garments, groups, people, shoe_language, states, street, wardrobe
from cirkit.worlds.birds_language import caption as bird_caption
from cirkit.worlds.cub import class_name
from cirkit.worlds.fashion_words import (
    COLOUR_WORDS,
    LOGO_WORDS,
    NECK_WORDS,
    NOUNS,
    PATTERN_WORDS,
    SLEEVE_WORDS,
    TRIM_WORDS,
)
from cirkit.worlds.garments import Garment
from cirkit.worlds.groups import Things, What
from cirkit.worlds.language import Description
from cirkit.worlds.people_language import Writer, caption
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, MATERIALS, SHAPES, Scene, Thing, sample
from cirkit.worlds.statements import captions, listed
from cirkit.worlds.titles import TITLE_LENGTHS, title
from cirkit.worlds.writing import an

TEXTS = 4  # of an image whose kind of scene has no captions of its own
PHOTO = 0.4  # share of captions that begin with `a photo of`, as prompts do
CAMERA, LIGHT = 0.3, 0.15  # by which both stray, in world units, as in the benchmarks of solids
CROWDED = 96  # pixels of the images that single solids are cut from
WALKER = Writer(styles=("list", "list", "sentences"), filler=0.0)  # short enough for a small text tower
FEW, MANY = (1, 3), (2, 5)  # least and most facts of a caption
Fact = tuple[str, str]  # `is` or `has`, and the words after it


@dataclass(frozen=True)
class Album:
    """Row i of `images` is written of in the texts i; `label` is its class, where its kind of scene has classes."""

    images: UInt8[Tensor, "n 3 h w"]
    texts: Sequence[Sequence[str]]
    label: Sequence[str] | None = None


Family = Callable[[np.random.Generator, int, int], Album]  # (random numbers, images, pixels of a side)


def solids(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """One solid each, as GeneCIS cuts it out of a crowd; its class is its colour and shape."""
    from PIL import Image

    parts, texts, label = [], [], []
    while len(parts) < count:
        crowd = [_crowd(rng, (4, 4), ("large",)) for _ in range(min(128, count))]
        drawn = render(crowd, CROWDED)
        for scene, pixels_of, boxes in zip(crowd, drawn.images, drawn.boxes.tolist(), strict=True):
            image = Image.fromarray(pixels_of.permute(1, 2, 0).numpy())
            for thing, (left, top, right, bottom) in zip(scene.things, boxes, strict=True):
                if min(right - left, bottom - top) >= 9:
                    part = cut(image, (left, top, right - left, bottom - top), pixels)
                    parts.append(torch.from_numpy(np.array(part)).permute(2, 0, 1))
                    whats = (
                        What(None, thing.colour, thing.material, thing.shape),
                        What(None, thing.colour, None, thing.shape),
                        What(None, None, thing.material, thing.shape),
                        What(None, thing.colour, thing.material, None),
                    )
                    texts.append([_photo(rng, an(str(what))) for what in whats])
                    label.append(f"{thing.colour} {thing.shape}")
    return Album(torch.stack(parts[:count]), texts[:count], label[:count])


def grids(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Solids on CSS's grid, by place, number and kind."""
    palette = {shape: tuple(COLOURS) for shape in SHAPES}
    scenes = [groups.dress(rng, sample(rng, palette, (1, 6), 0.1), CAMERA, LIGHT) for _ in range(count)]
    texts = []
    for scene in scenes:
        things = [scene.things[i] for i in rng.permutation(len(scene.things)).tolist()]
        every, some = (listed([an(str(Description(*thing.words))) for thing in part]) for part in (things, things[:2]))
        texts.append([every, some, *_written(rng, scene.things)])
    return Album(render(scenes, pixels).images, [_photos(rng, mine) for mine in texts])


def crowds(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Groups of solids: those of CIRR and CIRCO, about two large ones of the cores for training; and GeneCIS's."""
    cores = groups.cores()["train"]
    scenes = []
    for number in range(count):
        core = cores[rng.integers(len(cores))]
        loose = number % 3 == 2
        scenes.append(
            _crowd(rng, (3, 4), ("small", "large"))
            if loose
            else groups.dress(rng, groups.sample(rng, core, (0, 4)), CAMERA, LIGHT)
        )
    return Album(render(scenes, pixels).images, [_photos(rng, _written(rng, scene.things)) for scene in scenes])


def clothes(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Garments of FashionIQ, PinPoint and Fashion200k by attributes and by title; a garment's class is its kind."""
    worn = [garments.sample(rng, garments.KINDS[i]) for i in rng.integers(len(garments.KINDS), size=count)]
    texts = []
    for garment in worn:
        nouns = NOUNS[garment.kind]
        mine = [_phrase(rng, _clothing(rng, garment), MANY, nouns) for _ in range(TEXTS - 1)]
        texts.append([*mine, _photo(rng, an(title(rng, garment)))])
    return Album(wardrobe.draw(worn, pixels).images, texts, [NOUNS[garment.kind][0] for garment in worn])


def outfits(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Garments of MIT-States by adjective and noun; the noun is the class."""
    nouns = [*states.NOUNS, *states.TESTED]
    chosen = []
    for number in rng.integers(len(nouns), size=count).tolist():
        able = states.adjectives(nouns[number])
        chosen.append(states.sample(rng, able[rng.integers(len(able))], nouns[number], mixed=0.05))
    texts = [
        [
            _photo(rng, an(one.folder)),
            _photo(rng, an(one.noun)),
            _phrase(rng, _clothing(rng, one.garment), FEW, [one.noun]),
        ]
        for one in chosen
    ]
    return Album(wardrobe.draw([one.garment for one in chosen], pixels).images, texts, [one.noun for one in chosen])


def shoes(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Shoes by attributes; the class is the kind."""
    chosen = [footwear.sample(rng, footwear.KINDS[i]) for i in rng.integers(len(footwear.KINDS), size=count)]
    texts = []
    for shoe in chosen:
        nouns = shoe_language.NOUNS[shoe.kind]
        texts.append([_phrase(rng, _footwear(rng, shoe), MANY, nouns) for _ in range(TEXTS)])
    label = [shoe_language.NOUNS[shoe.kind][0] for shoe in chosen]
    return Album(footwear.draw(chosen, pixels).images, texts, label)


def flocks(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """Birds by CUB's captions and by name; the name is the class."""
    species = birds.genera(rng, (count + 15) // 16, 4)
    kinds = [species[row // 4] for row in range(count)]
    names = [class_name(0, kind).partition(".")[2].replace("_", " ").lower() for kind in kinds]
    drawn = birds.draw(kinds, [birds.look(rng) for _ in kinds], (pixels, pixels))
    texts = [
        [_photo(rng, an(name)), *(bird_caption(rng, kind) for _ in range(TEXTS))]
        for kind, name in zip(kinds, names, strict=True)
    ]
    return Album(drawn.images, texts, names)


def walkers(rng: np.random.Generator, count: int, pixels: int) -> Album:
    """People in the streets of CUHK-PEDES, in squares; nothing is written that does not show."""
    place, colours = people.Street(), tuple(people.COLOURS)
    persons = [people.family(rng, tuple(people.pick(rng, colours) for _ in range(3)), 1)[0] for _ in range(count)]
    views = [people.view(rng, place) for _ in persons]
    drawn = street.draw(persons, views, place, (pixels, pixels))
    texts = [
        [caption(rng, person, look, parts, WALKER) for _ in range(2)]
        for person, look, parts in zip(persons, views, street.seen(drawn.owner), strict=True)
    ]
    return Album(drawn.images, texts)


FAMILIES: Mapping[str, Family] = {
    "single solids": solids,
    "solids on a grid": grids,
    "groups of solids": crowds,
    "garments": clothes,
    "garments in states": outfits,
    "shoes": shoes,
    "birds": flocks,
    "people": walkers,
}
CLASSES = ("single solids", "garments", "garments in states", "shoes", "birds")  # families whose images have a class


def album(family: str, split: str, count: int, pixels: int, seed: int) -> Album:
    """`count` images of a family with their texts, from these arguments alone; `split` is train or test."""
    stream = [seed, list(FAMILIES).index(family), ("train", "test").index(split)]
    return FAMILIES[family](np.random.default_rng(stream), count, pixels)


def _crowd(rng: np.random.Generator, number: tuple[int, int], sizes: Sequence[str]) -> Scene:
    """Solids of any kind at free places."""
    while True:
        things: Things = ()
        for _ in range(int(rng.integers(number[0], number[1] + 1))):
            shape, colour, size, material = (
                people.pick(rng, names) for names in (SHAPES, tuple(COLOURS), sizes, MATERIALS)
            )
            placed = groups.put(rng, things, Thing(shape, colour, size, 0.0, 0.0, 0.0, material))
            if placed is None:
                break
            things = (*things, placed)
        else:
            return groups.dress(rng, things, CAMERA, LIGHT)


def _written(rng: np.random.Generator, things: Things) -> list[str]:
    """Flickr30k's captions of a scene, and how many there are of what size and shape, and of what size and colour."""
    shapes = Counter(What(size=thing.size, shape=thing.shape) for thing in things)
    colours = Counter(What(size=thing.size, colour=thing.colour) for thing in things)
    return [*captions(rng, things), _tally(rng, shapes), _tally(rng, colours)]


def _tally(rng: np.random.Generator, counts: Counter[What]) -> str:
    parts = [what.several(number) for what, number in counts.items()]
    return listed([parts[i] for i in rng.permutation(len(parts)).tolist()])


def _clothing(rng: np.random.Generator, garment: Garment) -> list[Fact]:
    """All that may be said of a garment by itself, each in one of its wordings; the colour first."""
    say = _sayer(rng)
    found = [("is", say(COLOUR_WORDS[garment.colour]))]
    if garment.pattern == "solid":
        found.append(("is", say(("plain", "solid colored", "one color"))))
    else:
        found[0] = ("is", f"{found[0][1]} {say(('and', 'with'))} {say(COLOUR_WORDS[garment.accent])}")
        adjectives, nouns = PATTERN_WORDS[garment.pattern]
        found.append(say([("is", say(adjectives)), ("has", say(nouns))]))
    if garment.sleeves in SLEEVE_WORDS:
        found.append(say(SLEEVE_WORDS[garment.sleeves]))
    if garment.neckline in NECK_WORDS and garment.sleeves != "strapless":
        found.append(say(NECK_WORDS[garment.neckline]))
    if garment.trim in TRIM_WORDS:
        found.append(say(TRIM_WORDS[garment.trim]))
    if garment.logo in LOGO_WORDS:
        found.append(("has", say(LOGO_WORDS[garment.logo])))
    if garment.finish == "shiny":
        found.append(("is", say(("shiny", "silky", "glossy"))))
    if length := TITLE_LENGTHS[garment.kind][garment.length]:
        found.append(("is", length))
    found.append(("is", garment.silhouette))
    return found


def _footwear(rng: np.random.Generator, shoe: footwear.Shoe) -> list[Fact]:
    """All that may be said of a shoe by itself, as `_clothing` says it of a garment."""
    say = _sayer(rng)
    found = [("is", say(COLOUR_WORDS[shoe.colour]))]
    if shoe.pattern != "solid":
        adjectives, nouns = PATTERN_WORDS[shoe.pattern]
        found.append(say([("is", say(adjectives)), ("has", say(nouns))]))
    for words, value in (
        (shoe_language.CLOSURE_WORDS, shoe.closure),
        (shoe_language.TRIM_WORDS, shoe.trim),
        (shoe_language.TOE_WORDS, shoe.toe),
    ):
        found += [say(words[value])] if value in words else []
    found.append(("has", ("no heel", "a low heel", "a high heel", "a very high heel")[shoe.heel]))
    found.append(("is", ("low cut", "ankle high", "mid calf", "knee high")[shoe.shaft]))
    if shoe.finish == "shiny":
        found.append(("is", say(("shiny", "glossy", "patent leather"))))
    return found


def _phrase(rng: np.random.Generator, facts: Sequence[Fact], number: tuple[int, int], nouns: Sequence[str]) -> str:
    """`a dress that is red, has a belt and is sleeveless`; at times without its subject, as relative captions are."""
    chance = np.array([2.0] + [1.0] * (len(facts) - 1))  # people speak of the colour more often
    many = min(len(facts), int(rng.integers(number[0], number[1] + 1)))
    chosen = rng.choice(len(facts), size=many, replace=False, p=chance / chance.sum()).tolist()
    words = listed([" ".join(facts[i]) for i in chosen])
    return words if rng.random() < 0.3 else _photo(rng, f"{an(_sayer(rng)(nouns))} that {words}")


def _photos(rng: np.random.Generator, texts: Iterable[str]) -> list[str]:
    return [_photo(rng, text) for text in texts]


def _photo(rng: np.random.Generator, text: str) -> str:
    return f"a photo of {text}" if rng.random() < PHOTO else text


def _sayer(rng: np.random.Generator) -> Callable:
    return lambda names: names[int(rng.integers(len(names)))]
