"""The retrieval explorer: its state, its static twin, and what it refuses."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toys import EVIL, answer, explorer

from cirkit.benchmarks import fashioniq
from cirkit.errors import Problem
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.page import Page
from cirkit.explorers.retrieval import Nothing, data_url, median_query
from cirkit.explorers.twin import script_json
from cirkit.papers.maaf.explorers import css_explorer, fashioniq_explorer
from cirkit.papers.maaf.fashioniq import SIZES
from cirkit.worlds.css import CSS
from cirkit.worlds.fashioniq import FASHIONIQ


def test_the_twin_cannot_be_broken_out_of():
    page = explorer().twin()
    assert page.count("</script>") == 1 and page.endswith("</script>")
    assert "<img src=x" not in page and "\u2028" not in page.split("<script", 1)[1]
    state = json.loads(re.search(r"^const state = (.*);$", page, re.M).group(1))
    assert state["queries"][0]["text"] == EVIL


def test_the_twin_asks_nothing_of_the_network():
    page = explorer().twin()
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttp|@import|url\(", page.replace("createObjectURL(", ""))


def test_one_bundle_serves_the_notebook_and_the_static_page():
    shown = explorer()
    bundle = shown._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert 'class="cir-viewer"' in data["text/html"]


def test_two_explorers_on_one_page_do_not_share_a_name():
    shown = explorer()
    names = [re.search(r'id="([^"]+)"', shown.twin()).group(1) for _ in range(2)]
    assert names[0] != names[1]


def test_the_page_without_javascript_shows_the_default_query_marked():
    page = explorer(query=1).fallback()
    assert "add a cube" in page and page.count("✓") == 4 and page.count("<tr>") == 2
    assert "<script" not in explorer(query=0).fallback() and "&lt;/script&gt;" in explorer(query=0).fallback()


def test_the_query_shown_first_is_the_median_one():
    models = {"m": [{"rank": r} for r in (1, 2, 8)], "image": [{"rank": 8}] * 3, "text": [{"rank": 9}] * 3}
    assert median_query(models, "m", ["image", "text"]) == 1
    assert explorer(query=None).query in (0, 1)


def test_an_image_comes_back_from_its_address():
    picture = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    kind, content = data_url(picture).split(",")
    assert kind == "data:image/webp;base64"
    back = np.array(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    assert np.array_equal(back, picture.permute(1, 2, 0).numpy())


def test_a_large_image_becomes_a_thumbnail():
    content = data_url(torch.zeros(3, 200, 100, dtype=torch.uint8)).split(",")[1]
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (48, 96)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"queries": []}, "nothing to show"),
        ({"beside": ["MAAF", "image only"]}, "nothing to show"),
        ({"models": {"MAAF": []}}, "MAAF answers 0 of 2"),
        ({"images": {0: "data:,"}}, "no image for gallery row 1"),
    ],
)
def test_an_incomplete_explorer_is_a_problem(changes, message):
    with pytest.raises(Problem, match=message):
        explorer(**changes)


def test_json_in_a_script_is_still_that_json():
    assert json.loads(script_json({"a": EVIL})) == {"a": EVIL}


def page(tops, scale="smoke"):
    """A page whose experiments keep top tens; `tops` are what runs would have left: texts and gallery rows by name."""
    out = Page.of(paper="maaf", scale=scale)
    for each in list(out.experiments.values()):
        experiment = replace(each, exhibits={next(iter(each.tests)): (TopTen((0,)),)})
        out.experiments[each.name] = experiment
        if each.name not in tops:
            continue
        texts, rows = tops[each.name]
        queries = [
            {"query": i, "text": text, "reference": rows[0], "relevant": [rows[1]]} for i, text in enumerate(texts)
        ]
        queries = [query | answer(list(rows[1:]), 1.0) for query in queries]
        content = {"experiment": each.name, "fingerprint": each.fingerprint, "queries": queries}
        (path,) = experiment.keeps(experiment.seeds[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return out


def test_fashioniq_is_explored_with_the_gallerys_own_images(home):
    texts = ["is red inadditiontothat is longer", "is blue"]
    gallery = fashioniq.test(FASHIONIQ.folder(SIZES["smoke"])).gallery
    rows = (0, 13, 14, 30, 41)  # of three categories with 14 images each
    assert isinstance(fashioniq_explorer(page({})), Nothing)
    shown = fashioniq_explorer(page(dict.fromkeys(("maaf/fashioniq/tirg", "maaf/fashioniq/image_only"), (texts, rows))))
    assert list(shown.models) == ["TIRG", "Image only"] and shown.beside == ["Image only"]
    assert [query["text"] for query in shown.queries] == ["is red + is longer", "is blue"]
    for row, image in zip(rows, gallery[torch.tensor(rows)], strict=True):
        assert shown.images[str(row)] == data_url(image)
    assert set(shown.images) == {str(row) for row in rows} and not shown.live


def test_rows_that_answered_other_queries_are_left_out(home):
    tops = {
        "maaf/css/tirg": (["add a cube"], (0, 1, 2)),
        "maaf/css/maaf_softmax": (["add a sphere"], (0, 1, 2)),
        "maaf/css/maaf_identity": (["add a cube"], (0, 2, 1)),
    }
    shown = css_explorer(page(tops))
    assert list(shown.models) == ["TIRG", "MAAF, identity"] and shown.model == "MAAF, identity"
    image = CSS.images(CSS.sizes["smoke"], "test", [2])[0]
    assert shown.images["2"] == data_url(image)
