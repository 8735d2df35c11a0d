"""Parameter hashing: the matrix against a loop over rows and columns, and a hash that is even, signed and fixed."""

import pytest
import torch

from cirkit.models.parameter_hashing import HashedLayer, hashed


def slow_hash(place: int) -> int:
    prime = 2**31 - 1
    mixed = (place * 48271) % prime
    mixed = ((mixed ^ (mixed >> 15)) * 69621) % prime
    return ((mixed ^ (mixed >> 13)) * 16807) % prime


def test_the_matrix_is_drawn_from_the_candidates_place_by_place():
    layer = HashedLayer(6, 4, candidates=5).double()
    layer.bias.data.normal_()
    picture, sentence = torch.randn(3, 6, dtype=torch.double), torch.randn(3, 4, dtype=torch.double)
    out, matrices = layer(picture, sentence), layer.matrix(sentence)
    for b in range(3):
        candidates = layer.predict.weight @ sentence[b] + layer.predict.bias
        matrix = torch.zeros(6, 6, dtype=torch.double)
        for row in range(6):
            for column in range(6):
                number = slow_hash(6 * row + column + 1)
                matrix[row, column] = candidates[number % 5] * (-1) ** (number // 5 % 2)
        torch.testing.assert_close(matrices[b], matrix)
        torch.testing.assert_close(out[b], matrix @ picture[b] + layer.bias)


@pytest.mark.parametrize(("width", "candidates"), [(64, 256), (64, 1000), (512, 40_000)])
def test_the_hash_is_even_and_its_signs_balance(width, candidates):
    which, sign = hashed(width, width, candidates)
    places = width * width
    counts = torch.bincount(which.flatten(), minlength=candidates).double()
    # under even chances, chi-squared has mean k - 1 and deviation √(2(k - 1)); the sum of n signs deviates by √n
    chi_squared = ((counts - places / candidates) ** 2 / (places / candidates)).sum().item()
    assert abs(chi_squared - (candidates - 1)) < 4 * (2 * (candidates - 1)) ** 0.5
    assert set(sign.unique().tolist()) == {-1, 1} and abs(sign.sum().item()) < 4 * places**0.5
    neighbours = (sign[:, 1:] * sign[:, :-1]).sum().item(), (sign[1:] * sign[:-1]).sum().item()
    assert max(map(abs, neighbours)) < 4 * places**0.5
    for step in ((slice(None), slice(1, None)), (slice(1, None), slice(None))):  # and neighbours share no candidate
        back = tuple(slice(None, -1) if each.start == 1 else each for each in step)
        same = (which[step] == which[back]).sum().item()
        assert abs(same - places / candidates) < 4 * (places / candidates) ** 0.5 + 1


def test_the_hash_of_a_place_never_changes():
    which, sign = hashed(2, 3, 100)
    assert which.tolist() == [[80, 74, 7], [90, 44, 81]]
    assert sign.tolist() == [[-1, 1, 1], [1, 1, 1]]
    assert "which" not in HashedLayer(4, 4).state_dict()
