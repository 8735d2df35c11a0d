"""The explorer of paintings: what it shows of exhibits, and generators of the smoke scale behind it."""

import json

import numpy as np
import pytest
import torch

from cirkit.evaluators.evidence import Samples
from cirkit.examples import at_seed
from cirkit.experiments import artifacts
from cirkit.experiments.artifacts import pack, unpack
from cirkit.experiments.experiment import exhibits_home
from cirkit.experiments.page import Page
from cirkit.experiments.records import Record, write
from cirkit.experiments.run import run
from cirkit.experiments.trainings import load
from cirkit.explorers.painter import PainterExplorer
from cirkit.explorers.retrieval import Nothing
from cirkit.models.damsm import to_images
from cirkit.papers.alignment.painting_exhibits import PaintedExamples, jpeg, line_of
from cirkit.papers.alignment.painting_explorer import SIDE, painting_explorer, small


def leave(row, captions) -> None:
    """The exhibit of a row's first seed."""
    path = exhibits_home() / artifacts.exhibit_path(row.name, row.scale, "painted", row.seeds[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    exhibit = PaintedExamples()
    path.write_text(json.dumps(row.whose(row.seeds[0], "captions", exhibit) | {"captions": captions}))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Dot product, which has its weights, and activated general with a sigmoid, which has not; by FID the better."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("painter") / "data"
        patch.setenv("CIRKIT_DATA", str(home))
        patch.setenv("CIRKIT_RECORDS", str(home / "records"))
        page = Page.of(paper="alignment", scale="smoke")
        dot, sigmoid = (page.experiment(f"alignment/cub/{name}") for name in ("dot", "activated_sigmoid"))
        run(dot, 0)
        model = load(dot.weights(0), dot.training)
        prompts = at_seed(dot.tests["captions"].data, 0)()
        captions = PaintedExamples(captions=3)(model, prompts, lambda: None)["captions"]
        leave(dot, captions)
        better = Samples(np.tile(np.random.default_rng(0).normal(size=(20, 3)), (1, 2)))
        record = Record(
            name=sigmoid.name, paper="alignment", scale="smoke", basis="world", seed=0, code="",
            fingerprint=sigmoid.fingerprint, declared=sigmoid.declared(), where={"device": "cpu"},
            seconds={"train": 1.0}, parameters=1, trainable=1, loss=[(1, 1.0)], evidence={"features": better},
        )  # fmt: skip
        write(record, sigmoid.path(0))
        leave(sigmoid, captions)
        yield page


def test_every_row_with_an_exhibit_is_there_and_the_lowest_distance_is_shown_first(page):
    shown = painting_explorer(page)
    assert isinstance(shown, PainterExplorer)
    assert [*shown.models] == ["dot product", "activated general, sigmoid"]
    assert shown.model == "activated general, sigmoid" and shown.live == ["dot product"]
    assert len(shown.captions) == 3 and all(len(found) == 3 for found in shown.models.values())
    one = shown.models["dot product"][1]
    assert len(one["images"]) == 2 and all(url.startswith("data:image/jpeg;base64,") for url in one["images"])
    assert one["stages"][0]["maps"]["shape"] == [len(one["stages"][0]["first"]), 16, 16]
    assert shown.word == shown.models[shown.model][0]["stages"][0]["first"][0]
    assert shown.twin().count("</script>") == 1 and shown.fallback().count("<tr>") == 3


def test_a_generator_paints_the_reader_s_caption_from_the_noise_of_a_number(page):
    shown, sent = painting_explorer(page), []
    shown.send = sent.append
    row = page.experiment("alignment/cub/dot")
    model = load(row.weights(0), row.training)
    known = next(iter(model.damsm.text.vocabulary.number))
    text = f"{known} <b>long</b> zorblax."
    for noise in (0, 1, 0):
        shown._receive(None, {"id": "1", "model": "dot product", "text": text, "noise": noise})
    first, other, again = sent
    assert first["kind"] == "answer" and first == again and first["found"]["images"] != other["found"]["images"]
    noise = model.draw(1, torch.Generator().manual_seed(1))
    assert other["found"]["images"][-1] == f"data:image/jpeg;base64,{jpeg(model.paint([text], noise)[0])}"
    (maps,) = model.attention([text], noise)
    stage = other["found"]["stages"][0]
    assert stage["weights"] == pytest.approx(maps[0].mean((1, 2)).tolist(), abs=1e-4)
    np.testing.assert_allclose(unpack(stage["maps"]), maps[0, stage["first"]], atol=stage["maps"]["step"])
    assert first["caption"]["words"] == [known, "blongb", "zorblax"]
    assert "“zorblax.”" in first["note"] and f"“{known}”" not in first["note"]
    json.dumps(sent)


@pytest.mark.parametrize("text", ["...", "красная птица", "?!"])
def test_a_caption_without_a_word_that_can_be_read_is_a_sentence(page, text):
    shown, sent = painting_explorer(page), []
    shown.send = sent.append
    shown._receive(None, {"id": "1", "model": "dot product", "text": text, "noise": 0})
    assert sent[0]["kind"] == "problem" and "no word of plain letters" in sent[0]["text"]


def test_a_row_without_weights_says_whose_are_here(page):
    shown, sent = painting_explorer(page), []
    shown.send = sent.append
    shown._receive(None, {"id": "1", "model": "activated general, sigmoid", "text": "red", "noise": 0})
    assert "Choose one of: dot product" in sent[0]["text"]


def test_an_exhibit_of_other_captions_is_left_out(page):
    row = page.experiment("alignment/cub/activated_sigmoid")
    path = exhibits_home() / artifacts.exhibit_path(row.name, row.scale, "painted", 0)
    before = path.read_text()
    path.write_text(before.replace('"text": "', '"text": "another '))
    assert [*painting_explorer(page).models] == ["dot product"]
    path.write_text(before)


def test_without_an_exhibit_there_is_a_sentence(home):
    shown = painting_explorer(Page.of(paper="alignment", scale="smoke"))
    assert isinstance(shown, Nothing) and "Nothing to explore yet" in shown._repr_html_()


def test_large_maps_are_averaged_over_squares_and_small_ones_stay():
    maps = np.random.default_rng(0).random((2, 2 * SIDE, 2 * SIDE))
    packed = pack(maps)
    found = unpack(small(packed))
    assert found.shape == (2, SIDE, SIDE)
    expected = (maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]) / 4
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert small(pack(maps[:, :SIDE, :SIDE])) == pack(maps[:, :SIDE, :SIDE])


def test_a_line_of_the_exhibit_is_what_one_caption_alone_gives(page):
    row = page.experiment("alignment/cub/dot")
    model = load(row.weights(0), row.training)
    prompts = at_seed(row.tests["captions"].data, 0)()
    (kept,) = PaintedExamples(captions=1)(model, prompts, lambda: None)["captions"]
    with torch.no_grad():
        painting = model([kept["text"]], model.draw(1, torch.Generator().manual_seed(0)))
    assert kept == {"prompt": kept["prompt"]} | line_of(kept["text"], painting)
    assert kept["images"][0] == jpeg(to_images(painting.images[0])[0])
