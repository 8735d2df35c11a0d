"""The decoder: what it decodes, that it learns, and that it is judged as a retriever."""

from functools import partial

import torch
from toys import TinyClip, numbered

from cirkit.examples import Captions, Features
from cirkit.models.base import Retriever
from cirkit.models.decoder import Decoder
from cirkit.query import Query
from cirkit.training.decoding import reconstruction, vectors_and_images

SMALL = partial(Decoder, clip=TinyClip, pixels=8, channels=(16, 8))


def colours(count: int = 12) -> torch.Tensor:
    """Images of one colour each, which is all that the toy CLIP sees."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, 1, 1), generator=generator, dtype=torch.uint8).expand(-1, -1, 8, 8).clone()


def test_it_paints_images_of_its_size_and_a_vectors_length_says_nothing():
    model, vectors = SMALL().eval(), torch.randn(3, 8)
    images = model.paint(vectors)
    assert images.shape == (3, 3, 8, 8) and images.dtype == torch.uint8 and len(images.flatten(1).unique(dim=0)) == 3
    assert torch.equal(model.paint(9 * vectors), images)
    assert Decoder(clip=TinyClip, pixels=48, channels=(16, 8, 8, 8, 8))(vectors).shape == (3, 3, 48, 48)


def test_it_learns_the_colours_and_clip_stays():
    model, images = SMALL().train(), colours()
    batch = Features(tensors=vectors_and_images(model.clip, Captions(text=[""] * 12, image=images)))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    before = reconstruction(model, batch)
    for _ in range(60):
        optimiser.zero_grad()
        loss = reconstruction(model, batch)
        loss.backward()
        optimiser.step()
    assert loss < 0.3 * before and not model.clip.training
    assert not any(parameter.requires_grad for parameter in model.clip.parameters())


def test_it_is_judged_by_what_clip_says_of_its_images():
    model = SMALL().eval()
    query = Query(image=numbered(4))
    assert isinstance(model, Retriever)
    images = model.paint(model.encode(query.image))
    torch.testing.assert_close(model.compose(query), model.encode(images))
    assert model.score(model.compose(query), model.encode(numbered(5))).shape == (4, 5)


def test_images_of_another_size_are_learnt_at_the_decoders():
    model, vectors = SMALL(), torch.randn(2, 8)
    large = torch.full((2, 3, 16, 16), 102, dtype=torch.uint8)
    expected = (model(vectors) - 0.4).abs().mean()
    torch.testing.assert_close(reconstruction(model, Features(tensors={"vector": vectors, "image": large})), expected)
