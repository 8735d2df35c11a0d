"""The corpus and what is learnt from it: counts against loops, factors against their identity, files that are whole."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.compat import ensure_torchvision
from cirkit.worlds.corpus import (
    MASK,
    SIZES,
    SPECIAL,
    bert_folder,
    cooccurrence,
    corpus,
    factors,
    masked,
    pieces,
    positive_information,
    tokens,
    vectors_file,
    vocabulary,
)

SMOKE = SIZES["smoke"]
TINY = replace(SMOKE, documents=60, width=16, hidden=16, steps=4)
WORDS = [["is", "red", "and", "is", "long"], ["red", "red"], ["is", "rare", "red"], []]


def split(size, part: int = 0) -> list[list[str]]:
    return [[word for caption in document for word in tokens(caption)] for document in corpus(size, part)]


def test_a_corpus_is_decided_by_its_size_and_the_held_out_part_is_another():
    first, again, held_out = list(corpus(TINY)), list(corpus(TINY)), list(corpus(TINY, part=1))
    assert first == again and len(first) == len(held_out) == 60
    assert all(1 <= len(document) <= 4 for document in first)
    assert sum(one == other for one, other in zip(first, held_out, strict=True)) < 6
    assert first != list(corpus(replace(TINY, seed=1)))


def test_its_garments_are_not_those_of_the_retrieval_world():
    from cirkit.worlds import fashioniq

    shelves = fashioniq.world(fashioniq.Size(train=(100, 200), val=(4, 8), test=(2, 4))).values()
    said = {tuple(captions) for shelf in shelves for captions in shelf.captions if min(map(len, captions)) > 20}
    ours = {document[i : i + 2] for document in corpus(replace(SMOKE, documents=1000)) for i in (0, 2)}
    assert len(said) > 50 and len(said & ours) <= 0.01 * len(said)


def test_words_keep_their_hyphens():
    assert " ".join(tokens("Has a V-neck, 3/4 -sleeves & isn't red.")) == "has a v-neck 3 4 sleeves isn't red"


def test_words_are_counted_and_rare_ones_left_out():
    assert vocabulary(WORDS, 1) == ["red", "is", "and", "long", "rare"]
    assert vocabulary(WORDS, 3) == ["red", "is"]


@pytest.mark.parametrize("window", [1, 2, 9])
def test_neighbours_count_one_over_their_distance_as_in_a_loop(window):
    words = ["red", "is", "long", "and"]
    expected = np.zeros((4, 4))
    for document in WORDS:
        for i, one in enumerate(document):
            for j, other in enumerate(document):
                if i != j and abs(i - j) <= window and one in words and other in words:
                    expected[words.index(one), words.index(other)] += 1 / abs(i - j)
    np.testing.assert_allclose(cooccurrence(WORDS, words, window), expected)


def test_information_is_its_formula_and_nothing_where_nothing_was_seen():
    counts = np.array([[0.0, 4, 1, 0], [4, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    information = positive_information(counts)
    for i in range(4):
        for j in range(4):
            chance = counts[i].sum() * counts[j].sum() / counts.sum() ** 2
            seen = counts[i, j] / counts.sum()
            assert information[i, j] == pytest.approx(max(0, math.log(seen / chance)) if seen else 0)
    assert information.min() == 0 < information.max()


def test_factors_of_a_square_give_it_back_and_fewer_are_the_best_there_are():
    root = np.random.default_rng(0).normal(size=(6, 3))
    square = root @ root.T
    table = factors(square, 3)
    np.testing.assert_allclose(table @ table.T, square, atol=1e-9)
    values = np.linalg.eigvalsh(square)
    assert np.linalg.norm(factors(square, 2) @ factors(square, 2).T - square) == pytest.approx(values[-3])


def test_every_word_can_be_spelt_in_pieces():
    listed = pieces([*WORDS, ["v-neck", "is"], ["t-neck", "neck's"]], 3)
    assert tuple(listed[:5]) == SPECIAL and listed[-3:] == ["is", "red", "neck"] and len(set(listed)) == len(listed)
    assert {"a", "##a", "9", "##9"} < set(listed) and "rare" not in listed


def test_fifteen_percent_are_asked_for_and_most_of_them_hidden():
    numbers = torch.randint(5, 500, (400, 100), generator=torch.Generator().manual_seed(1))
    open_ = torch.rand(400, 100, generator=torch.Generator().manual_seed(2)) < 0.7
    shown, asked = masked(numbers, open_, 500, torch.Generator().manual_seed(3))
    hidden, kept = (shown == SPECIAL.index(MASK))[asked], (shown == numbers)[asked]
    assert not asked[~open_].any() and torch.equal(shown[~asked], numbers[~asked])
    assert asked[open_].float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert hidden.float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert kept.float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert shown[asked][~hidden].min() >= len(SPECIAL)


def test_the_vectors_lie_in_gloves_format_and_a_second_call_finds_them(tmp_path):
    path = vectors_file(SMOKE, tmp_path)
    lines = [line.split(" ") for line in path.read_text().splitlines()]
    documents = split(SMOKE)
    assert [line[0] for line in lines] == vocabulary(documents, SMOKE.least)
    table = np.array([[float(value) for value in line[1:]] for line in lines])
    matrix = positive_information(cooccurrence(documents, [line[0] for line in lines], SMOKE.window))
    best = np.sort(np.abs(np.linalg.eigvalsh(matrix)))[::-1][:16]
    np.testing.assert_allclose(np.sort((table**2).sum(0))[::-1], best, rtol=1e-3)
    before = path.stat().st_mtime_ns
    assert vectors_file(SMOKE, tmp_path) == path and path.stat().st_mtime_ns == before
    assert vectors_file(replace(SMOKE, seed=1), tmp_path) != path


def test_neighbours_in_the_space_mean_something(tmp_path):
    lines = vectors_file(replace(SMOKE, documents=2000, dimension=32), tmp_path).read_text().splitlines()
    found = {line.split(" ")[0]: np.array([float(value) for value in line.split(" ")[1:]]) for line in lines}

    def near(one: str, other: str) -> float:
        return found[one] @ found[other] / np.linalg.norm(found[one]) / np.linalg.norm(found[other])

    for word, friend, stranger in (
        ("red", "blue", "sleeves"), ("longer", "shorter", "striped"), ("striped", "stripes", "sleeves"),
        ("darker", "lighter", "sleeves"), ("sleeves", "sleeved", "dots"),
    ):  # fmt: skip
        assert near(word, friend) > near(word, stranger) + 0.2, (word, friend, stranger)


def test_the_network_is_a_folder_of_transformers_the_same_each_time(tmp_path):
    one, other = bert_folder(TINY, tmp_path / "one"), bert_folder(TINY, tmp_path / "other")
    names = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()
    before = (one / "config.json").stat().st_mtime_ns
    assert bert_folder(TINY, tmp_path / "one") == one and (one / "config.json").stat().st_mtime_ns == before
    assert sorted(path.name for path in one.iterdir()) == sorted([*names, "world.json"])


def test_making_it_leaves_the_random_numbers_of_the_caller_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    bert_folder(TINY, tmp_path)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_it_expects_hidden_words_of_held_out_documents_better_than_their_frequencies_do(tmp_path):
    ensure_torchvision()
    from transformers import BertForMaskedLM, BertTokenizer

    size = replace(SMOKE, documents=400, people=2, steps=300, batch=32)
    folder = bert_folder(size, tmp_path)
    model, tokenizer = BertForMaskedLM.from_pretrained(folder), BertTokenizer.from_pretrained(folder)
    batch = tokenizer([" ".join(document) for document in corpus(size, part=1)], padding=True, return_tensors="pt")
    numbers = batch["input_ids"]
    shown, asked = masked(numbers, numbers >= 5, len(tokenizer), torch.Generator().manual_seed(0))
    hidden = asked & (shown == SPECIAL.index(MASK))
    with torch.no_grad():
        scores = model(shown, batch["attention_mask"]).logits[hidden]
    frequency = torch.bincount(numbers[numbers >= 5], minlength=len(tokenizer)) + 1e-9
    blind = frequency.log().expand_as(scores)
    loss, chance = (torch.nn.functional.cross_entropy(each, numbers[hidden]).item() for each in (scores, blind))
    assert loss < chance - 0.1
