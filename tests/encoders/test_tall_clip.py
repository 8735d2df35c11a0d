"""The tall CLIP: positions, weights of a square one, its own again, texts as strings and as pieces, refusals."""

from functools import partial

import pytest
import torch
from itself_golden import IMAGE, SQUARE, TALL, TEXT
from torch.nn.functional import interpolate
from torch.testing import assert_close

from cirkit.encoders.clip import Clip, open_clip
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.encoders.tall_clip import Stretch, interpolate_positions, spell, spelt, tall_clip
from cirkit.errors import Problem

TABLE = "towers.network.visual.positional_embedding"
TEXTS = ["a man in a red coat and a hat", "bag", " ".join(["word"] * 40)]


@pytest.fixture(scope="module")
def square():
    torch.manual_seed(3)
    return SQUARE()


@pytest.fixture(scope="module")
def tall(square):
    found = TALL()
    found.load_state_dict(square.state_dict())
    return found


def images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def test_it_is_a_clip_with_a_token_for_each_patch_of_its_shape(tall):
    assert isinstance(tall, Clip) and tall.grid == (6, 2)
    assert tall.image_tokens(images(48, 16)).shape == (2, 13, 16)
    tokens = tall.project(tall.image_tokens(images(60, 20)))
    assert_close(tokens[:, 0], tall.image(images(60, 20)), rtol=1e-5, atol=1e-5)


def test_a_square_clips_weights_come_with_their_positions_interpolated(square, tall):
    own, state = tall.state_dict(), square.state_dict()
    grid = state[TABLE][1:].T.reshape(1, 16, 4, 4)
    expected = interpolate(grid, (6, 2), mode="bilinear", align_corners=False)[0].flatten(1).T
    assert torch.equal(own[TABLE][0], state[TABLE][0]) and torch.equal(own[TABLE][1:], expected)
    assert all(torch.equal(own[name], state[name]) for name in state if name not in (TABLE, "_extra_state"))


def test_a_grid_of_as_many_places_is_interpolated_too(square):
    flat = tall_clip(clip=SQUARE, shape=(64, 16))  # 8 by 2 for 4 by 4
    flat.load_state_dict(square.state_dict())
    assert not torch.equal(flat.state_dict()[TABLE], square.state_dict()[TABLE])
    again = tall_clip(clip=SQUARE, shape=(64, 16))
    again.load_state_dict(flat.state_dict())
    assert torch.equal(again.state_dict()[TABLE], flat.state_dict()[TABLE])


def test_the_same_grid_leaves_positions_as_they_are():
    table = torch.randn(17, 5)
    assert_close(interpolate_positions(table, (4, 4)), table)


def test_positions_are_linear_between_two_of_a_column():
    table = torch.cat([torch.zeros(1, 1), torch.tensor([[0.0], [0.0], [1.0], [1.0]])])  # 2 by 2, rows differ
    assert_close(
        interpolate_positions(table, (4, 2))[1:].view(4, 2), torch.tensor([0.0, 0.25, 0.75, 1.0])[:, None].expand(4, 2)
    )


def test_texts_read_as_the_square_clip_reads_them(square, tall):
    assert_close(tall.text(TEXTS), square.text(TEXTS), rtol=1e-5, atol=1e-5)
    pieces = [spell(tall.towers.encode(text)) for text in TEXTS]
    assert torch.equal(tall.text(pieces), tall.text(TEXTS))
    assert torch.equal(tall.text([*TEXTS[:2], pieces[2]]), tall.text(TEXTS))
    assert spelt("a man", 50_000) == spelt("", 50_000) == spelt(spell([60_000]), 50_000) == []
    ids, mask = tall.pieces(TEXTS)
    assert_close(tall.read(ids), square.text_tokens(TEXTS)[0])
    assert torch.equal(mask, square.text_tokens(TEXTS)[1])


def test_the_stretch_is_that_of_an_image_library():
    import numpy as np
    from PIL import Image

    picture = images(60, 25)[:1]
    found = 255 * Stretch(shape=(48, 16), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))(picture)[0].permute(1, 2, 0)
    library = Image.fromarray(picture[0].permute(1, 2, 0).numpy()).resize((16, 48), Image.Resampling.BILINEAR)
    expected = torch.from_numpy(np.asarray(library).copy()).float()
    assert_close(found, expected, rtol=0, atol=1.0)


def test_weights_of_another_preprocessing_are_refused(tall):
    other = open_clip(arch=SQUARE.keywords["arch"], preprocessing=Preprocessing(size=32, mean=(0.5, 0.5, 0.5)))
    with pytest.raises(Problem, match=r"Give it the preprocessing of its weights\.$"):
        TALL().load_state_dict(other.state_dict())


@pytest.mark.parametrize(
    ("vision", "shape", "told"),
    [
        (IMAGE, (50, 16), r"Give multiples of it\.$"),
        ({"image_size": 64, "layers": (1, 1, 1, 1), "width": 8, "head_width": 64}, (64, 32), r"Use ViT-B-32\.$"),
    ],
)
def test_shapes_and_towers_that_do_not_go_together_are_refused_in_a_sentence(vision, shape, told):
    arch = {"embed_dim": 20, "vision_cfg": vision, "text_cfg": TEXT}
    with pytest.raises(Problem, match=told):
        tall_clip(clip=partial(open_clip, arch=arch), shape=shape)
