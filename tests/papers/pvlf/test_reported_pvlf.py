"""The numbers that PVLF reports: in columns that our tables have, and what is said of them in claims."""

import csv
import re

import numpy as np
import pytest

from cirkit.experiments import registry
from cirkit.experiments.experiment import ROOT
from cirkit.papers.clip_family.boards import SCORE
from cirkit.papers.pvlf.fusion_claims import CLAIMS

with (ROOT / "data" / "reported" / "pvlf.csv").open(newline="") as file:
    LINES = list(csv.DictReader(file))


def numbers(table: str, measure: str) -> dict[str, float]:
    """By our label, or the paper's."""
    return {
        line["ours"] or line["row"]: float(line["as_printed"])
        for line in LINES
        if (line["table"], line["measure"]) == (table, measure)
    }


def test_every_number_has_a_place_in_a_table_of_ours():
    keys = [(line["table"], line["row"], line["measure"]) for line in LINES]
    assert len(set(keys)) == len(keys)
    for table in {line["table"] for line in LINES}:
        columns = registry.columns("pvlf", table)
        several = len({column.test for column in columns}) > 1
        heads = {f"{column.test} {column}" if several else str(column) for column in columns}
        mine = [line for line in LINES if line["table"] == table]
        assert {line["measure"] for line in mine} <= heads
        assert {line["ours"] for line in mine} <= {*registry.rows("pvlf", table, "cpu"), ""}
        assert all(re.fullmatch(r"\d+(\.\d+)?", line["as_printed"]) for line in mine)


def test_averages_of_fashioniq_are_those_of_their_columns():
    for table in ("Table 3", "Table 5"):
        ten, fifty, mean = (numbers(table, f"fashioniq {head}") for head in ("R@10", "R@50", str(SCORE)))
        for label, value in mean.items():
            assert value == pytest.approx((ten[label] + fifty[label]) / 2, abs=0.011), label


def test_rows_that_stand_in_two_tables_have_one_number():
    """The default of the ablations is the row of Table 2, and Table 3's of BLIP with both towers tuned."""
    one = numbers("Table 2", "cirr R@1")["PVLF, combined"]
    assert one == numbers("Table 5", "cirr R@1")["PVLF, J = 2"]
    assert one == pytest.approx(numbers("Table 4", "R@1")["p = 25"] + 0.01)  # as printed
    assert one == numbers("Table 3", "cirr R@1")["BLIP, both towers tuned, PVLF"]
    template = numbers("Table 2", "cirr R@1")["TransAgg, template"]
    assert template == numbers("Table 3", "cirr R@1")["BLIP, text tower tuned, TransAgg"]  # and not of the combined set


def test_reported_slopes_are_those_of_the_reported_numbers():
    table = numbers("Table 4", "R@1")
    lengths, values = [int(label[4:]) for label in table], list(table.values())
    said = [claim.reported for claim in CLAIMS if claim.where == "Table 4"]
    for start, text in zip((0, 4), said, strict=True):
        line = np.polyfit(lengths[start:], values[start:], 1)
        assert text.endswith(f"a slope of {line[0]:.3f}")
        assert text.startswith(" ".join(f"{value:.2f}" for value in values[start:]))
