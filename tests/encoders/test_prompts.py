"""Prompts in CLIP's towers: against a loop over their blocks, what learns, and what does not fit."""

from functools import partial

import pytest
import torch
from written_weights import fill

from cirkit.encoders import transformers_towers
from cirkit.encoders.clip import TwoTowers, open_clip
from cirkit.encoders.preprocessing import Preprocessing
from cirkit.encoders.prompts import CoupledPrompts, ImagePrompts, PromptedClip, TextPrompts, normal
from cirkit.encoders.word_vectors import tuned
from cirkit.errors import Problem
from cirkit.models.transagg import Fusion, TransAgg
from cirkit.query import Query

TEXT = {"context_length": 12, "width": 8, "heads": 2, "layers": 3}
VIT = {"image_size": 32, "layers": 3, "width": 16, "head_width": 8, "patch_size": 16}
RESNET = {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8, "head_width": 64}
TINY = {"embed_dim": 20, "vision_cfg": VIT, "text_cfg": TEXT}
TEXTS = ["a b", "", "a b a b a b a b a b a b a b"]
FAR = normal(1.0)  # far from zero, so that a prompt in the wrong layer shows


def from_open_clip() -> TwoTowers:
    return open_clip(arch=TINY)


def from_transformers() -> TwoTowers:
    """A CLIPModel of random weights that knows four pieces."""
    both = {"num_hidden_layers": 3, "num_attention_heads": 2, "hidden_act": "gelu"}
    both |= {"layer_norm_eps": 1e-5, "attention_dropout": 0.0}
    special = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 3, "vocab_size": 4}
    text = both | special | {"hidden_size": 8, "intermediate_size": 16, "max_position_embeddings": 12}
    image = both | {"hidden_size": 16, "intermediate_size": 32, "num_channels": 3, "image_size": 32, "patch_size": 16}
    start, end = "<|startoftext|>", "<|endoftext|>"
    layout = transformers_towers.ClipLayout(
        text=text,
        image=image,
        width=20,
        pieces=("a</w>", "b</w>", start, end),
        merges=(),
        specials={"bos_token": start, "eos_token": end, "pad_token": end, "unk_token": end},
    )
    return TwoTowers(transformers_towers.blank(layout), Preprocessing(size=32))


LIBRARIES = {"open_clip": from_open_clip, "transformers": from_transformers}
KINDS = {
    "CoOp": partial(TextPrompts, length=4, start=FAR),
    "text, deep": partial(TextPrompts, length=2, depth=3, start=FAR),
    "VPT-Shallow": partial(ImagePrompts, length=4, start=FAR),
    "VPT, two layers": partial(ImagePrompts, length=2, depth=2, start=FAR),
    "VPT-Deep": partial(ImagePrompts, length=2, depth=3, start=FAR),
    "MaPLe": partial(CoupledPrompts, length=2, depth=2, start=FAR),
}


@pytest.fixture(params=LIBRARIES)
def clip(request) -> TwoTowers:
    towers = LIBRARIES[request.param]()
    with torch.no_grad():
        fill(towers)
    return towers


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 40, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def prompted(clip: TwoTowers, kind: str) -> PromptedClip:
    torch.manual_seed(0)
    return PromptedClip(clip=lambda: clip, prompts=KINDS[kind])


def image_by_hand(clip: TwoTowers, images: torch.Tensor, prompts: torch.Tensor) -> torch.Tensor:
    """The class token and the patches after a walk through the blocks."""
    network, pixels = clip.towers.network, clip.preprocessing(images)
    hub = hasattr(network, "vision_model")
    tower = network.vision_model if hub else network.visual
    own = tower.pre_layrnorm(tower.embeddings(pixels)) if hub else tower._embeds(pixels)  # (b, 5, e)
    beside = None
    for number, block in enumerate(clip.towers.image_blocks):
        if number < len(prompts):
            beside = prompts[number].expand(len(own), -1, -1)
        states = torch.cat([own, beside], dim=1)
        states = block(states, None) if hub else block(states)
        own, beside = states[:, :5], states[:, 5:]
    return tower.post_layernorm(own) if hub else tower.ln_post(own)


def text_by_hand(clip: TwoTowers, text: str, prompts: torch.Tensor) -> torch.Tensor:
    """The vector of one text after a walk through the blocks; nothing follows its end token."""
    towers, network = clip.towers, clip.towers.network
    hub, k = hasattr(network, "text_model"), prompts.shape[1]
    pieces = [*[towers.start, *towers.encode(text)][: 11 - k], towers.end]
    words = towers.embed(torch.tensor([pieces]))
    t = len(pieces) + k
    states = torch.cat([words[:, :1], prompts[:1], words[:, 1:]], dim=1)
    places = network.text_model.embeddings.position_embedding.weight if hub else network.positional_embedding
    states = states + places[:t]
    later = torch.full((t, t), -torch.inf).triu(1)
    for number, block in enumerate(towers.text_blocks):
        if 0 < number < len(prompts):
            states = torch.cat([states[:, :1], prompts[number][None], states[:, 1 + k :]], dim=1)
        states = block(states, later[None, None]) if hub else block(states, attn_mask=later)
    if hub:
        return network.text_projection(network.text_model.final_layer_norm(states))[0, -1]
    return (network.ln_final(states) @ network.text_projection)[0, -1]


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_prompts_enter_their_layers(clip, images, kind):
    model = prompted(clip, kind)
    in_text, in_image = model.prompts()
    plain = clip.image_tokens(images), clip.text(TEXTS)
    tokens, vectors = model.image_tokens(images), model.text(TEXTS)
    if in_image is None:
        torch.testing.assert_close(tokens, plain[0])
    else:
        torch.testing.assert_close(tokens, image_by_hand(clip, images, in_image), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(tokens, plain[0], atol=1e-3)
    if in_text is None:
        torch.testing.assert_close(vectors, plain[1], rtol=1e-4, atol=1e-5)
    else:
        by_hand = torch.stack([text_by_hand(clip, text, in_text) for text in TEXTS])
        torch.testing.assert_close(vectors, by_hand, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(vectors, plain[1], atol=1e-3)
    torch.testing.assert_close(model.image(images), clip.project(tokens[:, 0]))
    assert torch.equal(clip.image_tokens(images), plain[0])  # as it was


@torch.no_grad()
def test_maples_image_prompts_are_maps_of_its_words(clip):
    model = prompted(clip, "MaPLe")
    words, image = model.prompts()
    for layer in range(2):
        couple = model.prompts.couple[layer]
        torch.testing.assert_close(image[layer], words[layer] @ couple.weight.T + couple.bias)


@pytest.mark.parametrize("kind", KINDS)
def test_the_prompts_learn_and_the_clip_does_not(kind, images):
    torch.manual_seed(0)
    model = TransAgg(
        ["a"],
        clip=partial(PromptedClip, clip=from_open_clip, prompts=KINDS[kind]),
        fusion=partial(Fusion, heads=2, hidden=16),
        tuning=tuned,
    ).train()
    scores = model.score(model.compose(Query(image=images, text=TEXTS)), model.encode(images.flip(0)))
    scores.logsumexp(1).sum().backward()
    learning = {name: each for name, each in model.clip.named_parameters() if each.requires_grad}
    assert {name.partition(".")[0] for name in learning} == {"prompts"}
    assert all(each.grad.any() for each in learning.values())
    assert all(each.grad is None for each in model.clip.clip.parameters())


@torch.no_grad()
def test_a_batch_is_its_rows(clip, images):
    model = prompted(clip, "MaPLe")
    tokens, (states, mask) = model.image_tokens(images), model.text_tokens(TEXTS)
    assert mask.sum(1).tolist() == [6, 4, 12]
    for row in range(3):
        one = slice(row, row + 1)
        torch.testing.assert_close(model.image_tokens(images[one]), tokens[one], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.text_tokens(TEXTS[one])[0], states[one], rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_a_problem(images):
    clip = from_open_clip()
    for prompts in (partial(ImagePrompts, length=1, depth=4), CoupledPrompts):
        with pytest.raises(Problem, match="a tower of 3 layers"):
            PromptedClip(clip=lambda: clip, prompts=prompts)
    with pytest.raises(Problem, match="leave no room"):
        PromptedClip(clip=lambda: clip, prompts=partial(TextPrompts, length=10)).text(["a"])
    resnet = open_clip(arch=TINY | {"vision_cfg": RESNET})
    with pytest.raises(Problem, match="is a ResNet"):
        PromptedClip(clip=lambda: resnet, prompts=partial(ImagePrompts, length=1))
    with pytest.raises(Problem, match="is a ResNet"):
        resnet.project(torch.zeros(1, 1, resnet.channels))
    beside = PromptedClip(clip=lambda: resnet, prompts=partial(TextPrompts, length=1))
    assert torch.equal(beside.image(images), resnet.image(images))
