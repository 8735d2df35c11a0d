import json
import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from written_weights import drawn

from cirkit.losses import contrastive, triplet


def slow_softmax(scores):
    rows = scores.tolist()
    return sum(-row[i] + math.log(sum(math.exp(s) for s in row)) for i, row in enumerate(rows)) / len(rows)


def slow_triplet(scores):
    s, b = scores.tolist(), len(scores)
    pairs = [(i, j) for i in range(b) for j in range(b) if i != j]
    return sum(math.log(1 + math.exp(s[i][j] - s[i][i])) for i, j in pairs) / len(pairs)


def slow_nt_xent(scores):
    s, views = (scores / 0.25).tolist(), len(scores)
    pair = [(i + views // 2) % views for i in range(views)]
    return (
        sum(-s[i][pair[i]] + math.log(sum(math.exp(s[i][j]) for j in range(views) if j != i)) for i in range(views))
        / views
    )


SLOW = {
    contrastive.batch_softmax: slow_softmax,
    triplet.soft_triplet: slow_triplet,
    contrastive.symmetric_softmax: lambda s: (slow_softmax(s) + slow_softmax(s.T)) / 2,
}


@pytest.mark.parametrize("loss", SLOW)
def test_a_loss_equals_its_slow_twin(loss):
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(2))
    assert loss(scores).item() == pytest.approx(SLOW[loss](scores), abs=1e-6)


@pytest.mark.parametrize("loss", SLOW)
def test_perfect_scores_cost_almost_nothing_and_permuting_the_batch_changes_nothing(loss):
    assert loss(50.0 * torch.eye(5)) < 1e-6
    scores, order = torch.randn(5, 5), torch.randperm(5)
    torch.testing.assert_close(loss(scores), loss(scores[order][:, order]))


def test_the_soft_triplet_needs_a_negative():
    with pytest.raises(ValueError, match="at least two"):
        triplet.soft_triplet(torch.zeros(1, 1))


def test_nt_xent_equals_its_slow_twin_and_does_not_see_the_diagonal():
    scores = torch.randn(6, 6, generator=torch.Generator().manual_seed(2))
    loss = contrastive.nt_xent(temperature=0.25)
    assert loss(scores).item() == pytest.approx(slow_nt_xent(scores), abs=1e-6)
    torch.testing.assert_close(loss(scores + 9 * torch.eye(6)), loss(scores))
    assert loss(50.0 * torch.eye(6).roll(3, 1)) < 1e-6


def test_nt_xent_is_the_contrastive_loss_of_searle():
    """miccunifi/SEARLE at a9c314b, on views by the written rule."""
    golden = json.loads((Path(__file__).parents[1] / "golden" / "textual_inversion.json").read_text())
    views = torch.cat([normalize(2 * drawn((5, 16), number) - 1, dim=1) for number in (3001, 3002)])
    loss = contrastive.nt_xent(temperature=0.25)(views @ views.mT)
    assert loss.item() == pytest.approx(golden["cases"]["searle"]["contrastive"], abs=1e-9)
