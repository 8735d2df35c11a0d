import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toys import Mean, page_of, record

from cirkit.declare import describe
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import NDCG, Recall
from cirkit.experiments import records, registry
from cirkit.experiments.records import DRAWN_EACH_SEED
from cirkit.papers import protocol_figures, protocols
from cirkit.papers.maaf import fashioniq as row_of_maaf
from cirkit.papers.protocols import BASE, CLAIMS, LITERATURE, NAME, ONE_CHANGE, READINGS, Moves, moved, under_all
from cirkit.worlds.fashioniq import FASHIONIQ, SIZES
from cirkit.worlds.publish import drawn_each_seed


class Vocabulary:
    """Every word is one of eight, by its length."""

    def get(self, word, default):
        return len(word) % 8


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("protocols") / "world"
    FASHIONIQ.publish(root, SIZES["smoke"])
    torch.manual_seed(0)
    model = Mean(["a b c d e f g"], width=8)
    model.words = Vocabulary()
    return under_all(model, protocols.tests(lambda read, settings: partial(read, root=root, **settings)))


def test_one_model_is_ranked_under_every_protocol(found):
    assert list(found) == [*LITERATURE, *ONE_CHANGE]
    queries = {name: len(ranks) for name, ranks in found.items()}
    twice = {"VAL", "ARTEMIS, CoSMo", "each caption alone", "both orders"}
    assert {name for name, count in queries.items() if count > 18} == twice
    galleries = {name: int(ranks.gallery.max()) for name, ranks in found.items()}
    assert galleries[BASE] == 13 and galleries["reference kept"] == galleries["CLIP4Cir"] == 14
    assert (
        galleries["one gallery"] == 41 and galleries["M-BEIR, mteb"] == 144 == 1 + galleries["one gallery, all splits"]
    )
    assert galleries["union gallery"] < 13


def test_what_a_protocol_adds_to_the_gallery_never_raises_a_score(found):
    for more, fewer in (("reference kept", BASE), (BASE, "union gallery"), ("one gallery", BASE)):
        assert (found[more].mid >= found[fewer].mid).all()
    assert (found["one gallery, all splits"].mid >= found["one gallery"].mid).all()
    assert found["one gallery"].mid.tolist() != found[BASE].mid.tolist()


def test_the_experiment_shares_the_weights_of_maaf_s_row_and_declares_every_protocol():
    for scale in ("smoke", "cpu", "paper"):
        (mine,) = protocols.experiments(scale)
        row = next(e for e in row_of_maaf.experiments(scale) if e.name == "maaf/fashioniq/maaf")
        assert mine.weights(0) == row.weights(0) and mine.fingerprint != row.fingerprint
        declared = [json.dumps(describe(each)) for each in mine.tests.values()]
        assert len(set(declared)) == len(mine.tests) == 13 and set(mine.seeds) <= set(row.seeds)
        assert scale == "paper" or all(isinstance(each.data, drawn_each_seed) for each in mine.tests.values())
        assert registry.experiment(NAME, scale).fingerprint == mine.fingerprint


def ranks_of(hits, gallery=10, group=None):
    first = np.where(hits, 1, 9)
    return Ranks(first, first, np.arange(len(hits) + 1), gallery, group)


def test_a_protocol_moves_a_measure_by_points_paired_where_the_queries_are_the_same():
    runs = [
        replace(
            record(np.array([1, 0, 0, 0], bool), seed),
            evidence={
                BASE: ranks_of([1, 0, 0, 0]),
                "same": ranks_of([1, 1, 0, 0], gallery=20),
                "twice": ranks_of([1, 0, 0, 0, 0, 0, 0, 0]),
            },
        )
        for seed in range(3)
    ]
    out = moved(runs, Recall(1))
    assert list(out) == [BASE, "same", "twice"]
    assert (out[BASE].points, out["same"].points, out["twice"].points) == (0, 25, -12.5)
    assert out["same"].difference.mean == pytest.approx(25) and out["same"].difference.low >= 0
    assert out[BASE].difference.low == out[BASE].difference.high == 0 and out["twice"].difference is None
    assert out["same"].gallery == (20, 20) and out["twice"].queries == 8
    assert moved(runs, NDCG(10))["same"].points == pytest.approx(25 * (1 - 1 / np.log2(10)))


def three_draws(shift):
    """Runs of every protocol, each of a world of its own; under VAL's, `shift` of ten queries more are hits."""
    tests = {name: {"data": {"make": DRAWN_EACH_SEED}} for name in READINGS}
    out = []
    for seed in range(3):
        hits = np.arange(10) < 3 + seed
        evidence = {name: ranks_of(hits) for name in READINGS}
        evidence["VAL"] = ranks_of(np.repeat(np.arange(10) < 3 + seed + shift, 2))
        out.append(replace(record(hits, seed), declared={"tests": tests}, evidence=evidence))
    return out


def test_where_each_seed_draws_its_world_other_queries_are_paired_too():
    out = moved(three_draws(2), Recall(1))
    assert out["VAL"].difference.mean == pytest.approx(20) == out["VAL"].points and out["VAL"].difference.seeds == 3
    assert out["VAL"].difference.low == pytest.approx(20)  # the worlds' own levels differ, but not what is added
    assert out["VAL"].value.low < 40 < out["VAL"].value.high


def test_claims_are_about_protocols_that_are_declared_and_judged_by_their_margins():
    for claim in CLAIMS:
        assert {claim.quantity.test, claim.quantity.base} <= set(READINGS)
    interval = Moves("VAL", Recall(1))({NAME: three_draws(2)})
    assert [each.expect(interval) for each in CLAIMS] == ["holds", "fails", "fails", "fails", "fails"]
    level = Moves("Pic2Word", Recall(1))({NAME: three_draws(2)})
    assert [each.expect(level) for each in CLAIMS] == ["fails", "open", "fails", "fails", "holds"]


def test_the_page_shows_every_protocol_and_without_a_record_says_what_to_do(monkeypatch):
    (row,) = protocols.experiments("cpu")
    monkeypatch.setattr(records, "done", lambda each: [])
    monkeypatch.setattr(protocol_figures, "done", lambda each: [])
    for display in (protocol_figures.table(page_of(row), "T"), protocol_figures.chart(page_of(row), "F")):
        assert display.caption == "Not run." and "cirkit run --missing" in display.content
    assert len(protocol_figures.protocols().content.data) == 13
    monkeypatch.setattr(protocol_figures, "done", lambda each: three_draws(2))
    frame = protocol_figures.table(page_of(row), "T").content.data.set_index("protocol")
    assert list(frame.index) == list(READINGS)
    assert frame.loc["VAL", "queries"] == "20" and frame.loc["VAL", "gallery"] == "10"
    assert frame.loc["VAL", "R@10, points moved"].strip() == "+0.0" and frame.loc[BASE, "R@10, points moved"] == ""
    chart = protocol_figures.chart(page_of(row), "F")
    first, _, ndcg = chart.content.axes
    assert [label.get_text() for label in first.get_yticklabels()] == [name for name in READINGS if name != BASE]
    gained = 100 * 0.2 * (1 - 1 / np.log2(10))  # two of ten queries first, not ninth
    dots = [line.get_xdata()[0] for line in ndcg.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([gained, *[0] * 11])
