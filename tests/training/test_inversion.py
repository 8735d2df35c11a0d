"""The three ways φ learns: each loss by hand, gradients in φ alone, and losses that fall."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize
from toys import TinyClip

from cirkit.examples import Captions, Features
from cirkit.losses.contrastive import symmetric_softmax
from cirkit.models.concept_phrases import grammar, pick
from cirkit.models.lincir import keyword_mask, lincir, no_noise, word_list
from cirkit.models.oti import OTI, inversions, optimise
from cirkit.models.pic2word import pic2word
from cirkit.models.searle import searle
from cirkit.query import Batch, Query
from cirkit.training.inversion import cycle_contrast, distillation, self_masking
from cirkit.training.loop import Training, fit
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant

PHRASES = grammar(("dog", "cat", "red dress"))
MASKING = self_masking(mask=keyword_mask(word_list(("red", "dog", "cat"))), noise=no_noise)


def images(n: int = 12) -> torch.Tensor:
    """Plain colours."""
    colours = torch.randint(0, 256, (n, 3, 1, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    return colours.expand(n, 3, 4, 4).contiguous()


def image_features() -> Features:
    return Features(tensors={"image": TinyClip().image(images()).detach()})


def inverted() -> Features:
    teacher = OTI((), clip=TinyClip, invert=optimise(phrases=PHRASES, steps=8))
    return Features(tensors=inversions(near=2)(teacher, Captions(text=[""] * 12, image=images())))


def captions() -> Captions:
    return Captions(text=[f"a {one} {two} here" for one in ("red", "blue", "big") for two in ("dog", "cat")])


CASES = {
    "pic2word": (pic2word, image_features, cycle_contrast()),
    "searle": (searle, inverted, distillation(phrases=PHRASES)),
    "lincir": (lincir, captions, MASKING),
}


def test_pic2word_with_cached_features_is_ranking_an_image_by_itself():
    model = pic2word([], clip=TinyClip).eval()
    batch = Batch(query=Query(image=images()), target=images())
    expected = ranking(symmetric_softmax)(model, batch)
    torch.testing.assert_close(cycle_contrast()(model, image_features()), expected)
    texts = model.clip.text_with(["a photo of $"] * 12, model.phi(model.clip.image(images())))
    logits = 100 * normalize(texts, dim=1) @ normalize(model.clip.image(images()), dim=1).mT
    both = (cross_entropy(logits, torch.arange(12)) + cross_entropy(logits.mT, torch.arange(12))) / 2
    torch.testing.assert_close(expected, both)


def test_searle_distils_words_and_reads_phrases_alike():
    model, batch = searle([], clip=TinyClip).eval(), inverted()
    torch.manual_seed(5)
    loss = distillation(phrases=PHRASES, weight=0.75)(model, batch)
    torch.manual_seed(5)
    texts, masked = pick(PHRASES, batch.tensors["concepts"], *torch.rand(2, 12))
    word = model.phi(batch.tensors["image"])
    cosines = torch.nn.functional.cosine_similarity(model.clip.text_with(masked, word), model.clip.text(texts))
    one, two = normalize(batch.tensors["word"][:, 0], dim=1), normalize(word[:, 0], dim=1)
    terms = []
    for mine, other in ((one, two), (two, one)):
        for i in range(12):
            pairs = [mine[i] @ other[j] / 0.25 for j in range(12)]
            own = [mine[i] @ mine[j] / 0.25 for j in range(12) if j != i]
            terms.append(torch.logsumexp(torch.stack(pairs + own), 0) - pairs[i])
    torch.testing.assert_close(loss, torch.stack(terms).mean() + 0.75 * (1 - cosines).mean())


def test_lincir_compares_vectors_that_are_not_normalised():
    model, batch = lincir([], clip=TinyClip).eval(), captions()
    spoken = model.clip.text(batch.text)
    masked = [" ".join("$" if w in ("red", "dog", "cat") else w for w in text.split()) for text in batch.text]
    masked[0] = masked[1] = "a $ here"  # red dog, red cat: one run
    found = model.clip.text_with(masked, model.phi(spoken))
    torch.testing.assert_close(MASKING(model, batch), ((found - spoken) ** 2).sum() / found.numel())


def test_lincir_hands_phi_the_noisy_feature_and_compares_with_the_clean_one():
    model, batch = lincir([], clip=TinyClip).eval(), captions()
    noisy = self_masking(mask=MASKING.mask, noise=torch.ones_like)
    spoken = model.clip.text(batch.text)
    masked = [MASKING.mask(text)[1] for text in batch.text]
    expected = ((model.clip.text_with(masked, model.phi(spoken + 1)) - spoken) ** 2).mean()
    torch.testing.assert_close(noisy(model, batch), expected)


@pytest.mark.parametrize("name", CASES)
def test_phi_alone_gets_gradients(name):
    model, data, objective = CASES[name]
    retriever, examples = model([], clip=TinyClip).train(), data()
    objective(retriever, examples[torch.arange(len(examples))]).backward()
    assert all(each.grad.abs().sum() > 0 for each in retriever.phi.parameters())
    assert all(each.grad is None for each in retriever.clip.parameters())


@pytest.mark.parametrize("name", CASES)
def test_the_loss_falls(name):
    model, data, objective = CASES[name]
    training = Training(
        model=partial(model, clip=TinyClip, dropout=0.0),
        data=data,
        objective=objective,
        optimiser=adamw(lr=1e-2),
        steps=25,
        batch=len(data()),
        schedule=constant,
        sampler=shuffled,
    )
    trained = fit(training, 0)
    assert trained.loss[-1][1] < 0.8 * trained.loss[0][1]
    assert trained.trainable == sum(each.numel() for each in trained.model.phi.parameters())
