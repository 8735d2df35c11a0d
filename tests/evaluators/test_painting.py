"""What painted images leave: every evidence against a painter and a judge whose answers are known."""

import numpy as np
import pytest
import torch
from torch import nn

from cirkit.errors import Problem
from cirkit.evaluators.evidence import Answers, Ranks, Samples
from cirkit.evaluators.painting import (
    Prompts,
    among_wrong,
    attributes_shown,
    class_samples,
    mismatched,
    paint_all,
    paired_features,
    r_precision,
)

COLOURS = ("red", "green", "blue")
TEXTS = [f"a {COLOURS[i % 3]} bird" for i in range(9)]


class Matcher(nn.Module):
    """Reads the colour of a text and of an image."""

    def encode(self, items):
        if isinstance(items, torch.Tensor):
            return items.float().mean((2, 3))
        return torch.stack([255.0 * torch.eye(3)[COLOURS.index(text.split()[1])] for text in items])

    def compose(self, query):
        return self.encode(query.text if query.image is None else query.image)

    def score(self, composed, gallery):
        return composed @ gallery.mT


class Painter(nn.Module):
    """Paints the colour that a caption names, or always red."""

    def __init__(self, listens: bool = True):
        super().__init__()
        self.damsm, self.listens, self.asked = Matcher(), listens, []
        self.weight = nn.Parameter(torch.zeros(1))

    def draw(self, images, generator):
        return torch.randn(images, 2, generator=generator)

    def paint(self, text, noise):
        self.asked.append((list(text), noise))
        channel = torch.tensor([COLOURS.index(one.split()[1]) if self.listens else 0 for one in text])
        return (255 * torch.eye(3)[channel])[..., None, None].expand(-1, -1, 4, 4).to(torch.uint8)


class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def features(self, images):
        return self.weight * images.float().mean((2, 3))

    def log_probabilities(self, images):
        return (self.features(images) / 255).log_softmax(1)

    def answer(self, images, questions):
        return [COLOURS[i] for i in self.features(images).argmax(1).tolist()]


def prompts() -> Prompts:
    real = torch.arange(9, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
    return Prompts(text=TEXTS, image=real, group=[f"kind {i % 3}" for i in range(9)])


def colours(text):
    return [("colour", text.split()[1])]


def test_every_caption_is_painted_once_with_noise_of_its_own_whatever_the_chunk():
    one, other = Painter(), Painter()
    assert torch.equal(paint_all(one, TEXTS), paint_all(other, TEXTS, chunk=2))
    assert [text for part, _ in other.asked for text in part] == TEXTS and len(other.asked) == 5
    noise = [torch.cat([noise for _, noise in painter.asked]) for painter in (one, other)]
    assert torch.equal(*noise) and len(noise[0].unique()) == 18


def test_features_of_painted_and_real_images_stand_in_one_row():
    found = paired_features(judge=Judge)(Painter(), prompts())
    assert type(found) is Samples and found.features.shape == (9, 6)
    np.testing.assert_array_equal(found.features[:, :3], 255 * np.eye(3)[np.arange(9) % 3])
    np.testing.assert_array_equal(found.features[:, 3:], np.tile(np.arange(9)[:, None], 3))


def test_classes_are_those_of_the_painted_images():
    found = class_samples(judge=Judge)(Painter(), prompts())
    assert type(found) is Samples and found.features.argmax(1).tolist() == [i % 3 for i in range(9)]
    np.testing.assert_allclose(np.exp(found.features.astype(float)).sum(1), 1, atol=2e-3)


def test_a_painter_that_listens_ranks_its_own_caption_first_and_one_that_does_not_stands_at_chance():
    listens, does_not = (r_precision(wrong=4)(Painter(each), prompts()) for each in (True, False))
    assert type(listens) is Ranks and set(listens.gallery) == {5}
    assert listens.mid.tolist() == [1.0] * 9
    assert does_not.mid[::3].tolist() == [1.0] * 3 and does_not.mid[1::3].mean() > 2


def test_wrong_captions_are_of_other_classes_and_the_same_each_time():
    group = ["a", "a", "b", "c"]
    first, again = mismatched(group, 2), mismatched(group, 2)
    assert [each.tolist() for each in first] == [each.tolist() for each in again]
    assert all(
        group[row] != mine and len(set(each)) == 2 for mine, each in zip(group, first, strict=True) for row in each
    )
    assert sorted(mismatched(group, 99)[0].tolist()) == [2, 3]
    benchmark = among_wrong(prompts(), prompts().image, wrong=4)
    assert all(len(own) == 5 and own[0] == i for i, own in enumerate(benchmark.candidates))


def test_credit_is_the_share_of_named_attributes_that_a_judge_sees():
    def twice(text):
        return [("colour", text.split()[1]), ("size", "red")]

    listens, does_not = (
        attributes_shown(judge=Judge, read=colours)(Painter(each), prompts()) for each in (True, False)
    )
    assert type(listens) is Answers and listens.credit.tolist() == [1.0] * 9
    assert does_not.credit.tolist() == [1.0, 0.0, 0.0] * 3 and does_not.given[1] == "colour::red"
    half = attributes_shown(judge=Judge, read=twice)(Painter(), prompts())
    assert half.credit.tolist() == [1.0, 0.5, 0.5] * 3 and half.given[1] == "colour::green size::green"
    with pytest.raises(Problem, match="names no attribute"):
        attributes_shown(judge=Judge, read=lambda text: [])(Painter(), prompts())


def test_some_prompts_are_those_alone():
    some = prompts().take([4, 1])
    assert some.text == [TEXTS[4], TEXTS[1]] and some.image[:, 0, 0, 0].tolist() == [4, 1] and len(some) == 2
