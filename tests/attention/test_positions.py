"""Mixed positions: their formula, what learns and what does not, and numbers from the official code."""

from functools import partial

import pytest
import torch
from released_maaf import GOLDEN, released
from written_weights import drawn

from cirkit.attention.blocks import Transformer
from cirkit.attention.positions import Mixed, frozen, learned
from cirkit.errors import Problem
from cirkit.models.maaf import half_text
from cirkit.query import Query

every_kind = pytest.mark.parametrize("places", [learned, frozen])


@every_kind
def test_image_places_have_vectors_and_words_have_sinusoids_that_count_from_zero(places):
    tokens = torch.randn(2, 5, 4)
    mixed = Mixed(images=3, width=4, places=places)
    out = mixed(tokens)
    for place in range(3):
        torch.testing.assert_close(out[:, place], tokens[:, place] + mixed.places[place])
    for word, place in enumerate((3, 4)):
        angles = torch.tensor([word, word / 100])  # 10000^(2/4) = 100
        expected = torch.stack([angles.sin(), angles.cos()], dim=1).flatten()
        torch.testing.assert_close(out[:, place], tokens[:, place] + expected)


def test_a_catalogue_picture_has_image_places_only_and_less_is_a_problem():
    mixed = Mixed(images=3, width=4)
    tokens = torch.randn(2, 3, 4)
    torch.testing.assert_close(mixed(tokens), tokens + mixed.places)
    with pytest.raises(Problem, match="positions for 3 image tokens and this sequence has 2"):
        mixed(tokens[:, :2])


@pytest.mark.parametrize(("places", "learns"), [(learned, True), (frozen, False)])
def test_learned_places_move_with_the_rest_and_frozen_ones_are_kept_with_the_weights(places, learns):
    positions = partial(Mixed, images=3, width=4, places=places)
    fusion = Transformer(4, blocks=1, heads=1, hidden=6, positions=positions)
    before = fusion.positions.places.detach().clone()
    assert before.abs().max() <= 0.5 and before.std() > 0.1  # uniform within 1/√4
    optimizer = torch.optim.SGD(fusion.parameters(), lr=1.0)
    fusion(torch.randn(2, 5, 4)).square()[..., 0].sum().backward()
    optimizer.step()
    assert torch.equal(fusion.positions.places, before) is not learns
    assert "positions.places" in fusion.state_dict()


def test_dropout_acts_on_images_and_words_in_training_only():
    tokens = torch.full((1, 200, 4), 10.0)
    mixed = Mixed(images=100, width=4, dropout=0.5)
    dropped = mixed(tokens) == 0
    assert dropped[:, :100].any() and dropped[:, 100:].any()
    assert (mixed.eval()(tokens) != 0).all()


@every_kind
def test_the_official_code_gives_these_numbers(places):
    """yahoo/maaf at 49a0df9, double precision, the weights of `fill`, in eval mode; its sinusoids are single."""
    maaf = released(pool=half_text, positions=partial(Mixed, images=245, width=16, places=places))
    golden = GOLDEN["cases"]["mixed"]
    images = (256 * drawn((4, 3, 224, 224), 1000)).to(torch.uint8)
    with torch.no_grad():
        composed = maaf.compose(Query(image=images[:2], text=GOLDEN["texts"]))
        encoded = maaf.encode(images[2:])
        loss = torch.nn.functional.cross_entropy(maaf.score(composed, encoded), torch.arange(2))
    torch.testing.assert_close(composed, torch.tensor(golden["composed"], dtype=torch.double), rtol=1e-6, atol=2e-7)
    torch.testing.assert_close(encoded, torch.tensor(golden["encoded"], dtype=torch.double), rtol=1e-6, atol=2e-7)
    assert loss.item() == pytest.approx(golden["loss"], rel=1e-6)
