"""MAAF's pretrained text parts on the synthetic data: word vectors and a BERT learnt from a corpus of its language.

MAAF §3.2.3 and Table 5, in place of GloVe and of BERT's published weights. What is not there yet is learnt first.
"""

from collections.abc import Sequence

from torch import nn

from cirkit.encoders.bert import Bert, Pieces, bare, pretrained_bert
from cirkit.encoders.text import Vocabulary
from cirkit.encoders.word_vectors import Tuning, frozen, glove, tuned
from cirkit.worlds.corpus import Size, bert_folder, vectors_file


def world_glove(vocabulary: Vocabulary, width: int, *, size: Size, tuning: Tuning = frozen) -> nn.Embedding:
    """`glove` of the corpus's own vectors."""
    embedding = glove(vocabulary, width, path=vectors_file(size), tuning=tuning)
    embedding.stand_in = world_glove, embedding.stand_in[1]
    return embedding


def world_bert(texts: Sequence[str], *, width: int, size: Size, tuning: Tuning = tuned, pieces: Pieces = bare) -> Bert:
    """`pretrained_bert` of the corpus's own network."""
    encoder = pretrained_bert(texts, source=bert_folder(size), width=width, tuning=tuning, pieces=pieces)
    encoder.stand_in = world_bert, encoder.stand_in[1]
    return encoder
