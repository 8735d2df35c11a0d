"""Alignment scores against loops, and the identities among the eight."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.attention.alignment import SCORES, alignment, dot, relu, scaled_dot, sigmoid, swapped
from cirkit.errors import Problem


def sequences(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, 4, 5, generator=generator), torch.randn(2, 3, 6, 5, generator=generator)


def score(name: str, weight: torch.Tensor | None = None, bias: torch.Tensor | None = None, **keywords):
    """A score in double precision, whose linear layer has these numbers where they are given."""
    score = alignment(5, name=name, **keywords).double()
    for own, given_one in (("weight", weight), ("bias", bias)):
        for part, each in score.named_parameters():
            if part.endswith(own) and given_one is not None:
                each.data.copy_(given_one)
    return score


@pytest.mark.parametrize("name", SCORES)
def test_every_score_is_its_formula_in_a_loop(name):
    query, key = (each[0, 0].double() for each in sequences())
    weight, bias = torch.randn(5, 5).double(), torch.randn(5).double()
    formula = {
        "cosine": lambda q, k: q @ k / (q @ q).sqrt() / (k @ k).sqrt(),
        "dot": lambda q, k: sum(q[d] * k[d] for d in range(5)),
        "scaled dot": lambda q, k: q @ k / 5**0.5,
        "general*": lambda q, k: k @ (weight @ q),
        "general†": lambda q, k: q @ (weight @ k),
        "biased general*": lambda q, k: k @ (weight @ q + bias),
        "biased general†": lambda q, k: q @ (weight @ k + bias),
        "activated general": lambda q, k: max(q @ (weight @ k + bias), torch.zeros(()).double()),
    }[name]
    scores, products = score(name, weight, bias)(query, key), score(name, weight, bias).products
    for i in range(4):
        for j in range(6):
            torch.testing.assert_close(scores[i, j], formula(query[i], key[j]))
            if name != "activated general":  # there each product is activated, and their sum is another number
                torch.testing.assert_close(products(query[i], key[j]).sum(), scores[i, j])


@pytest.mark.parametrize("name", SCORES)
def test_a_score_sees_its_two_vectors_and_nothing_else(name):
    query, key = (each.double() for each in sequences())
    each = score(name)
    whole = each(query, key)
    assert whole.shape == (2, 3, 4, 6)
    torch.testing.assert_close(whole[..., :2], each(query, key[..., :2, :]))
    torch.testing.assert_close(whole[1, 2, 3:], each(query[1, 2, 3:], key[1, 2]))


def test_the_functions_are_two_of_the_eight():
    query, key = (each.double() for each in sequences())
    assert score("dot").is_dot and not score("scaled dot").is_dot and not score("general*").is_dot
    torch.testing.assert_close(score("dot")(query, key), dot(query, key), rtol=0, atol=0)
    torch.testing.assert_close(score("scaled dot")(query, key), scaled_dot(query, key))
    torch.testing.assert_close(scaled_dot(query, key), dot(query, key) / 5**0.5)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), times=st.floats(0.1, 10))
def test_identities_of_the_parameter_free_scores(seed, times):
    query, key = (each.double() for each in sequences(seed))
    unit = [each / each.norm(dim=-1, keepdim=True) for each in (query, key)]
    torch.testing.assert_close(score("cosine")(query, key), dot(*unit))
    torch.testing.assert_close(score("cosine")(times * query, key), score("cosine")(query, key))
    torch.testing.assert_close(score("scaled dot")(*unit) * 5**0.5, score("cosine")(query, key))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_identities_of_the_learned_scores(seed):
    query, key = (each.double() for each in sequences(seed))
    weight, bias = torch.randn(5, 5).double(), 3 * torch.randn(5).double()
    turned = score("general†", weight.T)(query, key)
    torch.testing.assert_close(score("general*", weight)(query, key), turned)
    exchanged = swapped(5, of=partial(alignment, name="general†")).double()
    exchanged.query.weight.data.copy_(weight)
    torch.testing.assert_close(exchanged(query, key), score("general*", weight)(query, key))
    # a bias of the keys is one number per query: a softmax over the keys does not see it, but sees that of the queries
    plain, behind, before = (
        score(name, weight, bias)(query, key).softmax(-1) for name in ("general†", "biased general†", "biased general*")
    )
    torch.testing.assert_close(plain, behind)
    assert not torch.allclose(score("general*", weight)(query, key).softmax(-1), before, atol=1e-3)


def test_the_activation_is_an_object_and_a_sigmoid_lets_no_key_stand_out():
    query, key = (5 * each[0].double() for each in sequences())
    weight, bias = torch.randn(5, 5).double(), torch.randn(5).double()
    biased = score("biased general†", weight, bias)(query, key)
    for activation in (relu, sigmoid):
        each = score("activated general", weight, bias, activation=activation)
        torch.testing.assert_close(each(query, key), activation(biased))
    assert each(query, key).softmax(-1).max() < torch.e / (torch.e + 5)  # of six keys, with scores within (0, 1)


def test_zeros_have_no_direction_and_no_nan():
    query, key = torch.zeros(2, 5).requires_grad_(), torch.randn(3, 5)
    scores = alignment(5, name="cosine")(query, key)
    scores.sum().backward()
    assert (scores == 0).all() and query.grad.isfinite().all()


def test_an_unknown_name_is_a_problem():
    with pytest.raises(Problem, match=r"Did you mean general"):
        alignment(5, name="general")
