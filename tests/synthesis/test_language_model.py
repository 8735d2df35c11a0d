"""Caption triplets by a language model: a tiny OPT learns the form, LoRA tunes it, and what it writes is read."""

from functools import partial

import pytest
import torch

from cirkit.compat import ensure_torchvision
from cirkit.errors import Problem
from cirkit.examples import Captions
from cirkit.synthesis.base import CaptionTriplet
from cirkit.synthesis.language_model import TripletWriter, as_text, language_model, next_piece, parse, triplet_texts
from cirkit.synthesis.low_rank import LowRank, add_low_rank
from cirkit.training.loop import Training, fit
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant

COLOURS, SHAPES = ("red", "blue"), ("cube", "sphere", "cone")
LAYERS = ("q_proj", "v_proj", "fc1", "fc2")


def swaps(shard: int, count: int) -> list[CaptionTriplet]:
    """Every colour gives way to the other."""
    pairs = [(colour, COLOURS[1 - i], shape) for shape in SHAPES for i, colour in enumerate(COLOURS)]
    return [
        CaptionTriplet(reference=f"a {old} {shape}", instruction=f"make it {new}", target=f"a {new} {shape}")
        for old, new, shape in pairs * (count // len(pairs) + 1)
    ][:count]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """An OPT of two layers that has learnt what triplets look like, in the folder that transformers reads."""
    ensure_torchvision()
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("opt")
    words = ["<pad>", "<unk>", "</s>", " ", "\n", "##", "%%", "END", "a", "make", "it", *COLOURS, *SHAPES]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s|\S+"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = OPTConfig(vocab_size=len(words), max_position_embeddings=64, dropout=0.0, pad_token_id=0, **sizes)
    OPTForCausalLM(config).save_pretrained(folder)
    writer = TripletWriter(source=folder, layers=LAYERS).train()
    writer.network.requires_grad_(True)
    optimiser = torch.optim.AdamW(writer.network.parameters(), lr=5e-3)
    for _ in range(60):
        loss = writer.loss([as_text(each) for each in swaps(0, 6)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for name, module in list(writer.network.named_modules()):
        if isinstance(module, LowRank):
            module.layer.weight.data += module.scale * module.up.data @ module.down.data
            writer.network.get_submodule(name.rpartition(".")[0]).register_module(name.rpartition(".")[2], module.layer)
    writer.network.save_pretrained(folder)
    return folder


def test_a_sum_of_low_rank_begins_with_nothing_and_alone_learns():
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2)).requires_grad_(True)
    vectors = torch.randn(3, 4)
    before = network(vectors)
    add_low_rank(network, ("0",), rank=2, alpha=4.0)
    torch.testing.assert_close(network(vectors), before)
    learns = [name for name, each in network.named_parameters() if each.requires_grad]
    assert learns == ["0.down", "0.up"]
    torch.nn.init.normal_(network[0].up)
    moved = network[0](vectors) - network[0].layer(vectors)
    torch.testing.assert_close(moved, 2.0 * vectors @ network[0].down.T @ network[0].up.T)
    with pytest.raises(Problem, match="no linear layer called 'q_proj'"):
        add_low_rank(network, ("q_proj",), rank=2, alpha=4.0)


def test_tuning_moves_the_low_ranks_alone_and_lowers_the_loss(source, tmp_path):
    training = Training(
        model=partial(TripletWriter, source=source, layers=LAYERS),
        data=triplet_texts(lambda shard, count: [
            CaptionTriplet(reference=each.target, instruction=f"a {each.instruction}", target=each.reference)
            for each in swaps(shard, count)
        ], 6),
        objective=next_piece, optimiser=adamw(lr=1e-2), steps=25, batch=6, schedule=constant, sampler=shuffled,
    )  # fmt: skip
    base = TripletWriter(source=source, layers=LAYERS)
    tuned = fit(training, 0).model
    texts = training.data().text
    assert tuned.loss(texts) < 0.7 * base.loss(texts)
    frozen = {name: each for name, each in tuned.named_parameters() if not each.requires_grad}
    assert frozen and all(torch.equal(each, base.get_parameter(name)) for name, each in frozen.items())
    tuned.save(tmp_path / "lora.safetensors")
    torch.testing.assert_close(base.load(tmp_path / "lora.safetensors").loss(texts), tuned.loss(texts))
    with pytest.raises(Problem, match="Tune it again"):
        TripletWriter(source=source, layers=("fc1",)).load(tmp_path / "lora.safetensors")
    with pytest.raises(Problem, match="Tune it again"):
        TripletWriter(source=source, layers=LAYERS, rank=2).load(tmp_path / "lora.safetensors")


def test_the_route_writes_triplets_that_follow_from_the_shard(source):
    captions = [f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES]
    writer = TripletWriter(source=source, layers=LAYERS, longest=40)
    route = language_model(captions=lambda: captions, writer=lambda: writer, temperature=0.5, batch=4)
    state = torch.get_rng_state()
    found = route(1, 6)
    assert torch.equal(torch.get_rng_state(), state) and found == route(1, 6) != route(2, 6)
    assert {each.reference for each in found} <= set(captions)
    assert all(each.target != each.reference and each.instruction.startswith("make it") for each in found)


@pytest.mark.parametrize(
    ("completion", "read"),
    [
        ("make it blue\n%%\na blue cube\nEND", ("make it blue", "a blue cube")),
        (" make it blue \n%%\n a blue cube\nEND and more", ("make it blue", "a blue cube")),
        ("make it blue\n%%\na blue cube", None),  # never ends
        ("make it blue\nEND", None),
        ("\n%%\na blue cube\nEND", None),
        ("make it red\n%%\nA red, cube.\nEND", None),  # changes nothing
        ("make it\nblue\n%%\na blue cube\nEND", None),
    ],
)
def test_what_keeps_no_form_or_changes_nothing_is_left_out(completion, read):
    found = parse("a red cube", completion)
    assert (found and (found.instruction, found.target)) == read
    assert parse("a", as_text(CaptionTriplet(reference="a", instruction="b", target="c"))[5:]).target == "c"


def test_a_model_that_writes_no_triplets_is_a_problem(source):
    writer = TripletWriter(source=source, layers=LAYERS, longest=8)
    writer.complete = lambda captions, seed, temperature: ["nothing"] * len(captions)
    with pytest.raises(Problem, match="wrote 0 of 2"):
        language_model(captions=lambda: ["a"], writer=lambda: writer)(0, 2)


def test_a_source_that_is_none_is_a_problem(tmp_path):
    with pytest.raises(Problem, match="causal language model"):
        TripletWriter(source=tmp_path)


def test_texts_are_what_the_model_learns():
    assert isinstance(triplet_texts(swaps, 2)(), Captions)
    assert triplet_texts(swaps, 2)().text[0] == "a red cube\n##\nmake it blue\n%%\na blue cube\nEND"
