"""Claims as a table: what stands first, what is linked, what is escaped."""

import re

import pytest

from cirkit.experiments import registry
from cirkit.figures.claims import claim_pages, claims_table

ROW = {
    "id": "maaf-1", "paper": "maaf", "where": "Table 1", "says": "MAAF > TIRG & more.", "reported": "+14.1",
    "verdict": "holds", "mean": 20.7, "low": 18.1, "high": 23.3, "p": 0.0002, "holm": 0.0108,
    "bh": 0.0272, "unit": "points",
    "basis": "world", "scale": "cpu", "seeds": 3,
}  # fmt: skip
NO = dict.fromkeys(("mean", "low", "high", "p", "holm", "bh"))
UNTESTED = ROW | NO | {"id": "maaf-2", "verdict": "untested", "seeds": 0}


def cells(display):
    lines = re.findall(r"<tr data-verdict.*?</tr>", display.content)
    return [re.findall(r"<td.*?>(.*?)</td>", line) for line in lines]


def test_verdict_and_number_stand_first_in_letters_and_points():
    tested, untested = cells(claims_table([ROW, UNTESTED]))
    assert tested[0] == '<span class="verdict holds"><b>H</b>holds</span>'
    assert "20.7 [+18.1, +23.3] points" in tested[1] and untested[1] == ""
    assert "MAAF &gt; TIRG &amp; more." in tested[2] and "maaf-1" in tested[2]


def test_what_all_rows_share_is_in_the_caption_and_what_they_do_not_in_the_rows():
    display = claims_table([ROW, UNTESTED])
    assert "All from world · cpu · 3 seeds." in display.caption and "cpu" not in display.content
    display = claims_table([ROW, ROW | {"scale": "gpu"}])
    assert [("cpu" in line[1], "gpu" in line[1]) for line in cells(display)] == [(True, False), (False, True)]


def test_a_page_without_claims_says_so():
    assert "No claim" in claims_table([])._repr_html_()


def test_the_margin_stands_in_the_claims_row():
    assert "margin 1" in cells(claims_table([ROW | {"margin": 1.0}]))[0][1]


def test_p_and_its_adjustments_stand_below_the_number():
    tested, untested = cells(claims_table([ROW, UNTESTED]))
    assert "<small>p &lt; 0.001<br>Holm 0.011; BH 0.027</small>" in tested[1] and untested[1] == ""


def test_a_verdict_that_no_correction_would_leave_carries_a_letter_and_its_meaning():
    alone = claims_table([ROW, ROW | {"holm": 0.0501}])
    plain, lettered = cells(alone)
    assert plain[0].endswith("</span>") and lettered[0].endswith("</span>ᵃ")
    assert "ᵃ stands alone" in alone.caption and "p above 5 %" in alone.caption
    for row in (ROW, ROW | {"holm": 0.05}, ROW | {"verdict": "open", "holm": 1.0}, UNTESTED):
        without = claims_table([row])
        assert "ᵃ" not in without.content + without.caption


def test_links_and_the_filter_are_there_when_asked_for():
    assert "<a " not in claims_table([ROW]).content and "<script" not in claims_table([ROW]).content
    display = claims_table([ROW], linked=True)
    assert '<a href="maaf/table_1_css.html">Table 1</a>' in display.content
    assert not re.search(r"https?://", display._repr_html_())


@pytest.mark.parametrize("claim", registry.claims(), ids=lambda claim: claim.id)
def test_every_claim_is_shown_on_a_page(claim):
    assert (claim.paper, claim.where) in claim_pages()
