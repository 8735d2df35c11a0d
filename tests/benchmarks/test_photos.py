import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from cirkit.benchmarks import photos
from cirkit.compat import ensure_torchvision
from cirkit.errors import Problem

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


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path, turn):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = turn
    noise(50, 64).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(photos.decode(tmp_path / "a.png")), np.asarray(ImageOps.exif_transpose(image)))


def test_broken_exif_does_not_lose_the_photo(tmp_path):
    noise(40, 30).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff broken")
    assert photos.decode(tmp_path / "a.jpg").size == (40, 30)


def test_transparent_parts_lie_on_white(tmp_path):
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGBA", (8, 8), (255, 0, 0, 128)).save(tmp_path / "half.png")
    Image.new("LA", (8, 8), (0, 0)).save(tmp_path / "grey.png")
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 255] * 256)
    palette.save(tmp_path / "palette.png", transparency=0)
    assert photos.square(tmp_path / "clear.png", 4).unique().tolist() == [255]
    assert photos.square(tmp_path / "half.png", 4)[:, 0, 0].tolist() == [255, 127, 127]
    assert photos.square(tmp_path / "grey.png", 4).unique().tolist() == [255]
    assert photos.square(tmp_path / "palette.png", 4).unique().tolist() == [255]


def test_palettes_grey_levels_sixteen_bits_and_print_colours_become_rgb(tmp_path):
    grey = Image.new("L", (8, 8), 77)
    grey.save(tmp_path / "a.png")
    grey.convert("P").save(tmp_path / "b.png")
    Image.fromarray(np.full((8, 8), 77 * 257, np.uint16)).save(tmp_path / "c.png")
    for name in "abc":
        assert photos.square(tmp_path / f"{name}.png", 4).unique().tolist() == [77]
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "d.jpg")
    red, green, blue = photos.square(tmp_path / "d.jpg", 4)[:, 0, 0].tolist()
    assert red > 200 and green < 60 and blue < 60
    Image.new("1", (8, 8), 1).save(tmp_path / "e.bmp")
    assert photos.square(tmp_path / "e.bmp", 4).unique().tolist() == [255]


def test_of_a_moving_image_the_first_frame_counts(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    for name in ("a.webp", "b.png", "c.gif", "d.tiff"):
        options = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
        red, green, _ = photos.square(tmp_path / name, 4)[:, 0, 0].tolist()
        assert red > 150 and green < 50


@pytest.mark.parametrize("kind", ["uint16", ">u2", "int32", "unit", "bytes", "wide", "negative"])
def test_values_of_more_than_eight_bits_are_scaled_and_not_clipped(tmp_path, kind):
    ramp = np.linspace(0, 1, 600 * 40).reshape(600, 40)  # more than one strip
    values = {
        "uint16": (ramp * 65535).astype(np.uint16),
        ">u2": (ramp * 65535).astype(np.uint16),
        "int32": (ramp * 65535).astype(np.int32),
        "unit": ramp.astype(np.float32),
        "bytes": (ramp * 255).astype(np.float32),
        "wide": (ramp * 3e38).astype(np.float32),
        "negative": (ramp * 2e38 - 1e38).astype(np.float32),
    }[kind]
    if kind == ">u2":
        Image.frombytes("I;16B", (40, 600), values.astype(">u2").tobytes()).save(tmp_path / "a.tiff")
    else:
        Image.fromarray(values).save(tmp_path / "a.tiff")
    grey = np.asarray(photos.decode(tmp_path / "a.tiff"))[..., 0]
    assert np.abs(grey.astype(float) - ramp * 255).max() < 1


def test_what_is_not_finite_is_black_and_a_constant_image_survives(tmp_path):
    for value, grey in ((np.nan, 0), (0.5, 128), (0.0, 0), (-3.0, 0)):
        Image.fromarray(np.full((4, 4), value, np.float32)).save(tmp_path / "a.tiff")
        assert np.unique(np.asarray(photos.decode(tmp_path / "a.tiff"))).tolist() == [grey]


def test_an_image_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    assert photos.fault(tmp_path / "a.png") is None
    monkeypatch.setattr(photos, "PIXELS", 9999)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda image: pytest.fail("decoded"))
    assert "100 x 100 pixels" in photos.fault(tmp_path / "a.png")
    with pytest.raises(Problem, match="smaller copy"):
        photos.decode(tmp_path / "a.png")


def test_pillows_own_alarm_is_one_sentence_too(tmp_path, monkeypatch):
    Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert "pixels" in photos.fault(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(1, 40_000), (40_000, 1), (3, 9000)])
def test_a_thread_of_an_image_takes_no_memory_to_cut(shape):
    square = photos.fit(noise(*shape), 224)
    assert square.size == (224, 224)


def test_several_frames_of_a_phone_are_read_as_one_jpeg(tmp_path):
    noise(30, 20).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[noise(31, 21)])
    assert photos.decode(tmp_path / "a.jpg").size == (30, 20)


def test_heic_without_its_package_says_which_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    monkeypatch.setattr(photos, "_formats", lambda: ("JPEG", "PNG"))
    with pytest.raises(Problem, match="pip install pillow-heif"):
        photos.decode(tmp_path / "a.heic")


def test_a_format_that_is_not_listed_is_not_read(tmp_path):
    noise(8, 8).save(tmp_path / "a.ppm")
    noise(8, 8).save(tmp_path / "b.jpg", "EPS")
    for name in ("a.ppm", "b.jpg"):
        assert photos.fault(tmp_path / name) == "not an image of a known format"


def test_what_is_no_regular_file_is_a_problem_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    for path, match in (
        (tmp_path, "folder"),
        (tmp_path / "pipe.jpg", "regular file"),
        (Path("/dev/zero"), "regular file"),
        (tmp_path / "loop.jpg", "no such file"),
        (tmp_path / "a\0b.jpg", "no such file"),
        (tmp_path / "\udc80\ud800.jpg", "no such file"),
    ):
        with pytest.raises(Problem, match=match):
            photos.decode(path)


def test_fitting_keeps_the_middle_of_the_longer_side():
    wide = Image.new("RGB", (60, 20), "red")
    wide.paste("blue", (20, 0, 40, 20))
    assert np.asarray(photos.fit(wide, 10))[:, 1:-1].reshape(-1, 3).mean(0)[2] > 240
    for size in ((7, 31), (31, 7), (5, 5), (640, 2)):
        assert photos.fit(Image.new("RGB", size), 9).size == (9, 9)
