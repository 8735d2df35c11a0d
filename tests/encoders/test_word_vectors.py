"""Word vectors: whose words are taken, what the others get, and every way in which a file can be broken."""

import gzip
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cirkit.encoders.text import LSTM, Embedding, Vocabulary
from cirkit.encoders.text_transformer import TextTransformer
from cirkit.encoders.word_vectors import frozen, glove, tuned, vectors
from cirkit.errors import Problem
from cirkit.training import checkpoints

TEXTS = ["is red and a T-shirt", "longer"]
FILE = """, 9 9 9
is 1 0 -1
Red 7 7 7
red 2 1e-1 -2
RED 8 8 8
. . . 3 3 3
t-shirt 4 4 4
T-Shirt 6 6 6
at name@domain.com 5 5 5
blue x y z
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "glove.txt").write_text(FILE)
    return tmp_path / "glove.txt"


def changed(path, old: str, new: str):
    path.write_text(path.read_text().replace(old, new))
    return path


def test_a_word_is_taken_as_spelt_else_the_first_that_is_cleaned_to_it(path):
    found = vectors(path, Vocabulary(TEXTS))
    expected = {"is": [1, 0, -1], "red": [2, 0.1, -2], "tshirt": [4, 4, 4]}
    assert {word: row.tolist() for word, row in found.items()} == {
        word: pytest.approx(row) for word, row in expected.items()
    }


def test_words_that_the_file_lacks_are_drawn_like_those_it_has_and_padding_is_zero(path):
    texts = [*TEXTS, *(f"made{number}up" for number in range(4000))]
    vocabulary = Vocabulary(texts)
    rows = glove(vocabulary, 512, path=path).weight
    assert rows.shape == (len(vocabulary), 3) and rows[0].tolist() == [0, 0, 0]
    known = np.array([[1, 0, -1], [2, 0.1, -2], [4, 4, 4]])
    assert np.allclose(rows[[vocabulary.number[word] for word in ("is", "red", "tshirt")]], known)
    drawn = rows[[vocabulary.number[f"made{number}up"] for number in range(4000)]].double()
    torch.testing.assert_close(drawn.mean(0), torch.tensor(known.mean(0)), atol=0.15, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor(known.std(0)), atol=0.1, rtol=0)


@pytest.mark.parametrize("build", [Embedding, LSTM, TextTransformer])
def test_frozen_vectors_stay_and_tuned_ones_move(path, build):
    for tuning, moves in ((frozen, False), (tuned, True)):
        torch.manual_seed(0)
        encoder = build(TEXTS, width=4, embed=partial(glove, path=path, tuning=tuning))
        before = encoder.embedding.weight.detach().clone()
        optimiser = torch.optim.AdamW(encoder.parameters(), lr=0.1, weight_decay=0.1)
        tokens, mask = encoder(TEXTS)
        assert tokens.shape == (2, 5, 4) and mask.sum(1).tolist() == [5, 1]
        tokens[mask].square().sum().backward()
        optimiser.step()
        assert torch.equal(before, encoder.embedding.weight) is not moves


def test_a_bag_of_vectors_is_the_table_through_a_linear_layer(path):
    encoder = Embedding(TEXTS, width=4, embed=partial(glove, path=path))
    red = encoder(["red"])[0][0, 0]
    torch.testing.assert_close(red, encoder.project(torch.tensor([2, 0.1, -2])))


@pytest.mark.parametrize("as_named", [False, True])
def test_a_packed_file_will_do(path, as_named):
    packed = path.with_name("glove.txt.gz")
    packed.write_bytes(gzip.compress(FILE.encode()))
    path.unlink()
    assert vectors(packed if as_named else path, Vocabulary(TEXTS))["is"].tolist() == [1, 0, -1]


def test_the_first_line_of_word2vecs_format_and_windows_line_ends_are_no_trouble(path):
    path.write_bytes(b"10 3\r\n" + FILE.replace("\n", " \r\n").encode())
    assert vectors(path, Vocabulary(TEXTS))["red"].tolist() == pytest.approx([2, 0.1, -2])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("is 1 0 -1", "is 1 0", "line 2 has 3 fields where a word and 3 numbers"),
        ("is 1 0 -1", "is 1 0 -1 4", "line 2 has 5 fields"),
        ("is 1 0 -1", "", "line 2 has 1 fields"),
        ("is 1 0 -1", "is 1 zero -1", "line 2 has a field that is not a number"),
        ("red 2 1e-1", "red 2 nan", "line 4 has a number that is not finite"),
        ("red 2 1e-1", "red 2 1e39", "line 4 has a number that is not finite"),
        ("red 2 1e-1", "red  1e-1", "line 4 has a field that is not a number"),
        (FILE, "", "holds no word vectors"),
        (FILE, "\n", "line 1 has 1 fields where a word and its numbers"),
        (FILE, "red " + "1" * (1 << 20), "line 1 has more than 1048576 bytes"),
        (FILE, "rouge 1 2 3\n", "has none of the 6 words"),
    ],
)
def test_a_broken_file_is_a_problem_that_names_the_line(path, old, new, says):
    with pytest.raises(Problem, match=says):
        glove(Vocabulary(TEXTS), 4, path=changed(path, old, new))


def test_a_missing_file_and_a_cut_one_are_problems(path):
    packed = path.with_name("cut.gz")
    packed.write_bytes(gzip.compress(FILE.encode())[:-12])
    for each in (path.with_name("none.txt"), packed, path.parent):
        with pytest.raises(Problem, match="Cannot read the word vectors"):
            vectors(each, Vocabulary(TEXTS))
    packed.write_bytes(b"not packed")
    with pytest.raises(Problem, match="Not a gzipped file"):
        vectors(packed, Vocabulary(TEXTS))


@given(st.binary(max_size=60), st.integers(0, len(FILE)))
@settings(max_examples=60, deadline=None)
def test_whatever_the_file_holds_only_a_problem_comes_out(tmp_path_factory, junk, at):
    path = tmp_path_factory.mktemp("any") / "glove.txt"
    path.write_bytes(FILE.encode()[:at] + junk + FILE.encode()[at:])
    try:
        assert glove(Vocabulary(TEXTS), 4, path=path).weight.isfinite().all()
    except Problem as problem:
        assert str(path) in str(problem)


def test_a_table_comes_back_from_a_checkpoint_although_its_file_is_gone(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text(FILE)
    factory = partial(LSTM, width=8, embed=partial(glove, path=path))
    encoder = factory(TEXTS).eval()
    checkpoints.save(tmp_path / "kept", encoder, factory, TEXTS, 32)
    path.unlink()
    again = checkpoints.load(tmp_path / "kept")
    torch.testing.assert_close(again(TEXTS)[0], encoder(TEXTS)[0], rtol=0, atol=0)
    assert not again.embedding.weight.requires_grad
    assert str(path) not in (tmp_path / "kept" / "model.json").read_text()
