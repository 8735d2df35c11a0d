"""PALAVRA: a network over sets, words that move to their image, and the objective as a loop by hand."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize
from toys import TinyClip

from cirkit.errors import Problem
from cirkit.examples import Captions, Features
from cirkit.losses.contrastive import nt_xent
from cirkit.models.palavra import PALAVRA, SetInversion, personalise
from cirkit.query import Query
from cirkit.training.set_inversion import name_concepts, named_features, named_images, sets_of_one_concept

MODEL = partial(PALAVRA, (), clip=TinyClip, refine=personalise(loss=nt_xent()), hidden=12, dropout=0.0)


def colours(n: int) -> torch.Tensor:
    plain = torch.randint(0, 256, (n, 3, 1, 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    return plain.expand(n, 3, 4, 4).contiguous()


def test_a_set_is_read_in_any_order_and_by_the_formula():
    torch.manual_seed(0)
    network, elements = SetInversion(8, 6, hidden=12, dropout=0.0), torch.randn(2, 5, 8)
    out = network(elements)
    assert out.shape == (2, 1, 6)
    torch.testing.assert_close(network(elements[:, [3, 0, 4, 1, 2]]), out)
    hidden = elements
    for layer in (network.each[0], network.each[2], network.each[4]):
        rows = [
            torch.stack([layer.own.weight @ x + layer.own.bias - layer.common.weight @ one.mean(0) for x in one])
            for one in hidden
        ]
        hidden = torch.nn.functional.elu(torch.stack(rows))
    torch.testing.assert_close(network.all(hidden.mean(1)), out[:, 0])
    assert not torch.allclose(network(elements[:, :1]), out)


def test_the_second_stage_moves_a_word_to_its_image_and_not_to_the_coarse_name():
    torch.manual_seed(0)
    model = MODEL().eval()
    image = normalize(model.clip.image(colours(4)), dim=-1)
    word = model.invert(image[:, None])
    found = personalise(loss=nt_xent(), steps=40, lr=0.05)(model.clip, model.align, image, word)

    def alike(one):
        return cosine_similarity(model.clip.text_with(["a photo of $"] * 4, one), image)

    assert (alike(found) > alike(word)).all() and found.shape == word.shape
    alone = personalise(loss=nt_xent(), steps=40, lr=0.05)(model.clip, model.align, image[1:2], word[1:2])
    torch.testing.assert_close(found[1:2], alone)
    assert torch.equal(personalise(loss=nt_xent(), steps=0)(model.clip, model.align, image, word), word)


def test_one_step_is_the_loss_of_two_pairs_by_hand():
    torch.manual_seed(0)
    model = MODEL().eval()
    image = normalize(model.clip.image(colours(1)), dim=-1)
    word = model.invert(image[:, None]).detach().requires_grad_()
    text = normalize(model.clip.text_with(["a photo of $"], word), dim=-1)[0]
    coarse = normalize(model.align(normalize(model.clip.text(["a photo of item"]), dim=-1)), dim=-1)[0].detach()
    views, pairs, loss = [image[0], coarse, text, coarse], {0: 2, 1: 3, 2: 0, 3: 1}, 0.0
    for i, j in pairs.items():
        others = sum(((views[i] @ views[k]) / 0.25).exp() for k in range(4) if k != i)
        loss = loss - (((views[i] @ views[j]) / 0.25).exp() / others).log() / 4
    optimiser = torch.optim.Adam([word], lr=0.01)
    loss.backward()
    start = word.detach().clone()
    optimiser.step()
    found = personalise(loss=nt_xent(), steps=1)(model.clip, model.align, image, start)
    torch.testing.assert_close(found, word.detach())


def test_it_composes_and_a_query_needs_an_image():
    model = MODEL().eval()
    composed = model.compose(Query(image=colours(3), text=["is red\nis long", "is blue", "is wide"]))
    torch.testing.assert_close(composed.norm(dim=1), torch.ones(3))
    assert model.score(composed, model.encode(colours(5))).shape == (3, 5)
    assert not any(each.requires_grad for each in model.clip.parameters())
    with pytest.raises(Problem, match="Give the query an image"):
        model.compose(Query(text=["is red"]))


def captions() -> Captions:
    text = ["a red cube", "a cube", "a bird on a cube", "nothing", "a cuboid", "a bird", "the red cube stands"]
    return Captions(text=text, image=colours(len(text)))


def test_images_are_those_whose_caption_names_a_concept_the_longest_name_first():
    found = named_images(data=captions, concepts=("cube", "bird", "red cube"))()
    assert found.group == ["red cube", "cube", "cube", "bird", "red cube"]
    assert found.text == ["a red cube", "a cube", "a bird on a cube", "a bird", "the red cube stands"]
    assert torch.equal(found.image, colours(7)[[0, 1, 2, 5, 6]])
    with pytest.raises(Problem, match="No caption names one"):
        named_images(data=captions, concepts=("horse",))()


def features(names) -> Features:
    clip = TinyClip()
    batch = Captions(text=[f"a {name}" for name in names], image=colours(len(names)), group=names)
    with torch.no_grad():
        return Features(tensors=named_features(clip, batch), group=names)


def test_sets_are_of_one_concept_each_and_no_concept_comes_twice_in_a_batch():
    examples = features(["cube"] * 4 + ["bird"] * 1 + ["shoe"] * 3)
    batches = sets_of_one_concept(3)(examples, 6, torch.Generator().manual_seed(0))
    seen = set()
    for _ in range(20):
        names = [examples.group[row] for row in next(batches).tolist()]
        assert len(names) == 6 and len(set(names[:3])) == len(set(names[3:])) == 1 and names[0] != names[3]
        seen |= set(names)
    assert seen == {"cube", "bird", "shoe"}
    for size, batch in ((3, 12), (3, 3)):
        with pytest.raises(Problem, match="Choose a batch of 6 to 9"):
            next(sets_of_one_concept(size)(examples, batch, torch.Generator()))


def test_the_objective_is_its_formula_for_each_set():
    torch.manual_seed(0)
    model, batch = MODEL(), features(["cube"] * 2 + ["bird"] * 2 + ["shoe"] * 2)
    objective = name_concepts(size=2, templates=("We see a $",))
    names, clip = ["cube", "bird", "shoe"], model.clip
    image, text = batch.tensors["image"], batch.tensors["text"]
    aligned = normalize(model.align(text), dim=-1)
    slow = sum(((a - b) ** 2).sum() for a, b in zip(aligned, image, strict=True)) / 6
    for vectors in (image, aligned):
        spoken, read = [], []
        for number, name in enumerate(names):
            word = model.invert(vectors[None, 2 * number : 2 * number + 2])
            spoken.append(normalize(clip.text([f"We see a {name}"])[0], dim=0))
            read.append(normalize(clip.text_with(["We see a $"], word)[0], dim=0))
            piece = normalize(clip.word_embeddings([name])[0, 1], dim=0)
            slow = slow + ((normalize(word[0, 0], dim=0) - piece) ** 2).sum() / 3
        views = spoken + read
        for i in range(6):
            others = sum(((views[i] @ views[j]) / 0.25).exp() for j in range(6) if j != i)
            slow = slow - (((views[i] @ views[(i + 3) % 6]) / 0.25).exp() / others).log() / 6
    torch.testing.assert_close(objective(model, batch), slow)


def test_it_learns_names():
    torch.manual_seed(0)
    model, batch = MODEL(), features(["cube"] * 2 + ["bird"] * 2 + ["shoe"] * 2)
    objective = name_concepts(size=2, templates=("We see a $",))
    optimiser = torch.optim.Adam([each for each in model.parameters() if each.requires_grad], lr=3e-3)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = objective(model, batch)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert model.align.linear.weight.grad is not None and model.clip.patch.weight.grad is None
