"""CompoDiff's denoiser: the official numbers, rows and samples apart from each other, padding that says nothing."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from written_weights import drawn, fill

from cirkit.models.denoiser import Conditions, Denoiser, Inputs, TextTokens, buckets

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "compodiff.json").read_text())


def small(texts: tuple[int, ...] = (6,)) -> Denoiser:
    torch.manual_seed(0)
    return Denoiser(8, texts, blocks=2, heads=2, cross_heads=2, head_width=6).double().eval()


def some(count: int = 3, texts: tuple[int, ...] = (6,)) -> Conditions:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.double)

    words = torch.arange(5) < torch.tensor([[5], [3], [1], [4]])
    rows = torch.arange(count) % 4
    return Conditions(
        texts=tuple(TextTokens(draw(4, 5, width), words, rows) for width in texts),
        image=draw(count, 8),
        present=torch.ones(count, dtype=torch.bool),
        mask=draw(count, 64, 64) > 0,
    )


def taken(conditions: Conditions, row: int) -> Conditions:
    texts = tuple(replace(text, row=text.row[row : row + 1]) for text in conditions.texts)
    image, present, mask = (part[row : row + 1] for part in (conditions.image, conditions.present, conditions.mask))
    return Conditions(texts=texts, image=image, present=present, mask=mask)


def test_the_official_code_gives_these_numbers():
    """navervision/CompoDiff at 860147c, the weights of `fill`, at one time for all rows and at times of their own."""
    model = Denoiser(24, (1280,), blocks=2, heads=4, head_width=40).double().eval()
    fill(model)
    noisy, image = (4 * drawn((3, 1, 24), number) - 2 for number in (4001, 4002))
    text = TextTokens(4 * drawn((3, 77, 1280), 4003) - 2, torch.ones(3, 77, dtype=torch.bool), torch.arange(3))
    mask = drawn((3, 64, 64), 4005) > 0.5
    with torch.no_grad():
        present = torch.ones(3, dtype=torch.bool)
        context = model.context(Conditions(texts=(text,), image=image[:, 0], present=present, mask=mask))
        cases = {time: torch.tensor([int(time)]) for time in GOLDEN["calls"]}
        for time, rows in GOLDEN["calls"].items():
            found = model(noisy, cases[time], context)[:, 0]
            torch.testing.assert_close(found, torch.tensor(rows, dtype=torch.double), rtol=1e-5, atol=1e-5)
        found = model(noisy, torch.tensor([5, 500, 999]), context)[:, 0]
    torch.testing.assert_close(
        found, torch.tensor(GOLDEN["times of their own"], dtype=torch.double), rtol=1e-5, atol=1e-5
    )


def test_at_the_released_size_it_has_the_released_number_of_parameters():
    with torch.device("meta"):
        model = Denoiser(768, (1280,))
    rotary = 16  # frequencies that the released code counts and does not train
    assert sum(p.numel() for p in model.parameters()) + rotary == 140_043_792


def test_a_batch_is_its_rows_and_samples_do_not_see_each_other():
    model, conditions = small((6, 3)), some(3, (6, 3))
    noisy, times = torch.randn(3, 2, 8, dtype=torch.double), torch.tensor([3, 500, 999])
    whole = model(noisy, times, model.context(conditions))
    for row in range(3):
        context = model.context(taken(conditions, row))
        for sample in range(2):
            one = model(noisy[row : row + 1, sample : sample + 1], times[row : row + 1], context)
            torch.testing.assert_close(one[0, 0], whole[row, sample])


def test_every_condition_counts_and_padding_does_not():
    model, conditions = small(), some()
    noisy, time = torch.randn(3, 1, 8, dtype=torch.double), torch.tensor([400])

    def out(changed: Conditions) -> torch.Tensor:
        return model(noisy, time, model.context(changed))[:, 0]

    text = conditions.texts[0]
    padded = text.tokens.masked_fill(~text.words[..., None], 1e6)
    torch.testing.assert_close(out(replace(conditions, texts=(replace(text, tokens=padded),))), out(conditions))
    nothing = replace(text, words=torch.zeros_like(text.words))
    assert out(replace(conditions, texts=(nothing,))).isfinite().all()
    absent = ~conditions.present
    for other in (
        replace(conditions, texts=(replace(text, row=text.row.flip(0) + 1),)),
        replace(conditions, image=torch.zeros_like(conditions.image)),
        replace(conditions, present=absent),
        replace(conditions, mask=~conditions.mask),
    ):
        assert (out(other) - out(conditions)).abs().amax(1).min() > 1e-6
    unseen = replace(conditions, present=absent, image=9 * conditions.image)
    torch.testing.assert_close(out(unseen), out(replace(conditions, present=absent)))


def test_distinct_texts_once_are_the_same_as_row_by_row():
    model, conditions = small(), some(4)
    text = replace(conditions.texts[0], row=torch.tensor([2, 2, 0, 2]))
    spread = TextTokens(text.tokens[text.row], text.words[text.row], torch.arange(4))
    noisy, time = torch.randn(4, 1, 8, dtype=torch.double), torch.tensor([7])
    one, other = (model(noisy, time, model.context(replace(conditions, texts=(each,)))) for each in (text, spread))
    torch.testing.assert_close(one, other)


def test_every_parameter_gets_a_gradient():
    model, times = small().train(), torch.tensor([1, 500, 999])
    model(torch.randn(3, 1, 8, dtype=torch.double), times, model.context(some())).pow(2).sum().backward()
    assert [
        name for name, p in model.named_parameters() if not (p.grad.isfinite().all() and p.grad.abs().sum() > 0)
    ] == []


def test_a_time_is_its_sines_and_cosines():
    inputs = Inputs(6, (4,)).double()
    angles = [500 * 10000 ** -(i / 2) for i in range(3)]
    wave = [*map(math.sin, angles), *map(math.cos, angles)]
    expected = inputs.clock(torch.tensor([wave], dtype=torch.double))
    torch.testing.assert_close(inputs.time(torch.tensor([500]), torch.double), expected)


@pytest.mark.parametrize(
    "behind, bucket", [(-3, 0), (0, 0), (1, 1), (15, 15), (16, 16), (40, 23), (127, 31), (900, 31)]
)
def test_far_keys_share_buckets(behind, bucket):
    assert buckets(torch.tensor([[behind]])).item() == bucket
