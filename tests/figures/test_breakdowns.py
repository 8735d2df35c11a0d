"""A table taken apart, on records made up for the purpose."""

from types import SimpleNamespace

import numpy as np
import pytest

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Mean, Recall
from cirkit.experiments import records, registry
from cirkit.experiments.experiment import Test
from cirkit.figures import breakdowns, phrases, reported

SCORE = Mean((Recall(10), Recall(50)))
TEXTS = ["is red", "is longer", "is red and longer", "", "is red", "is longer", "is blue", "says hello"]
GROUP = ("dress",) * 4 + ("shirt",) * 4


def runs(*ranks: list[int]) -> list[records.Record]:
    """One run per list of ranks, a rank per query."""
    facts = dict(paper="maaf", scale="cpu", basis="world", fingerprint="f", code="c", declared={}, where={})
    facts |= dict(name="maaf/x", seconds={}, parameters=1, loss=[])
    offsets = np.arange(len(TEXTS) + 1)
    made = [Ranks.from_mid(np.array(each, float), offsets, 100, GROUP) for each in ranks]
    return [records.Record(seed=seed, ranks={"fashioniq": each}, **facts) for seed, each in enumerate(made)]


def kinds(text: str) -> tuple[str, ...]:
    return tuple(kind for kind, word in (("color", "red"), ("shape", "longer")) if word in text)


@pytest.fixture(autouse=True)
def made_up(monkeypatch):
    """MAAF with two seeds, TIRG with one; ranks 1 and 99 are hits and misses, 20 is half a hit."""
    drawn = []
    tests = {"fashioniq": Test(lambda: drawn.append(1) or SimpleNamespace(query=SimpleNamespace(text=TEXTS)))}
    rows = {label: SimpleNamespace(name=label, tests=tests, basis="world", scale="cpu") for label in ("MAAF", "TIRG")}
    found = {
        "MAAF": runs([1, 1, 1, 99, 1, 99, 20, 99], [1, 1, 1, 99, 1, 99, 20, 1]),
        "TIRG": runs([1, 99, 99, 99, 20, 99, 99, 99]),
    }
    monkeypatch.setattr(registry, "rows", lambda paper, table, scale: rows)
    monkeypatch.setattr(records, "done", lambda experiment: found[experiment.name])
    return SimpleNamespace(drawn=drawn, found=found)


def by_kind():
    frame = breakdowns.by_kind("maaf", "Table S4", "cpu", SCORE, kinds, ("color", "shape", "texture")).data
    return frame.set_index("kind of word")


def test_each_kind_is_measured_on_its_own_queries_and_averaged_over_categories():
    ours = by_kind()
    assert list(ours["N, ours"]) == ["8", "3", "3", "0"]
    column = ours["TIRG, ours, % (world · cpu · 1 seed)"]
    assert column["color"].startswith("50.0 [")  # dress: (1 + 0) / 2; shirt: 1/2
    assert column["shape"].startswith("0.0 [") and column["texture"] == phrases.NOT_RUN
    assert ours["MAAF, ours, % (world · cpu · 2 seeds)"]["shape"].startswith(
        "50.0 ["
    )  # dress 1, shirt 0; not two of three


def test_the_lead_is_counted_as_the_paper_counts_it():
    assert by_kind()["lead, ours, %"]["color"] == "+50.0"  # (100 - 50) / 100
    printed = {
        line["row"]: line["as_printed"] for line in reported.lines_of("maaf", "Table S4") if line["measure"] == "all"
    }
    ours, tirg = float(printed["MAAF (Ours)"]), float(printed["TIRG"])
    assert printed["Rel Δ"] == f"{100 * (ours - tirg) / ours:+.1f}"


def test_the_papers_numbers_stand_in_columns_of_their_own():
    ours = by_kind()
    assert ours.loc["color", "MAAF (Ours), printed"] == "39.18" and ours.loc["shape", "N, printed"] == "3011"


def test_no_world_is_drawn_for_a_table_without_records(made_up):
    made_up.found.update(MAAF=[], TIRG=[])
    assert set(by_kind().filter(like="ours").to_numpy().ravel()) == {phrases.NOT_RUN} and not made_up.drawn


def test_categories_are_means_over_seeds_beside_what_is_printed():
    frame = breakdowns.by_category("maaf", "Table S4", "cpu").data.set_index("method")
    assert frame.loc["MAAF", "dress R@10 (R@50), ours"] == "75.0 (75.0)"
    assert list(frame.filter(like="printed").columns) == []  # Table S4 prints no categories
    assert frame.loc["MAAF", "ours: basis · scale · seeds"] == "world · cpu · 2 seeds"
    assert frame.loc["MAAF", "shirt R@10 (R@50), ours"] == "37.5 (62.5)"  # seeds: 1/4 and 2/4, 2/4 and 3/4


def test_a_row_is_found_beside_its_own_printed_numbers(monkeypatch, made_up):
    rows = registry.rows("maaf", "Table S4", "cpu")
    full = {"MAAF: RP, ITA, IT": rows["MAAF"], "MAAF: no RP, no ITA, no IT": rows["TIRG"], "ours alone": rows["TIRG"]}
    monkeypatch.setattr(registry, "rows", lambda paper, table, scale: full)
    frame = breakdowns.by_category("maaf", "Table 2", "cpu").data.set_index("method")
    assert list(frame.index) == ["MAAF: no RP, no ITA, no IT", "MAAF: RP, ITA, IT", "ours alone"]  # as printed
    assert frame.loc["MAAF: RP, ITA, IT", "dress R@10 (R@50), printed"] == "23.8 ± 0.6 (48.6 ± 1.0)"
    assert not any(name.startswith("mean") for name in breakdowns.by_category("maaf", "Table 5", "cpu").data)
    assert frame.loc["ours alone", "dress R@10 (R@50), printed"] == ""


def test_a_table_without_experiments_or_records_is_said_to_be_so(monkeypatch, made_up):
    made_up.found.update(MAAF=[], TIRG=[])
    waits = breakdowns.by_category("maaf", "Table 2", "cpu").data
    assert list(waits["ours: basis · scale · seeds"]) == ["world · cpu · 0 seeds"] * 2
    assert set(waits.filter(regex="R@50.*, ours").to_numpy().ravel()) == {phrases.NOT_RUN}
    monkeypatch.setattr(registry, "rows", lambda paper, table, scale: {})
    assert breakdowns.by_category("maaf", "Table 9", "cpu").data.iloc[0, 0] == "no experiment"
