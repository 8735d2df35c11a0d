"""RDE, IRRA and TBPS-CLIP: official numbers of IRRA's reader, the protocol, rows alone, learning."""

from functools import partial

import pytest
import torch
from itself_golden import GOLDEN, TALL, Zero, filled
from torch.nn.functional import cross_entropy
from torch.testing import assert_close
from written_weights import drawn

from cirkit.declare import describe, rebuild
from cirkit.examples import Captions
from cirkit.models.base import Retriever, take
from cirkit.models.person_baselines import IRRA, RDE, TBPSCLIP
from cirkit.models.retention import fixed
from cirkit.models.token_rules import single_layer
from cirkit.query import Query
from cirkit.training.baseline_objectives import identity_contrast, mask_words, matching_and_masked_words
from cirkit.training.person_augment import MASK
from cirkit.training.person_objectives import alignment_alone

TEXTS = ["a red man", "a red man now", "a blue woman", "the blue one"]
MODELS = {
    "RDE": partial(RDE, clip=TALL, width=12),
    "IRRA": partial(IRRA, clip=TALL, identities=2, blocks=1),
    "TBPS-CLIP": partial(TBPSCLIP, clip=TALL),
}
OBJECTIVES = {"RDE": alignment_alone(), "IRRA": matching_and_masked_words(), "TBPS-CLIP": identity_contrast()}
every_model = pytest.mark.parametrize("name", MODELS)
GAIN = ("norm_text.weight", "norm_image.weight", "norm_out.weight", "norm_word.weight")


def batch() -> Captions:
    colour = torch.tensor([[200, 30, 30], [30, 30, 200]], dtype=torch.uint8).repeat_interleave(2, 0)
    noise = torch.randint(0, 40, (4, 3, 48, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Captions(text=TEXTS, image=colour[:, :, None, None] + noise, reference=torch.tensor([0, 0, 1, 1]))


def test_the_official_code_reads_these_words():
    """cross_former and mlm_head of anosorae/IRRA at cfc2378, two blocks of width 64."""
    model = IRRA([], clip=partial(Zero, width=64, pieces=11), identities=2, blocks=2).double().eval()
    del model.one
    filled(model, gain=(*GAIN, *(f"blocks.{block}.norm{number}.weight" for block in (0, 1) for number in (1, 2))))
    text, image = 2 * drawn((2, 5, 64), 50) - 1, 2 * drawn((2, 7, 64), 51) - 1
    assert_close(model.read(text, image).flatten().tolist(), GOLDEN["irra"]["words"], rtol=0, atol=1e-9)


def test_words_cost_their_mean_cross_entropy_over_what_is_to_be_told():
    found = cross_entropy(drawn((6, 9), 52)[[1, 3, 4]], torch.tensor([3, 8, 1]))
    assert found.item() == pytest.approx(GOLDEN["irra"]["mlm"], abs=1e-9)


@every_model
@torch.no_grad()
def test_speaks_the_protocol_and_a_batch_is_its_rows(name):
    torch.manual_seed(0)
    model, images = MODELS[name](TEXTS).eval(), batch().image
    assert isinstance(model, Retriever) and describe(rebuild(describe(MODELS[name])))["clip"]["shape"] == [48, 16]
    composed, encoded = model.compose(Query(text=TEXTS)), model.encode(images)
    assert model.score(composed, encoded).shape == (4, 4)
    for row in range(4):
        one = torch.tensor([row])
        alone = model.score(model.compose(Query(text=[TEXTS[row]])), model.encode(images[one]))
        assert_close(alone, model.score(take(composed, one), take(encoded, one)), rtol=1e-4, atol=1e-5)


@every_model
def test_twelve_steps_lower_the_loss(name):
    torch.manual_seed(0)
    model = MODELS[name](TEXTS).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss = OBJECTIVES[name](model, batch())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])


def test_rde_selects_three_tenths_by_the_last_block():
    branches = MODELS["RDE"](TEXTS).branches
    assert branches.rule == branches.text_rule == single_layer(11) and branches.retention == fixed(0.3)


def test_words_are_masked_as_in_bert_and_one_at_least_in_each_text():
    torch.manual_seed(0)
    pieces = torch.randint(1, MASK, (500, 40))
    pieces[:, 0], pieces[:, 30], pieces[:, 31:] = MASK + 1, MASK + 2, 0
    real = torch.arange(40).expand(500, 40) <= 30
    told, changed = mask_words(pieces, real, 0.15)
    words = told[:, 1:30]
    assert not told[:, 0].any() and not told[:, 30:].any() and 0.14 < words.float().mean() < 0.16
    assert torch.equal(changed[~told], pieces[~told])
    assert (
        0.77 < (changed[told] == MASK).float().mean() < 0.83
        and 0.07 < (changed[told] == pieces[told]).float().mean() < 0.13
    )
    few, one = mask_words(pieces, real, 0.0)
    assert few.sum(1).tolist() == [1] * 500 and bool(few[:, 1].all()) and bool((one[:, 1] == MASK).all())


def test_the_temperature_is_bounded():
    model = MODELS["TBPS-CLIP"](TEXTS)
    assert model.scale.item() == pytest.approx(1 / 0.07, rel=1e-5)
    model.root_scale.data.fill_(50.0)
    assert model.scale.item() == 100
