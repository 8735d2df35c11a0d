"""PHOC: which letters a word has in which part of it, as 604 zeros and ones.

Almazán et al. (2014), "Word spotting and recognition with embedded attributes"; one of the features that Hu et al.
(2020), M4C, §3.1, give each OCR word. So words that look alike to an OCR system lie close together.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
LEVELS = (2, 3, 4, 5)  # into how many parts a word is divided
OFTEN = (  # pairs of letters, which are looked for in halves alone
    "th he in er an re es on st nt en at ed nd to or ea ti ar te ng al it as is ha et se ou of le sa ve ro ra ri hi ne "
    "me de co ta ec si ll so na li la el"
)
PAIRS = OFTEN.split()
WIDTH = len(LETTERS) * sum(LEVELS) + 2 * len(PAIRS)  # 604
Single = np.float32  # the released code's precision, which decides where half a letter lies in a part


def phoc(words: Sequence[str]) -> Float[Tensor, "n 604"]:
    """A line for each word: by level, by part, by letter, then halves by pair. Only a to z and 0 to 9 count."""
    lines = [np.frombuffer(_line(word), np.uint8) for word in words]
    return torch.from_numpy(np.stack(lines).astype(np.float32)) if lines else torch.zeros(0, WIDTH)


@lru_cache(maxsize=100_000)
def _line(word: str) -> bytes:
    word = "".join(letter for letter in word.lower() if letter in LETTERS)
    line, start = np.zeros(WIDTH, np.uint8), 0
    for level in LEVELS:
        for part in range(level):
            for place, letter in enumerate(word):
                if _half_in(place, 1, len(word), part, level):
                    line[start + LETTERS.index(letter)] = 1
            start += len(LETTERS)
    for part in range(2):
        for place in range(len(word) - 1):
            pair = word[place : place + 2]
            if pair in PAIRS and _half_in(place, 2, len(word), part, 2):
                line[start + PAIRS.index(pair)] = 1
        start += len(PAIRS)
    return line.tobytes()


def _half_in(place: int, letters: int, length: int, part: int, level: int) -> bool:
    """Whether at least half of some letters of a word, from a place on, lies in a part of it."""
    low, high = Single(place) / Single(length), Single(place + letters) / Single(length)
    left, right = Single(part) / Single(level), Single(part + 1) / Single(level)
    return bool((min(high, right) - max(low, left)) / (high - low) >= Single(0.5))
