"""CompoDiff: the official sampler's numbers, guidance, negative texts, masks, and what is computed once."""

import json
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from toys import TinyClip, numbered
from written_weights import drawn, fill

from cirkit.declare import describe, rebuild
from cirkit.models.base import Retriever
from cirkit.models.compodiff import RELEASED, CompoDiff, EmbeddedQuery, Encoders, Sampling, padding_too, sampled
from cirkit.models.denoiser import Denoiser
from cirkit.models.diffusion import DDIM, DPMSolver, released_ddim, row_by_row
from cirkit.models.guidance import BOTH, IMAGE, NEITHER, WITHOUT, as_meant, as_printed, needed
from cirkit.models.masking import MEAN, gaussian_noise, mean_colour, random_boxes, resize
from cirkit.query import Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "compodiff.json").read_text())
SMALL = partial(Denoiser, blocks=1, heads=2, cross_heads=2, head_width=4, widening=2)
TEXTS = ["make it red", "as a sketch", ""]


class Letters(nn.Module):
    """Stands for T5: a vector for each letter."""

    width = 5

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(256, self.width)

    def text_tokens(self, texts):
        codes = torch.tensor([list(text.encode()[:12].ljust(12, b"\0")) for text in texts])
        return self.table(codes), codes > 0


def small(**changes) -> CompoDiff:
    torch.manual_seed(0)
    settings = {"clip": TinyClip, "denoiser": SMALL, "sampling": Sampling(sampler=DDIM(calls=2))}
    return CompoDiff([], **(settings | changes)).double().eval()


def query(**changes) -> Query:
    mask = torch.zeros(3, 2, 2, dtype=torch.bool)
    mask[:, 0] = True
    parts = {"image": 40 * numbered(3) + 9, "text": TEXTS, "avoid": ["blue", "", "a person"], "mask": mask}
    return Query(**{name: part for name, part in (parts | changes).items() if part is not None})


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Of the row that has moved the least."""
    return (one - other).abs().amax(1).min().item()


@pytest.fixture(scope="module")
def official() -> tuple[CompoDiff, EmbeddedQuery]:
    """A model of the golden numbers' size with weights by the written rule, and their query."""
    wide, reader = type("Wide", (TinyClip,), {"width": 24}), type("Reader", (Letters,), {"width": 1280})
    denoiser = partial(Denoiser, blocks=2, heads=4, head_width=40)
    model = CompoDiff([], clip=wide, text=(reader,), denoiser=denoiser).double().eval()
    fill(model.denoiser)
    texts = torch.cat([4 * drawn((3, 77, 1280), number) - 2 for number in (4003, 4004)])
    image, mask = 4 * drawn((3, 1, 24), 4002)[:, 0] - 2, drawn((3, 64, 64), 4005) > 0.5
    bank = ((texts, torch.ones(6, 77, dtype=torch.bool)),)
    return model, EmbeddedQuery(texts=bank, text=torch.arange(3), avoid=torch.arange(3, 6), image=image, mask=mask)


def test_the_official_guidance_gives_these_numbers(official):
    model, asked = official
    noisy, weights = 4 * drawn((3, 1, 24), 4001) - 2, as_meant(image=1.5, text=7.5)()
    with torch.no_grad():
        context = model.denoiser.context(asked.conditions(tuple(weights)))
        calls = model.denoiser(noisy.repeat(3, 1, 1), torch.tensor([500]), context).chunk(3)
    found = sum(weight * each for weight, each in zip(weights.values(), calls, strict=True))
    torch.testing.assert_close(found[:, 0], torch.tensor(GOLDEN["guided"], dtype=torch.double), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", GOLDEN["sampled"])
def test_the_official_sampler_gives_these_numbers(official, case):
    """CompoDiff.sample of navervision/CompoDiff at 860147c, guidance (1.5, 7.5), its noise."""
    calls, samples = (int(word) for word in case.split() if word.isdecimal())
    how = Sampling(sampler=released_ddim(calls), samples=samples, noise=row_by_row(7))
    found = sampled(how)(official[0]).sample(official[1])
    torch.testing.assert_close(found, torch.tensor(GOLDEN["sampled"][case], dtype=torch.double), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("text", [(None,), (None, Letters), (Letters,)])
def test_it_speaks_the_protocol_and_a_batch_is_its_rows(text):
    model = small(text=text, sampling=Sampling(sampler=DDIM(calls=3, eta=0.5), samples=2))
    composed = model.compose(query())
    assert isinstance(model, Retriever) and model.score(composed, model.encode(numbered(4))).shape == (3, 4)
    for row in range(3):
        torch.testing.assert_close(model.compose(query()[torch.tensor([row])])[0], composed[row])
    assert not composed.requires_grad and composed.isfinite().all()


@pytest.mark.parametrize("part", ["image", "text", "avoid", "mask"])
def test_every_part_counts_and_may_be_missing(part):
    model, other = small(), {"image": 90 - 20 * numbered(3), "text": ["cut", "darker", "two"], "avoid": ["x", "y", "z"]}
    other["mask"] = ~query().mask
    base, moved, missing = (
        model.compose(query(**{part: each})) for each in (getattr(query(), part), other[part], None)
    )
    assert distance(base, moved) > 1e-6 and missing.isfinite().all() and (base - missing).abs().max() > 1e-6


def test_an_empty_negative_text_and_an_empty_mask_are_none():
    model = small()
    nothing = model.compose(query(avoid=None, mask=None))
    empty = query(avoid=["", "", ""], mask=torch.zeros(3, 2, 2, dtype=torch.bool))
    torch.testing.assert_close(model.compose(empty), nothing)


def test_a_negative_text_stands_wherever_the_empty_one_does():
    weights = {**as_meant()(), **as_printed()()}
    assert {branch.text for branch in weights if branch != BOTH} == {"avoid"}


def test_weights_of_one_are_the_conditional_prediction():
    model = small(sampling=Sampling(sampler=DDIM(calls=3), guidance=as_meant(image=1.0, text=1.0)))
    assert needed(as_meant(image=1.0, text=1.0)(), image=True) == {BOTH: 1.0}
    asked = model.encoders.embed(query())
    context = model.denoiser.context(asked.conditions())

    def denoise(noisy, time):
        return model.denoiser(noisy, torch.tensor([time]), context)

    noise = model.sampling.noise(asked.image[:, None])
    torch.testing.assert_close(model.sample(asked), DDIM(calls=3)(denoise, noise, model.alphas)[:, 0])


def test_guidance_is_equation_four():
    torch.manual_seed(0)
    calls = {branch: torch.randn(4) for branch in (BOTH, IMAGE, NEITHER, WITHOUT)}
    for rule, first in ((as_meant, NEITHER), (as_printed, WITHOUT)):
        found = sum(weight * calls[branch] for branch, weight in rule(image=1.5, text=7.5)().items())
        expected = calls[first] + 1.5 * (calls[IMAGE] - calls[NEITHER]) + 7.5 * (calls[BOTH] - calls[IMAGE])
        torch.testing.assert_close(found, expected)


def test_a_query_without_an_image_needs_two_branches_and_no_weight_of_the_image():
    assert needed(as_meant(image=1.5, text=7.5)(), image=False) == {NEITHER: -6.5, BOTH._replace(image="null"): 7.5}
    one, other = (small(sampling=Sampling(guidance=as_meant(image=w))) for w in (0.0, 3.0))
    torch.testing.assert_close(one.compose(query(image=None, mask=None)), other.compose(query(image=None, mask=None)))


def test_equation_four_as_printed_is_another_number():
    how = Sampling(sampler=DDIM(calls=2))
    one, other = (sampled(replace(how, guidance=rule()))(small()).compose(query()) for rule in (as_meant, as_printed))
    assert distance(one, other) > 1e-6


def test_conditions_are_read_once_and_each_distinct_text_once():
    model, counts = small(sampling=Sampling(sampler=DPMSolver(calls=5), samples=3)), Counter()
    layers = {
        "text": model.denoiser.inputs.texts[0],
        "mask": model.denoiser.inputs.mask,
        "call": model.denoiser.readout,
    }
    for name, layer in layers.items():
        layer.register_forward_hook(lambda layer, given, out, name=name: counts.update([name, f"{name} {len(out)}"]))
    model.compose(query(text=["red", "red", ""], avoid=None))
    assert counts == {"text": 1, "text 2": 1, "mask": 1, "mask 9": 1, "call": 5, "call 9": 5}


def test_samples_are_averaged_and_some_of_the_image_mixed_in():
    model, asked = small(), small().encoders.embed(query())
    noise = [torch.randn(3, 2, 8, dtype=torch.double)]

    def out(samples, given, mixing=0.0):
        how = Sampling(sampler=DDIM(calls=1), samples=samples, noise=lambda like: iter(given), mixing=mixing)
        return sampled(how)(model).sample(asked)

    each = [out(1, [noise[0][:, i : i + 1]]) for i in range(2)]
    torch.testing.assert_close(out(2, noise), (each[0] + each[1]) / 2)
    torch.testing.assert_close(out(2, noise, mixing=0.1), 0.9 * (each[0] + each[1]) / 2 + 0.1 * asked.image)


def test_another_sampling_shares_the_weights():
    model = small()
    other = sampled(RELEASED)(model)
    assert other.sampling is RELEASED and model.sampling is not RELEASED
    assert all(one is same for one, same in zip(model.parameters(), other.parameters(), strict=True))
    assert rebuild(describe(RELEASED)) == RELEASED


def test_the_encoders_stand_still_and_the_denoiser_learns():
    model = small(text=(None, Letters)).train()
    assert model.denoiser.training and not any(part.training for part in model.encoders.modules())
    assert {name.split(".")[0] for name, each in model.named_parameters() if each.requires_grad} == {"denoiser"}


def test_padding_is_attended_to_where_it_is_wanted():
    one, other = (Encoders(clip=TinyClip, **changes).read(["a", "a b c"]) for changes in ({}, {"padding": padding_too}))
    assert one[0][1].sum(1).tolist() == [3, 5] and one[0][1][:, :3].all() and other[0][1].all()


@pytest.mark.parametrize("erase", [mean_colour, gaussian_noise(0.5)])
def test_what_is_outside_the_mask_stays(erase):
    images = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    mask = torch.zeros(2, 16, 16, dtype=torch.bool)
    mask[0, 4:9, 2:12] = True
    erased = erase(images, mask)
    outside = ~mask[:, None].expand_as(images)
    assert torch.equal(erased[outside], images[outside]) and torch.equal(erased, erase(images, mask))
    assert (erased[0, :, 4:9, 2:12] != images[0, :, 4:9, 2:12]).float().mean() > 0.9


def test_the_released_colour_is_the_one_that_clip_subtracts():
    erased = mean_colour(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.ones(1, 2, 2, dtype=torch.bool))
    assert (erased == torch.tensor(MEAN)[:, None, None]).all()
    for colour, mean in zip(MEAN, (0.48145466, 0.4578275, 0.40821073), strict=True):
        assert abs(colour / 255 - mean) < 1 / 500


def test_masks_are_resized_and_boxes_have_their_sizes():
    mask = torch.zeros(1, 128, 128, dtype=torch.bool)
    mask[0, 32:96, 64:] = True
    expected = torch.zeros(1, 64, 64, dtype=torch.bool)
    expected[0, 16:48, 32:] = True
    assert torch.equal(resize(mask, 64, 64), expected)
    images = torch.randint(0, 256, (20, 3, 32, 32), dtype=torch.uint8)
    boxes = random_boxes(0.25, 0.5)(images, [""] * 20)
    sides = torch.stack([boxes.any(1).sum(1), boxes.any(2).sum(1)])
    assert sides.min() >= 8 and sides.max() <= 16 and torch.equal(sides[0] * sides[1], boxes.sum((1, 2)))
    assert len(sides.T.unique(dim=0)) > 5
