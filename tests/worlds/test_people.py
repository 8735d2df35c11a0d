from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.errors import Problem
from cirkit.worlds import pedes as crowd
from cirkit.worlds import people, street
from cirkit.worlds.pedes import Size
from cirkit.worlds.people import ACCESSORIES, COLOURS, SMALL, Person, Street, View
from cirkit.worlds.people_language import ASIDES, STYLES, SYNONYMS, Writer, caption, facts, tokens
from cirkit.worlds.street import PARTS
from cirkit.worlds.strokes import Canvas

CLEAR = Street(litter=0, occlusion=0.0, noise=0.0, light=0.0, shift=0.0, crop=0.0)
TINY = Size(train=6, val=1, test=3, twins=3, views=3)

DRESSED = Person(
    sex="woman", skin=0, hair="black", long_hair=True, upper="shirt", upper_colour="white", pattern="plain",
    lower="trousers", lower_colour="black", shoes="boots", shoes_colour="brown", hat="red", scarf="blue",
    logo="green", bag=("handbag", "yellow"), glasses=True,
)  # fmt: skip


def look(facing, **change):
    base = View(
        facing=facing, mirror=False, stride=0.5, swing=0.3, scale=0.88, right=0.0, down=0.0, gain=1.0, camera=0,
        obstacle=None, seed=3,
    )  # fmt: skip
    return replace(base, **change)


def shot(person, view, where=CLEAR, shape=(192, 64)):
    return street.draw([person], [view], where, shape)


def test_twins_share_all_large_things_and_differ_in_two_small_ones_of_which_one_shows_from_every_side():
    rng = np.random.default_rng(0)
    for _ in range(40):
        members = people.family(rng, ("red", "black", "white"), 4)
        assert len({replace(one, hat=None, scarf=None, logo=None, bag=None, glasses=False) for one in members}) == 1
        for i, one in enumerate(members):
            assert one.outfit == ("red", "black", "white")
            assert "red" not in (one.scarf, one.logo, one.bag and one.bag[1])  # it would not show on the cloth
            for other in members[:i]:
                differs = {name for name in ACCESSORIES if getattr(one, name) != getattr(other, name)}
                assert len(differs) >= 2 and differs & {"hat", "scarf", "bag"}


def test_a_picture_drawn_alone_equals_the_picture_in_a_batch_at_any_shape():
    rng = np.random.default_rng(1)
    who = people.family(rng, ("gray", "blue", "brown"), 4)
    views = [people.view(rng, Street()) for _ in who]
    for shape in ((96, 32), (128, 48), (60, 40)):
        every = street.draw(who, views, Street(), shape)
        assert every.images.shape == (4, 3, *shape) and every.owner.shape == (4, *shape)
        for row in (2, 0):
            alone = street.draw([who[row]], [views[row]], Street(), shape)
            assert torch.equal(alone.images[0], every.images[row]) and torch.equal(alone.owner[0], every.owner[row])


@pytest.mark.parametrize("facing", people.FACINGS)
@pytest.mark.parametrize("bag", people.BAGS)
def test_the_mask_has_what_is_worn_where_the_picture_has_its_colour(facing, bag):
    person = replace(DRESSED, bag=(bag, "yellow"))
    drawing = shot(person, look(facing))
    expected = {"background", "skin", "hair", "upper", "lower", "shoes", "hat", "scarf", "bag"}
    expected |= {"front": {"logo", "glasses"}, "back": set()}.get(facing, {"glasses"})
    assert street.seen(drawing.owner)[0] == expected
    for part, colour in (("hat", "red"), ("scarf", "blue"), ("bag", "yellow"), ("upper", "white")):
        pixels = drawing.images[0].permute(1, 2, 0)[drawing.owner[0] == PARTS.index(part)].float()
        away = {name: (pixels.median(0).values - torch.tensor(rgb)).abs().sum() for name, rgb in COLOURS.items()}
        assert min(away, key=away.get) == colour


def test_what_is_not_worn_is_in_no_mask_and_small_things_are_small():
    bare = replace(DRESSED, hat=None, scarf=None, logo=None, bag=None, glasses=False)
    for facing in people.FACINGS:
        assert not set(ACCESSORIES) & street.seen(shot(bare, look(facing)).owner)[0]
        shares = [(shot(DRESSED, look(facing)).owner == PARTS.index(name)).float().mean() for name in ACCESSORIES]
        assert all(share < 0.04 for share in shares) and sum(shares) < 0.08  # a patch of 8 x 8 in 96 x 32 is 0.02


def test_left_is_the_mirror_of_right_up_to_the_place():
    a, b = (shot(DRESSED, look(facing)).owner for facing in ("left", "right"))
    person = [torch.where(owner >= PARTS.index("skin"), owner, 0) for owner in (a, b.flip(-1))]
    assert (person[0] == person[1]).float().mean() > 0.98


def test_every_dial_of_the_street_changes_the_picture_and_obstacles_hide():
    plain = shot(DRESSED, look("front"))
    assert not torch.equal(shot(DRESSED, look("front"), replace(CLEAR, noise=0.05)).images, plain.images)
    littered = shot(DRESSED, look("front"), replace(CLEAR, litter=8))
    assert (littered.owner == PARTS.index("litter")).any() and not (plain.owner == PARTS.index("litter")).any()
    whole = plain.owner >= PARTS.index("skin")
    assert torch.equal(littered.owner[whole], plain.owner[whole])  # litter lies behind
    assert shot(DRESSED, look("front", gain=0.7)).images.sum() < 0.8 * plain.images.sum()
    low = shot(DRESSED, look("front", obstacle="low", seed=4))
    assert (low.owner == PARTS.index("shoes")).sum() < 0.6 * (plain.owner == PARTS.index("shoes")).sum()
    assert not torch.equal(shot(DRESSED, look("front", camera=1)).images, plain.images)


def test_views_are_spread_over_facings_cameras_and_obstacles():
    rng, where = np.random.default_rng(0), Street(cameras=5, first=40, occlusion=0.3)
    views = [people.view(rng, where) for _ in range(600)]
    assert {view.camera for view in views} == set(range(40, 45))
    assert all(count > 100 for count in Counter(view.facing for view in views).values())
    assert 0.2 < np.mean([view.obstacle is not None for view in views]) < 0.4
    assert len({view.seed for view in views}) == 600


def test_captions_say_only_what_is_seen_and_name_nine_facts_in_ten():
    rng = np.random.default_rng(2)
    seen = {"upper", "lower", "shoes", "hat", "hair"}
    said = Counter()
    for number in range(400):
        style = tuple(STYLES)[number % 3]
        text = caption(rng, DRESSED, look("back"), seen, Writer(styles=(style,), drop=0.1))
        words = tokens(text)
        assert not {"scarf", "logo", "print", "handbag", "purse", "glasses", "blue", "yellow", "green"} & set(words)
        assert text[0].isupper() and text.endswith(".") and "  " not in text
        for part, noun in (
            ("hat", "red"),
            ("upper", "white"),
            ("lower", "black"),
            ("shoes", "brown"),
            ("hair", "hair"),
        ):
            said[part] += noun in words if part != "lower" else any(w in words for w in ("pants", "trousers"))
    assert all(0.84 < count / 400 < 0.95 for count in said.values())


def test_captions_differ_in_length_by_style_and_asides_add_words():
    seen = set(PARTS)
    length = {}
    for style in STYLES:
        for filler in (0.0, 1.0):
            rng = np.random.default_rng(3)
            texts = [caption(rng, DRESSED, look("front"), seen, Writer((style,), 0.0, filler)) for _ in range(60)]
            length[style, filler] = np.mean([len(tokens(text)) for text in texts])
    assert length["list", 0.0] < length["sentences", 0.0] < length["long", 0.0]
    assert length["sentences", 1.0] > length["sentences", 0.0] + 3 and length["long", 1.0] > length["long", 0.0] + 3
    assert length["list", 1.0] == length["list", 0.0]
    assert all(len(aside.split()) >= 4 for aside in ASIDES)


def test_facts_are_true_of_the_person_and_pronouns_fit():
    for sex, his, other in (("man", "his", "her"), ("woman", "her", "his")):
        person = replace(DRESSED, sex=sex)
        found = {fact.part: str(fact) for fact in facts(person, set(PARTS), lambda names: names[0])}
        assert found["hat"] == f"a red cap on {his} head" and found["bag"] == f"a yellow handbag in {his} hand"
        assert found["upper"] == "a white shirt" and found["lower"] == "black trousers"
        assert not any(f" {other} " in phrase for phrase in found.values())
    assert all(SYNONYMS[kind] for kind in (*people.UPPERS, *people.LOWERS, *people.SHOES, *people.BAGS))


def test_no_outfit_is_worn_in_two_splits_but_every_test_word_is_read_in_training():
    size = Size(train=100, val=10, test=30)
    made = crowd.crowds(size)
    outfits = {split: {person.outfit for person in half.person} for split, half in made.items()}
    assert [len(outfits[split]) for split in crowd.SPLITS] == [100, 10, 30]
    assert len(set.union(*outfits.values())) == 140
    for i in range(3):  # every single colour of a test outfit is worn at the same place in training
        assert {o[i] for o in outfits["test"]} <= {o[i] for o in outfits["train"]}
    half = made["train"]
    assert len(half.views) == 100 * 4 * 4 == len(half.person) and sorted(set(half.identity)) == list(range(400))
    for identity, person in zip(half.identity, half.person, strict=True):
        assert half.person[identity * 4] == person


def test_any_row_is_drawn_and_described_from_the_size_alone_and_another_seed_gives_others():
    every = crowd.drawing(TINY, "test", range(27))
    said = crowd.captions(TINY, "test", range(27), every.owner)
    crowd.crowds.cache_clear()
    for rows in ([5], [20, 3]):
        again = crowd.drawing(TINY, "test", rows)
        assert torch.equal(again.images, every.images[rows])
        assert crowd.captions(TINY, "test", rows, again.owner) == [said[row] for row in rows]
    assert all(len(lines) == 2 for lines in said)
    assert crowd.crowds(replace(TINY, seed=1))["test"].person != crowd.crowds(TINY)["test"].person


def test_every_small_thing_that_a_caption_names_has_pixels_in_its_mask():
    drawing = crowd.drawing(TINY, "train", range(54))
    made = crowd.crowds(TINY)["train"]
    nouns = {"hat": {"cap", "hat"}, "scarf": {"scarf"}, "logo": {"logo", "print"}, "glasses": {"glasses"},
             "bag": {"backpack", "rucksack", "handbag", "purse", "bag"}}  # fmt: skip
    named = 0
    for row, lines in enumerate(crowd.captions(TINY, "train", range(54), drawing.owner)):
        for words in (set(tokens(line)) for line in lines):
            for part, names in nouns.items():
                if names & words:
                    named += 1
                    assert (drawing.owner[row] == PARTS.index(part)).sum() >= 1
                    assert getattr(made.person[row], part)
    assert named > 100


def test_litter_has_the_colours_of_small_things():
    drawing = shot(DRESSED, look("back"), replace(CLEAR, litter=20))
    pixels = drawing.images[0].permute(1, 2, 0)[drawing.owner[0] == PARTS.index("litter")].float()
    palette = torch.tensor([COLOURS[name] for name in SMALL]).float()
    near = (pixels[:, None] - palette).abs().sum(-1).min(1).values
    assert (near < 90).float().mean() > 0.6


def test_too_many_families_or_unknown_styles_are_problems():
    with pytest.raises(Problem, match="need as many outfits"):
        crowd.crowds(Size(train=5000, val=0, test=1))
    with pytest.raises(Problem, match="styles"):
        crowd.crowds(Size(train=1, val=0, test=1, styles="poems"))


def test_a_canvas_refuses_more_strokes_than_it_can_number():
    canvas = Canvas((8, 8), ("a",))
    with pytest.raises(ValueError, match="255 strokes"):
        for shade in range(256):
            canvas.box("a", (shade, 0, 0), (0, 0), (1, 1))


def test_patterns_show_two_shades_within_one_part():
    for pattern in ("striped", "checked", "spotted", "barred"):
        canvas = Canvas((200, 200), ("ground", "cloth"))
        canvas.box("ground", (255, 255, 255), (0, 0), (1, 1))
        canvas.shape("cloth", (200, 140, 40), [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)], pattern)
        pixels, owner = canvas.develop(np.random.default_rng(0), gain=1.0, noise=0.0, raised=())
        red = pixels[owner == 1][:, 0]
        assert (red > 180).mean() > 0.2 and (red < 110).mean() > 0.1
        assert (owner[30:170, 30:170] == 1).all() and (owner[:12] == 0).all()
