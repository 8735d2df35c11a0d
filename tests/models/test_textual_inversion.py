"""Prompts by hand, vectors of several prompts averaged, a retriever whose CLIP stands still; the official numbers."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip, numbered
from written_weights import drawn, fill

from cirkit.benchmarks.fashioniq_protocols import SEARLE_MEAN
from cirkit.declare import describe, rebuild
from cirkit.encoders.clip import open_clip
from cirkit.errors import Problem
from cirkit.models.base import Retriever
from cirkit.models.lincir import keyword_mask, lincir, word_list
from cirkit.models.pic2word import DOMAIN, OBJECTS, TEXT, pic2word
from cirkit.models.searle import PROMPT, searle
from cirkit.models.textual_inversion import Phi, Prompt, each_order, read, ready
from cirkit.query import Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "textual_inversion.json").read_text())
CASES = GOLDEN["cases"]
MODELS = (pic2word, searle, lincir)
QUERY = Query(image=numbered(3), text=["is red", "has two dogs\nis longer", ""])


def test_prompts_hold_the_text_and_no_placeholder_of_its_own():
    assert TEXT("is red") == ("a photo of $ , is red",) and TEXT(None) == ("a photo of $",)
    assert TEXT("costs $5 or 5$") == ("a photo of $ , costs  5 or 5 ",)
    assert DOMAIN("toy") == ("a toy of $",) and OBJECTS("cat and dog") == ("a photo of $ and cat and dog",)
    assert PROMPT("is red") == ("a photo of $ that is red",) and PROMPT(None) == ("a photo of $",)


def test_two_captions_are_read_in_both_orders():
    (text,) = SEARLE_MEAN.texts(["is red.", " is longer"])
    assert PROMPT(text) == (
        "a photo of $ that is red and is longer",
        "a photo of $ that is longer and is red",
    )


@pytest.mark.parametrize("template", ["a photo of $. {text}", "a $ of $ , {text}", "a photo, {text}"])
def test_a_placeholder_that_clip_would_not_see_is_a_problem(template):
    with pytest.raises(Problem, match="between spaces"):
        Prompt(template)


def test_a_prompt_without_room_for_the_text_is_a_problem():
    with pytest.raises(Problem, match="no place for the text"):
        Prompt("a photo of $")


def test_texts_that_are_prompts_already():
    assert ready("*")("a photo of * , costs $5 and *") == ("a photo of $ , costs 5 and *",)
    assert ready("*")(None) == ("a photo of $",)
    with pytest.raises(Problem, match="no prompt with"):
        ready("*")("is red")


@pytest.mark.parametrize("prompt", [TEXT, each_order(), ready("*")])
def test_a_prompt_describes_itself_and_is_rebuilt(prompt):
    assert rebuild(describe(prompt)) == prompt


def test_several_prompts_of_a_row_are_averaged_as_unit_vectors():
    clip, words = TinyClip(), torch.randn(3, 1, 6)
    found = read(clip, PROMPT, QUERY.text, words)
    for row, text in enumerate(QUERY.text):
        units = [normalize(clip.text_with([each], words[row : row + 1]), dim=-1)[0] for each in PROMPT(text)]
        torch.testing.assert_close(found[row], normalize(sum(units) / len(units), dim=-1))
    torch.testing.assert_close(
        read(clip, TEXT, None, words), normalize(clip.text_with(["a photo of $"] * 3, words), dim=-1)
    )


@pytest.mark.parametrize("model", MODELS)
def test_it_speaks_the_protocol_and_a_batch_is_its_rows(model):
    retriever = model([], clip=TinyClip).eval()
    assert isinstance(retriever, Retriever)
    composed, gallery = retriever.compose(QUERY), retriever.encode(numbered(4))
    cosines = normalize(composed, dim=-1) @ normalize(gallery, dim=-1).mT
    torch.testing.assert_close(retriever.score(composed, gallery), 100 * cosines)
    for row in range(3):
        one = torch.tensor([row])
        torch.testing.assert_close(retriever.compose(QUERY[one]), composed[one])
    assert composed.std(0).min() > 1e-4


@pytest.mark.parametrize("model", MODELS)
def test_the_image_and_the_text_both_count(model):
    retriever = model([], clip=TinyClip).eval()
    composed = retriever.compose(QUERY)
    other = retriever.compose(Query(image=255 - numbered(3), text=QUERY.text))
    bare = retriever.compose(Query(image=QUERY.image))
    assert (composed - other).abs().amax(1).min() > 1e-4 and (composed - bare).abs().amax(1).min() > 1e-4


@pytest.mark.parametrize("model", MODELS)
def test_clip_stands_still_and_phi_learns(model):
    retriever = model([], clip=TinyClip).train()
    assert not retriever.clip.training and retriever.phi.training
    learning = {name.partition(".")[0] for name, each in retriever.named_parameters() if each.requires_grad}
    assert learning == {"phi"}
    retriever.compose(QUERY).sum().backward()
    assert all(each.grad is not None for each in retriever.phi.parameters())


@pytest.mark.parametrize("model", MODELS)
def test_a_query_without_an_image_is_a_problem(model):
    with pytest.raises(Problem, match="Give the query an image"):
        model([], clip=TinyClip).compose(Query(text=["is red"]))


@pytest.mark.parametrize(
    ("model", "width", "count"),
    [(pic2word, 768, 1_050_368), (searle, 512, 6_296_064), (searle, 768, 14_162_688), (lincir, 1280, 39_333_120)],
)
def test_phi_has_the_released_number_of_parameters(model, width, count):
    wide = type("Wide", (TinyClip,), {"width": width, "word_width": width})
    with torch.device("meta"):
        phi = model([], clip=wide).phi
    assert sum(each.numel() for each in phi.parameters()) == count


@pytest.mark.parametrize(("model", "activation"), [(pic2word, torch.relu), (searle, torch.nn.functional.gelu)])
def test_phi_is_three_linear_layers(model, activation):
    phi, features = model([], clip=TinyClip).eval().phi, torch.randn(4, 8)
    first, second, third = (phi.layers[i] for i in (0, 3, 6))
    expected = third(activation(second(activation(first(features)))))
    torch.testing.assert_close(phi(features), expected[:, None])


@pytest.fixture(scope="module")
def clip():
    """A small CLIP of open_clip with weights by the written rule, in double precision."""
    clip = open_clip(arch=GOLDEN["architecture"]).double().eval().requires_grad_(False)
    fill(clip.towers.network)
    return clip


def filled(phi: Phi) -> Phi:
    phi = phi.double().eval().requires_grad_(False)
    fill(phi)
    return phi


def golden(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.double)


FEATURES = 2 * drawn((2, 12), 3000) - 1
RELEASED = {"pic2word": partial(pic2word, hidden=CASES["pic2word"]["hidden"]), "searle": searle, "lincir": lincir}
near = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-6)


def test_the_text_tower_is_that_of_the_released_code(clip):
    near(clip.text(GOLDEN["plain"]["texts"]), golden(GOLDEN["plain"]["vectors"]))


@pytest.mark.parametrize("name", CASES)
def test_the_released_code_makes_and_reads_the_same_words(clip, name):
    word = filled(RELEASED[name]([], clip=lambda: clip).phi)(FEATURES)
    near(word[:, 0], golden(CASES[name]["word"]))
    prompts = [ready("*")(text)[0] if "*" in text else text for text in CASES[name]["prompts"]]
    near(clip.text_with(prompts, word), golden(CASES[name]["vectors"]))


def test_pic2word_trains_with_the_word_inserted_before_the_end(clip):
    model = pic2word([], clip=lambda: clip, hidden=CASES["pic2word"]["hidden"])
    word = filled(model.phi)(FEATURES)
    near(read(clip, model.prompt, None, word), normalize(golden(CASES["pic2word"]["inserted"]), dim=1))
    captions = ["is red and longer", "has no sleeves"]
    near(read(clip, model.prompt, captions, word), normalize(golden(CASES["pic2word"]["vectors"]), dim=1))


def test_lincir_masks_captions_as_the_released_code_reads_them():
    mask = keyword_mask(word_list(("a", "dog", "lake")))
    assert [mask(each)[1] for each in CASES["lincir"]["captions"]] == CASES["lincir"]["prompts"]
