"""What MAAF says of FashionIQ, as claims: Tables 2 to 5 and S1 to S4.

Where the paper gives a number for each of several settings, the claim is about their average.
"""

from dataclasses import replace
from functools import lru_cache, partial

from cirkit.benchmarks import fashioniq
from cirkit.benchmarks.fashioniq_words import kinds
from cirkit.experiments.claims import Among, Gain, GainBeyondShare, Gains, below, within
from cirkit.experiments.records import Record
from cirkit.papers.maaf.fashioniq import SCORE, SIZES, STREAMS
from cirkit.papers.maaf.settings import claim
from cirkit.worlds.fashioniq import Size, world


def _gain(*pairs: tuple[str, str]) -> Gains:
    return Gains(tuple((f"maaf/fashioniq/{a}", f"maaf/fashioniq/{b}") for a, b in pairs), "fashioniq", SCORE)


@lru_cache(maxsize=16)
def _kinds(size: Size) -> list[frozenset[str]]:
    """The kinds of words in each query's text, from the captions alone: no image is drawn."""
    shelves = [world(size)[category, "val"] for category in fashioniq.CATEGORIES]
    texts = [text for shelf in shelves for captions in shelf.captions for text in fashioniq.MAAF.texts(captions)]
    return [frozenset(kinds(text)) for text in texts]


def _speaks_of(record: Record, kind: str) -> list[int] | None:
    """Of a record on synthetic data; captions of the original data are not kept beside records."""
    if record.basis != "world":
        return None
    size = SIZES[record.scale]
    if record.drawn_each_seed("fashioniq"):
        size = replace(size, seed=record.seed)
    return [row for row, found in enumerate(_kinds(size)) if kind in found]


BY_KIND = {  # Table S4: what a modification text speaks of, MAAF's score and TIRG's
    "color": "39.18 against 33.07",
    "texture": "41.74 against 34.75",
    "shape": "36.23 against 30.35",
    "parts": "38.44 against 31.91",
    "type": "37.89 against 31.07",
}
# The paper's spread over seeds is .2 to .6 points on scores near 36, and differences it calls small are below one
# point. Ours has other scores and three seeds; two points, as on CSS, set before the first run.
NOTICEABLE = 2.0  # points
ITA = (("ita", "plain"), ("ita_it", "it"), ("rp_ita", "rp"), ("maaf", "rp_it"))
RP = (("rp", "plain"), ("rp_it", "it"), ("rp_ita", "ita"), ("maaf", "ita_it"))
IT = (("it", "plain"), ("ita_it", "ita"), ("rp_it", "rp"), ("maaf", "rp_ita"))

CLAIMS = [
    claim(
        5,
        "Table 3",
        "On FashionIQ, MAAF scores higher than TIRG.",
        "36.6 ± 0.4 against 31.20, (R@10 + R@50) / 2",
        _gain(("maaf", "tirg")),
        headline=True,
    ),
    claim(
        6,
        "Table 3",
        "On FashionIQ, MAAF scores higher than VAL (whose reported number has an easier protocol; ours has not).",
        "36.6 ± 0.4 against 35.4",
        _gain(("maaf", "val")),
    ),
    claim(
        7,
        "Table 2",
        "Passing gallery images through the attention (ITA) raises the score, whatever else is chosen.",
        "+2.1, +2.7, +2.3 and +2.5 points",
        _gain(*ITA),
        headline=True,
    ),
    claim(
        8,
        "Table 2",
        "Pooling by resolution (RP) gains no more than seeds differ.",
        "+0.1, +0.4, +0.3 and +0.2 points",
        _gain(*RP),
        within(NOTICEABLE),
    ),
    claim(
        9,
        "Table 2",
        "Pooling the words, too (IT), tends to raise the score a little.",
        "0.0, +0.6, +0.3 and +0.5 points",
        _gain(*IT),
    ),
    claim(
        10,
        "Table 4",
        "One sequence scores higher than the best way of keeping two, self-attention then cross-attention.",
        "36.6 ± 0.4 against 34.4 ± 0.4",
        _gain(("maaf", "self_cross")),
    ),
    claim(
        11,
        "Table 4",
        "One sequence scores higher than the six ways of keeping two, on average.",
        "36.6 against 32.4, 34.4, 33.2, 32.7, 30.4 and 33.5",
        _gain(*(("maaf", name) for name in STREAMS)),
    ),
    claim(
        12,
        "Table 4",
        "Self-attention over the image tokens before cross-attention raises the score.",
        "34.4 ± 0.4 against 32.4 ± 0.2",
        _gain(("self_cross", "cross")),
    ),
    claim(
        13,
        "Table 4",
        "In sequence, the score is lower when text-to-image cross-attention comes first.",
        "30.4 ± 0.2 against 32.7 ± 0.3",
        _gain(("self_text_first", "self_image_first")),
        below(0.0),
    ),
    claim(
        14,
        "Table S1",
        "The finer resolution beside the coarse one raises the score.",
        "36.6 ± 0.4 against 35.1 ± 0.6",
        _gain(("maaf", "coarse")),
    ),
    claim(
        15,
        "Table S2",
        "The result is not very sensitive to the width of the feed-forward layer: an eighth of d does as well as d.",
        "36.4 ± 0.3 (64) and 36.4 ± 0.5 (512)",
        _gain(("width_whole", "width_eighth")),
        within(NOTICEABLE),
    ),
    claim(
        16,
        "Table S3",
        "One block does about as well as two.",
        "36.4 ± 0.5 against 36.6 ± 0.4",
        _gain(("blocks_1", "maaf")),
        within(NOTICEABLE),
    ),
    claim(
        17,
        "Table S3",
        "Four blocks do worse than two.",
        "35.7 ± 0.6 against 36.6 ± 0.4",
        _gain(("blocks_4", "maaf")),
        below(0.0),
    ),
    claim(
        26,
        "Table 5",
        "An LSTM scores higher than a bag of word embeddings.",
        "37.25 against 29.79",
        _gain(("maaf", "embedding")),
        headline=True,
    ),
    claim(
        27,
        "Table 5",
        "An LSTM scores higher than a Transformer of one block.",
        "37.25 against 33.55",
        _gain(("maaf", "transformer")),
    ),
    claim(
        28,
        "Table 5",
        "Frozen pretrained word embeddings lower the LSTM's score.",
        "36.50 against 37.25",
        _gain(("lstm_glove", "maaf")),
        below(0.0),
    ),
    claim(
        29,
        "Table 5",
        "With a linear layer alone, pretrained word embeddings raise the score.",
        "32.88 against 29.79",
        _gain(("glove", "embedding")),
    ),
    claim(
        30,
        "Table 5",
        "With that linear layer, a lower learning rate of the text encoder raises the score.",
        "34.97 against 32.88",
        _gain(("glove_slow", "glove")),
    ),
    claim(
        31,
        "Table 5",
        "BERT scores higher frozen than fine-tuned.",
        "33.64 against 30.57",
        _gain(("bert_frozen", "bert")),
    ),
    claim(
        32,
        "Table 5",
        "An LSTM from scratch scores higher than BERT, frozen or fine-tuned, on average.",
        "37.25 against 33.64 and 30.57",
        _gain(("maaf", "bert_frozen"), ("maaf", "bert")),
    ),
    claim(
        57,
        "Table 5",
        "With a Transformer, frozen pretrained word embeddings lower the score, as they do with an LSTM.",
        "32.51 against 33.55",
        _gain(("transformer_glove", "transformer")),
        below(0.0),
    ),
    claim(
        58,
        "Table 4",
        "Cross-attention in both directions, side by side, scores higher than from image to text alone.",
        "33.2 ± 0.1 against 32.4 ± 0.2",
        _gain(("cross_both", "cross")),
    ),
    claim(
        59,
        "Table S4",
        "On FashionIQ, MAAF's lead over TIRG is roughly 16 % of its own score.",
        "“roughly 16% relative”; 15.1 on all texts",
        GainBeyondShare("maaf/fashioniq/maaf", "maaf/fashioniq/tirg", "fashioniq", SCORE, 0.16),
        within(NOTICEABLE),
    ),
    *(
        claim(
            50 + number,
            "Table S4",
            f"On FashionIQ, MAAF scores higher than TIRG on texts with a word of {kind}.",
            f"{scores} (“roughly 16% relative” for all kinds)",
            Among(
                Gain("maaf/fashioniq/maaf", "maaf/fashioniq/tirg", "fashioniq", SCORE), partial(_speaks_of, kind=kind)
            ),
        )
        for number, (kind, scores) in enumerate(BY_KIND.items())
    ),
]
