"""LinCIR: φ learns from texts alone; a caption's keywords give way to the word that φ makes of the caption itself.

Gu et al. (2024), "Language-only Efficient Training of Zero-shot Composed Image Retrieval", §3 (self-masking
projection). Its φ and its prompts are SEARLE's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cirkit.encoders.clip import PLACEHOLDER, Clip
from cirkit.models.searle import PROMPT, searle
from cirkit.models.textual_inversion import Prompts, TextualInversion

Keywords = Callable[[str], list[tuple[int, int]]]  # a caption -> where each run of keywords begins and ends
Replace = Callable[[str, Sequence[tuple[int, int]]], str]
Noise = Callable[[Float[Tensor, "b d"]], Float[Tensor, "b d"]]
WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


def lincir(
    texts: Sequence[str],
    *,
    clip: Callable[[], Clip],
    widening: int = 4,
    dropout: float = 0.5,
    prompt: Prompts = PROMPT,
) -> TextualInversion:
    """The retriever whose φ is LinCIR's; train it with `cirkit.training.inversion.self_masking`."""
    return searle(texts, clip=clip, widening=widening, dropout=dropout, prompt=prompt)


@dataclass(frozen=True)
class word_list:
    """Keywords are the maximal runs of these words (lower case) with nothing but spaces between them.

    The paper takes runs of nouns and adjectives by a part-of-speech tagger, its released code runs with determiners.
    """

    words: tuple[str, ...]

    def __call__(self, text: str) -> list[tuple[int, int]]:
        return _runs(text, lambda word: word in self.words)


@dataclass(frozen=True)
class all_but:
    """`word_list` of every word that is not one of these: the tagger's runs, where they are the function words."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> list[tuple[int, int]]:
        return _runs(text, lambda word: word not in self.words)


def _runs(text: str, is_keyword: Callable[[str], bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for match in WORD.finditer(text):
        if not is_keyword(match.group().casefold()):
            continue
        if runs and not text[runs[-1][1] : match.start()].strip():
            runs[-1] = (runs[-1][0], match.end())
        else:
            runs.append(match.span())
    return runs


def spans(text: str, runs: Sequence[tuple[int, int]]) -> str:
    """Each run gives way to the placeholder, where it stands."""
    parts, last = [], 0
    for start, stop in runs:
        parts += [text[last:start], PLACEHOLDER]
        last = stop
    return " ".join(" ".join([*parts, text[last:]]).split())


def substrings(text: str, runs: Sequence[tuple[int, int]]) -> str:
    """Released code: every occurrence of a run's letters gives way, inside other words too (`near`, of the run `a`).

    A run that an earlier one has damaged ends it: one word at random gives way instead.
    """
    masked = text
    for run in [text[start:stop] for start, stop in runs]:
        if run not in masked:
            words = masked.split()
            words[int(torch.randint(len(words), ()))] = PLACEHOLDER
            return " ".join(words)
        masked = masked.replace(run, f" {PLACEHOLDER} ")
    return " ".join(masked.split())


@dataclass(frozen=True)
class keyword_mask:
    """A caption in lower case, and the same with placeholders for its keywords; one without any is `a photo of $`."""

    keywords: Keywords
    replace: Replace = spans

    def __call__(self, text: str) -> tuple[str, str]:
        caption = " ".join(text.replace(PLACEHOLDER, " ").lower().split())
        masked = self.replace(caption, self.keywords(caption))
        return caption, masked if PLACEHOLDER in masked.split() else f"a photo of {PLACEHOLDER}"


def scaled_gaussian(features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """u · ε with u uniform from 0 to 1 for each row and ε standard normal: noise of every size, the paper's choice."""
    return torch.rand(len(features), 1, device=features.device) * torch.randn_like(features)


@dataclass(frozen=True)
class gaussian:
    """Normal noise of one standard deviation."""

    std: float = 1.0

    def __call__(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.std * torch.randn_like(features)


@dataclass(frozen=True)
class uniform:
    """Noise uniform from -bound to bound."""

    bound: float = 1.0

    def __call__(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        return self.bound * (2 * torch.rand_like(features) - 1)


def no_noise(features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Zeros."""
    return torch.zeros_like(features)
