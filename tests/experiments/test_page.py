"""A page's parameters: what they select, what they run, and what they refuse."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from toys import EXPERIMENT, TRAINING
from tqdm import tqdm

from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.experiments import page as page_module
from cirkit.experiments import registry, run
from cirkit.experiments.change import UNCHANGED, apply
from cirkit.experiments.claims import Claim, Gain, above
from cirkit.experiments.experiment import ROOT
from cirkit.experiments.page import Page
from cirkit.experiments.records import done

CLAIM = Claim(
    id="toy-1",
    paper="toy",
    where="Table 1",
    says="More steps help.",
    reported="our own",
    quantity=Gain("toy/long", "toy/mean", "colours", Recall(1)),
    expect=above(0.0),
)


class Bar(tqdm):
    """A progress bar that shows even where tests ask for none."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings, disable=False)


def rows(scale: str, root: str = "data/raw", change=UNCHANGED):
    """Two rows; `lr` reaches both, `steps` the first alone."""
    mean = replace(EXPERIMENT, paper="toy", scale=scale, training=apply(change, replace(TRAINING, steps=5)))
    still = {name: value for name, value in change.items() if name != "steps"}
    long = replace(
        mean, name="toy/long", row="Longer", also=(("Table 2", "as in Table 1"),), exhibits={},
        training=apply(still, replace(TRAINING, steps=9)),
    )  # fmt: skip
    return [mean, long]


@pytest.fixture(autouse=True)
def toy(home, monkeypatch):
    """One paper, of two rows and a claim."""
    module = SimpleNamespace(experiments=rows, CLAIMS=[CLAIM])
    monkeypatch.setattr(registry, "_modules", lambda paper: [module])
    return home


def test_a_page_that_only_reads_runs_nothing(toy):
    found = Page.of(paper="toy", scale="smoke").rows("Table 1")
    assert list(found) == ["Mean", "Longer"]
    assert not any(done(each) for each in found.values()) and not list(toy.rglob("*.npz"))


def test_a_row_that_another_table_shows_too_is_found_there():
    assert [each.name for each in Page.of(paper="toy", scale="smoke").rows("Table 2").values()] == ["toy/long"]


def test_what_is_missing_is_run_once_with_a_bar_for_each_row(toy, monkeypatch, capsys):
    monkeypatch.setattr("tqdm.tqdm", Bar)
    page = Page.of(paper="toy", scale="smoke", run="missing")
    assert [len(done(each)) for each in page.rows("Table 1").values()] == [2, 2]
    assert len(list((toy / "records").rglob("*-s?.json"))) == 4
    assert {"Mean: 100%", "Longer: 100%"} <= {line.split("|")[0] for line in capsys.readouterr().err.split("\r")}
    monkeypatch.setattr(run, "run", lambda *_, **__: pytest.fail("it has been run"))
    assert [len(done(each)) for each in page.rows("Table 1").values()] == [2, 2]


def test_only_the_table_asked_for_is_run():
    page = Page.of(paper="toy", scale="smoke", run="missing", seeds=[1])
    page.rows("Table 2")
    assert [len(done(each)) for each in page.experiments.values()] == [0, 1]
    assert page.experiment("toy/mean").seeds == (1,) and len(done(page.experiments["toy/mean"])) == 1


def test_seeds_restrict_and_extend():
    declared, some, more = (Page.of(paper="toy", seeds=seeds) for seeds in ([], [1], [2, 0]))
    assert [page.experiments["toy/mean"].seeds for page in (declared, some, more)] == [(0, 1), (1,), (0, 2)]
    kept = [page.experiments["toy/mean"].keeps(page.experiments["toy/mean"].seeds[0]) for page in (some, more)]
    assert not kept[0] and len(kept[1]) == 1  # what one seed keeps is the first declared seed's


def test_a_change_gives_local_rows_and_leaves_what_it_does_not_reach(toy):
    page = Page.of(paper="toy", scale="smoke", run="missing", change={"steps": 3})
    found = page.rows("Table 1")
    plain = Page.of(paper="toy", scale="smoke").rows("Table 1")
    assert found["Mean"].training.steps == 3 and found["Mean"].local
    assert found["Longer"] == plain["Longer"] and not found["Longer"].local
    assert [len(done(each)) for each in (found["Mean"], plain["Mean"], plain["Longer"])] == [2, 0, 2]
    (record, *_) = (toy / "local").rglob("smoke-s0.json")
    assert "toy/mean" in record.as_posix() and not (toy / "records" / "toy" / "mean").exists()


def test_claims_are_judged_at_the_pages_scale_from_the_pages_rows():
    other = Page.of(paper="toy", scale="gpu", run="missing")
    other.rows("Table 1")
    for scale, verdict in (("cpu", "untested"), ("gpu", None), ("smoke", "untested")):
        (row,) = Page.of(paper="toy", scale=scale).claims(("Table 1",))
        assert row["scale"] == ("gpu" if scale == "gpu" else "")
        assert (row["verdict"] == "untested") == (verdict == "untested")
    assert Page.of(paper="toy", scale="gpu").claims(("Table 2",)) == []
    (one,) = Page.of(paper="toy", scale="gpu", seeds=[1]).claims()
    assert one["seeds"] == 1 and one["verdict"] == "open"


def test_claims_of_other_pages_count_among_the_many(toy, monkeypatch):
    def row(claim, load, scales):
        return {"id": claim.id, "paper": "toy", "p": 0.01, "verdict": "holds"}

    monkeypatch.setattr(page_module, "judge", row)
    page = Page.of(paper="toy", scale="gpu")
    assert [one["holm"] for one in page.claims()] == [0.01]
    toy.mkdir(parents=True, exist_ok=True)
    (toy / "ledger.csv").write_text("id,paper,p\nx-1,toy,0.5\nx-2,toy,0.9\nx-3,maaf,0.5\nx-4,toy,\n")
    assert [one["holm"] for one in page.claims()] == [0.03]


def test_a_page_without_records_says_what_fills_it():
    assert "cirkit run --missing --paper toy --scale gpu." in Page.of(paper="toy", scale="gpu").next_step
    assert "--root photos" in Page.of(paper="toy", scale="paper", root="photos").next_step
    changed = Page.of(paper="toy", change={"lr": 1.0}).next_step
    assert "papermill: -p run missing" in changed and "cirkit run" not in changed


def test_a_relative_root_begins_at_the_repository(monkeypatch, tmp_path):
    roots = []
    monkeypatch.setattr(registry, "experiments", lambda paper, scale, root: roots.append(root) or [])
    monkeypatch.chdir(tmp_path)
    for root in ("data/raw", "/data/raw"):
        Page.of(paper="toy", root=root)
    assert [Path(root).resolve() for root in roots] == [ROOT / "data/raw", Path("/data/raw")]


def test_parameters_may_be_their_own_text():
    page = Page.of(paper="toy", seeds="[0, 2]", change="{'steps': 7}")
    assert page.seeds == (0, 2) and page.change == {"steps": 7}
    assert Page.of(paper="toy", seeds=3).seeds == (3,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"scale": "cup"}, "scale cannot be 'cup'. Give one of smoke, cpu, gpu, paper"),
        ({"scale": 3}, "scale cannot be 3"),
        ({"scale": ["cpu"]}, "scale cannot be"),
        ({"seeds": [0.5]}, "seeds cannot be .0.5.. Give a list of whole numbers"),
        ({"seeds": [-1]}, "seeds cannot be"),
        ({"seeds": "first"}, "seeds cannot be 'first'"),
        ({"seeds": True}, "seeds cannot be True"),
        ({"device": "tpu"}, "no device 'tpu'. Use cpu, cuda or cuda:N"),
        ({"device": 3}, "device cannot be 3. Give cpu, cuda or cuda:1"),
        ({"device": "cuda:x"}, "no device 'cuda:x'"),
        ({"run": "yes"}, "run cannot be 'yes'. Give one of no, missing"),
        ({"run": True}, "run cannot be True"),
        ({"root": 3}, "root cannot be 3"),
        ({"change": {"depth": 3}}, "nothing called 'depth' to change. Choose from: .*steps"),
        ({"change": {"steps": "many"}}, "change cannot be"),
        ({"change": [1]}, "change cannot be .1.. Give a mapping"),
        ({"change": "steps=3"}, "change cannot be 'steps=3'"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_the_readers_problem(parameters, message):
    with pytest.raises(Problem, match=message):
        Page.of(**({"paper": "toy"} | parameters))


def test_a_device_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert Page.of(paper="toy", device="cuda:0").device == "cuda:0"
    with pytest.raises(Problem, match=r"sees no cuda:1 here. Use cpu"):
        Page.of(paper="toy", device="cuda:1")


def test_an_unknown_experiment_is_a_problem():
    with pytest.raises(Problem, match=r"no experiment 'toy/none' at scale cpu"):
        Page.of(paper="toy").experiment("toy/none")
