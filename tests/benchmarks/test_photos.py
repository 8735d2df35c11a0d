from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cirkit.benchmarks import photos
from cirkit.compat import ensure_torchvision

REAL = sorted(Path(__file__).parents[3].glob("shared/data/images_*/images/*"))[::40]
SIZES = [(50, 37), (37, 50), (101, 64), (64, 101), (333, 222), (223, 224), (224, 500), (19, 7), (48, 48), (500, 375)]


def torchvision(image, size, resample):
    ensure_torchvision()
    from torchvision import transforms

    mode = transforms.InterpolationMode[resample.upper()]
    steps = transforms.Compose([transforms.Resize(size, interpolation=mode), transforms.CenterCrop(size)])
    return np.asarray(steps(image))


def noise(width, height):
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [224, 48, 33])
@pytest.mark.parametrize("shape", SIZES)
def test_the_square_is_torchvisions_pixel_for_pixel(shape, size, resample):
    image = noise(*shape)
    assert np.array_equal(np.asarray(photos.fit(image, size, resample)), torchvision(image, size, resample))


@pytest.mark.skipif(not REAL, reason="no real photos here")
def test_the_square_of_real_photos_is_torchvisions():
    for path in REAL:
        image = photos.decode(path)
        assert np.array_equal(np.asarray(photos.fit(image, 224)), torchvision(image, 224, "bicubic")), path


@pytest.mark.parametrize(
    ("shape", "padded"),
    [
        ((500, 375), (500, 399)),
        ((400, 320), (400, 320)),
        ((401, 320), (401, 320)),
        ((300, 600), (480, 600)),
        ((1000, 10), (1000, 800)),
        ((333, 222), (333, 266)),
    ],
)
def test_target_padding_gives_the_sizes_of_the_released_code(shape, padded):
    image = photos.target_pad(Image.new("RGB", shape, "white"))
    assert image.size == padded
    white = np.asarray(image)[..., 0] == 255
    assert white.sum() == shape[0] * shape[1] and white[padded[1] // 2, padded[0] // 2]


def test_files_are_cut_by_the_object_they_are_given(tmp_path):
    noise(90, 41).save(tmp_path / "a.png")
    image = photos.decode(tmp_path / "a.png")
    for fit in (photos.fit, photos.padded_fit, partial(photos.fit, resample="bilinear")):
        (got,) = photos.Files([tmp_path / "a.png"], 24, fit)[torch.tensor([0])]
        assert np.array_equal(got.permute(1, 2, 0).numpy(), np.asarray(fit(image, 24)))
