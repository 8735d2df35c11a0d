"""Claims about attention, judged on exhibits made up for the purpose: words that avoid, that seek, that do neither."""

import numpy as np
import pytest

from cirkit.experiments import claims as claims_module
from cirkit.experiments import records
from cirkit.experiments.claims import Attention, judge
from cirkit.papers import maaf
from cirkit.papers.maaf import part_attention, word_attention
from cirkit.papers.maaf.attention_claims import CLAIMS

BY_ID = {claim.id: claim for claim in CLAIMS}
QUERIES = 40


def exhibit(own, seed):
    """Every class of either exhibit: controls are noise about zero; `own` and `best` are noise about `own[class]`."""
    rng, values = np.random.default_rng(seed), {}
    for about in {*word_attention.CLASSES, *part_attention.CLASSES}:
        noise = rng.normal(0, 0.05, (4, QUERIES))
        noise[[0, 3]] += own.get(about, 0.0)
        named = dict(zip(("own", "mask", "word", "best"), noise.tolist(), strict=True))
        values[about] = {"query": list(range(QUERIES))} | named
    return {"values": values}


@pytest.fixture
def verdict(monkeypatch):
    def judged(own):
        monkeypatch.setattr(claims_module, "exhibited", lambda record, name: exhibit(own, record.seed))
        facts = dict(paper="maaf", basis="world", fingerprint="f", code="c", declared={}, where={}, seconds={})
        facts |= dict(parameters=1, trainable=1, loss=[], evidence={})

        def load(name, scale):
            return [records.Record(name=name, scale=scale, seed=seed, **facts) for seed in range(5)]

        return lambda number: judge(BY_ID[f"maaf-{number}"], load)["verdict"]

    return judged


@pytest.mark.parametrize(("weight", "expected"), [(-0.4, "holds"), (0.4, "fails"), (0.0, "open")])
def test_avoiding_is_what_the_paper_says_of_place_and_colour(verdict, weight, expected):
    found = verdict({"place": weight, "colour": weight, "empty place": weight})
    assert {found(number) for number in (33, 34, *range(36, 43))} == {expected}
    assert found(35) == "holds"  # the verb does neither, whatever the other words do


def test_a_verb_that_knows_its_thing_spoils_the_calibration(verdict):
    assert verdict({"verb": -0.4})(35) == "fails"


def test_longer_is_to_look_at_what_shorter_leaves_out(verdict):
    found = verdict({"longer": 0.4, "shorter": -0.4, "longer sleeves": 0.4})
    assert {found(number) for number in (43, 44, 45, 46, 48, 49)} == {"holds"}
    found = verdict({"longer": -0.4, "shorter": 0.4, "shorter sleeves": 0.4})
    assert {found(number) for number in (43, 44, 45, 46, 48, 49)} == {"fails"}


@pytest.mark.parametrize("scale", ["cpu", "gpu"])
def test_what_a_claim_reads_is_declared_to_be_kept(scale):
    declared = {experiment.name: experiment for experiment in maaf.experiments(scale)}
    classes = {"words": word_attention.CLASSES, "parts": part_attention.CLASSES}
    for claim in CLAIMS:
        quantity = claim.quantity
        assert isinstance(quantity, Attention)
        exhibits = [each for kept in declared[quantity.name].exhibits.values() for each in kept]
        (kept,) = [each for each in exhibits if each.name == quantity.exhibit]
        assert kept.every_seed and {quantity.word, quantity.minus or quantity.word} <= {*classes[quantity.exhibit]}
