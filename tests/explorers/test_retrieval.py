"""The retrieval explorer: its state, its static twin, and what it refuses."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import fashioniq
from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.experiments.experiment import exhibits_home
from cirkit.explorers.retrieval import Nothing, RetrievalExplorer, data_url, telling
from cirkit.explorers.twin import script_json
from cirkit.papers.maaf.explorers import css_explorer, fashioniq_explorer
from cirkit.papers.maaf.fashioniq import SIZES
from cirkit.worlds.css import CSS
from cirkit.worlds.fashioniq import FASHIONIQ

EVIL = "</script><img src=x onerror=alert(1)> & \u2028 'make' it"


def made(**changes):
    """Two questions over four pictures, one model and one row beside it."""
    settings = {
        "queries": [
            {"text": EVIL, "reference": 0, "relevant": [1]},
            {"text": "add a cube", "reference": 2, "relevant": [3, 1]},
        ],
        "models": {
            "MAAF": [answer([1, 2, 3], 1.0), answer([3, 1, 0], 1.0)],
            "image only": [answer([2, 3, 1], 3.0), answer([0, 1, 3], 2.0)],
        },
        "pictures": {row: torch.full((3, 8, 8), 60 * row, dtype=torch.uint8) for row in range(4)},
        "beside": ["image only"],
    }
    return RetrievalExplorer(**(settings | changes))


def answer(top, rank):
    return {"top": top, "scores": [0.9, 0.5, 0.1], "rank": rank}


def test_the_twin_cannot_be_broken_out_of():
    page = made().twin()
    assert page.count("</script>") == 1 and page.endswith("</script>")
    assert "<img src=x" not in page and "\u2028" not in page.split("<script", 1)[1]
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["queries"][0]["text"] == EVIL


def test_the_twin_asks_nothing_of_the_network():
    page = made().twin()
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttp|@import|url\(", page.replace("createObjectURL(", ""))


def test_one_bundle_serves_the_notebook_and_the_static_page():
    explorer = made()
    bundle = explorer._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert 'class="cir-viewer"' in data["text/html"]


def test_two_explorers_on_one_page_do_not_share_a_name():
    explorer = made()
    names = [re.search(r'id="([^"]+)"', explorer.twin()).group(1) for _ in range(2)]
    assert names[0] != names[1]


def test_the_page_without_javascript_shows_the_default_question_marked():
    page = made(query=1).fallback()
    assert "add a cube" in page and page.count("✓") == 4 and page.count("<tr>") == 2
    assert "<script" not in made(query=0).fallback() and "&lt;/script&gt;" in made(query=0).fallback()


def test_the_question_shown_first_is_the_median_one():
    models = {"m": [{"rank": r} for r in (1, 2, 8)], "image": [{"rank": 8}] * 3, "text": [{"rank": 9}] * 3}
    assert telling(models, "m", ["image", "text"]) == 1
    assert made(query=None).query in (0, 1)


def test_a_picture_comes_back_from_its_address():
    picture = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    kind, content = data_url(picture).split(",")
    assert kind == "data:image/webp;base64"
    back = np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    assert np.array_equal(back, picture.permute(1, 2, 0).numpy())


def test_a_large_picture_becomes_a_thumbnail():
    content = data_url(torch.zeros(3, 200, 100, dtype=torch.uint8)).split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (48, 96)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queries": []}, "nothing to show"),
        ({"beside": ["MAAF", "image only"]}, "nothing to show"),
        ({"models": {"MAAF": []}}, "MAAF answers 0 of 2"),
        ({"pictures": {0: "data:,"}}, "no picture for gallery row 1"),
    ],
)
def test_an_incomplete_explorer_is_a_problem(changes, message):
    with pytest.raises(Problem, match=message):
        made(**changes)


def test_json_in_a_script_is_still_that_json():
    assert json.loads(script_json({"a": EVIL})) == {"a": EVIL}


def top_ten(experiment, texts, rows):
    """The exhibit that a run of the experiment would have left; answers and references are gallery rows."""
    queries = [{"query": i, "text": text, "reference": rows[0], "relevant": [rows[1]]} for i, text in enumerate(texts)]
    queries = [query | answer(list(rows[1:]), 1.0) for query in queries]
    content = {"experiment": experiment.name, "fingerprint": experiment.fingerprint, "queries": queries}
    path = exhibits_home() / f"{experiment.name}-{experiment.scale}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_fashion_iq_is_explored_with_the_gallerys_own_pictures(home):
    texts = ["is red inadditiontothat is longer", "is blue"]
    gallery = fashioniq.test(FASHIONIQ.folder(SIZES["smoke"])).gallery
    rows = (0, 13, 14, 30, 41)  # of three categories with 14 pictures each
    assert isinstance(fashioniq_explorer("smoke"), Nothing)
    for label in ("TIRG", "Image only"):
        top_ten(registry.rows("maaf", "Table 3", "smoke")[label], texts, rows)
    explorer = fashioniq_explorer("smoke")
    assert list(explorer.models) == ["TIRG", "Image only"] and explorer.beside == ["Image only"]
    assert [query["text"] for query in explorer.queries] == ["is red + is longer", "is blue"]
    for row, picture in zip(rows, gallery[torch.tensor(rows)], strict=True):
        assert explorer.pictures[str(row)] == data_url(picture)
    assert set(explorer.pictures) == {str(row) for row in rows}


def test_rows_that_answered_other_questions_are_left_out(home):
    rows = registry.rows("maaf", "Table 1", "smoke")
    top_ten(rows["TIRG"], ["add a cube"], (0, 1, 2))
    top_ten(rows["MAAF, softmax"], ["add a sphere"], (0, 1, 2))
    top_ten(rows["MAAF, identity"], ["add a cube"], (0, 2, 1))
    explorer = css_explorer("smoke")
    assert list(explorer.models) == ["TIRG", "MAAF, identity"] and explorer.model == "MAAF, identity"
    picture = CSS.images(CSS.sizes["smoke"], "test", [2])[0]
    assert explorer.pictures["2"] == data_url(picture)
