"""Crops: what lies in a box and nothing else, and an encoder whose regions do not see each other."""

from functools import partial

import torch

from cirkit.encoders.crops import CropEncoder, crops
from cirkit.encoders.image import SmallResNet


def quarters() -> torch.Tensor:
    """One image of four colours, a quarter each."""
    image = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    image[0, 0, :8, :8], image[0, 1, :8, 8:], image[0, 2, 8:, :8], image[0, :, 8:, 8:] = 200, 200, 200, 90
    return image


BOXES = torch.tensor([[[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1], [0, 0, 1, 1]]])


def test_a_box_holds_its_part_of_the_image():
    image = quarters()
    cut = crops(image, BOXES, 8)
    corners = [image[0, :, :8, :8], image[0, :, :8, 8:], image[0, :, 8:, :8], image[0, :, 8:, 8:]]
    for region, corner in zip(cut[0], corners, strict=False):
        assert torch.equal(region, corner)
    assert torch.equal(crops(image, BOXES, 16)[0, 4], image[0])


def test_regions_do_not_see_each_other_and_padding_is_zero():
    torch.manual_seed(0)
    model = CropEncoder(encoder=partial(SmallResNet, width=5, widths=(8, 12), strides=(1, 2)), side=8).eval()
    mask = torch.tensor([[True, True, True, False, False]])
    regions = model(quarters(), BOXES, mask)
    assert regions.vectors.shape == (1, 5, 5) and (regions.vectors[0, 3:] == 0).all()
    alone = model(quarters(), BOXES[:, 1:2], mask[:, 1:2])
    torch.testing.assert_close(alone.vectors[0, 0], regions.vectors[0, 1])
    assert len({tuple(vector.tolist()) for vector in regions.vectors[0, :3]}) == 3
