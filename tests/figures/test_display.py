"""Displays: number, caption, card; what is refused."""

import pytest
from matplotlib.figure import Figure
from toys import EXPERIMENT

from cirkit.experiments import records
from cirkit.figures.display import Display, bibtex, card, stamp


def drawn():
    figure = Figure()
    figure.subplots().plot([1, 2])
    return figure


def run(seed, seconds=30.0):
    facts = dict(name=EXPERIMENT.name, paper="maaf", scale="smoke", basis="world", fingerprint="f", code="c")
    facts |= dict(declared={}, where={"device": "<cpu>"}, parameters=1, trainable=1, loss=[], evidence={})
    return records.Record(seed=seed, seconds={"train": seconds, "test": 30.0}, **facts)


def test_a_figure_is_an_image_with_its_number_caption_and_words_for_who_cannot_see_it():
    shown = Display(drawn(), "Figure 1", "A <line>.", alt='Up & "away".')._repr_html_()
    assert "<strong>Figure 1.</strong> A &lt;line&gt;." in shown
    assert 'alt="Up &amp; &quot;away&quot;."' in shown and 'src="data:image/svg+xml;base64,' in shown
    assert shown == Display(drawn(), "Figure 1", "A <line>.", alt='Up & "away".')._repr_html_()  # the same bytes


def test_an_empty_figure_or_panel_is_refused():
    figure = Figure()
    figure.subplots(1, 2)[0].plot([1])
    with pytest.raises(ValueError, match="1 empty of 2 panels"):
        Display(figure, "Figure 3", "", alt="Lines.")
    with pytest.raises(ValueError, match="Figure 3 has 0 empty of 0 panels"):
        Display(Figure(), "Figure 3", "", alt="Nothing.")


def test_a_figure_without_alternative_text_is_refused():
    with pytest.raises(ValueError, match="no alternative text"):
        Display(drawn(), "Figure 3", "")


def test_a_card_names_records_seconds_commands_and_the_citation(monkeypatch):
    monkeypatch.setattr(records, "done", lambda experiment: [run(0), run(1, 90.0), run(4)])
    shown = card([EXPERIMENT])
    assert f"toy/mean ({EXPERIMENT.fingerprint[:8]}, seeds 0-1, 4)" in shown and "80 a run" in shown
    assert "cirkit run toy/mean --scale smoke" in shown and "cirkit verify --quick" in shown
    assert "&lt;cpu&gt;" in shown and "@misc{maaf," in shown
    assert stamp([EXPERIMENT]) == "world · smoke · 3 seeds"
    monkeypatch.setattr(records, "done", lambda experiment: [])
    assert card([EXPERIMENT]) == "" and stamp([EXPERIMENT]) == ""


def test_what_is_no_paper_is_cited_as_this_project():
    assert bibtex("maaf").startswith("@misc{maaf,") and bibtex("photos").startswith("@misc{cirkit,")
