"""How M4C learns: at every step of an answer, a yes or no for each word that it could consist of.

Hu et al. (2020), M4C, §3.3 and §4.1: binary cross-entropy with sigmoids, since a word may stand in the vocabulary and
in the image, and teacher forcing with one of the ways in which the answers of people can be put together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cirkit.errors import Problem
from cirkit.examples import Questions
from cirkit.models.m4c import BEGIN, END, tidy

MOST = 20  # ways to put one answer together that are looked at


@dataclass(frozen=True)
class Lexicon:
    """Which numbers stand for a word: one of the vocabulary, and one for each time it was read in the image."""

    known: Mapping[str, int]
    read: Sequence[str]
    places: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, word in enumerate(self.read):
            self.places.setdefault(word, []).append(len(self.known) + place)

    def numbers(self, word: str) -> list[int]:
        """All of a word's, the vocabulary's first."""
        return ([self.known[word]] if word in self.known else []) + self.places.get(word, [])


SameWord = Callable[[int, Lexicon], Sequence[int]]


def sampled_alone(number: int, lexicon: Lexicon) -> Sequence[int]:
    """After the first step, the number in the sampled answer alone is right: the released code of M4C."""
    return (number,)


def vocabulary_and_image(number: int, lexicon: Lexicon) -> Sequence[int]:
    """The same word on the other side is right, too: the released code of Cao et al. (2022).

    For a word of the vocabulary all that were read, for one that was read the vocabulary's.
    """
    if number < len(lexicon.known):
        word = next(word for word, own in lexicon.known.items() if own == number)
        return (number, *lexicon.places.get(word, ()))
    word = lexicon.read[number - len(lexicon.known)]
    return (number, lexicon.known[word]) if word in lexicon.known else (number,)


@dataclass(frozen=True)
class Targets:
    """Of one question: the words before each step, which numbers are right by how much, and the steps that count."""

    previous: Int[Tensor, " s"]
    right: Float[Tensor, "s v_plus_w"]
    mask: Bool[Tensor, " s"]


def ways(answer: str, lexicon: Lexicon) -> list[tuple[int, ...]]:
    """The number sequences that say an answer, none where one of its words has no number."""
    found: list[tuple[int, ...]] = [()]
    for word in answer.split():
        found = [(*way, number) for way in found for number in lexicon.numbers(word)][:MOST]
    return [way for way in found if way]


def agreement(answers: Sequence[str]) -> dict[str, float]:
    """The soft accuracy of each answer, before any normalisation but `tidy`: n of ten agree."""
    people, count = len(answers), {answer: answers.count(answer) for answer in answers}
    return {answer: (n * min(1, (n - 1) / 3) + (people - n) * min(1, n / 3)) / people for answer, n in count.items()}


def targets(
    answers: Sequence[str],
    lexicon: Lexicon,
    steps: int,
    choose: Callable[[int], int],
    same_word: SameWord = sampled_alone,
) -> Targets:
    """What one question's answers ask of each step; `choose(n)` picks one of n ways to be forced.

    At the first step every first word of an answer is as right as the best of these answers. No step counts where no
    answer can be put together.
    """
    answers = [tidy(answer) for answer in answers]
    level, found = agreement(answers), {answer: ways(answer, lexicon) for answer in answers}
    right = torch.zeros(steps, len(lexicon.known) + len(lexicon.read))
    for answer, those in found.items():
        for way in those:
            right[0, way[0]] = max(float(right[0, way[0]]), level[answer])
    previous, mask = torch.zeros(steps, dtype=torch.long), torch.zeros(steps, dtype=torch.bool)
    every = [way for answer in answers for way in found[answer]]  # as often as people say it
    if every:
        way = every[choose(len(every))]
        mask[: len(way) + 1] = True
        previous[0] = BEGIN
        for step in range(1, min(len(way) + 1, steps)):
            previous[step] = way[step - 1]
            right[step, list(same_word(way[step] if step < len(way) else END, lexicon))] = 1
    return Targets(previous, right, mask)


def decoding_loss(
    logits: Float[Tensor, "b s v"], right: Float[Tensor, "b s v"], mask: Bool[Tensor, "b s"]
) -> Float[Tensor, ""]:
    """The cross-entropies of all words, summed, over the number of steps that count, at least one."""
    each = binary_cross_entropy_with_logits(logits, right, reduction="none").sum(2)
    return (each * mask).sum() / mask.sum().clamp(min=1)


def draw(count: int) -> int:
    """One of so many, all alike."""
    return int(torch.randint(count, ()))


@dataclass(frozen=True, kw_only=True)
class answer_decoding:
    """M4C's objective. Raises Problem for questions without answers."""

    same_word: SameWord = sampled_alone

    def __call__(self, model: nn.Module, batch: Questions) -> Float[Tensor, ""]:
        if batch.answers is None:
            raise Problem("These questions come without answers. Train on a split whose answers are published.")
        each = [
            targets(answers, Lexicon(model.number, read), model.steps, draw, self.same_word)
            for answers, read in zip(batch.answers, model.read(batch.images), strict=True)
        ]
        previous, mask = torch.stack([one.previous for one in each]), torch.stack([one.mask for one in each])
        right = torch.zeros(*mask.shape, max(one.right.shape[1] for one in each))
        for row, one in enumerate(each):
            right[row, :, : one.right.shape[1]] = one.right
        device = next(model.parameters()).device
        logits = model(batch.images, batch.text, previous.to(device))
        return decoding_loss(logits, right.to(logits), mask.to(device))
