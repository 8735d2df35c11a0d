import csv
import os
from itertools import product

import pytest
import torch

from cirkit.benchmarks import css
from cirkit.declare import fingerprint
from cirkit.errors import Problem
from cirkit.experiments import registry
from cirkit.experiments.claims import to_csv
from cirkit.experiments.experiment import ROOT, exhibits_home
from cirkit.experiments.run import run
from cirkit.experiments.trainings import pretrained_home
from cirkit.papers import maaf, photos

REPORTED = ROOT / "data" / "reported"
SHARED = ROOT.parent / "shared" / "data" / "images_clothing_cc0"


@pytest.mark.parametrize("name", [e.name for e in registry.experiments("maaf", "smoke")])
def test_every_row_runs_and_leaves_a_record(home, name):
    experiment = registry.experiment(name, "smoke")
    record = run(experiment, 0)
    (test, make), *_ = experiment.tests.items()
    assert len(record.evidence[test]) == len(make.data()) and record.basis == "world"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the clothing photos are not here")
@pytest.mark.parametrize("name", [e.name for e in registry.experiments("photos", "smoke")])
def test_every_row_of_the_photos_runs(home, name):
    (home / "raw").mkdir(parents=True)
    (home / "raw" / "clothing").symlink_to(SHARED)
    assert run(registry.experiment(name, "smoke", str(home / "raw")), 0).basis == "photos"


def test_photos_that_are_not_here_are_a_sentence(home):
    with pytest.raises(Problem, match=r"cirkit data get clothing --root .*raw/clothing"):
        run(registry.experiment("photos/tirg", "smoke", str(home / "raw")), 0)


def test_a_page_s_live_training_is_small():
    training, make = maaf.live()
    assert training.steps <= 500 and training.data.read is css.train and make.read is css.test


def test_names_are_unique_and_claims_name_declared_experiments():
    declared = [(e.name, e.scale) for e in registry.experiments()]
    assert len(declared) == len(set(declared))
    ids = [claim.id for claim in registry.claims()]
    assert len(ids) == len(set(ids))
    for claim in registry.claims():
        assert all((name, "cpu") in declared for name in claim.quantity.needs)
        assert claim.paper in registry.PAPERS


def test_rows_on_one_benchmark_differ_in_the_model_alone_unless_they_are_about_more():
    about_the_optimiser = {"maaf/fashioniq/glove_slow"}
    loss_of_their_own = {"maaf/fashioniq/val", "maaf/fashion200k/val"}
    for paper, scale in product(("maaf", "photos"), ("smoke", "cpu", "gpu", "paper")):
        rest = {}
        for experiment in registry.experiments(paper, scale):
            declared = experiment.declared()
            declared["training"].pop("model")
            own = declared["training"].pop("optimiser"), declared["training"].pop("objective")
            first, usual = rest.setdefault(experiment.name.rpartition("/")[0], (declared, own))
            assert declared == first
            assert (own[0] == usual[0]) == (experiment.name not in about_the_optimiser)
            assert (own[1] == usual[1]) == (experiment.name not in loss_of_their_own)


def test_the_ledger_of_one_paper_reads_the_records_of_others_that_its_claims_need():
    with (ROOT / "data" / "ledger.csv").open(newline="", encoding="utf-8") as text:
        whole = {row["id"]: row["verdict"] for row in csv.DictReader(text)}
    across = [
        claim.id
        for claim in registry.claims("compodiff")
        if any(not name.startswith("compodiff/") for name in claim.quantity.needs)
    ]
    alone = {row["id"]: row["verdict"] for row in registry.ledger("compodiff")}
    assert across and {name: alone[name] for name in across} == {name: whole[name] for name in across}
    assert "untested" not in {alone[name] for name in across}


def test_the_ledger_in_the_repository_is_what_the_records_say():
    with (ROOT / "data" / "ledger.csv").open(newline="") as file:
        committed = list(csv.DictReader(file))
    computed = list(csv.DictReader(to_csv(registry.ledger()).splitlines()))
    assert committed == computed


def test_every_exhibit_in_the_repository_is_one_that_a_declared_run_keeps():
    kept = {path for e in registry.experiments() for seed in e.seeds for path in e.keeps(seed)}
    assert set(exhibits_home().rglob("*.json")) <= kept


def test_weights_in_the_repository_are_those_of_a_declared_training():
    declared = {fingerprint(each.training) for each in registry.experiments(scale="cpu")}
    kept = {path.name.partition("-s")[0]: path for path in pretrained_home().iterdir()}
    assert kept and set(kept) <= declared


def test_unknown_names_are_problems():
    for ask in (
        lambda: registry.experiments("tirg"),
        lambda: registry.experiments(scale="huge"),
        lambda: registry.experiment("maaf/css/none", "cpu"),
    ):
        with pytest.raises(Problem, match="There is no"):
            ask()


def test_models_are_counted():
    rows = {row["name"]: row for row in registry.models()}
    assert {"MAAF", "TIRG"} <= set(rows) and rows["TIRG"]["parameters"] > 100_000
    assert torch.get_num_threads() == 1 and os.environ["TQDM_DISABLE"] == "1"


def test_numbers_as_printed_have_a_place_in_the_paper():
    with (REPORTED / "maaf.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    printed = {row["row"]: row["as_printed"] for row in rows if row["table"] == "Table 1"}
    assert printed["MAAF (ours)"] == "87.8 ± 0.9" and printed["TIRG [47]"] == "73.7 ± 1.0" and len(printed) == 7
    for table in {row["table"] for row in rows}:
        assert {row["ours"] for row in rows if row["table"] == table} <= {*registry.rows("maaf", table, "cpu"), ""}


def test_every_table_has_columns_and_they_are_of_tests_that_its_rows_have():
    for paper, module in (("maaf", maaf), ("photos", photos)):
        for table in module.COLUMNS:
            rows, columns = registry.rows(paper, table, "cpu"), registry.columns(paper, table)
            assert rows and columns
            assert all(column.test in experiment.tests for experiment in rows.values() for column in columns)
        tables = {table for e in module.experiments("cpu") for table in (e.table, *(name for name, _ in e.also))}
        assert tables == set(module.COLUMNS)
    with pytest.raises(Problem, match="There is no 'Table 99' in maaf"):
        registry.columns("maaf", "Table 99")
