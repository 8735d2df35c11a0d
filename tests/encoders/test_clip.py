"""CLIP: vectors, tokens and inserted words against the libraries' own, and what cannot be loaded."""

import json
import shutil
import warnings
from functools import partial

import pytest
import torch
from torch import nn
from written_weights import fill

from cirkit.declare import describe, rebuild
from cirkit.encoders.clip import Clip, open_clip, transformers_clip
from cirkit.encoders.open_clip_towers import open_clip_library
from cirkit.encoders.preprocessing import Preprocessing, TargetPad, direct_resize
from cirkit.errors import Problem
from cirkit.examples import weights_digest
from cirkit.query import Query

TEXT = {"context_length": 12, "width": 8, "heads": 2, "layers": 2}
VIT = {"image_size": 32, "layers": 2, "width": 16, "head_width": 8, "patch_size": 16}
RESNET = {"image_size": 64, "layers": (1, 1, 1, 1), "width": 8, "head_width": 64}
TINY = {"embed_dim": 20, "vision_cfg": VIT, "text_cfg": TEXT, "quick_gelu": True}
TEXTS = ["a photo of $ that is red", "$", "one two three $ four five six seven eight nine ten", "costs $5 or $. $ x"]


def filled(clip):
    """Weights by the written rule, which leaves none of them zero."""
    with torch.no_grad():
        fill(clip)
    return clip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder with a CLIPModel of random weights, CLIP's own pieces, and no preprocessing."""
    library = open_clip_library().tokenizer.SimpleTokenizer()
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    words = " ".join([*TEXTS, "in on thing photo"])
    merges = [pair for pair in library.bpe_ranks if "".join(pair).removesuffix("</w>") in words]
    pieces = [*list(library.encoder)[:512], *map("".join, merges), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    start, end = len(pieces) - 2, len(pieces) - 1
    special = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end, "vocab_size": len(pieces)}
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2}
    text = shape | {"hidden_size": 8, "intermediate_size": 16, "max_position_embeddings": 12} | special
    vision = shape | {"hidden_size": 16, "intermediate_size": 32, "image_size": 32, "patch_size": 16}
    folder = tmp_path_factory.mktemp("transformers")
    CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=20)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["ViT", "ResNet", "transformers"])
def clip(request) -> Clip:
    if request.param == "transformers":
        return filled(transformers_clip(source=request.getfixturevalue("source")))
    return filled(open_clip(arch=TINY if request.param == "ViT" else TINY | {"vision_cfg": RESNET}))


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 40, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def by_library(clip, texts, words=None):
    """The library's own text vectors; `words` takes the place of what it looks up, where it is not nan."""
    network = clip.towers.network
    if hasattr(network, "text_model"):
        settings = {"padding": "max_length", "truncation": True, "max_length": 12, "return_tensors": "pt"}
        pieces = clip.towers.tokenizer(texts, **settings)["input_ids"]
    else:
        pieces = clip.towers.tokenise(texts)

    def swap(module, given, found):
        return found if words is None else torch.where(words.isnan(), found, words)

    if not hasattr(network, "text_model"):
        with network.token_embedding.register_forward_hook(swap):
            return network.encode_text(pieces)
    with network.text_model.embeddings.token_embedding.register_forward_hook(swap):
        return network.text_projection(network.text_model(input_ids=pieces).pooler_output)


def test_vectors_are_the_librarys_own(clip, images):
    network, pixels = clip.towers.network, clip.preprocessing(images)
    hub = hasattr(network, "text_model")
    own = network.get_image_features(pixels).pooler_output if hub else network.encode_image(pixels)
    torch.testing.assert_close(clip.image(images), own, rtol=0, atol=0)
    texts = [*TEXTS, ""]
    torch.testing.assert_close(clip.text(texts), by_library(clip, texts), rtol=1e-5, atol=1e-5)
    assert isinstance(clip, Clip) and clip.image(images).shape == (3, clip.width) and clip.word_width == 8


def test_image_tokens_pooled_and_projected_are_the_image(clip, images):
    tokens, network = clip.image_tokens(images), clip.towers.network
    visual = getattr(network, "visual", network)
    assert tokens.shape[::2] == (3, clip.channels)
    if hasattr(visual, "attnpool"):
        assert tokens.shape[1] == 4
        pooled = visual.attnpool(tokens.mT.unflatten(2, (2, 2)))
    else:
        assert tokens.shape[1] == 5
        pooled = tokens[:, 0] @ visual.proj if hasattr(visual, "proj") else network.visual_projection(tokens[:, 0])
        torch.testing.assert_close(clip.project(tokens)[:, 0], clip.image(images), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pooled, clip.image(images), rtol=1e-5, atol=1e-5)


def test_the_text_token_at_the_end_is_the_text(clip):
    texts = ["", "a red thing", *TEXTS]
    states, mask = clip.text_tokens(texts)
    assert states.shape == (len(texts), 12, clip.width) and mask.sum(1)[:2].tolist() == [2, 5]
    ends = states[torch.arange(len(texts)), clip.text_position(mask)]
    torch.testing.assert_close(ends, clip.text(texts), rtol=1e-5, atol=1e-5)
    assert torch.equal(mask, mask.cummin(1).values)


def test_a_prefix_is_read_before_the_words_of_every_text(clip):
    texts = ["a red thing", "", "one two three four five six seven eight nine ten"]
    prefix = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    states, mask = clip.text_tokens(texts, prefix)
    ends = states[torch.arange(3), clip.text_position(mask)]
    assert states.shape == (3, 12, clip.width) and mask.sum(1).tolist() == [8, 5, 12]
    inserted = clip.text_with([f"$ {text}" for text in texts], prefix.expand(3, -1, -1))
    torch.testing.assert_close(ends, inserted, rtol=1e-5, atol=1e-5)
    with pytest.raises(Problem, match="leave no room"):
        clip.text_tokens(texts, torch.zeros(10, 8))


def test_the_embedding_that_the_placeholder_has_gives_the_text(clip):
    own = clip.word_embeddings(["$"])[:, 1:2]
    torch.testing.assert_close(clip.text_with(TEXTS, own.expand(4, -1, -1)), clip.text(TEXTS), rtol=1e-5, atol=1e-5)


def test_words_in_place_of_the_placeholder_are_read_where_they_stand(clip):
    words = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    vectors = clip.text_with(["a photo of $ in red", "one two three four five six $ eight nine"], words)
    longer = ["a photo of x x x in red", "one two three four five six x x x eight nine"]
    given = torch.full((2, 12, 8), torch.nan)
    given[0, 4:7], given[1, 7:10] = words
    torch.testing.assert_close(vectors, by_library(clip, longer, given), rtol=1e-5, atol=1e-5)


def test_every_placeholder_gets_the_words_and_they_learn(clip):
    words = torch.randn(1, 1, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    vector = clip.text_with(["a $ on a $"], words)
    given = torch.full((1, 12, 8), torch.nan)
    given[0, 2], given[0, 5] = words.detach()[0, 0], words.detach()[0, 0]
    torch.testing.assert_close(vector, by_library(clip, ["a x on a x"], given), rtol=1e-5, atol=1e-5)
    vector.square().sum().backward()
    assert words.grad.abs().min() > 0


@pytest.mark.parametrize("text", ["a photo of", "a photo of $.", "costs $5", ""])
def test_a_text_without_a_placeholder_of_its_own_is_a_problem(clip, text):
    with pytest.raises(Problem, match="between spaces"):
        clip.text_with([text], torch.zeros(1, 1, 8))


def test_words_beyond_the_context_are_a_problem(clip):
    assert clip.text_with(["$"], torch.ones(1, 10, 8)).isfinite().all()
    with pytest.raises(Problem, match="further to the front"):
        clip.text_with(["$"], torch.ones(1, 11, 8))


@pytest.mark.parametrize(
    ("arch", "widths", "tokens"),
    [
        ("ViT-B/32", (512, 512, 768), 50),
        ("ViT-L/14", (768, 768, 1024), 257),
        ("RN50", (1024, 512, 2048), 49),
        ("RN50x4", (640, 640, 2560), 81),
    ],
)
def test_the_papers_towers_have_their_widths_and_tokens(arch, widths, tokens):
    with torch.device("meta"):  # the layout alone, without memory
        clip = open_clip(arch=arch)
        assert (clip.width, clip.word_width, clip.channels) == widths
        assert clip.image_tokens(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape == (1, tokens, widths[2])
        assert clip.text_tokens(["a red thing"])[0].shape == (1, 77, widths[0])


# what a checkpoint keeps


def test_a_description_gives_the_same_layout_and_fetches_nothing():
    given = Preprocessing(size=32, fit=TargetPad(1.25))
    factory = partial(open_clip, arch=TINY | {"vision_cfg": RESNET | {"image_size": 32}}, preprocessing=given)
    again = rebuild(describe(factory))()
    assert again.preprocessing == given and again.stand_in[1].keywords["preprocessing"] == given
    assert {n: t.shape for n, t in again.state_dict().items()} == {
        n: t.shape for n, t in factory().state_dict().items()
    }


def test_weights_of_another_preprocessing_are_refused_and_have_another_digest():
    one, same = open_clip(arch=TINY), open_clip(arch=TINY)
    other = open_clip(arch=TINY, preprocessing=Preprocessing(size=32, fit=direct_resize))
    before = {name: each.clone() for name, each in other.state_dict().items()}
    same.load_state_dict(one.state_dict())
    assert weights_digest(same) == weights_digest(one)
    with pytest.raises(Problem, match=r"shortest_side.*this encoder by .*direct_resize"):
        other.load_state_dict(one.state_dict())
    assert all(torch.equal(before[name], each) for name, each in other.state_dict().items())
    assert weights_digest(other) != weights_digest(one)


def test_a_checkpoint_of_a_model_over_a_clip_is_whole(tmp_path, images):
    from cirkit.models.sum import ClipSum
    from cirkit.training import checkpoints

    own = Preprocessing(size=32, fit=TargetPad(1.25), mean=(0.5, 0.5, 0.5))
    (tmp_path / "weights").mkdir()
    path = tmp_path / "weights" / "clip.pt"
    torch.save(filled(open_clip(arch=TINY)).towers.network.state_dict(), path)
    factory = partial(ClipSum, clip=partial(open_clip, arch=TINY, pretrained=str(path), preprocessing=own))
    model = factory(())
    checkpoints.save(tmp_path / "model", model, factory, (), 32)
    path.unlink()
    loaded = checkpoints.load(tmp_path / "model")
    assert loaded.clip.preprocessing == own
    torch.testing.assert_close(loaded.encode(images), model.encode(images), rtol=0, atol=0)


def test_a_checkpoint_of_a_model_over_transformers_is_whole(source, tmp_path, images):
    from cirkit.models.sum import ClipSum
    from cirkit.training import checkpoints

    factory = partial(ClipSum, clip=partial(transformers_clip, source=source))
    model = factory(())
    checkpoints.save(tmp_path / "model", model, factory, (), 32)
    assert str(source) not in (tmp_path / "model" / "model.json").read_text()
    loaded = checkpoints.load(tmp_path / "model")
    query = Query(image=images, text=TEXTS[:3])
    torch.testing.assert_close(loaded.compose(query), model.compose(query), rtol=0, atol=0)


# what cannot be loaded


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A named architecture with random weights in a local file; nothing comes from a network."""
    library, folder = open_clip_library(), tmp_path_factory.mktemp("clip")
    for name, config in {"tiny": TINY | {"quick_gelu": False}, "tiny-quickgelu": TINY}.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
        library.add_model_config(folder / f"{name}.json")
    torch.save(library.CLIP(**TINY).state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


class Harmful:
    def __reduce__(self):
        return print, ("code ran",)


def test_a_named_architecture_takes_a_file_and_its_own_preprocessing(weights, tmp_path, images):
    from safetensors.torch import save_file

    state = torch.load(weights, weights_only=True)
    save_file(state, tmp_path / "weights.safetensors")
    named = open_clip(arch="tiny-quickgelu", pretrained=str(tmp_path / "weights.safetensors"))
    described = open_clip(arch=TINY, pretrained=str(weights))
    torch.testing.assert_close(named.image(images), described.image(images), rtol=0, atol=0)
    assert named.preprocessing == Preprocessing(size=32) == described.preprocessing
    torch.manual_seed(1)
    random = open_clip(arch="tiny-quickgelu")
    assert not torch.allclose(random.text(["red"]), named.text(["red"]))


def test_the_papers_names_are_understood():
    with pytest.raises(Problem, match=r"tag of ViT-bigG-14\. Its tags: .*laion2b"):
        open_clip(arch="ViT-G/14", pretrained="absent.pt")
    with pytest.raises(Problem, match=r"tag of ViT-L-14\. Its tags: .*openai"):
        open_clip(arch="ViT-L/14", pretrained="absent.pt")
    with pytest.raises(Problem, match=r"Did you mean ViT-B-32"):
        open_clip(arch="ViT-B32", pretrained="openai")


@pytest.mark.parametrize("content", ["noise", "shapes", "half", "code", "script"])
def test_files_that_do_not_fit_or_hold_more_than_tensors_are_refused(weights, tmp_path, content, capsys):
    path, match = tmp_path / "file.pt", r"file\.pt does not hold tensors alone: .* safetensors"
    if content == "noise":
        path.write_bytes(b"not weights")
    elif content == "code":
        torch.save({"state_dict": Harmful()}, path)
    elif content == "script":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.script(nn.Linear(2, 2)).save(str(path))
    else:
        match = r"file\.pt does not hold weights of tiny \("
        path.write_bytes(weights.read_bytes()[:1000])
        if content == "shapes":
            torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(Problem, match=match):
        open_clip(arch="tiny", pretrained=str(path))
    assert capsys.readouterr().out == ""


def test_no_network_is_a_problem_with_a_next_step(monkeypatch):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip_library().factory, "download_pretrained", offline)
    with pytest.raises(Problem, match="give its path"):
        open_clip(arch="ViT-B-32-quickgelu", pretrained="openai")


def test_a_quickgelu_mismatch_is_refused_for_tags_and_for_files_of_openai(weights, monkeypatch):
    monkeypatch.setattr(open_clip_library().factory, "download_pretrained", lambda *_, **__: str(weights))
    with pytest.raises(Problem, match="Use ViT-B-32-quickgelu"):
        open_clip(arch="ViT-B-32", pretrained="openai")
    copy = weights.with_name("openai.pt")
    copy.write_bytes(weights.read_bytes())
    with pytest.raises(Problem, match="Use tiny-quickgelu"):
        open_clip(arch="tiny", pretrained=str(copy))
    assert open_clip(arch="tiny-quickgelu", pretrained=str(copy)).towers.config["quick_gelu"]


def test_parts_that_would_be_fetched_are_refused(monkeypatch):
    for part in ({"text_cfg": TEXT | {"hf_model_name": "a/b"}}, {"vision_cfg": {"timm_model_name": "hf-hub:a/b"}}):
        with pytest.raises(Problem, match="no parts from timm or a hub"):
            open_clip(arch=TINY | part)
    with pytest.raises(Problem, match="from a hub"):
        open_clip(arch="roberta-ViT-B-32")
    with pytest.raises(Problem, match="nothing else"):
        open_clip(arch=TINY | {"custom_text": True})
    with pytest.raises(Problem, match="no such architecture"):
        open_clip(arch=TINY | {"vision_cfg": VIT | {"depth": 3}})
    with pytest.raises(Problem, match="49408 pieces"):
        open_clip(arch=TINY | {"text_cfg": TEXT | {"vocab_size": 100}})


def test_a_preprocessing_of_another_size_is_refused():
    with pytest.raises(Problem, match="32 pixels, the preprocessing gives 48"):
        open_clip(arch=TINY, preprocessing=Preprocessing(size=48))


def test_towers_that_are_not_clips_give_vectors_alone(weights, images):
    folder = weights.parent
    siglip = TINY | {
        "text_cfg": TEXT | {"no_causal_mask": True, "pool_type": "last"},
        "vision_cfg": VIT | {"pool_type": "avg"},
    }
    (folder / "tiny-avg.json").write_text(json.dumps(TINY | siglip))
    open_clip_library().add_model_config(folder / "tiny-avg.json")
    clip = open_clip(arch="tiny-avg")
    assert clip.image(images).shape == (3, 20) and clip.text(["red"]).shape == (1, 20)
    for read in (lambda: clip.image_tokens(images), lambda: clip.channels):
        with pytest.raises(Problem, match="image tower of tiny-avg is not CLIP's"):
            read()
    for read in (
        lambda: clip.text_tokens(["red"]),
        lambda: clip.word_width,
        lambda: clip.text_with(["$"], torch.zeros(1, 1, 8)),
    ):
        with pytest.raises(Problem, match="text tower of tiny-avg is not CLIP's"):
            read()


# a folder of transformers


def written(folder, **settings):
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def copied(source, tmp_path):
    return shutil.copytree(source, tmp_path / "copy")


def test_the_preprocessing_of_a_folder_is_what_it_writes(source, copied):
    assert transformers_clip(source=source).preprocessing == Preprocessing(size=32)
    same = {"do_center_crop": True, "crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 32}}
    folder = written(copied, **same, image_mean=[0.5, 0.5, 0.5], image_std=[1, 1, 1], resample=2)
    expected = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0), resample="bilinear")
    assert transformers_clip(source=folder).preprocessing == expected
    written(copied, do_center_crop=False, size={"height": 32, "width": 32})
    assert transformers_clip(source=copied).preprocessing == Preprocessing(size=32, fit=direct_resize)


@pytest.mark.parametrize("other", [{"size": {"shortest_edge": 36}}, {"resample": 0}, {"rescale_factor": 1.0}])
def test_a_preprocessing_that_no_object_says_has_to_be_given(copied, other):
    written(copied, **other)
    with pytest.raises(Problem, match="in a way of its own"):
        transformers_clip(source=copied)
    given = Preprocessing(size=32, fit=TargetPad())
    assert transformers_clip(source=copied, preprocessing=given).preprocessing == given


@pytest.mark.parametrize("damage", ["weights", "config", "kind", "pickle", "tokenizer", "half"])
def test_a_folder_that_is_no_whole_clip_is_refused(copied, damage, capsys):
    weights, match = copied / "model.safetensors", "a folder with"
    if damage == "weights":
        weights.unlink()
    elif damage == "pickle":
        weights.unlink()
        torch.save(Harmful(), copied / "pytorch_model.bin")
    elif damage == "half":
        weights.write_bytes(weights.read_bytes()[:-40])
    elif damage == "tokenizer":
        (copied / "tokenizer.json").unlink()
        match = "tokenizer that fits|a folder with"
    else:
        config = json.loads((copied / "config.json").read_text())
        change = {"kind": {"model_type": "bert"}, "config": {"projection_dim": 24}}[damage]
        (copied / "config.json").write_text(json.dumps(config | change))
        match = {"kind": "of a CLIP", "config": "lacks 2 of|a folder with"}[damage]
    with pytest.raises(Problem, match=match):
        transformers_clip(source=copied)
    assert "code ran" not in capsys.readouterr().out


def test_a_hub_that_does_not_answer_is_one_sentence_and_the_way_to_a_folder():
    with pytest.raises(Problem, match="Give a name on the Hugging Face hub, or a folder with"):
        transformers_clip(source="nobody/clip-that-is-not-there")
