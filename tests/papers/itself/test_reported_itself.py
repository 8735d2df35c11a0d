"""The numbers that ITSELF reports: in columns that our tables have, and what is said of them in claims."""

import csv
import re

import pytest

from cirkit.experiments.experiment import ROOT
from cirkit.papers import itself
from cirkit.papers.itself.itself_claims import LEAST, RULE

with (ROOT / "data" / "reported" / "itself.csv").open(newline="", encoding="utf-8") as file:
    LINES = list(csv.DictReader(file))
SHOWN: dict[str, set[str]] = {}
for each in itself.experiments("cpu"):
    for table, label in ((each.table, each.row), *each.also):
        SHOWN.setdefault(table, set()).add(label)


def number(table: str, label: str, measure: str = "R@1") -> float:
    (found,) = [
        float(line["as_printed"])
        for line in LINES
        if (line["table"], line["ours"] or line["row"], line["measure"]) == (table, label, measure)
    ]
    return found


def test_every_number_has_a_place_in_a_table_of_ours():
    keys = [(line["table"], line["row"], line["measure"]) for line in LINES]
    assert len(set(keys)) == len(keys)
    for line in LINES:
        columns = itself.COLUMNS[line["table"]]
        assert len({column.test for column in columns}) == 1 and line["measure"] in {str(column) for column in columns}
        assert line["ours"] in {*SHOWN[line["table"]], ""} and re.fullmatch(r"\d+\.\d\d", line["as_printed"])


def test_the_supplements_rows_are_those_of_the_ablation_on_rstpreid():
    """From which one reads that its three tables are of RSTPReid, and which row its baselines are."""
    table = "Table 3, RSTPReid"
    for measure in ("R@1", "R@5", "R@10", "mAP"):
        assert number("Table S1", "Baseline (single layer)", measure) == number(table, "+ SL", measure)
        assert number("Table S2", "B/16, baseline", measure) == number(table, "Baseline", measure)
        assert number("Table S2", "B/16, ours", measure) == number(table, "Ours", measure)
        assert number("Table S3", "MARS", measure) == number(table, "+ MARS", measure)
    assert number("Table S1", "Step (ATS)", "R@5") == 85.70 and number(table, "+ SL + ATS", "R@5") == 85.60  # one run


def test_margins_are_differences_that_the_paper_reports():
    table = "Table 3, RSTPReid"
    assert number(table, "Ours") - number(table, "+ MARS") == pytest.approx(LEAST)
    assert number("Table S3", "MARS") - number("Table S3", "B") == pytest.approx(RULE)


def test_numbers_that_claims_quote_are_in_the_file():
    known = {line["as_printed"] for line in LINES}
    for claim in itself.CLAIMS:
        found = re.findall(r"\d\d\.\d\d", claim.reported)
        assert set(found) <= known, claim.id
