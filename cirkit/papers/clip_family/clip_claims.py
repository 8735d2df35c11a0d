"""Claims about the CLIP family: what its papers conclude with a number, and whether rows need both parts of a query.

Reported numbers are those of CompoDiff Tables 3 and B.1 to B.3 and PVLF Table 2 unless a claim says otherwise.
"""

from cirkit.evaluators.measures import AveragePrecision, Measure, Recall
from cirkit.experiments.claims import Claim, Expectation, Gain, GainOverBest, Quantity, above, claims_of
from cirkit.papers.clip_family.boards import BOARDS, SCORE

MEASURES: dict[str, Measure] = {  # of a board's first test, what claims are about
    "fashioniq": SCORE,
    "cirr": Recall(1),
    "circo": AveragePrecision(5),
    "pinpoint": AveragePrecision(10),
}
ALONE = ("clip_family/image_only", "clip_family/text_only")
AHEAD = above(0.0)


def gain(board: str, a: str, b: str) -> Gain:
    """How far row `a` is ahead of row `b` on a board, by the measure that claims are about."""
    return Gain(f"clip_family/{a}", f"clip_family/{b}", board, MEASURES[board])


def _gap(board: str, name: str) -> GainOverBest:
    """The composition gap: a row less the better of the two that see one part of a query alone."""
    return GainOverBest(f"clip_family/{name}", ALONE, board, MEASURES[board])


def claim(
    number: int,
    board: str,
    says: str,
    reported: str,
    quantity: Quantity,
    expect: Expectation = AHEAD,
    headline: bool = False,
) -> Claim:
    """One of this family, about a board."""
    make = claims_of("clip_family", "clip")
    return make(number, BOARDS[board].table, says, reported, quantity, expect, headline=headline)


OURS = "not in a paper: our addition"
# every margin is zero, set before the first run: an interval above it says which of two rows is ahead
CLAIMS = [
    claim(
        1,
        "circo",
        "On CIRCO, SEARLE has a higher mAP@5 than Pic2Word.",
        "11.68 against 8.72 mAP@5",
        gain("circo", "searle", "pic2word"),
        headline=True,
    ),
    claim(
        2,
        "cirr",
        "On CIRR, SEARLE has a higher R@1 than Pic2Word.",
        "24.24 against 23.90 R@1",
        gain("cirr", "searle", "pic2word"),
    ),
    claim(
        3,
        "fashioniq",
        "On FashionIQ, SEARLE has a higher (R@10 + R@50) / 2 than Pic2Word.",
        "25.56 and 46.23 against 24.70 and 43.70 R@10 and R@50",
        gain("fashioniq", "searle", "pic2word"),
    ),
    claim(
        4,
        "fashioniq",
        "On FashionIQ, LinCIR has a higher (R@10 + R@50) / 2 than SEARLE.",
        "26.10 and 46.25 by its released weights against 25.56 and 46.23 R@10 and R@50",
        gain("fashioniq", "lincir", "searle"),
    ),
    claim(
        5,
        "circo",
        "On CIRCO, SEARLE has a higher mAP@5 than the optimised words that it distils.",
        "11.68 against 10.18 mAP@5",
        gain("circo", "searle", "oti"),
    ),
    claim(
        6,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than the sum of CLIP's two vectors.",
        "38.32 and 61.74 against 14.78 and 29.60 R@10 and R@50 (another CLIP)",
        gain("fashioniq", "fashioniq/combiner", "sum"),
        headline=True,
    ),
    claim(
        7,
        "cirr",
        "On CIRR, the Combiner has a higher R@1 than the sum of CLIP's two vectors.",
        "38.53 against 11.71 R@1 (another CLIP)",
        gain("cirr", "cirr/combiner", "sum"),
        headline=True,
    ),
    claim(
        8,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than the sum over its own tuned CLIP.",
        "a better combination than the sum (no number in the papers here)",
        gain("fashioniq", "fashioniq/combiner", "fashioniq/clip4cir_sum"),
    ),
    claim(
        9,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than ARTEMIS.",
        "50.03 against 38.17",
        gain("fashioniq", "fashioniq/combiner", "fashioniq/artemis"),
    ),
    claim(
        10,
        "cirr",
        "On CIRR, the Combiner has a higher R@1 than ARTEMIS.",
        "38.53 against 16.96 R@1",
        gain("cirr", "cirr/combiner", "cirr/artemis"),
    ),
    claim(
        11,
        "cirr",
        "On CIRR, text only has a higher R@1 than image only.",
        "21.81 against 6.89 R@1",
        gain("cirr", "text_only", "image_only"),
        headline=True,
    ),
    claim(
        12,
        "cirr",
        "On CIRR, text only has a higher R@1 than the sum of image and text.",
        "21.81 against 11.71 R@1",
        gain("cirr", "text_only", "sum"),
    ),
    claim(
        13,
        "pinpoint",
        "On PinPoint, BASIC has a higher mAP@10 than the product of the two similarities.",
        "34.35 against 17.48 mAP, on i-CIR (BASIC's README)",
        gain("pinpoint", "basic", "product"),
        headline=True,
    ),
    *(
        claim(number, board, f"On {BOARDS[board].table}, {label} has a higher {MEASURES[board]} than the better of "
               "image only and text only.", OURS, _gap(board, name))
        for number, board, name, label in (
            (14, "fashioniq", "fashioniq/combiner", "the Combiner"),
            (15, "cirr", "cirr/combiner", "the Combiner"),
            (16, "circo", "searle", "SEARLE"),
            (17, "circo", "lincir", "LinCIR"),
            (18, "circo", "pic2word", "Pic2Word"),
            (19, "pinpoint", "basic", "BASIC"),
        )
    ),
]  # fmt: skip
