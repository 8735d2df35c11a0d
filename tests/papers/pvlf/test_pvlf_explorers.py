"""PVLF's explorers: cells from records, images of the gallery, and a training that leaves nothing behind."""

from dataclasses import replace

import numpy as np
import torch
from toys import record

from cirkit.benchmarks import cirr
from cirkit.evaluators.measures import Recall
from cirkit.experiments import records
from cirkit.experiments.bootstrap import estimate
from cirkit.experiments.experiment import weights_home
from cirkit.experiments.page import Page
from cirkit.experiments.trainings import Trainer
from cirkit.explorers.retrieval import Nothing
from cirkit.papers.clip_family import world_clip
from cirkit.papers.clip_family.boards import BOARDS
from cirkit.papers.clip_family.retrieved import cirr_images
from cirkit.papers.pvlf.explorers import live_training, size_explorer


def test_cells_are_the_rows_that_have_records(monkeypatch):
    kept = {}

    def done(each):
        if each.name not in ("pvlf/combined", "pvlf/depth_1", "pvlf/length_5"):
            return []
        hits = np.random.default_rng(len(each.name)).random(40) < 0.5
        run = replace(record(hits, 0, each.name), evidence=dict.fromkeys(each.tests, record(hits).evidence["t"]))
        return kept.setdefault(each.name, [run])

    monkeypatch.setattr(records, "done", done)
    shown = size_explorer(Page(paper="pvlf"))
    assert [(cell["length"], cell["depth"]) for cell in shown.cells] == [(5, 2), (25, 1), (25, 2)]
    assert (shown.length, shown.depth, shown.measure) == (25, 2, "CIRR R@1")
    found = estimate(kept["pvlf/length_5"], "cirr", Recall(1))
    assert shown.cells[0] == {
        "length": 5, "depth": 2, "seeds": 1, "mean": round(found.mean, 2), "low": round(found.low, 2),
        "high": round(found.high, 2),
    }  # fmt: skip


def test_before_the_first_record_there_is_nothing_and_no_training_without_a_clip(home):
    shown = size_explorer(Page(paper="pvlf", scale="smoke"))
    assert isinstance(shown, Nothing) and live_training("smoke") is None and live_training("paper") is None


def test_images_are_those_of_the_gallery(home):
    size = replace(BOARDS["cirr"].sizes["smoke"], seed=0)
    gallery = cirr.test(BOARDS["cirr"].world.folder(size)).gallery
    rows = [0, 7, 3]
    assert torch.equal(cirr_images("smoke")(rows), gallery[torch.tensor(rows)])


def test_a_training_is_watched_and_keeps_no_weights(home):
    Trainer()(world_clip.training("smoke"), 0)
    before = {path.name for path in weights_home().iterdir()}
    seen = []
    said = live_training("smoke")(3, 1, lambda *step: seen.append(step))
    assert [step[:2] for step in seen] == [(1, 2), (2, 2)] and all(loss > 0 for *_, loss in seen)
    assert said.startswith("2 steps in ") and "R@1" in said
    assert {path.name for path in weights_home().iterdir()} == before
