"""Changes of people's images and captions: how often, how much, what stays, the mask that goes along."""

import pytest
import torch

from cirkit.encoders.tall_clip import MEAN, STD, spelt
from cirkit.examples import Captions
from cirkit.training.person_augment import (
    CHANGES,
    MASK,
    clip_pieces,
    padded_crop,
    person_views,
    random_erasing,
    random_flip,
    token_noise,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 400, channels: int = 3) -> torch.Tensor:
    return torch.randint(1, 256, (count, channels, 24, 8), dtype=torch.uint8, generator=generator(9))


def plain(text: str) -> list[int]:
    return [1000 + len(word) for word in text.split()]


def told(texts: list[str]) -> list[list[int]]:
    return [spelt(text, MASK + 3) for text in texts]


def test_half_of_the_images_are_mirrored_whole():
    given = images()
    found = random_flip()(given, generator())
    flipped = (found == given.flip(3)).flatten(1).all(1)
    assert 0.4 < flipped.float().mean() < 0.6
    assert bool(((found == given).flatten(1).all(1) | flipped).all())


def test_a_crop_is_a_shift_with_black_beside():
    given = images(200)
    found = padded_crop(3)(given, generator())
    shifts = set()
    for before, after in zip(given, found, strict=True):
        wide = torch.nn.functional.pad(before, (3,) * 4)
        same = [(y, x) for y in range(7) for x in range(7) if torch.equal(wide[:, y : y + 24, x : x + 8], after)]
        assert len(same) == 1
        shifts.update(same)
    assert len(shifts) == 49 and found.shape == given.shape


def test_half_of_the_images_lose_a_rectangle_within_its_bounds():
    given = torch.zeros(2000, 4, 96, 32, dtype=torch.uint8) + 7
    found = random_erasing()(given, generator())
    gone = found[:, 3] == 0
    shares = gone.flatten(1).float().mean(1)
    some = shares > 0
    assert 0.45 < some.float().mean() < 0.55
    assert shares[some].min() > 0.015 and shares.max() <= 0.41
    for mask, image in zip(gone[some][:50], found[some][:50], strict=True):
        rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert bool(box.all()) and image[:3, mask].unique(dim=1).flatten().tolist() == [156, 147, 133]
    assert bool((found[~some] == 7).all())


def test_the_fill_is_the_mean_taken_for_a_normalised_pixel():
    assert [round(255 * (m * s + m)) for m, s in zip(MEAN, STD, strict=True)] == list(random_erasing().fill)


def test_a_fifth_of_the_pieces_change_in_the_released_shares():
    noise = token_noise(encode=lambda text: [7] * 20_000)
    (found,) = told(noise(["any"], generator()))
    masked, kept = found.count(MASK), found.count(7)
    other = len(found) - masked - kept
    assert 0.79 < kept / 20_000 < 0.81 and 0.11 < masked / 20_000 < 0.13 and 0.03 < other / 20_000 < 0.05
    assert 20_000 - len(found) == pytest.approx(0.04 * 20_000, rel=0.2) and max(found) == MASK and min(found) > 0


def test_what_is_left_keeps_its_order_and_nothing_is_emptied():
    always = token_noise(encode=plain, share=1.0, masked=0.0, replaced=0.0)
    assert told(always(["a bb ccc"], generator())) == [[1001, 1002, 1003]]
    half = token_noise(encode=lambda text: list(range(1, 200)), share=0.5, masked=0.0, replaced=0.0)
    (found,) = told(half(["any"], generator()))
    assert found == sorted(found) and 60 < len(found) < 140


def test_pieces_are_those_of_every_clip():
    from itself_golden import SQUARE

    towers = SQUARE().towers
    assert clip_pieces("A man, in red!") == towers.encode("A man, in red!")


def test_a_batch_changes_by_its_generator_alone_and_keeps_its_identities():
    batch = Captions(text=["a man", "a bb"], image=images(2, channels=4), reference=torch.tensor([3, 5]))
    views = person_views(noise=token_noise(encode=plain))
    one, same, other = (views(batch, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.image, same.image) and one.text == same.text and not torch.equal(one.image, other.image)
    assert one.reference.tolist() == [3, 5] and len(CHANGES) == 3
    assert person_views(changes=(), noise=None)(batch, generator()).text == batch.text
