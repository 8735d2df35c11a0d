"""Prompts by hand, vectors of several prompts averaged, and a retriever whose CLIP stands still."""

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip, numbered

from cirkit.declare import describe, rebuild
from cirkit.errors import Problem
from cirkit.models.base import Retriever
from cirkit.models.lincir import lincir
from cirkit.models.pic2word import DOMAIN, OBJECTS, TEXT, pic2word
from cirkit.models.searle import PROMPT, searle
from cirkit.models.textual_inversion import Prompt, each_order, read, ready
from cirkit.query import Query

MODELS = (pic2word, searle, lincir)
QUERY = Query(image=numbered(3), text=["is red", "has two dogs\nis longer", ""])


def test_prompts_hold_the_text_and_no_placeholder_of_its_own():
    assert TEXT("is red") == ("a photo of $ , is red",) and TEXT(None) == ("a photo of $",)
    assert TEXT("costs $5 or 5$") == ("a photo of $ , costs  5 or 5 ",)
    assert DOMAIN("toy") == ("a toy of $",) and OBJECTS("cat and dog") == ("a photo of $ and cat and dog",)
    assert PROMPT("is red") == ("a photo of $ that is red",) and PROMPT(None) == ("a photo of $",)


def test_two_captions_are_read_in_both_orders():
    assert PROMPT("is red\nis longer") == (
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


class Sizes(torch.nn.Module):
    """Nothing but the widths of a CLIP."""

    def __init__(self, width):
        super().__init__()
        self.width = self.word_width = width


@pytest.mark.parametrize(
    ("model", "width", "count"),
    [(pic2word, 768, 1_050_368), (searle, 512, 6_296_064), (searle, 768, 14_162_688), (lincir, 1280, 39_333_120)],
)
def test_phi_has_the_released_number_of_parameters(model, width, count):
    with torch.device("meta"):
        phi = model([], clip=lambda: Sizes(width)).phi
    assert sum(each.numel() for each in phi.parameters()) == count


@pytest.mark.parametrize(("model", "activation"), [(pic2word, torch.relu), (searle, torch.nn.functional.gelu)])
def test_phi_is_three_linear_layers(model, activation):
    phi, features = model([], clip=TinyClip).eval().phi, torch.randn(4, 8)
    first, second, third = (phi.layers[i] for i in (0, 3, 6))
    expected = third(activation(second(activation(first(features)))))
    torch.testing.assert_close(phi(features), expected[:, None])
