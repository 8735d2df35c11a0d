"""Prior-like denoisers: keys and values kept are those computed anew, rows stay apart, CompoDiff takes both."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from toys import TinyClip, numbered

from cirkit.models.compodiff import CompoDiff, Sampling
from cirkit.models.denoiser import Conditions, TextTokens
from cirkit.models.diffusion import DDIM
from cirkit.models.prior import CausalPrior, PriorLayers, PriorLike
from cirkit.query import Query

LAYERS = partial(PriorLayers, blocks=2, heads=2, head_width=6, widening=2)
KINDS = [PriorLike, CausalPrior]


def small(kind):
    torch.manual_seed(0)
    return kind(8, (6,), layers=LAYERS).double().eval()


def told(rows=(0, 1, 2)) -> Conditions:
    generator = torch.Generator().manual_seed(1)
    tokens, image, mask = (
        torch.randn(*shape, generator=generator, dtype=torch.double) for shape in ((3, 4, 6), (3, 8), (3, 64, 64))
    )
    words = torch.arange(4) < torch.tensor([[4], [2], [3]])
    index = torch.tensor(rows)
    text = TextTokens(tokens, words, index)
    present = torch.ones(len(index), dtype=torch.bool)
    return Conditions(texts=(text,), image=image[index], present=present, mask=mask[index] > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_its_rows_and_samples_do_not_see_each_other(kind):
    model, noisy, times = small(kind), torch.randn(3, 2, 8, dtype=torch.double), torch.tensor([3, 500, 999])
    whole = model(noisy, times, model.context(told()))
    for row in range(3):
        context = model.context(told((row,)))
        for sample in range(2):
            one = model(noisy[row : row + 1, sample : sample + 1], times[row : row + 1], context)
            torch.testing.assert_close(one[0, 0], whole[row, sample])


@pytest.mark.parametrize("kind", KINDS)
def test_every_condition_counts_and_padding_does_not(kind):
    model, noisy, time = small(kind), torch.randn(3, 1, 8, dtype=torch.double), torch.tensor([7])
    base, text = model(noisy, time, model.context(told())), told().texts[0]
    padded = replace(text, tokens=text.tokens.masked_fill(~text.words[..., None], 50.0))
    torch.testing.assert_close(model(noisy, time, model.context(replace(told(), texts=(padded,)))), base)
    changes = {"image": -told().image, "present": ~told().present, "mask": ~told().mask}
    changes["texts"] = (replace(text, tokens=-text.tokens),)
    for name, part in changes.items():
        moved = model(noisy, time, model.context(replace(told(), **{name: part})))
        assert (moved - base).abs().amax((1, 2)).min() > 1e-7


def test_the_keys_and_values_kept_are_those_of_the_whole_sequence():
    model, noisy, time = small(CausalPrior), torch.randn(3, 1, 8, dtype=torch.double), torch.tensor([400])
    layers = model.layers
    tokens, there = layers.conditions(told())
    tokens = torch.cat([tokens, layers.two(noisy, time)], dim=1)
    n = tokens.shape[1]
    there = torch.cat([there, torch.ones(3, 2, dtype=torch.bool)], dim=1)
    for block in layers.blocks:
        tokens, _ = block(tokens, layers.order(0, n), there[:, None] & torch.ones(n, n, dtype=torch.bool).tril())
    torch.testing.assert_close(model(noisy, time, model.context(told()))[:, 0], layers.readout(tokens[:, -1]))


def test_only_the_causal_one_is_blind_to_what_follows():
    for kind in KINDS:
        layers = small(kind).layers
        tokens = torch.randn(1, 5, 8, dtype=torch.double)
        mask = torch.ones(1, 5, 5, dtype=torch.bool)
        mask = mask.tril() if kind is CausalPrior else mask[:, :1]
        outs = []
        for last in (tokens, torch.cat([tokens[:, :4], -tokens[:, 4:]], dim=1)):
            for block in layers.blocks:
                last, _ = block(last, layers.order(0, 5), mask)
            outs.append(last[:, :4])
        assert torch.allclose(*outs) is (kind is CausalPrior)


@pytest.mark.parametrize("kind", KINDS)
def test_compodiff_samples_with_it(kind):
    torch.manual_seed(0)
    model = CompoDiff(
        [], clip=TinyClip, denoiser=partial(kind, layers=LAYERS), sampling=Sampling(sampler=DDIM(calls=2), samples=2)
    ).double()
    query = Query(image=numbered(2), text=["a b", "c d"], avoid=["x y", "z w"])
    composed = model.eval().compose(query)
    for row in range(2):
        torch.testing.assert_close(model.compose(query[torch.tensor([row])])[0], composed[row])
    loss = (
        model.denoiser(
            torch.randn(2, 1, 8, dtype=torch.double),
            torch.tensor([5]),
            model.denoiser.context(model.encoders.embed(query).conditions()),
        )
        .pow(2)
        .sum()
    )
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.denoiser.parameters())
