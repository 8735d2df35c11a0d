"""Attention figures: what is on the axes against loops over the exhibit, and what is left out when there is none."""

from types import SimpleNamespace

import numpy as np
import pytest

from cirkit.experiments import artifacts, records, registry
from cirkit.experiments.artifacts import pack, unpack
from cirkit.experiments.experiment import exhibits_home
from cirkit.experiments.page import Page
from cirkit.papers.maaf import attention_figures
from cirkit.papers.maaf.part_attention import pairs
from cirkit.papers.maaf.word_attention import questions, standing
from cirkit.worlds import fashioniq
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.render import render
from cirkit.worlds.scene import PLACES, Scene

SIZE = Size(references=30, mods=30, image=32)
GARMENTS = fashioniq.Size(train=(2, 6), val=(6, 14), test=(2, 6), image=32)
SOFTMAX = "maaf/css/maaf_softmax"
RNG = np.random.default_rng(0)
COLUMNS = {  # one class with all controls, one without `mismatched_word`, one of which nothing is known
    "place": {
        "own": [-1.0, -0.5, 0.3],
        "mask": [0.5, None, 0.1],
        "word": [0.0, 0.0, 0.1],
        "mismatched_word": [1.0, 1.0, 1.0],
    },
    "verb": {"own": [0.1, 0.2], "mask": [0.0, 0.1], "word": [0.0, 0.0], "mismatched_word": [None, None]},
}


def shown(axes, number=-1):
    return np.asarray(axes.images[number].get_array())


@pytest.fixture
def page():
    """A page over today's configurations."""
    return Page(paper="maaf")


@pytest.fixture
def content(monkeypatch):
    """Sets the exhibit that a figure reads, and the size of the world behind it."""

    def put(content, size=SIZE):
        monkeypatch.setattr(attention_figures, "content_of", lambda experiment, exhibit: content)
        monkeypatch.setattr(attention_figures, "size_of", lambda experiment, exhibit: size)

    return put


def runs(experiment, *seeds):
    facts = dict(
        paper="maaf", code="c", declared={}, where={}, seconds={}, parameters=1, trainable=1, loss=[], evidence={}
    )
    facts |= dict(name=experiment.name, scale=experiment.scale, basis="world", fingerprint=experiment.fingerprint)
    return [records.Record(seed=seed, **facts) for seed in seeds]


@pytest.fixture
def softmax(home, monkeypatch):
    """MAAF with the softmax, two seeds; `keep` writes the exhibit of one."""
    experiment = registry.experiment("maaf/css/maaf_softmax", "cpu")
    found = runs(experiment, 0, 1)
    monkeypatch.setattr(records, "done", lambda each: found if each.name == experiment.name else [])

    def keep(seed, fingerprint=experiment.fingerprint, shift=0.0):
        values = {
            word: {"query": list(range(len(columns["own"])))}
            | {
                name: [None if x is None else x + shift * (name == "own") for x in column]
                for name, column in columns.items()
            }
            for word, columns in COLUMNS.items()
        }
        content = {"experiment": experiment.name, "fingerprint": fingerprint, "values": values}
        path = exhibits_home() / artifacts.exhibit_path(experiment.name, "cpu", "words", seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(artifacts.to_text(content))

    return SimpleNamespace(experiment=experiment, runs=found, keep=keep)


def test_a_ring_stands_on_the_thing_that_stands_there():
    points = attention_figures.middles(SIZE)
    for place in PLACES:
        owner = render([standing(Scene(()), place)], SIZE.image).owner[0]
        across, down = (int(share * SIZE.image) for share in points[place])
        assert owner[down, across] == 0
    assert points["top-left"][0] < points["top-right"][0] and points["top-left"][1] < points["bottom-left"][1]


def test_position_maps_are_in_multiples_of_uniform_attention(page, content):
    content({"grid": [2, 2], "places": {"top-right": {"count": 3, "map": [0.1, 0.3, 0.2, 0.2]}}})
    figure = attention_figures.position_maps(page, SOFTMAX, "Figure 3").content
    (axes,) = [axes for axes in figure.axes if axes.images]
    np.testing.assert_allclose(shown(axes), [[0.5, 1.5], [1.0, 1.0]])
    assert axes.get_xlabel() == "top-right\n0.50 to 1.50"
    others = [axes.texts[0].get_text() for axes in figure.axes if not axes.images]
    assert others == [f"{word}\nin no text" for word in PLACES if word != "top-right"]


def test_a_words_row_of_the_matrix_lies_over_the_image(page, content):
    weights = RNG.random((4 + 9 + 2, 4 + 9 + 2))
    kept = {"query": 1, "words": ["make", "red"], "grids": [[2, 2], [3, 3]], "weights": pack(weights)}
    content({"matrix": kept})
    whole, _, reference, *words = attention_figures.matrix(page, SOFTMAX, "Figure 4").content.axes  # 2nd: colour bar
    np.testing.assert_allclose(shown(whole), weights, atol=kept["weights"]["step"])
    assert [each.get_text() for each in whole.get_yticklabels()][2:] == ["make", "red"]
    image = CSS.images(SIZE, "test", [questions(SIZE)[1].row])[0]
    np.testing.assert_array_equal(shown(reference), image.permute(1, 2, 0))
    for axes, row in zip(words, unpack(kept["weights"])[-2:], strict=True):
        coarse = np.array([[row[4 + 3 * y + x] for x in range(3)] for y in range(3)])
        np.testing.assert_allclose(shown(axes), coarse / coarse.mean())
        assert axes.images[-1].norm(1.0) == 0.5  # white is uniform attention


def test_what_is_ignored_stands_over_the_same_without_attention(page, content):
    red, blue = ({key: pack(RNG.normal(size=(3, 4, 4))) for key in ("ignored", "present")} for _ in range(2))
    content({"colours": {"red": red, "blue": blue}})
    figure = attention_figures.ignored_images(page, SOFTMAX, ("red", "green", "blue"), "Figure 5").content
    above, below = figure.axes[:2], figure.axes[2:]
    for line, key in ((above, "ignored"), (below, "present")):
        most = max(np.abs(unpack(each[key])).max() for each in (red, blue))
        for axes, word in zip(line, (red, blue), strict=True):
            np.testing.assert_allclose(shown(axes), 0.5 + unpack(word[key]).transpose(1, 2, 0) / (2 * most))
    assert [axes.get_xlabel() for axes in below] == ["red", "blue"]  # no text says green


def test_every_head_is_shown_over_the_mean_of_its_words_images(page, content):
    maps = {about: RNG.random((2, 4)).tolist() for about in ("longer", "sleeves")}
    values = {"longer": {"query": [0, 2]}, "sleeves": {"query": [1]}}
    heads = {"longer": [0.25, -0.5], "sleeves": [0.0, 1.0]}
    content({"grid": [2, 2], "values": values, "heads": heads, "maps": maps}, GARMENTS)
    figure = attention_figures.head_maps(page, "maaf/fashioniq/maaf", ("longer", "sleeves"), "Figure 6").content
    panels = np.reshape(figure.axes[:4], (2, 2))
    assert [axes.get_xlabel() for axes in panels[:, 0]] == ["+0.25", "-0.50"]
    np.testing.assert_allclose(shown(panels[1, 1]).ravel(), maps["sleeves"][1])
    rows = [pairs(GARMENTS)[query].row for query in (0, 2)]
    mean = sum(fashioniq.images(GARMENTS, "val", [row])[0].double() for row in rows) / 2
    np.testing.assert_allclose(shown(panels[0, 0], 0), mean.mean(0), rtol=1e-6)


def test_categories_are_averaged_apart(page, content):
    content(None, GARMENTS)
    figure = attention_figures.category_means(page, "maaf/fashioniq/maaf", "Figure S1").content
    captions = ["dress,\nfirst 10", "dress,\nfirst 14", "shirt,\nfirst 10"]
    assert [axes.get_xlabel() for axes in figure.axes][:3] == captions
    shirts = fashioniq.images(GARMENTS, "val", range(14, 24)).double().mean(0)
    np.testing.assert_allclose(shown(figure.axes[2]), shirts.permute(1, 2, 0), atol=0.5)


def test_differences_are_means_over_queries_and_the_seeds_that_have_the_exhibit(softmax):
    assert attention_figures.measured(softmax.runs, "words", ("place",)) == {}
    softmax.keep(0)
    alone = attention_figures.measured(softmax.runs, "words", ("place",))
    assert alone["place", "elsewhere"].mean == pytest.approx((-1.0 - 0.5 + 0.3) / 3)  # seed 1 has none
    assert alone["place", "elsewhere"].seeds == 1
    softmax.keep(1, shift=0.2)
    found = attention_figures.measured(softmax.runs, "words", ("place", "verb", "size"))
    assert set(found) == {("place", than) for than in attention_figures.CONTROLS} | {
        ("verb", than) for than in ("elsewhere", "mask", "word")
    }
    assert found["place", "elsewhere"].mean == pytest.approx((-1.0 - 0.5 + 0.3) / 3 + 0.1)
    assert found["place", "mask"].mean == pytest.approx((-1.5 + 0.2) / 2 + 0.1)
    assert found["verb", "word"].mean == pytest.approx(0.15 + 0.1) and found["verb", "word"].seeds == 2


def test_a_panel_shows_what_was_measured_and_of_how_many_seeds(page, softmax):
    names = {"Softmax": SOFTMAX, "Identity": "maaf/css/maaf_identity"}
    softmax.keep(0, shift=-0.1)
    display = attention_figures.differences(page, names, "words", ("place", "verb"), "Figure 5.1")
    (axes,) = display.content.axes
    assert axes.get_title("left") == "Softmax (world · cpu · 1 seed of 2)"
    assert "No exhibit yet: Identity." in display.caption
    softmax.keep(1, shift=0.1)
    figure = attention_figures.differences(page, names, "words", ("place", "verb"), "Figure 5.1").content
    (axes,) = figure.axes
    assert axes.get_title("left") == "Softmax (world · cpu · 2 seeds)" and "uniform" in axes.get_xlabel()
    assert [each.get_text() for each in axes.get_yticklabels()] == ["position", "verb"]
    marks = {
        (line.get_label(), float(line.get_xdata()[0])) for line in axes.lines if line.get_label().startswith("minus")
    }
    assert len(marks) == 7
    assert sorted(x for label, x in marks if "elsewhere" in label) == pytest.approx([-0.4, 0.15])
    seeds = {tuple(np.round(line.get_xdata(), 6)) for line in axes.lines if line.get_marker() == "."}
    assert {(-0.5, -0.3), (0.05, 0.25)} <= seeds
    assert len(figure.legends[0].get_texts()) == 4  # each control once


def test_the_content_is_the_first_seeds_of_todays_configuration(softmax):
    assert attention_figures.content_of(softmax.experiment, "words") is None
    softmax.keep(1)
    assert attention_figures.content_of(softmax.experiment, "words") is None
    softmax.keep(0, fingerprint="older")
    assert attention_figures.content_of(softmax.experiment, "words") is None
    softmax.keep(0)
    assert attention_figures.content_of(softmax.experiment, "words")["values"]["verb"]["own"] == [0.1, 0.2]


@pytest.mark.parametrize(
    "figure",
    [
        lambda page: attention_figures.position_maps(page, SOFTMAX, "Figure 3"),
        lambda page: attention_figures.matrix(page, SOFTMAX, "Figure 4"),
        lambda page: attention_figures.ignored_images(page, SOFTMAX, ("red",), "Figure 5"),
        lambda page: attention_figures.head_maps(page, "maaf/fashioniq/maaf", ("longer",), "Figure 6"),
        lambda page: attention_figures.category_means(page, "maaf/fashioniq/maaf", "Figure S1"),
        lambda page: attention_figures.differences(page, {"Softmax": SOFTMAX}, "words", ("place",), "Figure 5.1"),
    ],
)
def test_a_missing_exhibit_is_said_with_the_next_step(page, content, softmax, figure):
    content(None, None)
    assert "cirkit run --missing" in figure(page)._repr_html_()


def test_the_size_is_that_of_the_exhibits_world():
    experiment = registry.experiment(SOFTMAX, "cpu")
    assert attention_figures.size_of(experiment, "maps") == CSS.sizes["cpu"]
    assert attention_figures.size_of(registry.experiment(SOFTMAX, "paper"), "maps") is None
