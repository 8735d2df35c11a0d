"""The first layers of a pretrained BERT as a question encoder.

Hu et al. (2020), M4C, §3.1: three of BERT-base, fine-tuned; released code: twenty word pieces at most.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from torch import nn

from cirkit.encoders.bert import Bert, Layout, blank_bert, pretrained_bert, with_special_tokens
from cirkit.encoders.word_vectors import tuned


def first_layers(model: nn.Module, *, layers: int) -> nn.Module:
    """A BERT that ends after some of its layers, all of which learn."""
    model.encoder.layer = model.encoder.layer[:layers]
    return tuned(model)


def text_bert(texts: Sequence[str], *, source: Path | str, layers: int = 3, longest: int = 20) -> Bert:
    """Its tokens as they are, with [CLS] and [SEP]; `source` as for `pretrained_bert`."""
    tuning = partial(first_layers, layers=layers)
    encoder = pretrained_bert(texts, source=source, tuning=tuning, pieces=with_special_tokens)
    layout = encoder.stand_in[1].keywords["layout"]
    encoder.stand_in = text_bert, partial(blank_text_bert, layout=layout, layers=layers, longest=longest)
    return _bare(encoder, longest)


def blank_text_bert(texts: Sequence[str], *, layout: Layout, layers: int = 3, longest: int = 20) -> Bert:
    """The same before its weights are put in; what a checkpoint describes in place of a source."""
    tuning = partial(first_layers, layers=layers)
    return _bare(blank_bert(texts, layout=layout, width=1, tuning=tuning, pieces=with_special_tokens), longest)


def _bare(encoder: Bert, longest: int) -> Bert:
    encoder.width, encoder.longest = encoder.project.in_features, min(longest, encoder.longest)
    encoder.project = AsTheyAre(encoder.project)
    return encoder


class AsTheyAre(nn.Module):
    """No projection, in the place of one, with what `Bert` asks of it: a tensor that tells the device."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.register_buffer("weight", linear.weight.detach()[:0].clone(), persistent=False)

    def forward(self, states: object) -> object:
        return states
