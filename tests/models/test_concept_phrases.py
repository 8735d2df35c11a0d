"""Phrases that hold their concept's name, from a grammar or a file, and the concepts nearest an image."""

import json

import pytest
import torch
from torch.nn.functional import normalize
from toys import TinyClip

from cirkit.errors import Problem
from cirkit.models.concept_phrases import ENSEMBLE, PARTS, grammar, mask_concept, nearest_concepts, phrase_file, pick

PHRASES = grammar(("a red dress", "dog", "cat"))


def test_the_grammar_writes_every_phrase_once_and_names_the_concept_in_each():
    phrases = PHRASES[0]
    assert len(phrases) == len(set(phrases)) == len(PARTS[0]) * len(PARTS[1]) * len(PARTS[2])
    assert phrases[0] == "a photo of a red dress that is shown from the front"
    assert all(mask_concept(phrase, "a red dress").split().count("$") == 1 for phrase in phrases)


def test_the_placeholder_stands_for_whole_words_once_and_between_spaces():
    assert mask_concept("A dogged Dog, and a dog.", "dog") == "A dogged $ , and a dog."
    assert mask_concept("a dog for $5", "dog") == "a $ for 5"
    with pytest.raises(Problem, match="does not name"):
        mask_concept("a dogged cat", "dog")


def test_a_file_of_phrases(tmp_path):
    path = tmp_path / "phrases.json"
    path.write_text(json.dumps({"dog": ["a dog that barks"], "cat": ["a cat", "the cat sleeps"]}))
    phrases = phrase_file(path)
    assert phrases.concepts == ("dog", "cat") and list(phrases[1]) == ["a cat", "the cat sleeps"]


@pytest.mark.parametrize("content", [{"dog": []}, {"dog": "a dog"}, {"dog": [1]}, {"dog": ["a cat"]}])
def test_a_file_that_gives_no_phrases_is_a_problem(tmp_path, content):
    path = tmp_path / "phrases.json"
    path.write_text(json.dumps(content))
    with pytest.raises(Problem, match=r"phrase|name"):
        phrase_file(path)[0]


def test_the_nearest_concepts_are_those_of_a_loop():
    clip, image = TinyClip().requires_grad_(False), torch.randn(4, 8)
    vectors = []
    for concept in PHRASES.concepts:
        units = [normalize(clip.text([each.replace("{}", concept)])[0], dim=0) for each in ENSEMBLE]
        vectors.append(normalize(sum(units), dim=0))
    nearest = nearest_concepts(clip, image, PHRASES, 2)
    for row in range(4):
        scores = [float(normalize(image[row], dim=0) @ vector) for vector in vectors]
        assert nearest[row].tolist() == sorted(range(3), key=lambda i: -scores[i])[:2]
    assert nearest_concepts(clip, image, PHRASES, 9).shape == (4, 3)


def test_a_phrase_is_picked_by_two_shares():
    concepts = torch.tensor([[1, 0], [2, 1]])
    texts, masked = pick(PHRASES, concepts, torch.tensor([0.0, 0.99]), torch.tensor([0.99, 0.0]))
    assert texts == [PHRASES[1][-1], PHRASES[1][0]]
    assert masked == ["there is $ that lies in the middle", "a photo of $ that is shown from the front"]
