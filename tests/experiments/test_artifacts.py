"""Exhibits: top-ten lists against a sort, files against their limit, and exhibits made again from weights."""

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from toys import EXPERIMENT, colour_benchmark, colour_triplets
from typer.testing import CliRunner

from cirkit.benchmarks import css
from cirkit.cli import app
from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import LSTM
from cirkit.errors import Problem
from cirkit.experiments import artifacts, regenerate, registry, run
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.experiment import Test
from cirkit.experiments.trainings import Trainer
from cirkit.models.tirg import TIRG
from cirkit.papers.maaf.word_attention import WordAttention
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.publish import drawn, drawn_each_seed

COMMITTED = sorted((Path(__file__).parents[2] / "data" / "exhibits").rglob("*.json"))


@dataclass(frozen=True)
class Shape:
    """How many queries there are; `size` letters to fill a file."""

    size: int = 0
    name: str = "shape"
    every_seed: bool = True

    def __call__(self, model, benchmark, evidence):
        return {"queries": len(benchmark), "letters": "x" * self.size}


TIRG_EXPERIMENT = replace(
    EXPERIMENT,
    name="toy/tirg",
    training=replace(
        EXPERIMENT.training,
        model=partial(
            TIRG, image=partial(SmallResNet, width=8, widths=(8, 12), strides=(1, 2)), text=partial(LSTM, width=8)
        ),
        data=drawn(css.train, CSS, Size(references=20, mods=10, image=16)),
        steps=1,
        batch=4,
    ),
    tests={"css": Test(drawn(css.test, CSS, Size(references=20, mods=10, image=16)))},
    exhibits={},
)


def test_the_top_ten_is_that_of_a_sort(home):
    outcome = Trainer()(EXPERIMENT.training, 0)
    made = run.test(EXPERIMENT, 0, outcome)
    content = TopTen((0, 3, 99))(made.model, made.data["colours"], lambda: made.record.evidence["colours"])
    assert [query["query"] for query in content["queries"]] == [0, 3]  # there is no query 99
    benchmark, triplets = colour_benchmark(), colour_triplets(16)
    scores = made.model.score(made.model.compose(triplets.query), made.model.encode(benchmark.gallery)).detach()
    for query in content["queries"]:
        row = query["query"]
        order = sorted((n for n in range(32) if n != row), key=lambda n: -scores[row, n].item())
        assert query["top"] == order[:10] and query["text"] == triplets.query.text[row]
        assert query["scores"] == pytest.approx([scores[row, n].item() for n in order[:10]], abs=1e-3)
        assert query["rank"] == 1 + order.index(16 + row) and query["reference"] == row


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_exhibits_are_small_and_say_whose_they_are(path):
    content = artifacts.read(path)
    assert path.stat().st_size <= artifacts.LIMIT
    name = content.get("exhibit", {}).get("name", "")
    home = Path(__file__).parents[2] / "data" / "exhibits"
    assert home / artifacts.exhibit_path(content["experiment"], content["scale"], name, content["seed"]) == path
    if not name:
        assert list(content) == ["experiment", "scale", "seed", "test", "fingerprint", "queries"]


def test_a_file_has_a_limit():
    with pytest.raises(Problem, match=r"takes 300 kB, and 300 kB is the limit"):
        artifacts.to_text({"experiment": "x", "letters": "x" * artifacts.LIMIT})
    with pytest.raises(ValueError, match="JSON"):
        artifacts.to_text({"experiment": "x", "value": float("nan")})


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"experiment": "x"}'])
def test_a_broken_exhibit_says_what_to_do(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(Problem, match="cirkit exhibits --missing"):
        artifacts.read(tmp_path / "x.json")


def test_packed_numbers_come_back_to_within_half_a_step():
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    plain = json.loads(json.dumps(artifacts.pack(values)))
    assert np.abs(artifacts.unpack(plain) - values).max() <= plain["step"] / 2 + 1e-12
    assert np.abs(values).max() / plain["step"] == pytest.approx(127)
    assert (artifacts.unpack(artifacts.pack(np.zeros((2, 2)))) == 0).all()


def test_a_column_is_rounded_and_has_none_where_there_is_no_value():
    assert artifacts.column(torch.tensor([0.123456, torch.nan])) == [0.1235, None]


def test_exhibits_are_made_again_from_weights(home):
    experiment = replace(TIRG_EXPERIMENT, exhibits={"css": (TopTen((0, 1)), Shape())})
    said = []
    assert run.run_missing([experiment], tell=said.append).written == 2
    plain = home / "exhibits" / "toy" / "tirg-smoke.json"
    kept = [plain, *(home / "exhibits" / "toy" / f"tirg-smoke-shape-s{seed}.json" for seed in (0, 1))]
    before = [path.read_text() for path in kept]
    assert regenerate.missing([experiment], tell=said.append) == 0
    plain.unlink()
    kept[2].write_text("half")
    states = {(row["seed"], row["exhibit"]): row["state"] for row in regenerate.rows([experiment])}
    assert states == {(0, "top ten"): "missing", (0, "shape"): "there", (1, "shape"): "missing"}
    assert regenerate.missing([experiment], tell=said.append) == 2
    assert [path.read_text() for path in kept] == before


def test_an_exhibit_declared_otherwise_is_made_again_and_a_run_of_another_declaration_has_none(home):
    experiment = replace(TIRG_EXPERIMENT, exhibits={"css": (Shape(),)})
    run.run(experiment, 0)
    changed = replace(experiment, exhibits={"css": (Shape(size=3),)})
    assert not regenerate.lacking(experiment, 0) and regenerate.lacking(changed, 0) == changed.keeps(0)
    assert [path.name for path in regenerate.exhibit(changed, 0)] == ["tirg-smoke-shape-s0.json"]
    assert regenerate.exhibit(changed, 0) == []
    with pytest.raises(Problem, match="no record of today's configuration"):
        regenerate.exhibit(replace(changed, training=replace(changed.training, steps=2)), 0)


def test_without_weights_there_is_a_sentence_and_the_others_go_on(home):
    experiment = replace(TIRG_EXPERIMENT, exhibits={"css": (Shape(),)})
    run.run_missing([experiment], tell=lambda line: None)
    for seed in (0, 1):
        next(iter(experiment.keeps(seed))).unlink()
    (experiment.weights(0) / "model.json").unlink()
    said = []
    assert regenerate.missing([experiment], tell=said.append) == 1
    assert "no weights" in said[0] and "cirkit run toy/tirg --scale smoke --seed 0" in said[0]
    assert [row["state"] for row in regenerate.rows([experiment])] == ["missing, no weights", "there"]


def test_an_exhibit_that_a_model_cannot_fill_is_said_and_stops_no_other(home):
    run.run(TIRG_EXPERIMENT, 0)
    size = Size(references=20, mods=10, image=16)
    experiment = replace(TIRG_EXPERIMENT, exhibits={"css": (WordAttention(size=size),)})
    said = []
    assert regenerate.missing([experiment], tell=said.append) == 0 and "TIRG has no attention" in said[0]


@pytest.mark.parametrize(("draw", "seeds"), [(drawn, [0, 0]), (drawn_each_seed, [0, 1])])
def test_an_exhibit_is_of_the_world_that_its_seed_reads(draw, seeds):
    size = Size(references=20, mods=10, image=16)
    tests = {"css": Test(draw(css.test, CSS, size))}
    experiment = replace(TIRG_EXPERIMENT, tests=tests, exhibits={"css": (WordAttention(size=size), Shape())})
    kept = [next(each for _, each in experiment.keeps(seed).values() if each.name == "words") for seed in (0, 1)]
    assert [each.size.seed for each in kept] == seeds


def test_the_command_lists_exhibits_and_makes_what_is_missing(home, monkeypatch):
    experiment = replace(TIRG_EXPERIMENT, exhibits={"css": (Shape(),)})
    monkeypatch.setattr(registry, "experiments", lambda paper, scale: [experiment])
    run.run(experiment, 0)
    next(iter(experiment.keeps(0))).unlink()
    row = {"name": "toy/tirg", "scale": "smoke", "seed": 0, "exhibit": "shape"}
    assert json.loads(CliRunner().invoke(app, ["exhibits", "--json"]).stdout) == [row | {"state": "missing"}]
    assert "1 exhibits written" in CliRunner().invoke(app, ["exhibits", "--missing"]).stdout
    assert json.loads(CliRunner().invoke(app, ["exhibits", "--json"]).stdout) == [row | {"state": "there"}]
