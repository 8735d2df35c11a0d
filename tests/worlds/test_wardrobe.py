from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.errors import Problem
from cirkit.worlds.fashion_language import captions, remarks
from cirkit.worlds.fashion_words import (
    COLOUR_WORDS,
    LOGO_WORDS,
    NECK_WORDS,
    PATTERN_WORDS,
    SLEEVE_WORDS,
    TRIM_NOUNS,
    TRIM_WORDS,
)
from cirkit.worlds.fashioniq import SIZES, world
from cirkit.worlds.garments import (
    ATTRIBUTES,
    KINDS,
    SILHOUETTES,
    SLEEVES,
    apart,
    change,
    differences,
    options,
    sample,
    settle,
    worn,
)
from cirkit.worlds.stock import Stock
from cirkit.worlds.wardrobe import PARTS, draw
from cirkit.worlds.writing import HAND, Remark, Writer, typo, write

EVERY = pytest.mark.parametrize("kind", KINDS)
ABOUT = {  # what must differ for a remark to be made
    "colour": {"colour", "accent", "pattern"}, "tone": {"colour", "accent", "pattern"}, "pattern": {"pattern"},
    "sleeves": {"sleeves"}, "length": {"length"}, "silhouette": {"silhouette"}, "neckline": {"neckline"},
    "trim": {"trim", "accent"}, "logo": {"logo", "accent"}, "finish": {"finish"},
    "cover": {"sleeves", "neckline", "length"}, "style": {"neckline", "logo", "trim", "pattern"},
}  # fmt: skip
NEAT = Writer(subject=0.0, bare=0.0, capital=0.0, stop=0.0, lead=0.0, typo_rate=0.0, blank=0.0)


def garments(kind, count, seed=0):
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    return [sample(rng, kind) for _ in range(count)]


def couples(kind, count, seed=0):
    """References and what they are changed into, on one and the same photograph."""
    rng = np.random.default_rng([seed, KINDS.index(kind), 1])
    found = [(one, change(rng, one, 1 + i % 3)) for i, one in enumerate(garments(kind, count, seed))]
    return [(one, replace(other, seed=one.seed)) for one, other in found]


@EVERY
def test_a_garment_has_the_same_bytes_alone_and_in_a_batch(kind):
    batch = garments(kind, 5)
    together = draw(batch, 32)
    assert together.images.shape == (5, 3, 32, 32) and together.images.dtype == torch.uint8
    for row in (3, 0):
        alone = draw([batch[row]], 32)
        assert torch.equal(alone.images[0], together.images[row]) and torch.equal(alone.parts[0], together.parts[row])
    assert draw([], 32).images.shape == (0, 3, 32, 32)


@EVERY
def test_the_mask_shows_the_parts_that_the_garment_has_and_no_other(kind):
    batch = garments(kind, 40)
    for garment, parts in zip(batch, draw(batch).parts, strict=True):
        seen = {PARTS[number] for number in parts.unique().tolist()}
        assert {"background", "body"} <= seen
        sleeved = garment.sleeves in SLEEVES[SLEEVES.index("cap") :]
        assert ("left sleeve" in seen) == ("right sleeve" in seen) == sleeved
        assert ("straps" in seen) == (garment.sleeves == "straps")
        assert ("logo" in seen) == (garment.logo != "none") and ("trim" in seen) == (garment.trim != "none")
        if garment.neckline in ("high", "collar") or kind in ("skirt", "pants"):
            assert "collar" in seen
        assert ("inside" in seen) <= (garment.neckline not in ("high", "across", "none"))


@EVERY
def test_the_background_is_white_and_the_body_has_the_colour_that_is_said(kind):
    plain = [
        settle(replace(garment, pattern="solid", trim=options(kind, "trim")[0], logo="none", finish="matt"))
        for garment in garments(kind, 8)
    ]
    plain = [replace(garment, colour="red", accent="red" if garment.trim == "none" else "white") for garment in plain]
    drawn = draw(plain)
    for image, parts in zip(drawn.images, drawn.parts, strict=True):
        red, green, blue = image[:, parts == 1].double().mean(1).tolist()
        assert red > 120 and red > 2 * max(green, blue)
        corners = image[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners == 255).all()


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@EVERY
def test_a_changed_attribute_changes_pixels(kind, attribute):
    values = options(kind, attribute)
    if len(values) == 1:
        assert values == ("none",)  # such garments have none of it
        return
    pairs = []
    for garment in garments(kind, 60):
        for value in values:
            other = settle(replace(garment, **{attribute: value}))
            if worn(other) and getattr(other, attribute) != getattr(garment, attribute):
                pairs.append((garment, other))
    chosen = [pairs[i] for i in np.random.default_rng(0).choice(len(pairs), min(6, len(pairs)), replace=False)]
    before, after = draw([a for a, _ in chosen], 48).images, draw([b for _, b in chosen], 48).images
    assert len(chosen) == 6
    assert ((before != after).flatten(1).sum(1) > 12).all()


@EVERY
def test_another_seed_is_another_photograph_of_the_same_garment(kind):
    garment = garments(kind, 1)[0]
    again = replace(garment, seed=garment.seed + 1)
    drawn = draw([garment, again], 48)
    assert again.key == garment.key and not torch.equal(drawn.images[0], drawn.images[1])
    assert set(drawn.parts[0].unique().tolist()) == set(drawn.parts[1].unique().tolist())


@EVERY
def test_what_is_sampled_and_changed_can_be_worn_and_differs_as_differences_says(kind):
    for one, other in couples(kind, 40):
        assert worn(one) and worn(other) and one.kind == other.kind == kind and one.key != other.key
        for garment in (one, other):
            assert all(getattr(garment, name) in options(kind, name) for name in ATTRIBUTES)
            assert garment.colour == garment.accent or apart(garment.colour, garment.accent)
        differ = [name for name in ATTRIBUTES if getattr(one, name) != getattr(other, name)]
        assert list(differences(one, other)) == differ != []


def named(words, table):
    """The values that have these words for a name."""
    return {value for value, said in table.items() if words in said}


def true(said, reference, target):
    """Whether a remark that names a value, or its absence, is true; read back from the words alone."""
    pair = (said.verb, said.words)
    if said.about in ("sleeves", "neckline", "trim"):
        table = {"sleeves": SLEEVE_WORDS, "neckline": NECK_WORDS, "trim": TRIM_WORDS}[said.about]
        value = getattr(target, said.about)
        if named(pair, table):
            return value in named(pair, table)
    if said.about == "trim":
        noun = TRIM_NOUNS[reference.trim if reference.trim != "none" else target.trim]
        if said.words.startswith(("no ", "without ", "missing ")):
            return reference.trim != target.trim and said.words.endswith(noun)
        return COLOUR_WORDS[target.accent][0] in said.words and said.words.endswith(TRIM_NOUNS[target.trim])
    if said.about == "sleeves":
        step = SLEEVES.index(target.sleeves) - SLEEVES.index(reference.sleeves)
        return step < 0 if "shorter" in said.words else step > 0
    if said.about == "length" and any(word in said.words for word in ("longer", "shorter")):
        return (target.length > reference.length) == ("longer" in said.words)
    if said.about == "silhouette":
        wide = SILHOUETTES.index(target.silhouette) > SILHOUETTES.index(reference.silhouette)
        narrow = ("tighter", "more fitted", "more form fitting", "less flowy", "slimmer", "a tighter fit")
        return wide != (said.words in narrow)
    if said.about == "logo" and named(said.words, LOGO_WORDS):
        return target.logo in named(said.words, LOGO_WORDS)
    if said.about == "logo" and said.words.startswith("no "):
        return target.logo == "none" != reference.logo
    if said.about == "pattern":
        names = {value for value, both in PATTERN_WORDS.items() if any(said.words in words for words in both)}
        if names:
            return target.pattern in names
        if said.words.startswith(("no ", "solid", "plain", "less", "simpler", "one color", "unpatterned")):
            return target.pattern == "solid"
        return target.pattern != "solid" or said.words.startswith("a ")
    if said.about == "colour" and said.words.startswith(("not ", "no ")) and "colorful" not in said.words:
        gone = said.words.split(" ", 1)[1]
        (name,) = (name for name, words in COLOUR_WORDS.items() if words[0] == gone)
        return name in (reference.colour, reference.accent) and name != target.colour
    if said.about == "colour" and said.words in {word for words in COLOUR_WORDS.values() for word in words}:
        return said.words in COLOUR_WORDS[target.colour] and target.pattern == "solid"
    if said.about == "finish":
        shine = ("shin", "satin", "silky", "metallic", "gloss")
        says = any(word in said.words for word in shine) and not said.words.startswith(("less", "not"))
        return says == (target.finish == "shiny")
    return True


@EVERY
def test_a_remark_is_about_what_differs_and_true_of_the_target(kind):
    count = Counter()
    for one, other in couples(kind, 150):
        differ = set(differences(one, other))
        for said in remarks(one, other):
            assert ABOUT[said.about] & differ, (said, differ)
            assert true(said, one, other), (said, one, other)
            count[said.about] += 1
    assert {"colour", "tone", "pattern", "length", "finish", "trim"} <= set(count)


@EVERY
def test_nothing_is_said_of_a_garment_next_to_itself(kind):
    garment = garments(kind, 1)[0]
    assert remarks(garment, replace(garment, seed=5)) == []
    with pytest.raises(ValueError, match="nothing to say"):
        captions(np.random.default_rng(0), garment, garment)


@EVERY
def test_darker_and_lighter_are_so_in_the_pixels_of_the_cloth(kind):
    said = []
    for one, other in couples(kind, 60):
        tones = {word for remark in remarks(one, other) if remark.about == "tone" for word in remark.words.split()}
        if {"lighter", "darker"} & tones:
            said.append((one, other, "lighter" in tones))
            assert not {"lighter", "darker"} <= tones
    drawn = [draw([pair[i] for pair in said], 48) for i in (0, 1)]
    light = [
        [
            picture[:, (parts >= 1) & (parts <= 4)].double().mean().item()
            for picture, parts in zip(d.images, d.parts, strict=True)
        ]
        for d in drawn
    ]
    agree = [(after > before) == lighter for before, after, (_, _, lighter) in zip(*light, said, strict=True)]
    assert len(agree) > 8 and np.mean(agree) > 0.9  # the eye weighs colours, the mean does not


@EVERY
def test_longer_reaches_further_down_and_sleeves_as_said_cover_more(kind):
    for garment in garments(kind, 6):
        lengths = [replace(garment, length=value, trim=options(kind, "trim")[0]) for value in options(kind, "length")]
        low = [(parts == 1).any(1).nonzero().max().item() for parts in draw(lengths).parts]
        assert low == sorted(set(low))
        if options(kind, "sleeves") != ("none",):
            order = [name for name in ("cap", "short", "half", "long") if name in options(kind, "sleeves")]
            sleeves = draw([replace(garment, neckline="v", sleeves=name) for name in order]).parts
            area = [((parts == 2) | (parts == 3)).sum().item() for parts in sleeves]
            assert area == sorted(set(area)) and area[0] > 0


@pytest.mark.parametrize("kind", ["dress", "toptee"])
def test_a_caption_is_made_of_one_or_two_remarks(kind):
    rng = np.random.default_rng(0)
    for one, other in couples(kind, 40):
        said = remarks(one, other)
        singles = {f"{remark.verb} {remark.words}" for remark in said}
        for caption in captions(rng, one, other, NEAT):
            rest = [
                tail
                for head in singles
                if caption.startswith(f"{head} ")
                for tail in [caption.removeprefix(f"{head} ")]
            ]
            seconds = {f"{join}{remark.words}" for remark in said for join in ("with ", "and ", f"and {remark.verb} ")}
            assert caption in singles or any(tail in seconds for tail in rest), caption


def test_a_hurried_hand_slips_in_long_words_only():
    rng = np.random.default_rng(0)
    assert all(typo(rng, word) == word for word in ("is", "red", "a"))
    slips = {typo(rng, "darker") for _ in range(60)}
    assert {"draker", "daker", "daarker"} <= slips and all(len(word) in (5, 6, 7) for word in slips)
    blank = write(rng, [Remark("colour", "is", "red")], ("dress",), replace(HAND, blank=1.0))
    assert blank == ""


def test_a_shop_of_cpu_size_uses_hundreds_of_words_and_two_captions_per_pair():
    shelves = world(replace(SIZES["cpu"], train=(150, 300), val=(50, 100), test=(20, 40), typo_rate=0.0))
    words, both = Counter(), []
    for shelf in shelves.values():
        assert all(len(said) == 2 for said in shelf.captions) and len(shelf.captions) == len(shelf.pairs)
        both += shelf.captions
    for said in both:
        for caption in said:
            words.update(caption.lower().strip(" .").split())
    assert len(words) > 200
    assert np.mean([first != second for first, second in both]) > 0.9  # two people, not one twice
    lengths = [len(caption.split()) for said in both for caption in said]
    assert 3 < np.mean(lengths) < 8
    world.cache_clear()


def test_a_shelf_has_what_is_asked_for_and_refuses_too_few_pictures():
    stock = Stock(np.random.default_rng(0), (1, 2), 2, HAND)
    shelf = stock.shelf(np.random.default_rng(1), "shirt", 7, 20)
    assert (len(shelf.pairs), len(shelf.garments), len(set(shelf.names))) == (7, 20, 20)
    assert len({garment.key for garment in shelf.garments}) == 20
    assert all(source != target for source, target in shelf.pairs) and len(set(shelf.pairs)) == 7
    with pytest.raises(Problem, match="3 images are too few for 7 queries"):
        stock.shelf(np.random.default_rng(2), "shirt", 7, 3)
