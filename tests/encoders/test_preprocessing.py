"""Preprocessing: pixels against the transforms of image libraries, and what cannot be."""

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks.photos import target_pad
from cirkit.declare import describe, rebuild
from cirkit.encoders.open_clip_towers import open_clip_library
from cirkit.encoders.preprocessing import Preprocessing, TargetPad, direct_resize, shortest_side
from cirkit.errors import Problem


def picture(height: int, width: int) -> torch.Tensor:
    """Smooth colours with an edge in them."""
    down, across = torch.meshgrid(torch.linspace(0, 255, height), torch.linspace(0, 255, width), indexing="ij")
    image = torch.stack([down, across, 255 - down]).to(torch.uint8)
    image[:, height // 3 :, width // 2 :] //= 2
    return image


def photo(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).numpy())


@pytest.mark.parametrize(("fit", "mode"), [(shortest_side, "shortest"), (direct_resize, "squash")])
@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize("shape", [(40, 61), (97, 30), (16, 16), (33, 33)])
def test_pixels_are_those_of_open_clips_own_transform(fit, mode, resample, shape):
    open_clip_library()
    from open_clip.transform import image_transform

    image = picture(*shape)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    ours = Preprocessing(size=16, mean=mean, std=std, fit=fit, resample=resample)(image[None])[0]
    theirs = image_transform(16, is_train=False, mean=mean, std=std, resize_mode=mode, interpolation=resample)
    levels = (ours - theirs(photo(image))) * torch.tensor(std).view(3, 1, 1) * 255
    assert levels.abs().max() < 2.01 and levels.abs().mean() < 0.1  # Pillow rounds between rows and columns, too


@pytest.mark.parametrize("shape", [(375, 500), (320, 400), (600, 300), (10, 1000), (222, 333)])
def test_target_padding_is_the_one_of_photos(shape):
    image = picture(*shape)
    padded = np.array(target_pad(photo(image)))
    other = shortest_side(torch.from_numpy(padded).permute(2, 0, 1)[None], 24, "bicubic")
    torch.testing.assert_close(TargetPad(1.25)(image[None], 24, "bicubic"), other, rtol=0, atol=0)


def test_target_padding_keeps_the_ends_of_a_long_image():
    image = torch.full((1, 3, 30, 60), 200, dtype=torch.uint8)
    image[:, :, :, 8:12] = 255
    assert shortest_side(image, 24, "bicubic").max() == 200 and TargetPad()(image, 24, "bicubic").max() > 240
    assert TargetPad()(image, 24, "bicubic")[..., 0, :].max() == 0  # black above
    square = torch.full((1, 3, 30, 37), 9, dtype=torch.uint8)
    torch.testing.assert_close(TargetPad()(square, 24, "bicubic"), shortest_side(square, 24, "bicubic"))


def test_it_describes_itself_whole():
    each = Preprocessing(size=24, fit=TargetPad(1.5), std=(1.0, 1.0, 1.0))
    plain = describe(each)
    assert plain["make"] == "preprocessing.Preprocessing" and plain["fit"] == {
        "make": "preprocessing.TargetPad",
        "ratio": 1.5,
    }
    assert rebuild(plain) == each != Preprocessing(size=24)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"std": (1.0, 0.0, 1.0)}, {"resample": "nearest"}])
def test_what_prepares_no_image_is_a_problem(wrong):
    with pytest.raises(Problem, match="Give"):
        Preprocessing(**({"size": 8} | wrong))
