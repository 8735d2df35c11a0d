"""BLIP: tokens and vectors against transformers' own, and folders that are none."""

import shutil
from functools import partial

import pytest
import torch
from torch.nn.functional import normalize

from cirkit.compat import ensure_torchvision
from cirkit.encoders.blip import blip
from cirkit.encoders.preprocessing import Preprocessing, TargetPad, direct_resize
from cirkit.errors import Problem
from cirkit.models.combiner import text_tower
from cirkit.models.transagg import Fusion, TransAgg
from cirkit.query import Query

TEXTS = ["a red bag", "", "red " * 20]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with a BLIP of random weights and a few words."""
    ensure_torchvision()
    from transformers import BertTokenizer, BlipConfig, BlipForImageTextRetrieval

    folder = tmp_path_factory.mktemp("blip")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "bag"]
    BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(folder)
    shape = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config=shape | {"vocab_size": 8, "encoder_hidden_size": 8, "max_position_embeddings": 16},
        vision_config=shape | {"image_size": 32, "patch_size": 16},
        image_text_hidden_size=6,
    )
    BlipForImageTextRetrieval(config).save_pretrained(folder)
    return folder


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 40, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_vectors_score_as_transformers_own(source, images):
    ours = blip(source=source, context=7)
    batch = ours.tokenizer(TEXTS, padding=True, truncation=True, max_length=7, return_tensors="pt")
    pixels = ours.preprocessing(images)
    theirs = ours.network(batch["input_ids"], pixels, use_itm_head=False, attention_mask=batch["attention_mask"])
    scores = normalize(ours.image(images), dim=-1) @ normalize(ours.text(TEXTS), dim=-1).mT
    torch.testing.assert_close(scores, theirs.itm_score, rtol=1e-5, atol=1e-6)
    assert ours.preprocessing == Preprocessing(size=32, fit=direct_resize)


@torch.no_grad()
def test_tokens_have_the_vector_first_and_their_padding_is_masked(source, images):
    ours = blip(source=source, context=7, preprocessing=Preprocessing(size=32, fit=TargetPad()))
    tokens, (states, mask) = ours.image_tokens(images), ours.text_tokens(TEXTS)
    assert tokens.shape == (3, 5, ours.channels) and states.shape == (3, 7, ours.width)
    torch.testing.assert_close(ours.project(tokens)[:, 0], ours.image(images))
    torch.testing.assert_close(states[torch.arange(3), ours.text_position(mask)], ours.text(TEXTS))
    assert mask.sum(1).tolist() == [5, 2, 7]
    torch.testing.assert_close(states[:1, :5], ours.text_tokens([TEXTS[0]])[0][:, :5], rtol=1e-5, atol=1e-6)


def test_a_fusion_of_its_tokens_learns_with_its_text_tower(source, images):
    torch.manual_seed(0)
    clip, fusion = partial(blip, source=source, context=7), partial(Fusion, heads=2, hidden=16)
    model = TransAgg(["a"], clip=clip, fusion=fusion, tuning=text_tower).train()
    composed, query = model.compose(Query(image=images, text=TEXTS)), Query(image=images[:1], text=TEXTS[:1])
    assert composed.shape == (3, 6) and composed.isfinite().all()
    torch.testing.assert_close(model.eval().compose(query), model.compose(Query(image=images, text=TEXTS))[:1])
    model.score(composed, model.encode(images)).logsumexp(1).sum().backward()
    reached = {name.split(".")[2] for name, each in model.clip.named_parameters(prefix="clip") if each.grad is not None}
    assert reached == {"text_encoder", "text_proj"}


def test_what_is_no_whole_blip_is_refused(source, tmp_path):
    with pytest.raises(Problem, match="32 pixels, the preprocessing gives 48"):
        blip(source=source, preprocessing=Preprocessing(size=48))
    copied = shutil.copytree(source, tmp_path / "copy")
    (copied / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(Problem, match="of a BLIP"):
        blip(source=copied)
    with pytest.raises(Problem, match=r"Cannot load BLIP from .* Give a name on the Hugging Face hub, or a folder"):
        blip(source=tmp_path / "absent")
