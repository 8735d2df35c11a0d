import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from toys import Mean, record

from cirkit.declare import describe
from cirkit.evaluators.evidence import Ranks
from cirkit.evaluators.measures import NDCG, Recall
from cirkit.papers import protocols
from cirkit.papers.maaf import fashioniq as row_of_maaf
from cirkit.papers.protocols import BASE, LITERATURE, ONE_CHANGE, moved, under_all
from cirkit.worlds.fashioniq import FASHIONIQ, SIZES


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
        assert len(set(declared)) == len(mine.tests) == 13


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
