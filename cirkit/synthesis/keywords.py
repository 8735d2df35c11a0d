"""Caption triplets by keywords: an object term of a caption gives way to a similar one, and a template says so.

Gu et al. (2024), "CompoDiff", §4.1 and Table 2. Object terms by spaCy, as the paper has them, or by articles alone.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from cirkit.benchmarks.synth_triplets import TEMPLATES, fill
from cirkit.encoders.clip import Clip
from cirkit.errors import Problem
from cirkit.synthesis.base import CaptionTriplet

Tagger = Callable[[str], Sequence[str]]  # a caption -> its object terms, each as it stands there
ARTICLE = re.compile(r"\b(?:an?|the) ([^,.;]+?)(?=,|\.|;| and | with | that | on | in | of |$)")
TRIES = 100  # draws for each triplet that is wanted, before the route gives up

# all 48 cells of Table 2: two templates stand there twice, and one is cut in two, of which the latter has no target
CELLS = (
    *(template for template in TEMPLATES if template != "T is introduced as the new option after S is removed"),
    "replace S with T", "substitute T for S", "T is introduced as the new option after S", "S is removed",
)  # fmt: skip


def after_articles(caption: str) -> Sequence[str]:
    """What follows `a`, `an` or `the` up to a comma or a function word: noun phrases of plain captions."""
    return ARTICLE.findall(caption)


@dataclass(frozen=True)
class by_spacy:
    """Runs of adjectives and nouns, by the part-of-speech tagger of a spaCy model."""

    model: str = "en_core_web_sm"

    @cached_property
    def _read(self) -> Callable:
        try:
            import spacy

            return spacy.load(self.model, disable=["parser", "ner", "lemmatizer"])
        except (ImportError, OSError) as error:
            raise Problem(
                f"spaCy's model {self.model} is not installed. Run `pip install spacy` and "
                f"`python -m spacy download {self.model}`."
            ) from error

    def __call__(self, caption: str) -> Sequence[str]:
        runs, run = [], ""
        for word in self._read(caption):
            if word.pos_ in ("ADJ", "NOUN", "PROPN"):
                run += word.text_with_ws
            else:
                runs, run = [*runs, run], ""
        return [each.strip() for each in (*runs, run) if each.strip()]


@dataclass(frozen=True, kw_only=True)
class keyword_swaps:
    """The route of §4.1: a caption's object term is exchanged for one whose CLIP text vector lies in `window`.

    The window is of cosines, both ends included. Terms that fewer than `least` captions have are left out.
    """

    captions: Callable[[], Sequence[str]]
    clip: Callable[[], Clip]
    tagger: Tagger = after_articles
    window: tuple[float, float] = (0.5, 0.7)
    least: int = 2
    templates: Sequence[str] = TEMPLATES
    seed: int = 0

    @cached_property
    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """The captions, and the object terms of each that are frequent enough."""
        captions = self.captions()
        terms = [list(dict.fromkeys(self.tagger(caption))) for caption in captions]
        count = Counter(term for each in terms for term in each)
        return captions, [[term for term in each if count[term] >= self.least] for each in terms]

    @cached_property
    def vectors(self) -> tuple[dict[str, int], Float[Tensor, "t d"]]:
        """The row of each distinct term, and the terms' unit vectors."""
        terms = sorted({term for each in self.table[1] for term in each})
        if not terms:
            raise Problem(f"No object term stands in {self.least} captions. Give more captions, or a smaller `least`.")
        clip = self.clip()
        with torch.no_grad():
            parts = [clip.text(terms[start : start + 256]) for start in range(0, len(terms), 256)]
        return {term: row for row, term in enumerate(terms)}, normalize(torch.cat(parts).float(), dim=1)

    def alternatives(self, term: str) -> list[str]:
        """The other terms whose similarity to this one lies in the window."""
        rows, vectors = self.vectors
        similarity = vectors @ vectors[rows[term]]
        names, (low, high) = list(rows), self.window
        inside = ((similarity >= low) & (similarity <= high)).nonzero()[:, 0].tolist()
        return [names[row] for row in inside if names[row] != term]

    def __call__(self, shard: int, count: int) -> Sequence[CaptionTriplet]:
        """`count` triplets. Raises Problem where hardly a caption has a term with an alternative."""
        rng = np.random.default_rng([self.seed, shard, 61])
        (captions, terms), _ = self.table, self.vectors
        found: list[CaptionTriplet] = []
        for _ in range(TRIES * count):
            if len(found) == count:
                return found
            row = int(rng.integers(len(captions)))
            source = _one(rng, terms[row])
            target = None if source is None else _one(rng, self.alternatives(source))
            if target is not None:
                template = self.templates[rng.integers(len(self.templates))]
                found.append(
                    CaptionTriplet(
                        reference=captions[row],
                        instruction=fill(template, source, target),
                        target=exchange(captions[row], source, target),
                        source_keyword=source,
                        target_keyword=target,
                    )
                )
        raise Problem(
            f"{len(found)} of {count} caption triplets were found in {TRIES * count} draws: few terms have another at "
            f"a similarity from {self.window[0]} to {self.window[1]}. Widen the window, or give more captions."
        )


def exchange(caption: str, source: str, target: str) -> str:
    """The caption with the first occurrence of a term as whole words replaced, and its article with it."""
    article = "an" if target[:1].lower() in tuple("aeiou") else "a"
    pattern = re.compile(rf"(?:\b(an?) )?(?<!\w){re.escape(source)}(?!\w)")
    return pattern.sub(lambda match: f"{article} {target}" if match[1] else target, caption, count=1)


def _one(rng: np.random.Generator, items: Sequence[str]) -> str | None:
    return items[rng.integers(len(items))] if items else None
