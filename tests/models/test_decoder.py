"""The decoder: what it paints, that it learns, and that it is judged as a retriever."""

from functools import partial

import torch
from toys import TinyClip, numbered

from cirkit.examples import Captions, Features
from cirkit.models.base import Retriever
from cirkit.models.decoder import Decoder, Network
from cirkit.models.diffusion import DDIM
from cirkit.query import Query
from cirkit.training.decoding import restoration, vectors_and_images

SMALL = partial(Decoder, clip=TinyClip, pixels=8, channels=(16, 16), sampler=DDIM(calls=4))


def colours(count: int = 12) -> torch.Tensor:
    """Images of one colour each, which is all that the toy CLIP sees."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, 1, 1), generator=generator, dtype=torch.uint8).expand(-1, -1, 8, 8).clone()


def test_it_paints_images_of_its_size_alike_each_time_and_a_vectors_length_says_nothing():
    torch.manual_seed(0)
    model, vectors = SMALL().eval(), torch.randn(3, 8)
    images = model.paint(vectors)
    assert images.shape == (3, 3, 8, 8) and images.dtype == torch.uint8 and len(images.flatten(1).unique(dim=0)) == 3
    assert torch.equal(model.paint(9 * vectors), images)
    assert SMALL(pixels=24, channels=(8, 8, 16)).paint(vectors).shape == (3, 3, 24, 24)


def test_guidance_is_a_weighted_difference_of_two_calls():
    torch.manual_seed(0)
    model, vectors = SMALL(sampler=DDIM(calls=1), guidance=3.0).eval(), torch.randn(2, 8)
    noisy, time = next(model.noise(torch.zeros(2, 3, 64))).view(2, 3, 8, 8), torch.tensor([999, 999])
    with torch.no_grad():
        told, untold = model(noisy, time, vectors), model(noisy, time, torch.zeros(2, 8))
    expected = 127.5 * ((untold + 3 * (told - untold)).clamp(-1, 1) + 1)
    assert (model.paint(vectors).float() - expected).abs().max() <= 0.501
    assert (told - untold).abs().max() > 1e-3


def test_a_network_sees_its_vector_and_its_time_at_every_pixel():
    torch.manual_seed(0)
    network, noisy = Network(4, (8, 8)), torch.randn(1, 3, 8, 8)
    plain = network(noisy, torch.tensor([10]), torch.ones(1, 4))
    for other in (
        network(noisy, torch.tensor([500]), torch.ones(1, 4)),
        network(noisy, torch.tensor([10]), -torch.ones(1, 4)),
    ):
        assert ((plain - other).abs().amax(1) > 0).all()


def test_it_learns_the_colours_and_clip_stays():
    torch.manual_seed(0)
    model, images = SMALL().train(), colours()
    batch = Features(tensors=vectors_and_images(model.clip, Captions(text=[""] * 12, image=images)))
    several, objective = batch[torch.arange(48) % 12], restoration()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(300):
        optimiser.zero_grad()
        objective(model, several).backward()
        optimiser.step()
    painted = model.eval().paint(batch.tensors["vector"]).float().mean((2, 3))
    assert (painted - images.float().mean((2, 3))).abs().mean() < 20  # of 255; between two of the images: about 80
    assert not model.clip.training and not any(parameter.requires_grad for parameter in model.clip.parameters())


def test_it_is_judged_by_what_clip_says_of_its_images():
    model = SMALL().eval()
    query = Query(image=numbered(4))
    assert isinstance(model, Retriever)
    images = model.paint(model.encode(query.image))
    torch.testing.assert_close(model.compose(query), model.encode(images))
    assert model.score(model.compose(query), model.encode(numbered(5))).shape == (4, 5)


def test_images_of_another_size_are_learnt_at_the_decoders():
    model, vectors = SMALL(), torch.randn(2, 8)
    losses = []
    for side in (8, 16):
        torch.manual_seed(3)
        flat = torch.full((2, 3, side, side), 102, dtype=torch.uint8)
        losses.append(restoration()(model, Features(tensors={"vector": vectors, "image": flat})))
    torch.testing.assert_close(*losses)
