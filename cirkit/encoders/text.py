"""Sentences to word tokens: a vocabulary, and recurrent networks whose hidden states are the tokens.

MAAF §2: words are embedded and passed through an LSTM; "the hidden state of the LSTM at that input" is the token.
ARTEMIS (Delmas et al., 2022) reads with a bidirectional GRU.
"""

import string
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from cirkit.errors import Problem

UNKNOWN = 0  # also the padding, which every reader masks

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> list[str]:
    """Non-ASCII characters and punctuation dropped, lower case, split at white space: "T-shirt, café" -> tshirt caf."""
    return text.encode("ascii", "ignore").decode().lower().translate(_PUNCTUATION).split()


class Vocabulary:
    """Words numbered from 1 in the order in which the training texts first say them; 0 is every other word.

    The rule of TIRG's and MAAF's released code (`SimpleVocab`), rare-word threshold off.
    """

    def __init__(self, texts: Sequence[str]):
        self.number: dict[str, int] = {}
        for text in texts:
            for word in words(text):
                self.number.setdefault(word, len(self.number) + 1)

    def __len__(self) -> int:
        return len(self.number) + 1

    def __call__(self, texts: Sequence[str]) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
        """Word numbers, padded on the right, and which of them are words.

        A text without a word counts as one unknown word (released code: an error or NaN).
        """
        rows = [[self.number.get(word, UNKNOWN) for word in words(text)] or [UNKNOWN] for text in texts]
        length = torch.tensor([len(row) for row in rows])
        longest = int(length.max())
        numbers = torch.tensor([row + [UNKNOWN] * (longest - len(row)) for row in rows])  # (b, t)
        return numbers, torch.arange(longest) < length[:, None]


def unknown_words(model: nn.Module, text: str) -> list[str]:
    """The words of a text that none of the model's vocabularies has; empty for a model without a vocabulary."""
    own = [getattr(part, "vocabulary", None) for part in model.modules()]
    known = [each.number for each in own if isinstance(each, Vocabulary)]

    def is_known(word: str) -> bool:
        parts = words(word)  # none for a word in letters that `words` drops
        return bool(parts) and any(all(part in numbers for part in parts) for numbers in known)

    return [word for word in text.split() if known and any(map(str.isalnum, word)) and not is_known(word)]


def plain(width: int) -> nn.Module:
    """Hidden states as they are, the paper's tokens."""
    return nn.Identity()


def dropout_linear(width: int, dropout: float = 0.1) -> nn.Module:
    """Dropout and a linear layer at every word: what the released code of TIRG and MAAF adds."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(width, width))


Embed = Callable[[Vocabulary, int], nn.Embedding]  # a vocabulary and a width -> its table of word vectors


def learned(vocabulary: Vocabulary, width: int) -> nn.Embedding:
    """Word vectors that start at random and learn with the rest."""
    return nn.Embedding(len(vocabulary), width)


class Embedding(nn.Module):
    """Sentences to tokens (b, t, width) and the mask (b, t) of those that are words: a bag of words (MAAF Table 5).

    A table of another width than `width` is followed by a linear layer ("Linear Layer with GLOVE").
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        width: int = 512,
        embed: Embed = learned,
        head: Callable[[int], nn.Module] = plain,
    ):
        super().__init__()
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = embed(self.vocabulary, width)
        own = self.embedding.embedding_dim
        self.project = nn.Identity() if own == width else nn.Linear(own, width)
        self.head = head(width)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        numbers, mask = self.vocabulary(texts)
        device = self.embedding.weight.device
        return self.head(self.project(self.embedding(numbers.to(device)))), mask.to(device)


class LSTM(nn.Module):
    """Sentences to tokens (b, t, width) and the mask (b, t) of those that are words.

    One layer, left to right, so padding on the right never reaches a word.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        width: int = 512,
        embed: Embed = learned,
        head: Callable[[int], nn.Module] = plain,
    ):
        super().__init__()
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = embed(self.vocabulary, width)
        self.lstm = nn.LSTM(self.embedding.embedding_dim, width, batch_first=True)
        self.head = head(width)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        numbers, mask = self.vocabulary(texts)
        device = self.embedding.weight.device
        states, _ = self.lstm(self.embedding(numbers.to(device)))
        return self.head(states), mask.to(device)


class BiGRU(nn.Module):
    """Sentences to tokens (b, t, width) and the mask (b, t) of those that are words.

    One layer each way, half of the width each; the one from the right starts at the last word, not at the padding.
    """

    def __init__(
        self,
        texts: Sequence[str],
        *,
        width: int = 512,
        embed: Embed = learned,
        head: Callable[[int], nn.Module] = plain,
    ):
        super().__init__()
        if width % 2:
            raise Problem(f"A bidirectional GRU halves its width, and {width} is odd. Choose an even width.")
        self.width = width
        self.vocabulary = Vocabulary(texts)
        self.embedding = embed(self.vocabulary, width)
        self.gru = nn.GRU(self.embedding.embedding_dim, width // 2, batch_first=True, bidirectional=True)
        self.head = head(width)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        numbers, mask = self.vocabulary(texts)
        device = self.embedding.weight.device
        packed = pack_padded_sequence(
            self.embedding(numbers.to(device)), mask.sum(1), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        return self.head(states), mask.to(device)


def final_states(tokens: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """What a bidirectional network ends with: the first half of the last word's token, the second of the first's."""
    half = tokens.shape[2] // 2
    return torch.cat([last_token_pool(tokens, mask)[:, :half], tokens[:, 0, half:]], dim=1)


def last_token_pool(tokens: Float[Tensor, "b t d"], mask: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The token of each sentence's last word: TIRG's text vector."""
    end = mask.sum(1) - 1  # (b)
    return tokens[torch.arange(len(tokens), device=tokens.device), end]
