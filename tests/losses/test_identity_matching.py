"""SDM and TBPS-CLIP's losses: official numbers, a loop, and what each makes least."""

import pytest
import torch
from itself_golden import GOLDEN, IDENTITY, pairs
from torch.nn.functional import normalize

from cirkit.losses.identity_matching import sdm, shares, tbps_clip


def cosines() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of texts with images, of images, and of texts."""
    image, text = (normalize(each, dim=1) for each in pairs())
    return text @ image.mT, image @ image.mT, text @ text.mT


@pytest.mark.parametrize("name", IDENTITY)
def test_the_official_code_gives_these_losses(name):
    scores, images, texts = cosines()
    assert sdm()(scores, IDENTITY[name]).item() == pytest.approx(GOLDEN["irra"]["sdm"][name], abs=1e-9)
    found = tbps_clip()(scores, images, texts, IDENTITY[name], torch.tensor(14.3).double())
    assert found.item() == pytest.approx(GOLDEN["tbps"][name], abs=1e-6)


def test_sdm_is_a_loop_over_rows_and_columns():
    scores, _, _ = cosines()
    y, total = IDENTITY["pairs"].tolist(), 0.0
    for one in (scores, scores.mT):
        for i in range(8):
            p = (one[i] / 0.02).softmax(0)
            q = torch.tensor([0.5 * (y[i] == y[j]) for j in range(8)]).double() + 1e-8
            total += (p * (p.log() - q.log())).sum() / 8
    assert sdm()(scores, IDENTITY["pairs"]).item() == pytest.approx(float(total), abs=1e-9)


def test_rows_of_who_is_who_sum_to_one():
    found = shares(torch.tensor([4, 4, 4, 1]), torch.rand(4, 4))
    assert torch.allclose(found.sum(1), torch.ones(4)) and found[0].tolist() == pytest.approx([1 / 3] * 3 + [0])


@pytest.mark.parametrize("loss", ["sdm", "tbps"])
def test_scores_that_say_who_is_who_cost_less(loss):
    identity = IDENTITY["pairs"]
    same = (identity[:, None] == identity).double()

    def cost(scores):
        if loss == "sdm":
            return sdm()(scores, identity)
        return tbps_clip()(scores, same, same, identity, torch.tensor(30.0).double())

    assert cost(same) < cost(torch.zeros(8, 8).double()) < cost(1 - same)
