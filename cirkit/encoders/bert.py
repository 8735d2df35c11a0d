"""Sentences to tokens by a pretrained BERT: contextual word pieces and a linear layer, fine-tuned or frozen.

MAAF §3.2.3 and Table 5, "BERT" and "BERT (frozen)": learning everything against weights "frozen during training".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cirkit.compat import ensure_torchvision
from cirkit.encoders import pretrained
from cirkit.encoders.word_vectors import Tuning, tuned
from cirkit.errors import Problem

Pieces = Callable[[Any, Sequence[str], int], list[list[int]]]  # tokenizer, texts, longest -> numbers of their pieces


class Frozen(nn.Module):
    """A part that does not learn and runs as in evaluation, whatever mode the rest is in: `tuning=Frozen`, "(frozen)".

    Released code: no gradient, but dropout on in training, which is `tuning=frozen` of `word_vectors`.
    """

    def __init__(self, part: nn.Module):
        super().__init__()
        self.part = part.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Frozen":
        return self

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        with torch.no_grad():
            return self.part(*arguments, **keywords)


def bare(tokenizer: Any, texts: Sequence[str], longest: int) -> list[list[int]]:
    """The pieces of the words alone, as in the released code; the paper does not say."""
    rows = [tokenizer.encode(text, add_special_tokens=False, truncation=True, max_length=longest) for text in texts]
    return [row or [tokenizer.unk_token_id] for row in rows]


def with_special_tokens(tokenizer: Any, texts: Sequence[str], longest: int) -> list[list[int]]:
    """[CLS], the pieces, [SEP], as BERT was pretrained; both count as tokens of the sentence."""
    rows = bare(tokenizer, texts, longest - 2)
    return [[tokenizer.cls_token_id, *row, tokenizer.sep_token_id] for row in rows]


SHAPE = (  # of a BERT's configuration, what decides its layout and its computation
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_dropout_prob",
    "attention_probs_dropout_prob", "pad_token_id",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A BERT without its weights: what a checkpoint keeps beside them, so that nothing is fetched to load it."""

    shape: Mapping[str, int | float | str]
    pieces: tuple[str, ...]
    lower: bool = True


class Bert(nn.Module):
    """Sentences to tokens (b, t, width) and the mask (b, t) of those that are word pieces.

    `tuning` decides whether `model` learns: `tuned`, `Frozen` or `frozen`. What is longer than its positions is cut.
    """

    def __init__(self, tokenizer: Any, model: nn.Module, *, width: int, tuning: Tuning, pieces: Pieces):
        super().__init__()
        self.width, self.pieces, self.tokenizer = width, pieces, tokenizer
        self.padding: int = self.tokenizer.pad_token_id
        self.longest: int = model.config.max_position_embeddings
        self.bert = tuning(model)
        self.project = nn.Linear(model.config.hidden_size, width)

    def forward(self, texts: Sequence[str]) -> tuple[Float[Tensor, "b t d"], Bool[Tensor, "b t"]]:
        rows = [torch.tensor(row) for row in self.pieces(self.tokenizer, texts, self.longest)]
        device = self.project.weight.device
        numbers = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.padding).to(device)  # (b, t)
        length = torch.tensor([len(row) for row in rows], device=device)
        mask = torch.arange(numbers.shape[1], device=device) < length[:, None]
        states = self.bert(numbers, attention_mask=mask.long()).last_hidden_state  # (b, t, e)
        return self.project(states), mask


def pretrained_bert(
    texts: Sequence[str], *, source: Path | str, width: int = 512, tuning: Tuning = tuned, pieces: Pieces = bare
) -> Bert:
    """`Bert` with the weights of `source`: a name on the hub, or a folder.

    The released code uses "google-bert/bert-base-uncased"; a folder holds config.json, model.safetensors and
    vocab.txt, and nothing that can run code is read. BERT brings its own pieces, so the texts are not looked at.
    Raises Problem where the source cannot be read or is not a whole BERT.
    """
    tokenizer, model = load(source)
    shape = {name: getattr(model.config, name) for name in SHAPE}
    known = tokenizer.get_vocab()
    layout = Layout(shape=shape, pieces=tuple(sorted(known, key=known.__getitem__)), lower=tokenizer.do_lower_case)
    encoder = Bert(tokenizer, model, width=width, tuning=tuning, pieces=pieces)
    encoder.stand_in = pretrained_bert, partial(blank_bert, layout=layout, width=width, tuning=tuning, pieces=pieces)
    return encoder


def blank_bert(
    texts: Sequence[str], *, layout: Layout, width: int, tuning: Tuning = tuned, pieces: Pieces = bare
) -> Bert:
    """`Bert` before its weights are put in; what a checkpoint describes in place of a source."""
    ensure_torchvision()
    from transformers import BertConfig, BertModel, BertTokenizer

    if not set(layout.shape) <= set(SHAPE):
        raise Problem(f"A BERT has no {min(set(layout.shape) - set(SHAPE))!r}. Use a checkpoint cirkit saved.")
    vocabulary = {piece: number for number, piece in enumerate(layout.pieces)}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=layout.lower)
    model = BertModel(BertConfig(**layout.shape), add_pooling_layer=False).eval()
    return Bert(tokenizer, model, width=width, tuning=tuning, pieces=pieces)


def load(source: Path | str) -> tuple[Any, nn.Module]:
    """Tokenizer and network, single precision, without the pooler, which MAAF has no use for."""
    ensure_torchvision()
    from transformers import BertConfig, BertModel, BertTokenizer

    with pretrained.reading(source, "BERT", "vocab.txt"):
        if BertConfig.get_config_dict(source)[0].get("model_type") != "bert":
            raise Problem(f"{source} has no config.json of a BERT. Name another model or folder.")
        tokenizer = BertTokenizer.from_pretrained(source)
        model = pretrained.weights(BertModel, source, "BERT", add_pooling_layer=False)
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        raise Problem(f"{source} has no vocabulary, in vocab.txt or tokenizer.json. Download it again.")
    if len(tokenizer) > model.config.vocab_size:
        raise Problem(f"{source} has {len(tokenizer)} pieces for {model.config.vocab_size} vectors. Download it again.")
    return tokenizer, model
