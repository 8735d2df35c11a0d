"""Alignment scores against loops."""

import torch

from cirkit.attention.alignment import dot, scaled_dot


def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 4, 5, generator=generator), torch.randn(2, 3, 6, 5, generator=generator)


def test_dot_is_the_sum_of_products():
    query, key = sequences()
    scores = dot(query, key)
    assert scores.shape == (2, 3, 4, 6)
    for b in range(2):
        for c in range(3):
            for i in range(4):
                for j in range(6):
                    by_hand = sum(query[b, c, i, d] * key[b, c, j, d] for d in range(5))
                    torch.testing.assert_close(scores[b, c, i, j], by_hand)


def test_scaled_dot_is_dot_over_the_root_of_the_width():
    query, key = sequences()
    torch.testing.assert_close(scaled_dot(query, key), dot(query, key) / 5**0.5)


def test_a_score_does_not_depend_on_the_other_keys():
    query, key = sequences()
    for score in (dot, scaled_dot):
        torch.testing.assert_close(score(query, key)[..., :2], score(query, key[..., :2, :]))
