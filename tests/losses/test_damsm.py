import torch

from cirkit.losses.damsm import posterior


def by_hand(scores, sharpness, same=None):
    """-log of what softmax gives the own pair, over captions and over images, one row at a time."""
    total = 0.0
    for lines, belongs in ((scores, same), (scores.mT, None if same is None else same.mT)):
        for i, line in enumerate(lines):
            rivals = [j for j in range(len(line)) if j == i or same is None or not belongs[i, j]]
            total -= (sharpness * line[i] - (sharpness * line[rivals]).logsumexp(0)) / len(lines)
    return total


def test_it_is_its_loop():
    scores = torch.randn(5, 5, dtype=torch.double)
    torch.testing.assert_close(posterior()(scores), by_hand(scores, 10.0))
    torch.testing.assert_close(posterior(sharpness=3.0)(scores), by_hand(scores, 3.0))


def test_pairs_of_one_class_are_not_wrong_and_get_no_gradient():
    scores = torch.randn(5, 5, dtype=torch.double, requires_grad=True)
    kind = torch.tensor([0, 1, 0, 2, 1])
    same = kind[:, None] == kind
    loss = posterior()(scores, same)
    torch.testing.assert_close(loss, by_hand(scores, 10.0, same))
    loss.backward()
    alone = same & ~torch.eye(5, dtype=torch.bool)
    assert not scores.grad[alone].any() and scores.grad[~same].all()


def test_a_batch_of_one_class_costs_nothing():
    scores = torch.randn(3, 3, requires_grad=True)
    loss = posterior()(scores, torch.ones(3, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0 and scores.grad.isfinite().all()
