"""Attention, drawn: what is on the axes against loops over the exhibit, and what is left out when there is none."""

from types import SimpleNamespace

import numpy as np
import pytest

from cirkit.experiments import artifacts, records, registry
from cirkit.experiments.artifacts import packed, unpacked
from cirkit.experiments.experiment import exhibits_home
from cirkit.papers.maaf import attention_figures
from cirkit.papers.maaf.part_attention import pairs
from cirkit.papers.maaf.word_attention import questions, standing
from cirkit.worlds import fashioniq
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.render import render
from cirkit.worlds.scene import PLACES, Scene

SIZE = Size(references=30, mods=30, image=32)
GARMENTS = fashioniq.Size(train=(2, 6), val=(6, 14), test=(2, 6), image=32)
RNG = np.random.default_rng(0)
COLUMNS = {  # one class with all controls, one without `stranger`, one of which nothing is known
    "place": {"own": [-1.0, -0.5, 0.3], "mask": [0.5, None, 0.1], "word": [0.0, 0.0, 0.1], "stranger": [1.0, 1.0, 1.0]},
    "verb": {"own": [0.1, 0.2], "mask": [0.0, 0.1], "word": [0.0, 0.0], "stranger": [None, None]},
}


def shown(axes, number=-1):
    return np.asarray(axes.images[number].get_array())


def runs(experiment, *seeds):
    facts = dict(paper="maaf", code="c", declared={}, where={}, seconds={}, parameters=1, loss=[], ranks={})
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
        path = exhibits_home() / artifacts.place(experiment.name, "cpu", "words", seed)
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


def test_place_maps_are_in_multiples_of_an_even_spread():
    map = [0.1, 0.3, 0.2, 0.2]
    figure = attention_figures.place_maps({"grid": [2, 2], "places": {"top-right": {"count": 3, "map": map}}}, SIZE)
    drawn = {axes.get_xlabel().split("\n")[0]: axes for axes in figure.axes}
    assert list(drawn) == list(PLACES)
    np.testing.assert_allclose(shown(drawn["top-right"]), [[0.5, 1.5], [1.0, 1.0]])
    assert drawn["top-right"].get_xlabel().endswith("0.50 to 1.50")
    assert drawn["top-left"].get_xlabel().endswith("never said") and not drawn["top-left"].images


def test_a_words_row_of_the_matrix_lies_over_the_picture():
    weights = RNG.random((4 + 9 + 2, 4 + 9 + 2))
    kept = {"query": 1, "words": ["make", "red"], "grids": [[2, 2], [3, 3]], "weights": packed(weights)}
    figure = attention_figures.matrix({"matrix": kept}, SIZE)
    whole, _, reference, *words = figure.axes  # the second is the colour bar
    np.testing.assert_allclose(shown(whole), weights, atol=kept["weights"]["step"])
    assert [each.get_text() for each in whole.get_yticklabels()][2:] == ["make", "red"]
    picture = CSS.images(SIZE, "test", [questions(SIZE)[1].row])[0]
    np.testing.assert_array_equal(shown(reference), picture.permute(1, 2, 0))
    for axes, row in zip(words, unpacked(kept["weights"])[-2:], strict=True):
        coarse = np.array([[row[4 + 3 * y + x] for x in range(3)] for y in range(3)])
        np.testing.assert_allclose(shown(axes), coarse / coarse.mean())
        assert axes.images[-1].norm(1.0) == 0.5  # white is an even spread


def test_what_is_ignored_stands_over_the_same_without_attention():
    red, blue = ({key: packed(RNG.normal(size=(3, 4, 4))) for key in ("ignored", "present")} for _ in range(2))
    figure = attention_figures.ignored_pictures({"colours": {"red": red, "blue": blue}}, ("red", "green", "blue"))
    above, below = figure.axes[:3], figure.axes[3:]
    for line, key in ((above, "ignored"), (below, "present")):
        most = max(np.abs(unpacked(each[key])).max() for each in (red, blue))
        np.testing.assert_allclose(shown(line[0]), 0.5 + unpacked(red[key]).transpose(1, 2, 0) / (2 * most))
        assert not line[1].images  # nobody said green
    assert [axes.get_xlabel() for axes in below] == ["red", "green", "blue"]


def test_every_head_is_drawn_over_the_mean_of_its_words_pictures():
    content = {
        "grid": [2, 2],
        "values": {"longer": {"query": [0, 2]}, "sleeves": {"query": [1]}},
        "heads": {"longer": [0.25, -0.5], "sleeves": [0.0, 1.0]},
        "maps": {about: RNG.random((2, 4)).tolist() for about in ("longer", "sleeves")},
    }
    figure = attention_figures.head_maps(content, GARMENTS, ("longer", "sleeves"))
    panels = np.reshape(figure.axes[:4], (2, 2))
    assert [axes.get_xlabel() for axes in panels[:, 0]] == ["+0.25", "-0.50"]
    np.testing.assert_allclose(shown(panels[1, 1]).ravel(), content["maps"]["sleeves"][1])
    rows = [pairs(GARMENTS)[query].row for query in (0, 2)]
    mean = sum(fashioniq.images(GARMENTS, "val", [row])[0].double() for row in rows) / 2
    np.testing.assert_allclose(shown(panels[0, 0], 0), mean.mean(0), rtol=1e-6)


def test_categories_are_averaged_apart():
    figure = attention_figures.category_means(GARMENTS)
    captions = ["dress,\nfirst 10", "dress,\nfirst 14", "shirt,\nfirst 10"]
    assert [axes.get_xlabel() for axes in figure.axes][:3] == captions
    shirts = fashioniq.images(GARMENTS, "val", range(14, 24)).double().mean(0)
    np.testing.assert_allclose(shown(figure.axes[2]), shirts.permute(1, 2, 0), atol=0.5)


def test_differences_are_means_over_queries_and_seeds_that_have_the_control(softmax):
    softmax.keep(0)
    assert attention_figures.measured(softmax.runs, "words", ("place",)) == {}  # seed 1 has none
    softmax.keep(1, shift=0.2)
    found = attention_figures.measured(softmax.runs, "words", ("place", "verb", "size"))
    assert set(found) == {("place", than) for than in attention_figures.CONTROLS} | {
        ("verb", than) for than in ("elsewhere", "mask", "word")
    }
    assert found["place", "elsewhere"].mean == pytest.approx((-1.0 - 0.5 + 0.3) / 3 + 0.1)
    assert found["place", "mask"].mean == pytest.approx((-1.5 + 0.2) / 2 + 0.1)
    assert found["verb", "word"].mean == pytest.approx(0.15 + 0.1) and found["verb", "word"].seeds == 2


def test_a_panel_shows_what_was_measured_or_says_that_nothing_was(softmax):
    softmax.keep(0, shift=-0.1)
    softmax.keep(1, shift=0.1)
    identity = registry.experiment("maaf/css/maaf_identity", "cpu")
    experiments = {"Softmax": softmax.experiment, "Identity": identity}
    figure = attention_figures.differences(experiments, "words", ("place", "verb"))
    done, missing = figure.axes
    assert done.get_title("left") == "Softmax (world · cpu · 2 seeds)" and "even spread" in done.get_xlabel()
    marks = {
        (line.get_label(), float(line.get_xdata()[0])) for line in done.lines if line.get_label().startswith("less")
    }
    assert len(marks) == 7
    own = marks - {mark for mark in marks if "elsewhere" not in mark[0]}
    assert sorted(x for _, x in own) == pytest.approx([-0.4, 0.15])
    seeds = {tuple(np.round(line.get_xdata(), 6)) for line in done.lines if line.get_marker() == "."}
    assert {(-0.5, -0.3), (0.05, 0.25)} <= seeds
    assert [each.get_text() for each in missing.texts] == ["not run"]
    assert len(figure.legends[0].get_texts()) == 4  # each control once


def test_the_first_seed_of_todays_declaration_is_kept(softmax):
    assert attention_figures.kept(softmax.experiment, "words") is None
    softmax.keep(1)
    assert attention_figures.kept(softmax.experiment, "words") is None
    softmax.keep(0, fingerprint="older")
    assert attention_figures.kept(softmax.experiment, "words") is None
    softmax.keep(0)
    assert attention_figures.kept(softmax.experiment, "words")["values"]["verb"]["own"] == [0.1, 0.2]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: attention_figures.place_maps(None, SIZE),
        lambda: attention_figures.matrix(None, None),
        lambda: attention_figures.ignored_pictures(None, ("red",)),
        lambda: attention_figures.head_maps(None, GARMENTS, ("longer",)),
        lambda: attention_figures.category_means(None),
    ],
)
def test_a_missing_exhibit_is_said(draw):
    assert [each.get_text() for each in draw().texts] == ["not run"]
