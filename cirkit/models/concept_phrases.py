"""Concepts near an image, and phrases that hold their names: what keeps a pseudo-word among the words of a language.

SEARLE (Baldrati et al., 2023) has GPT-Neo continue "a photo of <concept> that" for the classes of OpenImages; here a
grammar writes the phrases, or a file brings them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from cirkit.benchmarks.annotations import read_json
from cirkit.encoders.clip import PLACEHOLDER, Clip
from cirkit.errors import Problem

PARTS = (
    ("a photo of {}", "a picture of {}", "we see {}", "there is {}"),
    (" that is shown", " that can be seen", " that stands", " that lies"),
    (" from the front", " in bright light", " on a plain ground", " next to something else", " in the middle"),
)
ENSEMBLE = ("a photo of {}", "a picture of {}", "{}")  # a concept's vector is the mean over these


@runtime_checkable
class Phrases(Protocol):
    """Concepts by number, and the phrases of each."""

    @property
    def concepts(self) -> Sequence[str]: ...
    def __getitem__(self, concept: int) -> Sequence[str]: ...


@dataclass(frozen=True)
class grammar:
    """Phrases put together of `parts`, one of each in turn; the first names the concept in place of `{}`."""

    concepts: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...] = PARTS

    def __getitem__(self, concept: int) -> tuple[str, ...]:
        """Every phrase of a concept."""
        return tuple("".join(each).replace("{}", self.concepts[concept]) for each in product(*self.parts))


@dataclass(frozen=True)
class phrase_file:
    """Phrases of a JSON file: an object that gives each concept a list of them."""

    path: Path

    @cached_property
    def _phrases(self) -> Mapping[str, Sequence[str]]:
        content = read_json(Path(self.path), dict)
        for concept, mine in content.items():
            if not isinstance(mine, list) or not mine or not all(isinstance(each, str) for each in mine):
                raise Problem(f'{self.path} gives {concept!r} no list of phrases. Write ["a phrase", ...] for each.')
            for each in mine:
                mask_concept(each, concept)
        return content

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """The concepts, in the file's order."""
        return tuple(self._phrases)

    def __getitem__(self, concept: int) -> Sequence[str]:
        """Every phrase of a concept."""
        return self._phrases[self.concepts[concept]]


def mask_concept(phrase: str, concept: str) -> str:
    """The phrase with the placeholder where it first names the concept. Raises Problem where it never does."""
    # released code: in training φ every occurrence gives way, and all but the first read as a literal $
    name = rf"(?<!\w){re.escape(concept)}(?!\w)"
    parts = re.split(name, phrase.replace(PLACEHOLDER, " "), maxsplit=1, flags=re.IGNORECASE)
    if len(parts) < 2:
        raise Problem(f"The phrase {phrase!r} does not name its concept {concept!r}. Leave it out.")
    return " ".join(f" {PLACEHOLDER} ".join(parts).split())


def nearest_concepts(
    clip: Clip, image: Float[Tensor, "b d"], phrases: Phrases, most: int, *, templates: Sequence[str] = ENSEMBLE
) -> Int[Tensor, "b n"]:
    """The numbers of the concepts whose texts are most like each image, best first: `most`, or all if there are fewer.

    A concept's vector is the mean of its unit vectors over `templates`.
    """
    with torch.no_grad():
        texts = [template.replace("{}", concept) for concept in phrases.concepts for template in templates]
        parts = [clip.text(texts[start : start + 512]) for start in range(0, len(texts), 512)]
        concepts = normalize(torch.cat(parts), dim=-1).unflatten(0, (-1, len(templates))).mean(1)
        scores = normalize(image, dim=-1) @ normalize(concepts, dim=-1).mT
        return scores.topk(min(most, scores.shape[1])).indices


def pick(
    phrases: Phrases, concepts: Int[Tensor, "b n"], concept: Float[Tensor, " b"], phrase: Float[Tensor, " b"]
) -> tuple[list[str], list[str]]:
    """For each row one phrase of one of its concepts, and the same with the placeholder in place of the concept.

    `concept` and `phrase` are shares from 0 to 1: which of the row's concepts, and which of that one's phrases.
    """
    texts, masked = [], []
    for mine, one, other in zip(concepts.tolist(), concept.tolist(), phrase.tolist(), strict=True):
        number = mine[int(one * len(mine))]
        own = phrases[number]
        texts.append(own[int(other * len(own))])
        masked.append(mask_concept(texts[-1], phrases.concepts[number]))
    return texts, masked
