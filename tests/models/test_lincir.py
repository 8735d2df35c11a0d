"""Keywords in runs, replaced where they stand or by letters, and noise of known distributions."""

import pytest
import torch

from cirkit.models.lincir import (
    all_but,
    gaussian,
    keyword_mask,
    no_noise,
    scaled_gaussian,
    spans,
    substrings,
    uniform,
    word_list,
)

LIST = word_list(("a", "red", "dog", "lake", "t-shirt"))


@pytest.mark.parametrize(
    ("caption", "masked"),
    [
        ("A running dog near a lake", "$ running $ near $"),
        ("the red dog, a red\n t-shirt and dogs", "the $ , $ and dogs"),
        ("it runs for $5", "a photo of $"),
        ("", "a photo of $"),
        ("red", "$"),
    ],
)
def test_runs_of_keywords_give_way_to_one_placeholder_each(caption, masked):
    text, found = keyword_mask(LIST)(caption)
    assert found == masked and text == " ".join(caption.lower().replace("$", " ").split())


def test_keywords_are_what_function_words_leave():
    mask = keyword_mask(all_but(("a", "the", "of", "in", "near")))
    assert mask("a Red t-shirt in the middle of a lake")[1] == "a $ in the $ of a $"
    assert mask("in the")[1] == "a photo of $"


def test_the_released_code_replaces_letters_inside_other_words():
    """The dossier's example: the runs are {a, dog, a lake}, of which the third is damaged by the first."""
    torch.manual_seed(0)
    caption = "a running dog near a lake"
    masked = substrings(caption, LIST(caption))
    assert masked.split().count("$") > len(LIST(caption))
    assert substrings("a dog", [(2, 5)]) == "a $"
    assert substrings("a cat", [(0, 1)]) == "$ c $ t"


def test_a_run_that_an_earlier_one_damaged_costs_a_word_at_random():
    found = set()
    for seed in range(30):
        torch.manual_seed(seed)
        found.add(substrings("a b lake", [(0, 1), (4, 8)]))
    assert found == {"$ b l $ ke", "$ $ l $ ke", "$ b $ $ ke", "$ b l $ $"}


def test_the_default_leaves_other_words_whole():
    assert spans("a running dog near a lake", LIST("a running dog near a lake")) == "$ running $ near $"


def test_noise_has_the_moments_of_its_distribution():
    features = torch.zeros(4000, 16)
    torch.manual_seed(0)
    scaled, normal, flat = scaled_gaussian(features), gaussian(0.5)(features), uniform(0.3)(features)
    assert scaled.var().item() == pytest.approx(1 / 3, rel=0.05)  # E u² of a uniform u
    sizes = scaled.norm(dim=1) / 4  # about u itself
    assert sizes.min() < 0.05 and sizes.max() > 0.95 and sizes.mean().item() == pytest.approx(0.5, abs=0.03)
    assert normal.std().item() == pytest.approx(0.5, rel=0.02) and abs(normal.mean().item()) < 0.01
    assert flat.abs().max() <= 0.3 and flat.std().item() == pytest.approx(0.3 / 3**0.5, rel=0.02)
    assert not no_noise(features).any()
