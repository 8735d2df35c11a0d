"""Relationship: the relation module against a double loop over places, and the order of places, which it ignores."""

import torch

from cirkit.models.relationship import Relation


def test_the_module_is_an_average_over_all_pairs_of_places():
    layer = Relation(3, 5, hidden=7).double()
    places, sentence = torch.randn(2, 4, 3, dtype=torch.double), torch.randn(2, 5, dtype=torch.double)
    out = layer(places, sentence)
    for row in range(2):
        seen = []
        for one in places[row]:
            for other in places[row]:
                seen.append(layer.pair(layer.first(torch.cat([one, other, sentence[row]]))))
        assert len(seen) == 16
        torch.testing.assert_close(out[row], layer.after(torch.stack(seen).mean(0)))


def test_neither_the_order_of_places_nor_the_order_within_pairs_matters_since_all_pairs_are_there():
    layer = Relation(3, 5, hidden=7)
    places, sentence = torch.randn(2, 4, 3), torch.randn(2, 5)
    before = layer(places, sentence)
    torch.testing.assert_close(layer(places[:, [2, 0, 3, 1]], sentence), before)
    with torch.no_grad():
        one, other, said = layer.first.weight.split([3, 3, 5], dim=1)
        layer.first.weight.copy_(torch.cat([other, one, said], dim=1))
        torch.testing.assert_close(layer(places, sentence), before)
        layer.first.weight[:, :3] = 0  # but a network that sees one place of each pair says something else
        assert not torch.allclose(layer(places, sentence), before)


def test_g_has_four_layers_and_f_three_as_santoro_et_al_use():
    layer = Relation(3, 5)
    linear = [each for each in layer.modules() if isinstance(each, torch.nn.Linear)]
    assert [each.out_features for each in linear] == [256, 256, 256, 256, 256, 256, 3]


def test_differences_between_pictures_survive_the_seven_layers():
    torch.manual_seed(0)
    module = Relation(16, 16, hidden=64)
    vectors = module(torch.randn(32, 9, 16), torch.randn(32, 16))  # (b, d)
    apart = vectors.std(0).mean() / vectors.mean(0).abs().mean()
    assert apart > 0.1  # with torch's default start it is a hundredth
