"""Adjusted p-values: textbook numbers, families by paper, and which verdicts stand alone."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from cirkit.experiments.claims import FIELDS, to_csv
from cirkit.experiments.many import adjust, benjamini_hochberg, committed, holm, stands_alone

P = np.array([0.01, 0.04, 0.03, 0.005])


def row(name, p, paper="maaf", verdict="holds"):
    blank = dict.fromkeys(FIELDS, "") | {"mean": None, "low": None, "high": None, "margin": None, "headline": False}
    return blank | {"id": name, "paper": paper, "p": p, "verdict": verdict, "holm": None, "bh": None}


def test_holms_p_is_that_of_his_procedure():
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    rng = np.random.default_rng(0)
    for p in rng.random((20, 7)) ** 3:
        for level in (0.01, 0.05, 0.2):
            rejected = np.zeros(7, bool)
            for step, one in enumerate(np.argsort(p)):  # the least against level / 7, the next against level / 6, …
                if p[one] > level / (7 - step):
                    break
                rejected[one] = True
            assert ((holm(p) <= level) == rejected).all()
    assert holm(np.array([0.9, 0.8, 0.02])) == pytest.approx([1.0, 1.0, 0.06])


def test_benjamini_and_hochbergs_p_is_that_of_scipy():
    assert benjamini_hochberg(P) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    for p in np.random.default_rng(1).random((20, 9)):
        assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))


def test_claims_of_one_paper_that_have_a_p_are_the_family():
    rows = [row(f"a-{i}", float(p)) for i, p in enumerate(P)]
    mixed = [rows[0], row("a-9", None, verdict="untested"), *rows[1:], row("b-1", 0.04, paper="photos")]
    found = adjust(mixed)
    assert [each["id"] for each in found] == [each["id"] for each in mixed]
    assert [each["holm"] for each in found] == [0.03, None, 0.06, 0.06, 0.02, 0.04]
    assert [each["bh"] for each in found] == [0.02, None, 0.04, 0.04, 0.02, 0.04]
    assert adjust([]) == [] and adjust(mixed[1:2])[0]["holm"] is None


def test_claims_that_are_not_asked_for_count_as_a_file_has_them(tmp_path):
    rows = [row(f"a-{i}", float(p)) for i, p in enumerate(P)]
    others = [*rows[1:], row("a-0", 0.9), row("a-7", None), row("b-1", 0.001, paper="photos")]
    path = tmp_path / "ledger.csv"
    path.write_text(to_csv(adjust(others)))
    (one,) = adjust(rows[:1], committed(path))
    assert (one["holm"], one["bh"]) == (0.03, 0.02)  # among four, with its own p
    assert committed(tmp_path / "none.csv") == []
    assert adjust(rows[:1])[0]["holm"] == 0.01


def test_only_a_decided_verdict_stands_alone():
    decided = row("a", 0.04) | {"holm": 0.0501}
    assert stands_alone(decided) and stands_alone(decided | {"verdict": "fails"})
    assert not stands_alone(decided | {"holm": 0.05}) and not stands_alone(decided | {"verdict": "open"})
    assert not stands_alone(decided | {"holm": None})  # an edition that kept none
