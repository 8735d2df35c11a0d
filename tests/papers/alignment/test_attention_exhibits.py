"""Exhibits of attention: words of phrases and what they name, weights for their own image, and what is drawn."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cirkit.attention.cross_attention import CrossAttention
from cirkit.encoders.text import words
from cirkit.evaluators.answers import answers
from cirkit.evaluators.ranking import rank
from cirkit.examples import Questions
from cirkit.experiments.artifacts import Exhibit, to_text
from cirkit.experiments.page import Page
from cirkit.figures.display import Display
from cirkit.models.mac import MAC
from cirkit.models.scan import SCAN, CaptionEncoder
from cirkit.papers import alignment
from cirkit.papers.alignment import alignment_figures, matching, matching_figures, reasoning
from cirkit.papers.alignment.attention_exhibits import (
    CaptionExamples,
    ImageExamples,
    NamedRegions,
    ThinkingSteps,
    spoken,
    word_weights,
)
from cirkit.papers.alignment.scores import score
from cirkit.query import Benchmark, Query
from cirkit.regions import Regions
from cirkit.worlds.captions import STREAMS, world
from cirkit.worlds.regions import locate
from cirkit.worlds.scene import Scene, Thing

SIZE = replace(matching.DATASETS["coco"].sizes["smoke"], seed=3)
SCENES, CAPTIONS = world(SIZE, "test", STREAMS["coco"])
OTHERS = 2


def described() -> Benchmark:
    """The world's test images as regions whose vectors are the number of their thing, one-hot."""
    found = locate(SCENES, SIZE.image, OTHERS)
    vectors = torch.nn.functional.one_hot(found.thing + 1, 8).float() * found.mask[..., None]
    regions = Regions(vectors=vectors, boxes=found.boxes, mask=found.mask)
    text = [caption for mine in CAPTIONS for caption in mine]
    return Benchmark(
        name="t", query=Query(text=text), gallery=regions, relevant=[[row // 5] for row in range(len(text))]
    )


def scan(texts) -> SCAN:
    torch.manual_seed(0)
    text = partial(CaptionEncoder, width=12, word_width=6)
    return SCAN(texts, channels=8, text=text, attention=partial(CrossAttention, alignment=score("scaled"))).eval()


BENCHMARK = described()
MODEL = scan(BENCHMARK.query.text)
FOUND = NamedRegions(size=SIZE, scenes=alignment.region_data.coco_scenes, others=OTHERS, images=6)


def test_a_word_names_a_thing_where_its_phrase_fits_that_thing_alone():
    cube, other = Thing("cube", "red", "large", 0.0, 0.0), Thing("cube", "blue", "small", 1.0, 1.0, material="metal")
    sphere = Thing("sphere", "red", "small", 2.0, 2.0)
    scene = Scene((cube, other, sphere))
    assert spoken("a large red rubber cube, and a sphere.", scene) == [
        (1, "size", 0), (2, "colour", 0), (3, "material", 0), (4, "shape", 0), (7, "shape", 2),
    ]  # fmt: skip
    assert spoken("a cube and two cubes", scene) == []  # either of two, and a plural
    assert spoken("a red thing is left of the metal cube", scene) == [(7, "material", 1), (8, "shape", 1)]


def test_every_word_found_is_true_of_its_thing_in_the_world_s_own_captions():
    counted = 0
    for scene, mine in zip(SCENES, CAPTIONS, strict=True):
        for caption in mine:
            said = words(caption)
            for place, kind, thing in spoken(caption, scene):
                assert said[place] == getattr(scene.things[thing], kind)
                counted += 1
    assert counted > 100


def test_weights_of_words_are_those_of_the_model_for_its_own_image():
    weights = word_weights(MODEL, BENCHMARK, [0, 7], 1)
    words_, regions = MODEL.encode([BENCHMARK.query.text[row] for row in (0, 7)]), MODEL.encode(BENCHMARK.gallery)
    every = MODEL.attention.attention(words_[:2], regions[:2])[:, :, 1]
    torch.testing.assert_close(weights, every)
    count = len(words(BENCHMARK.query.text[0]))
    torch.testing.assert_close(weights[0, :count].sum(1), torch.ones(count))


def test_values_of_named_regions_are_those_of_a_loop():
    content = FOUND(MODEL, BENCHMARK, lambda: None)
    column = content["values"]["shape"]
    located = locate(SCENES, SIZE.image, OTHERS)
    for query, share, own in zip(column["query"], column["share"], column["own"], strict=True):
        image = query // 5
        weights = word_weights(MODEL, BENCHMARK, [query], image)[0, :, : int(located.mask[image].sum())]
        shares, leads = [], []
        for place, kind, thing in spoken(BENCHMARK.query.text[query], SCENES[image]):
            where = located.thing[image].tolist()
            if kind == "shape" and thing in where:
                mine = weights[place, where.index(thing)].item()
                shares.append(mine)
                leads.append(len(weights[place]) * (mine - (1 - mine) / (len(weights[place]) - 1)))
        assert share == pytest.approx(np.mean(shares), abs=1e-4) and own == pytest.approx(np.mean(leads), abs=1e-3)
    assert set(content["values"]) == {"size", "colour", "material", "shape"} and len(column["query"]) > 10
    assert FOUND.of_seed(5).size.seed == 5 and isinstance(FOUND, Exhibit)


def test_examples_say_what_the_model_retrieves_and_fit_into_their_files():
    content = CaptionExamples(images=3)(MODEL, BENCHMARK, lambda: rank(MODEL, BENCHMARK))
    assert len(content["captions"]) == 6
    for one in content["captions"]:
        assert one["words"] == words(BENCHMARK.query.text[one["query"]]) and one["image"] == one["query"] // 5
        assert (one["rank"] <= 5) == (one["image"] in one["top"]) and one["scores"] == sorted(one["scores"])[::-1]
        assert np.array(one["weights"]).shape == (len(one["words"]), len(one["boxes"]))
    sentences = matching.caption_search(BENCHMARK)
    content = ImageExamples(images=3)(MODEL, sentences, lambda: rank(MODEL, sentences))
    for one in content["images"]:
        for caption in one["captions"]:
            assert caption["own"] == (caption["caption"] // 5 == one["image"])
            weights = word_weights(MODEL, BENCHMARK, [caption["caption"]], one["image"])[0, :, 0]
            assert caption["weights"] == pytest.approx(weights[: len(caption["words"])].tolist(), abs=1e-3)
    whole = FOUND(MODEL, BENCHMARK, lambda: None)
    assert len(to_text({"experiment": "x", **whole})) < 30_000


def test_every_row_keeps_its_exhibits_and_smoke_and_paper_none():
    rows = {each.name: each for each in alignment.experiments("cpu")}
    names = {each.name for exhibits in rows["alignment/coco/dot"].exhibits.values() for each in exhibits}
    assert names == {"curve", "named", "captions", "images"}
    assert [each.name for each in rows["alignment/clevr/dot"].exhibits["clevr"]] == ["steps"]
    assert not rows["alignment/clevr/question_only"].exhibits
    for scale in ("smoke", "paper"):
        assert not any(each.exhibits for each in alignment.experiments(scale))


def test_steps_are_what_mac_attends_to_and_answers(home):
    generator = torch.Generator().manual_seed(0)
    regions = Regions(
        vectors=torch.randn(4, 3, 5, generator=generator),
        boxes=torch.rand(4, 3, 4, generator=generator),
        mask=torch.tensor([[True, True, True], [True, True, False], [True, False, False], [True, True, True]]),
    )
    text = ["how many cubes are there?", "is there a sphere?"] * 4
    questions = Questions(images=regions, about=torch.arange(8) % 4, text=text, answers=[("2",), ("yes",)] * 4)
    rows = reasoning.models(replace(reasoning.SETTINGS["smoke"]), "smoke")
    torch.manual_seed(0)
    factory = rows["scaled"][2]
    keywords = factory.keywords | {"image": partial(factory.keywords["image"].func, channels=5)}
    mac: MAC = factory.func(text, **keywords).eval()
    content = ThinkingSteps(questions=4)(mac, questions, lambda: answers()(mac, questions))
    for one in content["questions"]:
        assert one["words"] == words(text[one["question"]]) and one["stated"] == questions.answers[one["question"]][0]
        assert np.array(one["to_words"]).sum(1) == pytest.approx(1, abs=0.01)
        count = int(regions.mask[one["image"]].sum())
        assert np.array(one["to_regions"]).shape == (2, count) == (2, len(one["boxes"]))
        batch = questions[torch.tensor([one["question"]])]
        assert one["given"] == mac.answer(batch.images, batch.text)[0]


def test_pages_without_records_say_so():
    page = Page.of(paper="alignment", scale="gpu")
    for shown in (
        alignment_figures.named_shares(page, "F"),
        alignment_figures.caption_maps(page, "coco", "F"),
        alignment_figures.marked_captions(page, "coco", "F"),
        alignment_figures.thinking_steps(page, "F"),
        matching_figures.noise_floor(page, "coco", "F"),
        matching_figures.by_nouns(page, "coco", "F"),
        matching_figures.by_colour(page, "coco", "F"),
    ):
        assert isinstance(shown, Display) and shown.caption == "Not run."
