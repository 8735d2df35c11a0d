"""Images for the pages: what is framed, what is padded, which colours masks get."""

import numpy as np
import pytest
import torch

from cirkit.figures import images


def test_images_row_marks_right_answers_by_more_than_colour():
    figure = images.images_row(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), ["1", "2", "3"], framed=[1])
    assert [axes.get_xlabel() for axes in figure.axes] == ["1", "✓ 2", "3"]
    assert [axes.spines["left"].get_visible() for axes in figure.axes] == [False, True, False]
    with pytest.raises(ValueError, match="3 images but 1 captions"):
        images.images_row(torch.zeros(3, 3, 8, 8, dtype=torch.uint8), ["1"])


def test_a_contact_sheet_holds_every_picture_and_masks_keep_the_ground_white():
    drawn = torch.randint(0, 255, (5, 3, 6, 4), dtype=torch.uint8)
    (axes,) = images.contact_sheet(drawn, columns=3, gap=2).axes
    sheet = np.asarray(axes.images[0].get_array())
    assert sheet.shape == (2 * 6 + 2, 3 * 4 + 2 * 2, 3)
    assert (sheet[8:14, 6:10] == drawn[4].permute(1, 2, 0).numpy()).all() and (sheet[8:, 12:] == 255).all()
    masks = images.tinted(torch.tensor([[[-1, 0], [1, 0]]]))
    assert masks[0, :, 0, 0].tolist() == [255] * 3 and (masks[0, :, 0, 1] == masks[0, :, 1, 1]).all()
    assert not torch.equal(masks[0, :, 0, 1], masks[0, :, 1, 0])
