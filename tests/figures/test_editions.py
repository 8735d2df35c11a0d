"""Then and now: what is listed, what is not, and what both editions say of it."""

import csv

import pytest

from cirkit.experiments import registry
from cirkit.experiments.claims import to_csv
from cirkit.figures import editions

ROW = {
    "id": "maaf-1", "paper": "maaf", "where": "Table 1", "says": "MAAF > TIRG.", "reported": "+14.1", "headline": True,
    "verdict": "holds", "mean": 20.686, "low": 17.4, "high": 23.6, "p": 0.0002, "holm": 0.01, "bh": 0.002,
    "unit": "points", "margin": None, "basis": "world", "scale": "cpu", "seeds": 5,
}  # fmt: skip
NONE = dict.fromkeys(("mean", "low", "high", "p", "holm", "bh"))
UNTESTED = ROW | NONE | {"id": "maaf-2", "verdict": "untested", "basis": "", "scale": "", "seeds": 0}


@pytest.fixture
def first(tmp_path, monkeypatch):
    """Writes the first edition, without the columns that it has not; today is what is given."""

    def write(then, now):
        path = tmp_path / "first.csv"
        rows = list(csv.DictReader(to_csv(then).splitlines()))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(
                file, [key for key in rows[0] if key not in ("p", "holm", "bh")], extrasaction="ignore"
            )
            writer.writeheader()
            writer.writerows(rows)
        monkeypatch.setattr(editions, "FIRST", path)
        monkeypatch.setattr(registry, "ledger", lambda: now)

    return write


def test_what_rests_on_the_same_runs_is_not_listed_though_resampled_anew(first):
    first([ROW, UNTESTED], [ROW | {"low": 17.39, "high": 23.7}, UNTESTED])
    assert editions.moved() == []


def test_a_claim_with_other_runs_shows_verdict_interval_and_source_of_both(first):
    now = ROW | {"verdict": "fails", "mean": -1.25, "low": -2.0, "high": -0.5, "scale": "gpu", "holm": 0.2}
    first([ROW, UNTESTED], [now, UNTESTED])
    (line,) = editions.moved()
    assert line == {
        "claim": "maaf-1, Table 1",
        "says": "MAAF > TIRG.",
        "first edition": "holds (+20.7 [+17.4, +23.6] points; world · cpu · 5 seeds)",
        "today": "failsᵃ (-1.2 [-2.0, -0.5] points; world · gpu · 5 seeds)",
    }


@pytest.mark.parametrize("change", [{"mean": 20.7}, {"seeds": 3}, {"scale": "gpu"}, {"basis": "photos"}])
def test_each_thing_that_another_run_changes_is_seen(first, change):
    first([ROW], [ROW | change])
    assert [line["claim"] for line in editions.moved()] == ["maaf-1, Table 1"]


def test_claims_of_one_edition_alone_and_claims_put_otherwise_say_so(first):
    new = ROW | {"id": "maaf-3"}
    words, margin = UNTESTED | {"says": "TIRG > MAAF."}, ROW | {"id": "maaf-4", "margin": 1.0}
    first([ROW, UNTESTED, margin], [new, words, margin | {"margin": 2.0}])
    lines = {line["claim"].partition(",")[0]: line for line in editions.moved()}
    assert set(lines) == {"maaf-1", "maaf-2", "maaf-3", "maaf-4"}
    assert lines["maaf-1"]["today"] == editions.GONE and lines["maaf-3"]["first edition"] == editions.NEW
    assert lines["maaf-2"]["says"] == "TIRG > MAAF. (First edition: MAAF > TIRG.)"
    assert lines["maaf-4"]["says"].endswith("(Margin 2, first edition 1.)")


def test_the_first_editions_file_is_read_as_it_lies_there(monkeypatch):
    monkeypatch.setattr(registry, "ledger", lambda: [ROW])
    lines = editions.moved()
    assert len(lines) == 60 and lines[0]["today"].startswith("holds (+20.7")  # all but this one are gone
    assert sum(line["today"] == editions.GONE for line in lines) == 59
