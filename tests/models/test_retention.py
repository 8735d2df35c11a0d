"""Retention: official numbers of tokens, the epoch level, and t_small."""

import pytest
from itself_golden import GOLDEN

from cirkit.models.retention import ATS, count, fixed, t_small

STEP = ATS(t_small=1450)


@pytest.mark.parametrize("name", GOLDEN["retention"])
def test_the_official_code_selects_so_many_tokens(name):
    """Every seventh step to the 1500th, as the release's embedding layers ask for them."""
    tokens = int(name.split()[1])
    assert [count(tokens, STEP(step)) for step in range(0, 1500, 7)] == GOLDEN["retention"][name]


def test_the_ratio_is_geometric_and_stays_at_its_end():
    assert STEP(1450) == STEP(99_999) == pytest.approx(0.5) and STEP(725) ** 2 == pytest.approx(0.65 * 0.5)
    assert [count(192, STEP(step)) for step in (1, 145, 725, 1450)] == [124, 121, 109, 96]


def test_the_epoch_level_keeps_one_ratio_for_an_epoch_and_meets_the_step_level_at_its_last_step():
    epoch = ATS(t_small=1450, every=145)
    assert {epoch(step) for step in range(1, 146)} == {STEP(145)} and epoch(146) == STEP(290)
    assert len({epoch(step) for step in range(1, 2000)}) == 10 and epoch(0) == epoch(1)


def test_t_small_counts_steps_to_the_best_epoch_of_the_baseline():
    assert t_small(10, 37_010, 256) == 1450


def test_one_token_at_least_is_selected():
    assert count(10, 0.01) == 1 and count(75, fixed()(7)) == 30 and count(10, 1.0) == 10
