"""CID and the identity loss: official numbers, the mined pairs, and the class of nobody."""

import pytest
import torch
from itself_golden import GOLDEN, IDENTITY, filled, pairs

from cirkit.errors import Problem
from cirkit.losses import cid
from cirkit.models.identity_heads import IdentityHeads

LOSSES = GOLDEN["losses"]


def heads() -> IdentityHeads:
    return filled(IdentityHeads(6, 10).double(), gain=("pair.1.weight",))


@pytest.mark.parametrize("nobody", [cid.reserved, cid.after_largest])
@pytest.mark.parametrize("name", IDENTITY)
def test_the_official_code_gives_these_losses(name, nobody):
    (image, text), identity, own = pairs(), IDENTITY[name], heads()
    *both, label = cid.pairs(image, text, identity, nobody(identity, 10))
    found = cid.cid(*own.both_orders(*both), label).item()
    golden = LOSSES[name]["cid released" if nobody is cid.after_largest else "cid reserved"]
    assert found == pytest.approx(golden, abs=1e-9)
    assert cid.identification(own.one(image), own.one(text), identity).item() == pytest.approx(
        LOSSES[name]["id"], abs=1e-9
    )


@pytest.mark.parametrize("name", IDENTITY)
def test_the_official_code_mines_these_negatives(name):
    image, text = (each / each.norm(dim=1, keepdim=True) for each in pairs())
    text_of, image_of = cid.hard_negatives(image @ text.mT, IDENTITY[name])
    assert {"text": text_of.tolist(), "image": image_of.tolist()} == LOSSES[name]["negatives"]


def test_pairs_are_the_right_ones_and_the_hardest_of_each_side():
    image, text = pairs()
    identity = IDENTITY["pairs"]
    images, texts, label = cid.pairs(image, text, identity, 99)
    assert torch.equal(images[:8], image) and torch.equal(texts[8:16], text) and torch.equal(images[16:], image)
    assert label.tolist() == identity.tolist() + [99] * 16
    assert sorted(label.tolist()) != LOSSES["pairs"]["labels"]  # released: 4, a real identity's where there are more
    assert sorted(label.masked_fill(label == 99, 4).tolist()) == LOSSES["pairs"]["labels"]
    of = {tuple(row): number for number, row in enumerate(image.tolist())}
    mined = torch.tensor([of[tuple(row)] for row in images[8:16].tolist()])
    assert mined.tolist() == LOSSES["pairs"]["negatives"]["image"] and bool((identity[mined] != identity).all())


def test_nobody_is_after_all_identities_or_after_those_of_the_batch():
    assert (cid.reserved(torch.tensor([1, 2]), 10), cid.after_largest(torch.tensor([1, 2]), 10)) == (10, 3)


def test_a_batch_of_one_identity_is_refused_in_a_sentence():
    with pytest.raises(Problem, match=r"Sample several identities for a batch\.$"):
        cid.hard_negatives(torch.rand(3, 3), torch.zeros(3, dtype=torch.int64))
