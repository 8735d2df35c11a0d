"""A table taken apart, on records of a toy."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toys import EXPERIMENT, page_of

from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import Recall
from cirkit.experiments import records
from cirkit.experiments.experiment import Column, Test
from cirkit.figures import breakdowns, phrases, reported
from cirkit.figures.breakdowns import KIND
from cirkit.figures.tables import METHOD, OURS, REPORTED

TEXTS = ["is red", "is longer", "is red and longer", "", "is red", "is longer", "is blue", "says hello"]
GROUP = ("dress",) * 4 + ("shirt",) * 4


def runs(*ranks: list[int]) -> list[records.Record]:
    """One run per list of ranks, a rank per query."""
    facts = dict(paper="maaf", scale="cpu", basis="world", fingerprint="f", code="c", declared={}, where={})
    facts |= dict(name="maaf/x", seconds={}, parameters=1, trainable=1, loss=[])
    offsets = np.arange(len(TEXTS) + 1)
    made = [Ranks.from_mid(np.array(each, float), offsets, 100, GROUP) for each in ranks]
    return [records.Record(seed=seed, evidence={"fashioniq": each}, **facts) for seed, each in enumerate(made)]


def kinds(text: str) -> tuple[str, ...]:
    return tuple(kind for kind, word in (("color", "red"), ("shape", "longer")) if word in text)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """MAAF with two seeds, TIRG with one; ranks 1 and 99 are hits and misses, 20 is half a hit."""
    read = []
    tests = {"fashioniq": Test(lambda: read.append(1) or SimpleNamespace(query=SimpleNamespace(text=TEXTS)))}
    facts = dict(tests=tests, scale="cpu", table="Table S4", exhibits={})
    rows = {label: replace(EXPERIMENT, name=label, row=label, **facts) for label in ("MAAF", "TIRG")}
    found = {
        "MAAF": runs([1, 1, 1, 99, 1, 99, 20, 99], [1, 1, 1, 99, 1, 99, 20, 1]),
        "TIRG": runs([1, 99, 99, 99, 20, 99, 99, 99]),
    }
    monkeypatch.setattr(records, "done", lambda experiment: found[experiment.name])
    return SimpleNamespace(read=read, found=found, rows=rows, page=page_of(*rows.values()))


def by_kind(toy):
    frame = breakdowns.by_kind(toy.page, "Table S4", kinds, ("color", "shape", "texture")).content.data
    return frame.map(lambda cell: cell.replace(phrases.FIGURE_SPACE, "")).set_index(KIND)


def plain(cells):
    """Cells without the spaces that align them."""
    return [cell.replace(phrases.FIGURE_SPACE, "") for cell in cells]


def test_each_kind_is_measured_on_its_own_queries_and_averaged_over_categories(toy):
    ours = by_kind(toy)[OURS]
    assert list(ours["N"]) == ["8", "3", "3", "0"]
    column = ours["TIRG, %"]
    assert column["color"].startswith("50.0 [")  # dress: (1 + 0) / 2; shirt: 1/2
    assert column["shape"].startswith("0.0 [") and column["texture"] == phrases.NOT_RUN
    assert ours["MAAF, %"]["shape"].startswith("50.0 [")  # dress 1, shirt 0; not two of three


def test_the_lead_is_counted_as_the_paper_counts_it(toy):
    assert by_kind(toy)[OURS]["lead, %"]["color"] == "+50.0"  # (100 - 50) / 100
    lines = [line for line in reported.lines_of("maaf", "Table S4") if line["measure"] == "all"]
    theirs = {line["row"]: line["as_printed"] for line in lines}
    ours, tirg = float(theirs["MAAF (Ours)"]), float(theirs["TIRG"])
    assert theirs["Rel Δ"] == f"{100 * (ours - tirg) / ours:+.1f}"


def test_the_papers_numbers_stand_in_columns_of_their_own(toy):
    theirs = by_kind(toy)[REPORTED]
    assert theirs.loc["color", "MAAF (Ours)"] == "39.18" and theirs.loc["shape", "N"] == "3011"


def test_no_data_are_read_for_a_table_without_records(toy):
    toy.found.update(MAAF=[], TIRG=[])
    display = breakdowns.by_kind(toy.page, "Table S4", kinds, ("color",))
    assert "cirkit run --missing" in display._repr_html_() and not toy.read


def test_categories_are_means_over_seeds_beside_what_is_reported(toy):
    display = breakdowns.by_category(toy.page, "Table S4", "Table S4.2")
    frame = display.content.data.set_index(METHOD)
    assert plain(frame[OURS]["dress"]) == ["75.0 (75.0)", "25.0 (25.0)"]
    assert REPORTED not in frame.columns.get_level_values(0)  # Table S4 reports no categories
    assert plain(frame[OURS]["shirt"])[0] == "37.5 (62.5)"  # seeds: 1/4 and 2/4, 2/4 and 3/4
    assert "world · cpu · 1 to 2 seeds" in display.caption


def test_a_row_stands_beside_its_own_reported_numbers(toy):
    maaf = replace(toy.rows["MAAF"], also=(("Table 2", "MAAF: RP, ITA, IT"), ("Table 5", "LSTM")))
    tirg = replace(toy.rows["TIRG"], also=(("Table 2", "MAAF: no RP, no ITA, no IT"), ("Table 2", "ours alone")))
    page = page_of(maaf, tirg)
    frame = breakdowns.by_category(page, "Table 2", "Table 2.1").content.data.set_index(METHOD)
    assert list(frame.index) == ["MAAF: no RP, no ITA, no IT", "MAAF: RP, ITA, IT", "ours alone"]  # as in the paper
    assert frame.loc["MAAF: RP, ITA, IT", (REPORTED, "dress")] == "23.8 ± 0.6 (48.6 ± 1.0)"
    table_5 = breakdowns.by_category(page, "Table 5", "Table 5.1").content.data
    assert "mean" not in table_5[REPORTED].columns
    assert frame.loc["ours alone", (REPORTED, "dress")] == "–"


def test_a_table_without_records_says_the_next_step_and_a_row_without_that_it_has_not_run(toy):
    toy.found.update(MAAF=[])
    frame = breakdowns.by_category(toy.page, "Table S4", "Table S4.2").content.data.set_index(METHOD)
    assert set(frame[OURS].loc["MAAF"]) == {phrases.NOT_RUN}
    toy.found.update(TIRG=[])
    assert "cirkit run --missing" in breakdowns.by_category(toy.page, "Table S4", "Table S4.2")._repr_html_()


class EachSeed:
    """Texts of which every seed has its own: the second one fewer that is red."""

    def __call__(self):
        return SimpleNamespace(query=SimpleNamespace(text=TEXTS))

    def of_seed(self, seed):
        texts = TEXTS if seed == 0 else ["", *TEXTS[1:]]
        return lambda: SimpleNamespace(query=SimpleNamespace(text=texts))


def test_where_each_seed_draws_its_data_its_own_texts_and_categories_count(toy, monkeypatch):
    declared = {"tests": {"fashioniq": {"data": {"make": records.DRAWN_EACH_SEED}}}}
    toy.found["MAAF"] = [replace(run, declared=declared) for run in toy.found["MAAF"]]
    toy.found["TIRG"] = [replace(run, declared=declared) for run in toy.found["TIRG"]]
    tests = {"fashioniq": Test(EachSeed())}
    rows = [replace(row, tests=tests) for row in toy.rows.values()]
    toy.page = page_of(*rows)
    ours = by_kind(toy)[OURS]
    assert list(ours["N"]) == ["16", "5", "6", "0"]  # of both seeds
    # seed 0: dress (1 + 1) / 2, shirt 1; seed 1: dress 1, shirt 1 (its queries 2 and 4)
    assert ours["MAAF, %"]["color"].startswith("100.0 [")
    second = toy.found["MAAF"][1]
    ranks = replace(second.evidence["fashioniq"], group=("shirt",) * 4 + ("dress",) * 4)
    toy.found["MAAF"][1] = replace(second, evidence={"fashioniq": ranks})
    frame = breakdowns.by_category(toy.page, "Table S4", "Table S1").content.data
    dress = plain(frame[OURS, "dress"])[0]
    assert dress.startswith(f"{(75 + 50) / 2:.1f} (")  # queries 0 to 3 of the first seed and 4 to 7 of the second


def test_groups_are_measured_apart_beside_chance(toy, monkeypatch):
    columns = (Column("fashioniq", Recall(10)), Column("fashioniq", Recall(50)))
    monkeypatch.setattr(breakdowns, "columns_of", lambda page, table: {str(each): each for each in columns})
    frame = breakdowns.by_group(toy.page, "Table S4", "Table W.1").content.data.set_index(("", "group"))
    assert list(frame.index) == ["dress", "shirt"]
    dress, shirt = plain(frame[OURS]["R@10, %"])
    assert dress.startswith("75.0 [") and shirt.startswith("37.5 [") and dress.endswith("(10.0)")
    toy.found["MAAF"] = []
    assert "cirkit run --missing" in breakdowns.by_group(toy.page, "Table S4", "Table W.1")._repr_html_()
