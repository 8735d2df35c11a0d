"""A word found by optimisation: it reads as its image, in any batch, and is its loop by hand."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cosine_similarity
from toys import TinyClip, numbered

from cirkit.declare import describe, fingerprint
from cirkit.errors import Problem
from cirkit.examples import CachedFeatures, Captions
from cirkit.models.concept_phrases import grammar, nearest_concepts, pick
from cirkit.models.oti import OTI, TEMPLATES, inversions, optimise
from cirkit.query import Query

PHRASES = grammar(("dog", "cat", "red dress"))
INVERT = optimise(phrases=PHRASES, steps=20, near=2)


def images(n: int = 4) -> torch.Tensor:
    """Plain colours."""
    colours = torch.randint(0, 256, (n, 3, 1, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    return colours.expand(n, 3, 4, 4).contiguous()


def captioned() -> Captions:
    return Captions(text=[""] * 4, image=images())


MODEL = partial(OTI, texts=(), clip=TinyClip, invert=INVERT)


def test_the_templates_are_24_with_the_placeholder_between_spaces():
    assert len(set(TEMPLATES)) == 24 and all(each.split().count("$") == 1 for each in TEMPLATES)
    assert {"This is an illustration of a $", "This sketch contains a $", "A diagram of a $", "$ photo"} < set(
        TEMPLATES
    )


def test_optimisation_makes_prompts_read_as_the_image():
    clip = TinyClip().requires_grad_(False)
    image = clip.image(images())
    found = optimise(phrases=PHRASES, steps=40, lr=0.1, decay=0.9, weight=0.0, near=1)(clip, image)
    start = optimise(phrases=PHRASES, steps=0)(clip, image)

    def alike(word):
        return torch.stack([cosine_similarity(clip.text_with([each] * 4, word), image) for each in TEMPLATES]).mean(0)

    assert (alike(found) > alike(start) + 0.03).all()


def test_the_phrases_pull_the_word_towards_its_concepts():
    clip = TinyClip().requires_grad_(False)
    image = clip.image(images())
    nearest, rows = nearest_concepts(clip, image, PHRASES, 1), torch.zeros(4)

    def distance(weight):
        word = optimise(phrases=PHRASES, steps=40, lr=0.1, decay=0.9, weight=weight, near=1)(clip, image)
        pairs = [pick(PHRASES, nearest, rows, rows + share) for share in (0.0, 0.3, 0.6, 0.9)]
        found = [cosine_similarity(clip.text_with(masked, word), clip.text(texts)) for texts, masked in pairs]
        return 1 - torch.stack(found).mean()

    assert distance(20.0) < 0.95 * distance(0.0)


def test_it_is_adamw_by_hand_with_the_mean_of_its_path():
    clip = TinyClip().requires_grad_(False)
    image, steps = clip.image(images(1)), 5
    found = optimise(phrases=PHRASES, steps=steps, near=2, lr=0.1, decay=0.7)(clip, image)

    generator = torch.Generator().manual_seed(0)
    word = 0.02 * torch.randn(1, 1, 6, generator=generator)
    mean, first, second = word.clone(), torch.zeros(1, 1, 6), torch.zeros(1, 1, 6)
    concepts = nearest_concepts(clip, image, PHRASES, 2)[0].tolist()
    for step in range(1, steps + 1):
        a, b, c = torch.rand(3, generator=generator).tolist()
        own = PHRASES[concepts[int(b * 2)]]
        phrase, name = own[int(c * len(own))], PHRASES.concepts[concepts[int(b * 2)]]
        word.requires_grad_()
        like_image = cosine_similarity(clip.text_with([TEMPLATES[int(a * 24)]], word), image)
        like_phrase = cosine_similarity(clip.text_with([phrase.replace(name, "$")], word), clip.text([phrase]))
        (gradient,) = torch.autograd.grad(1 - like_image.sum() + 0.5 * (1 - like_phrase.sum()), word)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        step_by = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        word = word.detach() * (1 - 0.1 * 0.01) - 0.1 * step_by
        mean = 0.7 * mean + 0.3 * word
    torch.testing.assert_close(found, mean, rtol=1e-4, atol=1e-5)


def test_a_word_does_not_depend_on_the_batch_that_it_is_found_in():
    clip = TinyClip().requires_grad_(False)
    image = clip.image(images())
    together = INVERT(clip, image)
    for row in range(4):
        torch.testing.assert_close(INVERT(clip, image[row : row + 1])[0], together[row], rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_retriever_inverts_the_images_of_its_queries_without_gradients():
    model = MODEL().eval()
    with torch.no_grad():
        composed = model.compose(Query(image=images(), text=["is red"] * 4))
        bare = model.compose(Query(image=images()))
    assert composed.shape == (4, 8) and not torch.allclose(composed, bare)
    assert model.score(composed, model.encode(numbered(3))).shape == (4, 3)
    assert not any(each.requires_grad or each.grad is not None for each in model.parameters())
    with pytest.raises(Problem, match="Give the query an image"):
        model.compose(Query(text=["is red"]))


def test_each_image_is_inverted_once_for_phi_to_learn_from(tmp_path):
    data = CachedFeatures(data=captioned, model=MODEL, encode=inversions(near=2), batch=3, root=tmp_path)
    features = data()
    model = MODEL()
    torch.testing.assert_close(features.tensors["image"], model.encode(images()))
    expected = INVERT(model.clip, model.encode(images()))
    torch.testing.assert_close(features.tensors["word"], expected, rtol=1e-4, atol=1e-5)
    assert features.tensors["concepts"].shape == (4, 2) and len(list(tmp_path.iterdir())) == 1
    assert torch.equal(data().tensors["word"], features.tensors["word"])


def test_its_settings_are_part_of_a_configuration():
    assert describe(INVERT)["make"] == "oti.optimise"
    assert fingerprint(INVERT) != fingerprint(optimise(phrases=PHRASES, steps=21, near=2))
