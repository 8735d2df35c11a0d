"""FiLM: a block against a loop over channels, the whole against its blocks, and scales that start at one."""

import torch

from cirkit.models.film import ModulatedBlock, Modulation


def test_a_block_is_its_formula_channel_by_channel():
    block = ModulatedBlock(3).double().eval()
    block.norm.running_mean.normal_()
    block.norm.running_var.uniform_(0.5, 2)
    map, scale, shift = (torch.randn(*shape, dtype=torch.double) for shape in ((2, 3, 4, 4), (2, 3), (2, 3)))
    out = block(map, scale, shift)
    for row in range(2):
        entered = [
            sum(block.enter.weight[c, k, 0, 0] * map[row, k] for k in range(3)) + block.enter.bias[c] for c in range(3)
        ]
        entered = [each.clamp(min=0) for each in entered]
        for c in range(3):
            for i in range(4):
                for j in range(4):
                    total = sum(
                        block.convolve.weight[c, k, a + 1, b + 1] * entered[k][i + a, j + b]
                        for k in range(3)
                        for a in (-1, 0, 1)
                        for b in (-1, 0, 1)
                        if 0 <= i + a < 4 and 0 <= j + b < 4
                    )
                    normed = (total - block.norm.running_mean[c]) / (block.norm.running_var[c] + 1e-5) ** 0.5
                    expected = entered[c][i, j] + (scale[row, c] * normed + shift[row, c]).clamp(min=0)
                    torch.testing.assert_close(out[row, c, i, j], expected)


def test_every_block_has_its_own_scales_and_shifts_of_the_sentence():
    layer = Modulation(3, 5, blocks=2).eval()
    map, sentence = torch.randn(2, 3, 4, 4), torch.randn(2, 5)
    predicted = sentence @ layer.predict.weight.mT + layer.predict.bias  # (b, 12)
    once = layer.blocks[0](map, 1 + predicted[:, 0:3], predicted[:, 3:6])
    twice = layer.blocks[1](once, 1 + predicted[:, 6:9], predicted[:, 9:12])
    torch.testing.assert_close(layer(map, sentence), layer.after(twice.mean((2, 3))))


def test_a_sentence_that_predicts_nothing_leaves_the_norm_as_it_is():
    layer = Modulation(3, 5, blocks=1).eval()
    torch.nn.init.zeros_(layer.predict.weight)
    torch.nn.init.zeros_(layer.predict.bias)
    map = torch.randn(2, 3, 4, 4)
    block = layer.blocks[0]
    entered = block.enter(map).relu()
    plain = entered + block.norm(block.convolve(entered)).relu()
    torch.testing.assert_close(layer(map, torch.randn(2, 5)), layer.after(plain.mean((2, 3))))


def test_the_norm_has_no_scale_and_shift_of_its_own():
    assert list(ModulatedBlock(3).norm.parameters()) == []
