import torch

from cirkit.query import Batch, Query
from cirkit.training.augment import flips_and_shifts


def test_no_share_only_mirrors():
    images = torch.randint(0, 255, (64, 3, 4, 6), dtype=torch.uint8)
    out = flips_and_shifts(0.0).change(images, torch.Generator().manual_seed(0))
    kept = (out == images).flatten(1).all(1)
    mirrored = (out == images.flip(3)).flatten(1).all(1)
    assert (kept | mirrored).all() and 10 < kept.sum() < 54


def test_a_shifted_picture_is_a_window_of_the_picture_with_its_border_repeated():
    image = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8).expand(1, 3, 8, 8)
    seen = set()
    for seed in range(60):
        out = flips_and_shifts(0.25).change(image, torch.Generator().manual_seed(seed))[0, 0]
        found = [
            (dy, dx, mirrored)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            for mirrored in (False, True)
            if torch.equal(out, slow(image[0, 0].flip(1) if mirrored else image[0, 0], dy, dx))
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 20


def slow(image, dy, dx):
    """The window one shift gives, pixel by pixel."""
    return torch.tensor(
        [[image[min(max(y + dy, 0), 7), min(max(x + dx, 0), 7)].item() for x in range(8)] for y in range(8)],
        dtype=torch.uint8,
    )


def test_reference_and_target_change_each_in_their_own_way_and_a_query_without_a_picture_stays():
    images = torch.randint(0, 255, (16, 3, 8, 8), dtype=torch.uint8)
    batch = Batch(query=Query(image=images, text=["x"] * 16), target=images)
    out = flips_and_shifts()(batch, torch.Generator().manual_seed(0))
    assert not torch.equal(out.query.image, out.target) and out.query.text == ["x"] * 16
    words = flips_and_shifts()(Batch(query=Query(text=["x"] * 16), target=images), torch.Generator())
    assert words.query.image is None
