"""Image files: the format is that of the name asked for, and what is drawn again is what a reader decodes."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from cirkit.benchmarks import birds_to_words, cub, photos
from cirkit.query import all_rows
from cirkit.worlds.birds_to_words import BIRDS_TO_WORDS
from cirkit.worlds.cub import CUB
from cirkit.worlds.image_files import as_saved, save


@pytest.mark.parametrize(("image_format", "kind"), [("png", "PNG"), ("jpg", "JPEG")])
def test_what_is_saved_is_what_is_seen(tmp_path, image_format, kind):
    images = torch.randint(0, 256, (3, 3, 16, 24), dtype=torch.uint8)
    names = [f"deep/{row}.{image_format}" for row in range(3)]
    save(tmp_path, names, images, image_format)
    with Image.open(tmp_path / names[0]) as image:
        assert image.format == kind
    seen = photos.stack([tmp_path / name for name in names])
    assert torch.equal(as_saved(images, image_format), seen)
    assert torch.equal(seen, images) == (image_format == "png")


def test_jpeg_keeps_the_colour_of_single_pixels():
    image = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    image[0, :, 8, 8] = torch.tensor([255, 0, 0], dtype=torch.uint8)
    red, green, blue = as_saved(image, "jpg")[0, :, 8, 8].tolist()
    assert red > 220 and green < 40 and blue < 40


def test_worlds_write_the_names_that_the_official_loaders_open(tmp_path):
    size = replace(BIRDS_TO_WORDS.sizes["smoke"], train=2, val=1, test=2)
    BIRDS_TO_WORDS.publish(tmp_path / "birds", size)
    test = birds_to_words.test(tmp_path / "birds")
    assert torch.equal(test.gallery[all_rows(test.gallery)], BIRDS_TO_WORDS.images(size, "test", range(8)))
    urls = {row.first for row in birds_to_words.rows(tmp_path / "birds")}
    assert all((tmp_path / "birds" / "images" / url.rsplit("/", 1)[-1]).is_file() for url in urls)
    assert all(".jpg?" in url for url in urls)

    birds = replace(CUB.sizes["smoke"], each=2)
    CUB.publish(tmp_path / "cub", birds)
    half = cub.train(tmp_path / "cub", cub.Protocol(divide=cub.by_image, crop=cub.whole, size=birds.image))
    assert torch.equal(half.images[all_rows(half.images)], CUB.images(birds, "train", range(8)))
    assert all(photo.path.endswith(".jpg") for photo in cub.listing(tmp_path / "cub").photos)


def test_attngans_pickles_name_every_image_and_class_once(tmp_path):
    import pickle

    size = replace(CUB.sizes["smoke"], each=2)
    CUB.publish(tmp_path / "cub", size)
    known = cub.listing(tmp_path / "cub")
    stems = []
    for split, label in (("train", range(1, 5)), ("test", range(5, 9))):
        names, classes = (
            pickle.loads((tmp_path / "cub" / split / f"{name}.pickle").read_bytes())
            for name in ("filenames", "class_info")
        )
        assert classes == [number for number in label for _ in range(2)]
        assert all((tmp_path / "cub" / cub.FOLDER / "images" / f"{name}.jpg").is_file() for name in names)
        stems += names
    assert stems == [photo.path.removesuffix(".jpg") for photo in known.photos]
