import pytest
import torch

from cirkit.losses.triplet import all_negatives, column_positive, hardest, hinge, own_positive, semi_hard_triplet
from cirkit.training.objectives import by_level


@pytest.mark.parametrize("against", [own_positive, column_positive])
def test_the_semi_hard_triplet_is_its_loop(against):
    scores = (-torch.rand(8, 8, generator=torch.Generator().manual_seed(2)).double()).requires_grad_()
    loss = semi_hard_triplet(margin=0.3, against=against)(scores)
    expected = 0.0
    for s in (scores, scores.T):
        for i in range(8):
            far = [s[i, j] for j in range(8) if j != i and s[i, j] <= (s[i, i] if against is own_positive else s[j, j])]
            if far:
                expected = expected + max(torch.zeros(()).double(), 0.3 + max(far) - s[i, i]) / 8
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert scores.grad.isfinite().all()


def test_negatives_nearer_than_the_right_answer_cost_nothing_and_the_released_comparison_differs():
    assert semi_hard_triplet()(-5 * torch.eye(4)) == 0
    scores = torch.tensor([[-0.5, -0.4], [-0.6, -0.1]])
    assert semi_hard_triplet()(scores) != semi_hard_triplet(against=column_positive)(scores)


def test_levels_are_scored_apart_and_their_losses_summed():
    from functools import partial

    from toys import colour_triplets

    from cirkit.encoders.image import SmallResNet
    from cirkit.encoders.text import LSTM
    from cirkit.models.val import VAL

    torch.manual_seed(0)
    triplets = colour_triplets(8)
    side = triplets.target[torch.tensor([0])].shape[-1]
    sides = [
        map.shape[-1] for map in SmallResNet(width=8, levels=2).eval()(torch.zeros(1, 3, side, side, dtype=torch.uint8))
    ]
    model = VAL(
        triplets.query.text, image=partial(SmallResNet, width=8, levels=2), text=partial(LSTM, width=8), sides=sides
    )
    model.eval()
    batch = triplets[torch.arange(8)]
    composed, encoded = model.compose(batch.query), model.encode(batch.target)  # (b, l, d)
    loss = semi_hard_triplet()
    expected = sum(loss(-(composed[:, None, i] - encoded[None, :, i]).square().sum(-1)) for i in range(2))
    torch.testing.assert_close(by_level(loss)(model, batch), expected)


@pytest.mark.parametrize("over", [hardest, all_negatives])
def test_the_hinge_is_its_loop(over):
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(3)).double().requires_grad_()
    expected = 0.0
    for s in (scores, scores.T):
        for i in range(5):
            costs = [(0.2 + s[i, j] - s[i, i]).clamp(min=0) for j in range(5) if j != i]
            expected = expected + (max(costs) if over is hardest else sum(costs))
    loss = hinge(over=over)(scores)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*(torch.autograd.grad(each, scores)[0] for each in (loss, expected)))
    assert hinge(over=over)(10 * torch.eye(3)) == 0
