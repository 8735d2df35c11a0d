"""What pages show of records and exhibits: breakdowns, shares, marked captions, steps, and the explorers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cirkit.evaluators.evidence import Answers, Ranks
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import exhibits_home
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record, write
from cirkit.explorers.attention import AttentionExplorer
from cirkit.explorers.retrieval import Nothing
from cirkit.papers.alignment import alignment_figures, matching_figures, reasoning
from cirkit.papers.alignment.alignment_claims import CLAIMS, AttentionGain
from cirkit.papers.alignment.explorers import mac_explorer, scan_explorer
from cirkit.papers.alignment.matching import DATASETS, FORMS
from cirkit.worlds.captions import STREAMS, world

IMAGES = DATASETS["coco"].sizes["smoke"].test
LEVEL = {"cosine": 0.8, "dot": 0.7, "scaled": 0.9, "biased_star": 0.6, "biased_star_released": 0.2}


def leave(row, seed: int, evidence, **exhibits) -> None:
    """A record of a row, and exhibits beside it."""
    record = Record(
        name=row.name, paper="alignment", scale=row.scale, basis="world", seed=seed, fingerprint=row.fingerprint,
        code="", declared=row.declared(), where={"device": "cpu"}, seconds={"train": 1.0}, parameters=1, trainable=1,
        loss=[(1, 1.0)], evidence=evidence,
    )  # fmt: skip
    write(record, row.path(seed))
    for name, content in exhibits.items():
        path = exhibits_home() / artifacts.exhibit_path(row.name, row.scale, name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(row.whose(seed, "t", artifacts.TopTen(())) | content))


def ranks(hits: np.ndarray, gallery: int) -> Ranks:
    place = np.where(hits, 1, gallery)
    return Ranks(place, place, np.arange(len(hits) + 1), gallery)


@pytest.fixture
def page(home) -> Page:
    """Two seeds of five rows of SCAN and of two of MAC, with exhibits in which a score's name tells its numbers."""
    page = Page.of(paper="alignment", scale="smoke", seeds=[0, 1])
    rng = np.random.default_rng(0)
    for name, level in LEVEL.items():
        row = page.experiments[f"alignment/coco/{name}"]
        for seed in (0, 1):
            text = [each[0].lower().replace(",", "").replace(".", "").split() for each in world_captions(seed)[:2]]
            captions = [
                {
                    "query": 5 * i, "image": i, "words": said, "weights": [[level, 1 - level]] * len(said),
                    "boxes": [[0.1, 0.1, 0.4, 0.4], [0, 0, 1, 1]], "top": [i, 2, 3, 4, 5], "scores": [0.5] * 5,
                    "rank": 1.0,
                }
                for i, said in enumerate(text)
            ]  # fmt: skip
            images = [
                {
                    "image": i, "box": [0.1, 0.1, 0.4, 0.4],
                    "captions": [{"caption": 0, "own": i == 0, "words": ["<b>red", "cube"], "weights": [0.1, 0.9]}],
                }
                for i in range(2)
            ]  # fmt: skip
            shape = {"query": [0, 1], "share": [level] * 2, "own": [level, level + 0.1], "mask": [-level, None]}
            evidence = {
                "text_to_image": ranks(rng.random(5 * IMAGES) < level, IMAGES),
                "image_to_text": ranks(rng.random(IMAGES) < level, 5 * IMAGES),
            }
            named = {"values": {"shape": shape}}
            leave(row, seed, evidence, named=named, captions={"captions": captions}, images={"images": images})
    for name, given in (("scaled", "yes"), ("biased_star", "no")):
        row = page.experiments[f"alignment/clevr/{name}"]
        steps = {
            "question": 0, "image": 1, "words": ["is", "it", "red"], "to_words": [[0.1, 0.2, 0.7]] * 2,
            "to_regions": [[0.9, 0.1]] * 2, "boxes": [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], "given": given,
            "stated": "yes",
        }  # fmt: skip
        alike = steps | {"words": ["is", "it", "blue"], "given": "yes"}
        answers = Answers(("yes", given), np.array([1.0, float(given == "yes")]))
        leave(row, 0, dict.fromkeys(("clevr", *reasoning.KINDS), answers), steps={"questions": [alike, steps]})
    return page


def world_captions(seed: int) -> list:
    return world(replace(DATASETS["coco"].sizes["smoke"], seed=seed), "test", STREAMS["coco"])[1]


def test_the_noise_floor_is_the_spread_of_the_three_equal_rows(page):
    shown = matching_figures.noise_floor(page, "coco", "N")._repr_html_()
    assert (
        "three equal rows" in shown and "3.5" in shown
    )  # reported R@1, sentences: 61.4, 59.7, 59.3 span 2.1; image .3
    assert "2.1" in shown


def test_groups_of_captions_are_counted_from_the_captions_themselves(page):
    row = page.experiments["alignment/coco/scaled"]
    captions = world_captions(0) + world_captions(1)
    by_caption = matching_figures.groups(
        row, "coco", "text_to_image", (0, 1), matching_figures.number_of_nouns, by_caption=True
    )
    assert sum(each.count for each in by_caption) == sum(map(len, captions)) == 10 * IMAGES
    by_image = matching_figures.groups(
        row, "coco", "image_to_text", (0, 1), matching_figures.number_of_nouns, by_caption=True
    )
    assert sum(each.count for each in by_image) == 2 * IMAGES
    for each in by_image:
        for seed, rows in each.rows.items():
            assert all(max(map(matching_figures.nouns, world_captions(seed)[i])) == int(each.name) for i in rows)
    reds = next(
        each for each in matching_figures.groups(
            row, "coco", "text_to_image", (0,), matching_figures.colours_shown, by_caption=False
        ) if each.name == "red"
    )  # fmt: skip
    assert reds.rows[0] == [
        5 * i + k for i, mine in enumerate(world_captions(0)) if any(" red " in one for one in mine) for k in range(5)
    ]


def test_nouns_are_counted_as_words():
    assert matching_figures.nouns("two cubes and a red thing on the floor, with a sphere.") == 3


def test_pages_draw_what_is_there(page):
    for shown, text in (
        (matching_figures.by_nouns(page, "coco", "F"), "nouns"),
        (matching_figures.by_colour(page, "coco", "F"), "colours"),
        (alignment_figures.named_shares(page, "F"), "uniform attention"),
        (alignment_figures.caption_maps(page, "coco", "F"), "regions"),
        (alignment_figures.thinking_steps(page, "F"), "is it red?"),
    ):
        assert text in shown.caption and "<img" in shown._repr_html_()
    marked = alignment_figures.marked_captions(page, "coco", "F")._repr_html_()
    assert "&lt;b&gt;red" in marked and "<b>red" not in marked and "✓" in marked and "✗" in marked and "<rect" in marked


def test_questions_that_two_rows_answer_differently_come_first_and_each_once(page):
    asked = [alignment_figures.thinking_steps(page, "F", example).caption[:20] for example in range(3)]
    assert "is it red?" in asked[0] and "is it blue?" in asked[1] and asked[2] == asked[0]


def test_attention_is_compared_seed_by_seed(page):
    records = {
        f"alignment/coco/{name}": page._records(f"alignment/coco/{name}", "smoke") for name in ("scaled", "biased_star")
    }
    gain = AttentionGain("alignment/coco/scaled", "alignment/coco/biased_star", "shape")(records)
    assert gain.mean == pytest.approx(0.3) and gain.seeds == 2
    alone = {name: runs[:1] for name, runs in records.items()}
    assert AttentionGain("alignment/coco/scaled", "alignment/coco/biased_star", "shape")(alone) is None


def test_every_claim_is_of_tests_and_exhibits_that_its_rows_have():
    rows = Page.of(paper="alignment", scale="cpu").experiments
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        for name in claim.quantity.needs:
            row = rows[name]
            test = getattr(claim.quantity, "test", None)
            names = {each.name for kept in row.exhibits.values() for each in kept}
            assert test in row.tests if test else claim.quantity.exhibit in names
    assert {claim.quantity.test for claim in CLAIMS if hasattr(claim.quantity, "test")} >= set(FORMS)


def test_the_explorer_of_captions_shows_every_score_and_answers_no_one_without_weights(page):
    shown = scan_explorer(page, "coco")
    assert isinstance(shown, AttentionExplorer) and list(shown.models) == [
        "cosine similarity", "dot product", "scaled dot product", "biased general*", "biased general*, released layout",
    ]  # fmt: skip
    assert shown.items[0]["tokens"] == shown.items[0]["text"] and not shown.live
    assert shown.token == next(
        i for i, word in enumerate(shown.items[0]["text"]) if word in ("cube", "sphere", "cylinder")
    )
    assert "rank 1" in shown.fallback() and shown.twin().count("</script>") == 1
    assert isinstance(scan_explorer(page, "flickr30k"), Nothing)


def test_the_explorer_of_questions_shows_steps(page):
    shown = mac_explorer(page)
    assert shown.items[0]["tokens"] == ["step 1", "step 2"] and shown.models["biased general*"][0]["marks"]
    answers = [found[1]["answer"] for found in shown.models.values()]
    assert answers == ["Answer: yes (right)", "Answer: no (right: yes)"]
