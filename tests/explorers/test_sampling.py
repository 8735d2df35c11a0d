"""The sampling explorer: its grid, its static twin, what it refuses, and a model that answers behind it."""

import json
import re
from functools import partial

import pytest
import torch
from toys import EVIL, TinyClip, numbered

from cirkit.errors import Problem
from cirkit.explorers.grid import Axes, box_of, mask_of, median_gap
from cirkit.explorers.live import LiveModel
from cirkit.explorers.sampling import SamplingExplorer
from cirkit.models.compodiff import CompoDiff, sampled
from cirkit.models.denoiser import Denoiser
from cirkit.query import Benchmark, Query

AXES = Axes(image=(1.0, 1.5), text=(1.0, 7.5), calls=(1, 10))
CELLS = AXES.cells()


def explorer(**changes) -> SamplingExplorer:
    """Two queries over four images; told, the first one's target is at rank 1, else at rank 3."""
    settings = {
        "axes": AXES,
        "queries": [
            {"text": EVIL, "avoid": "a cone", "box": None, "reference": 0, "relevant": [1]},
            {"text": "change it", "avoid": None, "box": [0.0, 0.25, 0.5, 1.0], "reference": 2, "relevant": [3, 1]},
        ],
        "top": [[[1, 2] if cell[3] else [2, 1] for cell in CELLS], [[3, 0] for _ in CELLS]],
        "rank": [[1.0 if cell[3] else 3.0 for cell in CELLS], [1.0 for _ in CELLS]],
        "images": {row: torch.full((3, 8, 8), 60 * row, dtype=torch.uint8) for row in range(4)},
    }
    return SamplingExplorer(**(settings | changes))


def model() -> CompoDiff:
    torch.manual_seed(0)
    denoiser = partial(Denoiser, blocks=1, heads=2, cross_heads=2, head_width=4, widening=2)
    return CompoDiff([], clip=TinyClip, denoiser=denoiser).eval()


def behind() -> LiveModel:
    gallery = 60 * numbered(4)
    query = Query(image=gallery[:1], text=["red"])
    return LiveModel(model(), Benchmark(name="t", query=query, gallery=gallery, relevant=[[1]], excluded=[[0]]))


def ask(shown, monkeypatch, **changes) -> dict:
    """The message that the module gets."""
    messages = []
    monkeypatch.setattr(shown, "send", messages.append)
    asked = {"id": "1", "query": 0, "text": "red", "avoid": "", "box": None, "cell": [1, 1, 1, 1]} | changes
    shown._receive(shown, asked)
    return messages[-1]


def test_cells_lie_flat_as_the_module_counts_them():
    for at, (image, text, calls, told) in enumerate(CELLS):
        assert at == ((told * 2 + image) * 2 + text) * 2 + calls
    how = AXES.sampling((1, 1, 0, 0))
    assert (how.guidance.image, how.guidance.text, how.sampler.calls) == (1.5, 7.5, 1)
    assert AXES.usual(True) == (1, 1, 1, 1) and Axes().usual(False) == (1, 3, 2, 0)


def test_the_query_shown_first_is_the_median_one_at_the_papers_weights():
    gaps = [[2.0 if cell[3] else 2.0 * gap for cell in CELLS] for gap in (9, 1, 3)]
    assert median_gap(AXES, gaps) == 2
    shown = explorer()
    assert shown.query == 0 and shown.cell == [1, 1, 1, 1] and not shown.live


def test_the_twin_holds_the_grid_and_cannot_be_broken_out_of():
    page = explorer().twin()
    assert page.count("</script>") == 1 and "<img src=x" not in page
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["queries"][0]["text"] == EVIL and state["grid"]["calls"] == [1, 10] and "live" not in state
    assert [len(each) for each in state["top"]] == [16, 16]
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttp|@import|url\(", page.replace("createObjectURL(", ""))


def test_the_page_without_javascript_shows_the_condition_told_and_not():
    page = explorer().fallback()
    assert page.count("<tr>") == 2 and page.index("rank 1") < page.index("rank 3") and "&lt;/script&gt;" in page
    first, second = page.split("<tr>")[1:]
    assert first.index("✓") < first.index("gallery image") and second.index("gallery image") < second.index("✓")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"queries": []}, "nothing to show"),
        ({"rank": [[1.0]]}, "nothing to show"),
        ({"rank": [[1.0], [1.0]]}, "not all 16 cells"),
        ({"images": {0: "data:,", 1: "data:,", 3: "data:,"}}, "no image for gallery row 2"),
    ],
)
def test_an_incomplete_grid_is_a_problem(changes, says):
    with pytest.raises(Problem, match=says):
        explorer(**changes)


def test_the_model_answers_for_the_readers_texts_region_and_weights(monkeypatch):
    shown, live = explorer(behind=behind), behind()
    assert shown.live
    box = [0.0, 0.0, 0.5, 1.0]
    for changes in ({}, {"avoid": "blue"}, {"box": box}, {"cell": [0, 0, 0, 1]}):
        message = ask(shown, monkeypatch, **changes)
        cell, avoid = changes.get("cell", [1, 1, 1, 1]), changes.get("avoid")
        mask = mask_of(tuple(box), 2)[None] if "box" in changes else None
        query = Query(image=live.images([0]), text=["red"], avoid=[avoid] if avoid else None, mask=mask)
        how = sampled(AXES.sampling(cell))(live.model)
        scores = how.score(how.compose(query), live.gallery)[0]
        scores[0] = -torch.inf
        assert message["kind"] == "answer" and message["top"] == scores.sort(descending=True).indices[:2].tolist()
    assert "blue" in ask(shown, monkeypatch, avoid="blue")["note"] and set(message["images"]) == set(
        map(str, message["top"])
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"text": " "}, "no text"),
        ({"text": "a" * 301}, "more than 300"),
        ({"query": 2}, "sent no query"),
        ({"query": True}, "sent no query"),
        ({"cell": [0, 0, 2, 0]}, "sent no query"),
        ({"cell": [0, 0, 0]}, "sent no query"),
        ({"box": [0.5, 0.0, 0.5, 1.0]}, "sent no query"),
        ({"box": [0.0, 0.0, 0.5, 2.0]}, "sent no query"),
        ({"avoid": None}, "sent no query"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(monkeypatch, changes, says):
    message = ask(explorer(behind=behind), monkeypatch, **changes)
    assert message["kind"] == "problem" and says in message["text"]


def test_without_a_model_it_says_so(monkeypatch):
    assert "No model stands behind" in ask(explorer(), monkeypatch)["text"]


def test_boxes_and_masks():
    mask = mask_of((0.25, 0.0, 0.75, 0.5), 8)
    assert mask.sum() == 16 and box_of(mask) == (0.25, 0.0, 0.75, 0.5)
    assert mask_of((0.99, 0.99, 1.0, 1.0), 8).sum() == 1 and box_of(torch.zeros(4, 4, dtype=torch.bool)) is None


def test_the_parts_of_a_query_that_are_sent_are_those_that_are_shown():
    shown = explorer(queries=[dict(each, secret=1) for each in explorer().queries])
    assert all(set(each) == {"text", "avoid", "box", "reference", "relevant"} for each in shown.queries)
