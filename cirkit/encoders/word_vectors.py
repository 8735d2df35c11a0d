"""Word vectors learnt elsewhere: a table for a vocabulary from a file in GloVe's text format, frozen or tuned.

MAAF Table 5, "with GLOVE": "frozen pretrained word embeddings" (Pennington et al., 2014) in place of learned ones. The
released code has no such table; pass `partial(glove, path=...)` as the `embed` of a text encoder.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from cirkit.encoders.text import UNKNOWN, Vocabulary, words
from cirkit.errors import Problem

LONGEST = 1 << 20  # characters of a line; a file that goes on for longer is no table of vectors
LARGEST = 1e6  # trained vectors stay below 100; beyond this their spread may overflow
Part = TypeVar("Part", bound=nn.Module)
Tuning = Callable[[nn.Module], nn.Module]


def tuned(part: Part) -> Part:
    """It learns with the rest, from where it stands."""
    return part


def frozen(part: Part) -> Part:
    """It stays as it is. Dropout inside it, if there is any, goes on while the rest is trained."""
    return part.requires_grad_(False)


def glove(vocabulary: Vocabulary, width: int, *, path: Path | str, tuning: Tuning = frozen) -> nn.Embedding:
    """The table of a vocabulary: vectors of the file's own dimension, whatever `width` the encoder has.

    Words that the file lacks are drawn from a normal distribution with the mean and deviation, dimension by dimension,
    of those it has (the paper does not say; ARTEMIS draws them from N(0, 1)); the unknown word, also the padding, is
    zero. Raises Problem for a file that cannot be read, and for one that has none of the words.
    """
    found = vectors(Path(path), vocabulary)
    if not found:
        raise Problem(f"{path} has none of the {len(vocabulary.number)} words. Name vectors of their language.")
    embedding = tuning(nn.Embedding.from_pretrained(table(vocabulary, found), freeze=False))
    embedding.stand_in = glove, partial(blank, dimension=embedding.embedding_dim, tuning=tuning)
    return embedding


def glove_840b(vocabulary: Vocabulary, width: int, *, root: Path | str, tuning: Tuning = frozen) -> nn.Embedding:
    """`glove` of the largest table its authors publish, glove.840B.300d.txt in `root`; the paper does not say which."""
    embedding = glove(vocabulary, width, path=Path(root) / "glove.840B.300d.txt", tuning=tuning)
    embedding.stand_in = glove_840b, embedding.stand_in[1]
    return embedding


def blank(vocabulary: Vocabulary, width: int, *, dimension: int, tuning: Tuning = frozen) -> nn.Embedding:
    """A table before its vectors are put in; what a checkpoint describes in place of a file."""
    return tuning(nn.Embedding(len(vocabulary), dimension))


def table(vocabulary: Vocabulary, found: dict[str, Float[np.ndarray, " d"]]) -> Float[Tensor, "v d"]:
    """Row i is the vector of word i: as found, else drawn like those that were found; row 0 is zero."""
    known = torch.from_numpy(np.stack(list(found.values())))  # (w, d)
    rows = known.mean(0) + known.std(0, correction=0) * torch.randn(
        len(vocabulary), known.shape[1], device="cpu"
    )  # (v, d)
    rows[[vocabulary.number[word] for word in found]] = known
    rows[UNKNOWN] = 0
    return rows


def vectors(path: Path, vocabulary: Vocabulary) -> dict[str, Float[np.ndarray, " d"]]:
    """The vectors of the vocabulary's words, whose spelling is `words`'s: lower case and without punctuation.

    A word of the file that becomes one of ours so (`T-shirt`: tshirt) is taken, the first of them, since frequent words
    come first; one that has our spelling as it stands goes before it. Raises Problem that names file and line.
    """
    found: dict[str, Float[np.ndarray, " d"]] = {}
    exact: set[str] = set()
    dimension = 0
    for number, line in lines(path):
        fields = line.split(" ")
        if number == 1 and len(fields) == 2 and all(field.isdigit() for field in fields):
            continue  # word2vec's text format says first how many vectors there are, and of what size
        dimension = dimension or len(fields) - 1
        if (
            dimension < 1
            or len(fields) <= dimension
            or (len(fields) > dimension + 1 and _number(fields[-dimension - 1]))
        ):
            raise Problem(
                f"{path} line {number} has {len(fields)} fields where a word and {dimension or 'its'} numbers belong. "
                "Download it again."
            )
        spelt = " ".join(fields[:-dimension])  # glove.840B has words with spaces
        as_ours = words(spelt)
        if len(as_ours) != 1 or as_ours[0] not in vocabulary.number:
            continue
        word = as_ours[0]
        if word in exact or (word in found and spelt != word):
            continue
        found[word] = _values(fields[-dimension:], path, number)
        if spelt == word:
            exact.add(word)
    if not dimension:
        raise Problem(f"{path} holds no word vectors. Download it again.")
    return found


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file and their numbers, one at a time; a `.gz` beside the name will do."""
    packed = path if path.suffix == ".gz" or path.is_file() else path.with_name(f"{path.name}.gz")
    try:
        with gzip.open(packed) if packed.suffix == ".gz" else packed.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST):
                number += 1
                if len(line) == LONGEST:
                    raise Problem(f"{packed} line {number} has more than {LONGEST} bytes. Name a file of word vectors.")
                yield number, line.decode(errors="replace").rstrip(" \r\n")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Problem(
            f"Cannot read the word vectors {path} ({reason}). Download glove.6B or glove.840B from "
            "nlp.stanford.edu/projects/glove and give the path of the .txt inside."
        ) from error


def _values(fields: list[str], path: Path, number: int) -> Float[np.ndarray, " d"]:
    try:
        values = np.array([float(field) for field in fields])
    except ValueError as error:
        raise Problem(f"{path} line {number} has a field that is not a number. Download it again.") from error
    if not (np.abs(values) < LARGEST).all():  # nor is nan
        raise Problem(f"{path} line {number} has a number that is not finite or far too large. Download it again.")
    return values.astype(np.float32)


def _number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
