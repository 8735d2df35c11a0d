"""Variance components come back from records that were drawn with known ones."""

from dataclasses import replace

import numpy as np
import pytest
from toys import EACH_SEED, record

from cirkit.evaluators.measures import Recall
from cirkit.experiments.components import Components, components

START, WORLD, QUERIES = 0.03, 0.08, 200


def rows(seeds, world, start, declared=EACH_SEED, rows=2):
    """Rows whose differences deviate by `world` and `start`, in shares; declared={} shares one world's queries."""
    rng = np.random.default_rng(6)
    fixed = rng.random(QUERIES)
    out = [[] for _ in range(rows)]
    for seed in range(seeds):
        latent = rng.random(QUERIES) if declared else fixed
        for number, side in enumerate(out):
            level = 0.5 + 0.1 * number + (world * rng.standard_normal() + start * rng.standard_normal()) / np.sqrt(2)
            side.append(record(latent < level, seed, declared=declared))
    return out


def test_components_are_those_that_the_records_were_drawn_with():
    found = components(rows(100, WORLD, START), "t", Recall(1), fixed=rows(60, 0.0, START, declared={}))
    assert found.seed == pytest.approx(1e4 * (WORLD**2 + START**2), rel=0.35)
    assert found.start == pytest.approx(1e4 * START**2, rel=0.35)
    assert found.world == pytest.approx(found.seed - found.start) and found.world > 2 * found.start


def test_the_part_of_queries_is_the_variance_of_a_mean_over_them():
    sides = rows(4, 0.0, 0.0)
    differences = np.stack(
        [
            100.0 * (a.evidence["t"].best() <= 1) - 100.0 * (b.evidence["t"].best() <= 1)
            for a, b in zip(*sides, strict=True)
        ]
    )
    expected = differences.var(axis=1).mean() / QUERIES
    found = components(sides, "t", Recall(1))
    assert found.query == pytest.approx(expected, rel=0.05)
    assert (found.start, found.world) == (None, None)
    spread = differences.mean(1).var(ddof=1)
    assert found.seed == pytest.approx(max(0.0, spread - found.query))


def test_rows_are_paired_by_seed_and_all_pairs_count():
    three = rows(5, WORLD, 0.0, rows=3)
    whole = components(three, "t", Recall(1))
    pairs = [components([three[i], three[j][::-1]], "t", Recall(1)) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(pair.seed for pair in pairs) > 0
    assert whole.seed == pytest.approx(np.mean([pair.seed for pair in pairs]))
    assert Components(1.0, 2.0, 3.0).world == 0.0


def test_records_that_cannot_tell_are_refused():
    own, shared = rows(3, WORLD, START), rows(3, WORLD, START, declared={})
    with pytest.raises(ValueError, match="give those under `fixed`"):
        components(shared, "t", Recall(1))
    with pytest.raises(ValueError, match="share one world"):
        components(own, "t", Recall(1), fixed=own)
    for few in (own[:1], [own[0][:1], own[1]], [own[0], [replace(one, seed=one.seed + 9) for one in own[1]]]):
        with pytest.raises(ValueError, match="two rows with two seeds"):
            components(few, "t", Recall(1))
