"""PVLF: prompts against torch's own layers, what equals what, what learns, learning."""

import json
from functools import partial

import pytest
import torch
from torch import nn
from toys import TinyClip, plain_triplets

from cirkit.declare import describe, rebuild
from cirkit.encoders.prompts import normal, uniform
from cirkit.encoders.word_vectors import frozen, tuned
from cirkit.errors import Problem
from cirkit.losses.focal import focal
from cirkit.models.base import Retriever
from cirkit.models.pvlf import AS_PRINTED, Prompts, SeparatorThenPrompts, pvlf
from cirkit.models.transagg import Fusion, Separator, TransAgg
from cirkit.query import Query
from cirkit.training.loop import Training, fit
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant

TEXTS = ["make it red", "", "a larger one with a long text", "blue"]
SMALL = partial(Fusion, heads=2, hidden=16)
FAR = partial(Prompts, start=normal(1.0))  # far from zero, so that a prompt in the wrong layer shows


def pictures(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def query() -> Query:
    return Query(image=pictures(4), text=TEXTS)


def small(**changes) -> TransAgg:
    torch.manual_seed(0)
    return pvlf(["a"], **({"clip": TinyClip, "length": 3, "fusion": SMALL, "tuning": frozen} | changes))


def reading() -> dict[str, torch.Tensor]:
    """Tokens of texts of two, four and six tokens."""
    generator = torch.Generator().manual_seed(1)
    words = torch.arange(6) < torch.tensor([2, 4, 6])[:, None]
    image, text = (torch.randn(3, n, 8, generator=generator, dtype=torch.double) for n in (5, 6))
    return {"image": image, "text": text, "words": words, "position": words.sum(1) - 1}


def attention(layer: nn.Module) -> nn.MultiheadAttention:
    """torch's attention with the weights of ours."""
    theirs, parts = nn.MultiheadAttention(8, 2, batch_first=True).double(), layer.attend
    theirs.in_proj_weight.data = torch.cat([parts.query.weight, parts.key.weight, parts.value.weight])
    theirs.in_proj_bias.data = torch.cat([parts.query.bias, parts.key.bias, parts.value.bias])
    theirs.out_proj.load_state_dict(parts.output.state_dict())
    return theirs


def by_torch(fusion: Fusion, middle, layer_of) -> torch.Tensor:
    """The query's vector row by row, without its padding; `middle(k, previous)` gives the tokens of layer k."""
    rows, given = [], reading()
    for image, text, words, position in zip(*given.values(), strict=True):
        text, between = text[words], None
        t = len(text)
        first = text
        for number, layer in enumerate(fusion.layers):
            between = middle(number, between)
            states = layer_of(layer)(torch.cat([text, between, image])[None])[0]
            text, between, image = states[:t], states[t : t + len(between)], states[t + len(between) :]
        both = torch.cat([image[0], text[position]])
        hidden = (fusion.mix[0].weight @ both + fusion.mix[0].bias).clamp(min=0)
        u = fusion.mix[3].weight @ hidden + fusion.mix[3].bias
        w = fusion.weight.weight @ u + fusion.weight.bias
        rows.append(w[0] * first[position] + w[1] * u + w[2] * given["image"][len(rows)][0])
    return torch.stack(rows)


def pre_norm_layer(layer: nn.Module) -> nn.Module:
    """torch's whole layer with the weights of ours."""
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.5, "gelu", batch_first=True, norm_first=True).double().eval()
    theirs.self_attn = attention(layer)
    pairs = (
        (theirs.linear1, layer.feed_forward[0]),
        (theirs.linear2, layer.feed_forward[3]),
        (theirs.norm1, layer.norm_attend),
        (theirs.norm2, layer.norm_feed_forward),
    )
    for one, own in pairs:
        one.load_state_dict(own.state_dict())
    return theirs


def printed_layer(layer: nn.Module):
    """Equations 10 and 11."""
    attend = attention(layer)

    def through(tokens):
        halfway = attend(tokens, tokens, tokens, need_weights=False)[0] + layer.norm_attend(tokens)
        return layer.feed_forward(layer.norm_feed_forward(halfway)) + layer.norm_feed_forward(halfway)

    return through


@pytest.mark.parametrize("layers, depth", [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)])
@torch.no_grad()
def test_prompts_enter_their_layers_and_leave_them(layers, depth):
    """Equations 8, 9 and 12."""
    torch.manual_seed(0)
    fusion = SMALL(8, layers=layers, between=partial(FAR, length=3, depth=depth)).double().eval()
    own = fusion.between.tokens
    expected = by_torch(fusion, lambda k, previous: own[k] if k < depth else previous, pre_norm_layer)
    torch.testing.assert_close(fusion(**reading()), expected)


@torch.no_grad()
def test_equations_10_and_11_to_the_letter():
    torch.manual_seed(0)
    between = partial(FAR, length=3, depth=2)
    fusion = SMALL(8, between=between, residual=AS_PRINTED).double().eval()
    expected = by_torch(fusion, lambda k, _: fusion.between.tokens[k], printed_layer)
    torch.testing.assert_close(fusion(**reading()), expected)
    usual = SMALL(8, between=between).double().eval()
    usual.load_state_dict(fusion.state_dict())
    assert not torch.allclose(usual(**reading()), expected)


@torch.no_grad()
def test_a_separator_beside_the_prompts_goes_on_where_they_are_replaced():
    torch.manual_seed(0)
    fusion = SMALL(8, between=partial(SeparatorThenPrompts, length=2, depth=2, prompts=FAR)).double().eval()
    parts = fusion.between

    def middle(k, previous):
        return torch.cat([parts.separator.token if k == 0 else previous[:1], parts.prompts.tokens[k]])

    assert parts.length == 3
    torch.testing.assert_close(fusion(**reading()), by_torch(fusion, middle, pre_norm_layer))


def test_without_prompts_it_is_transagg_bit_for_bit():
    torch.manual_seed(0)
    theirs = TransAgg(["a"], clip=TinyClip, fusion=SMALL, tuning=tuned).train()
    ours = small(length=0, tuning=tuned).train()
    assert isinstance(ours.fusion.between, Separator)
    outcomes = []
    for model in (theirs, ours):
        torch.manual_seed(1)  # of the dropout
        scores = model.score(model.compose(query()), model.encode(pictures(4, seed=1)))
        focal()(scores).backward()
        outcomes.append([scores, *(p.grad for p in model.parameters() if p.requires_grad)])
    assert all(torch.equal(one, other) for one, other in zip(*outcomes, strict=True))


@torch.no_grad()
def test_of_one_layer_deep_and_shallow_are_one():
    deep, shallow = small(layers=1).eval(), small(layers=1, depth=1).eval()
    assert torch.equal(deep.compose(query()), shallow.compose(query()))
    assert small().fusion.between.tokens.shape == (2, 3, 8)  # deep by default
    assert small(depth=1).fusion.between.tokens.shape == (1, 3, 8)


@pytest.mark.parametrize("changes", [{}, {"depth": 1}, {"length": 1, "layers": 3}, {"prompts": SeparatorThenPrompts}])
@torch.no_grad()
def test_a_batch_is_its_rows(changes):
    model = small(**changes).double().eval()
    composed = model.compose(query())
    assert composed.isfinite().all() and isinstance(model, Retriever)
    for row in range(4):
        torch.testing.assert_close(model.compose(query()[torch.tensor([row])]), composed[row : row + 1])


@pytest.mark.parametrize("depth", [1, 2])
def test_the_gradient_reaches_every_prompt_and_nothing_frozen(depth):
    model = small(depth=depth).eval()
    focal()(model.score(model.compose(query()), model.encode(pictures(4, seed=1)))).backward()
    assert model.fusion.between.tokens.grad.abs().sum(2).gt(0).all()
    assert all(each.grad is None for each in model.clip.parameters())
    model = small(depth=depth, prompts=partial(Prompts, tuning=frozen), tuning=tuned).eval()
    focal()(model.score(model.compose(query()), model.encode(pictures(4, seed=1)))).backward()
    assert model.fusion.between.tokens.grad is None
    assert all(each.grad.any() for each in model.clip.parameters())


def test_random_prompts_that_do_not_learn_stay_where_they_started():
    model = partial(pvlf, clip=TinyClip, length=3, fusion=SMALL, prompts=partial(Prompts, tuning=frozen), tuning=frozen)
    torch.manual_seed(0)
    start = model(["a"]).fusion.between.tokens
    trained = fit(training(model=model, steps=3), 0)
    assert torch.equal(trained.model.fusion.between.tokens, start) and start.any()


def test_prompts_start_small_and_random_or_as_told():
    torch.manual_seed(0)
    plain, wide = Prompts(256, 2, length=25, depth=2), Prompts(256, 2, length=25, depth=2, start=uniform())
    assert plain.tokens.std().item() == pytest.approx(0.02, rel=0.02) and plain.tokens.numel() == 12_800
    bound = (6 / (3 * 16**2 + 256)) ** 0.5
    assert 0.99 * bound < wide.tokens.abs().max() <= bound


def test_prompts_drop_out_in_training_alone():
    prompts = Prompts(8, 2, length=50, depth=1, dropout=0.5).train()
    given = torch.zeros(2, 50, 8)
    out = prompts(0, given)
    assert 0.3 < (out == 0).float().mean() < 0.7 and not torch.equal(out[0], out[1])
    torch.testing.assert_close(prompts.eval()(0, given), prompts.tokens.expand(2, -1, -1))


@pytest.mark.parametrize("depth", [0, 3])
def test_a_depth_beyond_the_layers_is_a_problem(depth):
    with pytest.raises(Problem, match="Choose 1 to 2"):
        small(depth=depth)


def training(**changes) -> Training:
    settings = {
        "model": partial(pvlf, clip=TinyClip, length=3, fusion=partial(SMALL, dropout=0.0), tuning=frozen),
        "data": plain_triplets,
        "objective": ranking(focal()),
        "optimiser": adamw(lr=3e-3),
        "steps": 60,
        "batch": 6,
        "schedule": constant,
        "sampler": shuffled,
    }
    return Training(**(settings | changes))


def test_it_learns_six_pairs_by_heart():
    trained = fit(training(), 0)
    batch = plain_triplets()[torch.arange(6)]
    with torch.no_grad():
        scores = trained.model.score(trained.model.compose(batch.query), trained.model.encode(batch.target))
    assert trained.loss[-1][1] < trained.loss[0][1] / 10 and scores.argmax(1).tolist() == [*range(6)]


@torch.no_grad()
def test_a_description_makes_the_same_fusion():
    between = partial(Prompts, length=3, depth=1, start=uniform(), tuning=frozen)
    declared = partial(SMALL, between=between, residual=AS_PRINTED)
    again = rebuild(json.loads(json.dumps(describe(declared))))
    outcomes = []
    for make in (declared, again):
        torch.manual_seed(0)
        outcomes.append(make(8).double().eval()(**reading()))
    assert torch.equal(*outcomes)
