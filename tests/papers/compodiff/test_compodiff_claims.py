"""Claims about CompoDiff: numbered, of experiments that are declared, and their quantity of two tests."""

import csv
import re
from dataclasses import replace

import numpy as np
import pytest
from toys import record

from cirkit.evaluators.measures import Recall
from cirkit.experiments import registry
from cirkit.experiments.claims import Gain
from cirkit.experiments.experiment import ROOT
from cirkit.papers import compodiff
from cirkit.papers.compodiff.all_boards import TABLES
from cirkit.papers.compodiff.compodiff_claims import CLAIMS, GainOfTest

FIQ = "(R@10 + R@50) / 2"


def test_claims_are_numbered_and_need_what_is_declared():
    assert sorted(int(claim.id.removeprefix("compodiff-")) for claim in CLAIMS) == list(range(1, len(CLAIMS) + 1))
    declared = {
        each.name: each for paper in ("compodiff", "clip_family") for each in registry.experiments(paper, "cpu")
    }
    for claim in CLAIMS:
        assert claim.where in compodiff.COLUMNS
        quantity = claim.quantity
        sides = (
            (quantity.a, quantity.b)
            if isinstance(quantity, GainOfTest)
            else [(name, quantity.test) for name in quantity.needs]
        )
        for name, test in sides:
            assert test in declared[name].tests


def test_a_difference_of_two_tests_is_that_of_two_records():
    rng = np.random.default_rng(0)
    hits = {name: [rng.random(60) < share for _ in range(3)] for name, share in (("few", 0.4), ("many", 0.6))}
    apart = {
        name: [replace(record(mine, seed, name), declared={"tests": {"t": {}}}) for seed, mine in enumerate(each)]
        for name, each in hits.items()
    }
    one = [
        replace(
            record(few, seed, "x"),
            evidence={"few": record(few).evidence["t"], "many": record(many).evidence["t"]},
            declared={"tests": {"few": {}, "many": {}}},
        )
        for seed, (few, many) in enumerate(zip(hits["few"], hits["many"], strict=True))
    ]
    inside = GainOfTest(("x", "many"), ("x", "few"), Recall(1))
    assert inside.needs == ("x",)
    ours, theirs = inside({"x": one}), Gain("many", "few", "t", Recall(1))(apart)
    assert ours.mean == pytest.approx(theirs.mean) and ours.mean > 0
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_printed_numbers_have_a_column_and_rows_of_ours_that_exist():
    with (ROOT / "data" / "reported" / "compodiff.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    keys = [(line["table"], line["row"], line["measure"]) for line in lines]
    assert len(set(keys)) == len(keys) and all(re.fullmatch(r"\d+\.\d+", line["as_printed"]) for line in lines)
    family = {"Pic2Word", "SEARLE", "SEARLE-OTI", "ARTEMIS, supervised", "Combiner, supervised"}
    for table, columns in compodiff.COLUMNS.items():
        several = len({column.test for column in columns}) > 1
        heads = {f"{column.test} {column}" if several else str(column) for column in columns}
        mine = [line for line in lines if line["table"] == table]
        assert {line["measure"] for line in mine} <= heads
        rows = set(registry.rows("compodiff", table, "cpu"))
        rows |= family if table in ("Table 3", *TABLES.values()) else set()
        assert {line["ours"] for line in mine} <= {*rows, ""}
    printed = {(line["row"], line["measure"]): line["as_printed"] for line in lines if line["table"] == "Table 4"}
    assert printed["CompoDiff (ViT-L)", f"1 call {FIQ}"] == "21.52"
    assert printed["CompoDiff (ViT-L)", f"10 calls {FIQ}"] == "42.33"
