"""Attention on masks: loops, hand-made attention whose answer is known, and the worlds that know what words mean."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toys import Mean, Silent, colour_benchmark

from cirkit.attention.blocks import identity
from cirkit.benchmarks import css, fashioniq
from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import LSTM, words
from cirkit.errors import Problem
from cirkit.evaluators.attention_maps import (
    averaged,
    coverage,
    cross_fitted_head,
    difference,
    ignored,
    magnitudes,
    relative_to_uniform,
    spread,
    to_words,
    word_to_image_attention,
)
from cirkit.experiments import artifacts
from cirkit.models.maaf import MAAF, all_tokens
from cirkit.papers.maaf.part_attention import PartAttention, pairs, part
from cirkit.papers.maaf.part_attention import word_roles as part_roles
from cirkit.papers.maaf.word_attention import CLASSES, AttentionPictures, WordAttention, asked, questions, word_roles
from cirkit.query import Query
from cirkit.worlds import fashioniq as wardrobe
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.render import render
from cirkit.worlds.scene import COLOURS, PLACES, SHAPES
from cirkit.worlds.wardrobe import PARTS

SIZE = Size(references=30, mods=30, image=32)
GARMENTS = wardrobe.Size(train=(4, 10), val=(30, 70), test=(2, 6), image=32)


@pytest.fixture
def benchmark(home):
    return css.test(CSS.folder(SIZE))


@pytest.fixture
def garments(home):
    return fashioniq.test(wardrobe.FASHIONIQ.folder(GARMENTS))


def never():
    raise AssertionError("attention needs no ranks")


def maaf(texts, levels=1, **keywords):
    torch.manual_seed(0)
    image = partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2), levels=levels)
    keywords = {"blocks": 1, "heads": 2, "hidden": 12} | keywords
    return MAAF(texts, image=image, text=partial(LSTM, width=8), **keywords).eval()


class Looking(Silent):
    """Attention made by hand: `look(picture, text)` gives every word's weights over the 8 x 8 places."""

    def __init__(self, look, heads=3):
        self.look, self.heads = look, heads

    def image(self, images):
        return (torch.zeros(len(images), 1, 8, 8),)

    def attention(self, query):
        longest = max(len(words(text)) for text in query.text)
        made = torch.zeros(len(query), self.heads, 64 + longest, 64 + longest)
        for i, (picture, text) in enumerate(zip(query.image, query.text, strict=True)):
            made[i, :, 64 : 64 + len(words(text)), :64] = self.look(picture, text)
        return (made,)


def pointing(sign):
    """Words that describe or place something look at it (`sign` 1) or at all but it (-1); others everywhere alike."""
    known = {}
    for question in questions(SIZE):
        drawn = render([question.scene], SIZE.image)
        known[drawn.images.numpy().tobytes()] = question.scene, drawn.owner
    edits = {str(question.edit): question.edit for question in questions(SIZE)}

    def look(picture, text):
        scene, owner = known[picture.numpy().tobytes()]
        fitting = [i for i, thing in enumerate(scene.things) if edits[text].what.fits(thing)]
        rows = torch.ones(len(text.split()), 64)
        if len(fitting) == 1:
            cover = coverage(owner == fitting[0], (8, 8))[0]
            for i, (_, about) in enumerate(word_roles(edits[text])):
                if about in ("place", "size", "colour", "shape", "object"):
                    rows[i] = cover if sign > 0 else 1 - cover
        return rows

    return look


def test_coverage_and_difference_are_their_loops():
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(2, 8, 12, generator=generator) > 0.6
    weights = torch.rand(2, 6, generator=generator)
    cover = coverage(mask, (2, 3))
    for b in range(2):
        on, off, area_on, area_off = 0.0, 0.0, 0, 0
        for y in range(8):
            for x in range(12):
                weight = weights[b, (y // 4) * 3 + x // 4].item()  # the token over this pixel
                if mask[b, y, x]:
                    on, area_on = on + weight, area_on + 1
                else:
                    off, area_off = off + weight, area_off + 1
        assert difference(weights, cover)[b].item() == pytest.approx(on / area_on - off / area_off, rel=1e-5)


def test_even_attention_differs_nowhere_and_attention_on_the_mask_is_positive():
    cover = torch.tensor([[0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.25]])
    even = torch.full((2, 4), 0.1)
    assert torch.allclose(difference(relative_to_uniform(even), cover), torch.zeros(2), atol=1e-6)
    assert (difference(relative_to_uniform(cover), cover) > 1).all() and (
        difference(relative_to_uniform(1 - cover), cover) < -0.2
    ).all()
    assert difference(even, torch.zeros(2, 4)).isnan().all() and difference(even, torch.ones(2, 4)).isnan().all()


def test_a_share_does_not_depend_on_how_much_goes_to_words():
    maps = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(relative_to_uniform(maps), relative_to_uniform(0.01 * maps), rtol=1e-4, atol=1e-5)
    assert relative_to_uniform(maps).mean(-1).numpy() == pytest.approx([1.0] * 3, abs=1e-5)


def test_negative_weights_have_no_share_but_a_size_that_no_head_s_sign_changes():
    with pytest.raises(Problem, match="magnitudes"):
        relative_to_uniform(torch.tensor([[0.5, -0.1]]))
    maps = torch.randn(2, 3, 4, 5)
    sign = torch.tensor([1.0, -1.0, 1.0])[:, None, None]
    assert torch.equal(magnitudes(maps), magnitudes(maps * sign))
    torch.testing.assert_close(magnitudes(maps), sum(maps[:, head].abs() for head in range(3)) / 3)
    assert torch.equal(averaged(maps), maps.mean(1)) and not torch.allclose(averaged(maps), averaged(maps * sign))


@pytest.mark.parametrize(("level", "first", "count"), [(0, 0, 4), (1, 4, 1), (-1, 4, 1)])
def test_word_rows_and_the_columns_of_one_resolution(level, first, count):
    maps = torch.rand(2, 3, 8, 8)  # four fine tokens, one coarse, three words
    rows = to_words(maps, [(2, 2), (1, 1)], level)
    assert rows.shape == (2, 3, 3, count)
    for word in range(3):
        for place in range(count):
            assert (rows[:, :, word, place] == maps[:, :, 5 + word, first + place]).all()


@pytest.mark.parametrize("keywords", [{}, {"weights": identity}, {"blocks": 2, "levels": 2, "pool": all_tokens}])
def test_attended_is_the_models_own_attention(keywords):
    texts = ["make top-left cube red", "remove sphere"]
    model = maaf(texts, **keywords)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    maps, grid = word_to_image_attention(model, Query(image=images, text=texts), level=0)
    whole = model.attention(Query(image=images, text=texts))[-1]
    side = 8 if keywords.get("levels") == 2 else 4
    assert grid == (side, side) and maps.shape == (2, 2, 4, side * side)
    torch.testing.assert_close(maps, whole[:, :, -4:, : side * side])


def test_the_head_is_chosen_on_the_other_half():
    values = torch.tensor([[9.0, 0.0, 9.0, 0.0], [1.0, 5.0, 2.0, 5.0]])
    assert cross_fitted_head(values).tolist() == [1.0, 0.0, 2.0, 0.0]  # even columns choose head 0, odd ones head 1
    noise = torch.randn(8, 4000, generator=torch.Generator().manual_seed(0))
    assert abs(cross_fitted_head(noise).mean()) < 0.06  # the best of eight heads that say nothing is nothing


def test_what_is_looked_at_is_dark_and_the_rest_is_not():
    pictures = torch.full((1, 3, 4, 4), 200, dtype=torch.uint8)
    dim = ignored(pictures, torch.tensor([[0.0, 0.3, 0.0, 0.0]]), (2, 2))
    assert dim[0, :, 0, 3].tolist() == [0.0] * 3 and dim[0, :, 3, 0].tolist() == [200.0] * 3


def test_rows_are_spread_evenly():
    assert spread(10, 3) == [0, 3, 6] and spread(3, 10) == [0, 1, 2]


def test_every_sentence_is_taken_apart_word_by_word():
    seen = set()
    for question in questions(SIZE):
        said = word_roles(question.edit)
        assert [words(word)[0] for word, _ in said] == words(str(question.edit))
        kinds = {"place": PLACES, "empty place": PLACES, "colour": COLOURS, "shape": SHAPES, "new colour": COLOURS}
        assert all(word in kinds[about] for word, about in said if about in kinds)
        if question.thing is not None:
            true = question.scene.things[question.thing].words
            assert all(word in true for word, about in said if about in ("place", "size", "colour", "shape"))
        seen |= {about for _, about in said}
    assert seen - {""} <= set(CLASSES) and len(seen) > 6


@pytest.mark.parametrize("sign", [1, -1])
def test_words_that_point_or_avoid_by_hand_are_found_to(benchmark, sign):
    made = WordAttention(size=SIZE)(Looking(pointing(sign)), benchmark, never)
    values = made["values"]
    own = sign * np.array(values["place"]["own"])
    assert own.min() > 0.1
    for control in ("mask", "word", "mismatched_word"):
        beside = np.array(values["place"][control], float)
        there = ~np.isnan(beside)
        assert there.mean() > 0.5 and (own - sign * beside)[there].mean() > 0.2
    assert np.allclose(values["verb"]["own"], 0, atol=1e-4)  # it looks everywhere alike
    assert set(values["verb"]["mismatched_word"]) == {None}


def test_a_value_is_its_loop_over_pixels(benchmark):
    model = maaf(list(benchmark.query.text))
    made = WordAttention(size=SIZE)(model, benchmark, never)["values"]["shape"]
    for line in range(0, len(made["query"]), 7):
        row = made["query"][line]
        question = questions(SIZE)[row]
        position = [about for _, about in word_roles(question.edit)].index("shape")
        weights = model.attention(benchmark.query[torch.tensor([row])])[0][0].mean(0)[16 + position, :16]
        weights = (weights / weights.mean()).tolist()
        owner = render([question.scene], 32).owner[0].tolist()
        here = [weights[y // 8 * 4 + x // 8] for y in range(32) for x in range(32) if owner[y][x] == question.thing]
        away = [weights[y // 8 * 4 + x // 8] for y in range(32) for x in range(32) if owner[y][x] != question.thing]
        assert made["own"][line] == pytest.approx(sum(here) / len(here) - sum(away) / len(away), abs=1e-4)


def test_queries_and_controls_are_the_same_for_every_model_and_the_subset_is_declared(benchmark):
    texts = list(benchmark.query.text)
    one, two = (WordAttention(size=SIZE, queries=40)(maaf(texts, heads=h), benchmark, never)["values"] for h in (1, 2))
    assert {about: v["query"] for about, v in one.items()} == {about: v["query"] for about, v in two.items()}
    blank = [[value is None for value in v["mismatched_word"]] for v in one.values()]
    assert blank == [[value is None for value in v["mismatched_word"]] for v in two.values()]
    assert {row for v in one.values() for row in v["query"]} <= {row for row, _ in asked(SIZE, benchmark, 40)}


def test_the_control_mask_is_never_the_words_own(benchmark):
    values = WordAttention(size=SIZE)(maaf(list(benchmark.query.text)), benchmark, never)["values"]
    for about in ("place", "object", "verb", "empty place"):
        own, mask = (np.array(values[about][name], float) for name in ("own", "mask"))
        assert (np.abs(own - mask)[~np.isnan(mask)] > 0).mean() > 0.9  # two covers may happen to weigh alike


def test_identity_attention_is_measured_by_its_size(benchmark):
    model = maaf(list(benchmark.query.text), weights=identity)
    with pytest.raises(Problem, match="magnitudes"):
        WordAttention(size=SIZE)(model, benchmark, never)
    values = WordAttention(size=SIZE, heads=magnitudes)(model, benchmark, never)["values"]
    assert np.isfinite(values["place"]["own"]).all()


def test_maps_pictures_and_the_matrix(benchmark):
    content = AttentionPictures(size=SIZE, side=8)(Looking(pointing(1)), benchmark, never)
    assert content["grid"] == [8, 8] and set(content["places"]) <= set(PLACES)
    for word, entry in content["places"].items():
        said = sum(word in str(question.edit).split() for question in questions(SIZE))
        assert entry["count"] == said and len(entry["map"]) == 64
    for word, entry in content["colours"].items():
        dim, shown = (artifacts.unpack(entry[key]) for key in ("ignored", "present"))
        assert dim.shape == shown.shape == (3, 8, 8) and word in COLOURS and entry["count"] > 0
    for key in ("ignored", "present"):
        weighed = sum(entry["count"] * artifacts.unpack(entry[key]) for entry in content["colours"].values())
        total = sum(entry["count"] for entry in content["colours"].values())
        assert np.abs(weighed / total).max() < max(entry[key]["step"] for entry in content["colours"].values())
    matrix = artifacts.unpack(content["matrix"]["weights"])
    size = 64 + len(content["matrix"]["words"])
    assert matrix.shape == (size, size) and content["matrix"]["grids"] == [[8, 8]]


def test_pictures_whose_things_nobody_knows_are_a_problem(benchmark):
    for exhibit in (WordAttention(size=SIZE), AttentionPictures(size=SIZE), PartAttention(size=GARMENTS)):
        with pytest.raises(Problem, match=r"nothing knows .* Measure attention on the world"):
            exhibit(maaf(["red"]), colour_benchmark(), never)
    with pytest.raises(Problem, match="nothing knows"):
        WordAttention(size=Size(references=30, mods=30, image=32, jitter=0.2))(maaf(["red"]), benchmark, never)


def test_models_without_attention_or_with_other_tokens_are_a_problem(benchmark):
    with pytest.raises(Problem, match="no attention"):
        WordAttention(size=SIZE)(Mean(["red"]), benchmark, never)
    model = Looking(lambda picture, text: torch.ones(len(text.split()), 64))
    model.image = lambda images: (torch.zeros(len(images), 1, 4, 4),)
    with pytest.raises(Problem, match="token per word"):
        WordAttention(size=SIZE)(model, benchmark, never)


def test_words_about_sleeves_and_length_are_true_of_the_pair():
    seen = set()
    for pair in pairs(GARMENTS):
        said = words(pair.text)
        for position, about in part_roles(pair):
            seen.add(about)
            if about in ("longer", "shorter"):
                change = pair.target.length - pair.reference.length
                assert said[position] == about and (change > 0) == (about == "longer") and change
            elif about != "sleeves":
                assert " ".join(said[position - 1 : position + 1]).replace("sleeved", "sleeves") == about
    assert {"longer", "shorter", "longer sleeves", "sleeves"} <= seen


def test_a_slip_of_the_pen_measures_nothing():
    pair = next(p for p in pairs(GARMENTS) if p.target.length > p.reference.length)
    said = [("is longer", ["longer"]), ("is shorter", []), ("has shorter skirt and is longer and longer", ["longer"])]
    for text, found in said:
        assert [about for _, about in part_roles(replace(pair, text=text))] == found
    less = replace(
        pair, reference=replace(pair.reference, sleeves="long"), target=replace(pair.target, sleeves="short")
    )
    assert part_roles(replace(less, text="has longer sleeves")) == []
    assert part_roles(replace(less, text="is shorter sleeved")) == [(2, "shorter sleeves")]
    assert part_roles(replace(less, text="has short sleeves")) == [(2, "sleeves")]


def test_the_hem_is_the_lowest_third_of_the_body():
    parts = torch.zeros(12, 4, dtype=torch.int64)
    parts[2:11, 1:3] = PARTS.index("body")
    parts[3:5, 0] = PARTS.index("left sleeve")
    hem = part(parts, "longer")
    assert hem.any(1).nonzero()[:, 0].tolist() == [8, 9, 10] and hem.sum() == 6
    assert part(parts, "shorter sleeves").sum() == 2 and not part(torch.zeros_like(parts), "longer").any()


def test_parts_by_a_model_that_looks_at_sleeves(garments):
    known = {}
    for pair in pairs(GARMENTS):
        parts = wardrobe.drawing(GARMENTS, "val", [pair.row]).parts
        seen = wardrobe.images(GARMENTS, "val", [pair.row]).numpy().tobytes()
        known[seen] = coverage(part(parts[0], "sleeves")[None], (8, 8))[0]

    def look(picture, text):
        cover = known[picture.numpy().tobytes()]
        return torch.stack([cover if word.startswith("sleeve") else torch.ones(64) for word in words(text)])

    content = PartAttention(size=GARMENTS)(Looking(look), garments, never)
    values = content["values"]["sleeves"]
    assert min(values["own"]) > 1 and np.allclose(values["own"], values["best"], atol=1e-3)
    assert np.mean(values["own"]) > np.mean(values["mask"]) + 1 and np.mean(values["own"]) > np.mean(values["word"]) + 1
    assert np.allclose(content["values"]["longer"]["own"], 0, atol=1e-4)
    assert len(content["heads"]["sleeves"]) == 3 and np.shape(content["maps"]["sleeves"]) == (3, 64)


def test_parts_of_a_model_with_two_resolutions_fit_a_file(garments):
    made = PartAttention(size=GARMENTS, queries=20)(maaf(list(garments.query.text), levels=2), garments, never)
    assert made["grid"] == [8, 8] and len({row for v in made["values"].values() for row in v["query"]}) <= 20
    assert json.loads(artifacts.to_text({"experiment": "x"} | made))["heads"] == made["heads"]


def test_weights_of_either_sign_ignore_nothing():
    with pytest.raises(Problem, match="below zero"):
        ignored(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.tensor([[0.5, -0.5, 0.1, 0.0]]), (2, 2))
