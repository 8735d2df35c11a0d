"""Claims about the CLIP family: what its papers conclude with a number, and whether rows need both parts of a query.

Reported numbers are those of CompoDiff Tables 3 and B.1 to B.3 and PVLF Table 2 unless a claim says otherwise.
"""

from cirkit.evaluators.measures import AveragePrecision, Measure, Recall
from cirkit.experiments.claims import Claim, Gain, GainOverBest, Quantity, above
from cirkit.papers.clip_family.boards import BOARDS, SCORE

MEASURES: dict[str, Measure] = {  # of a board's first test, what claims are about
    "fashioniq": SCORE,
    "cirr": Recall(1),
    "circo": AveragePrecision(5),
    "pinpoint": AveragePrecision(10),
}
ALONE = ("clip_family/image_only", "clip_family/text_only")


def _gain(board: str, a: str, b: str) -> Gain:
    return Gain(f"clip_family/{a}", f"clip_family/{b}", board, MEASURES[board])


def _gap(board: str, name: str) -> GainOverBest:
    """The composition gap: a row less the better of the two that see one part of a query alone."""
    return GainOverBest(f"clip_family/{name}", ALONE, board, MEASURES[board])


def _claim(number: int, board: str, says: str, reported: str, quantity: Quantity, headline: bool = False) -> Claim:
    return Claim(
        id=f"clip-{number}",
        paper="clip_family",
        where=BOARDS[board].table,
        says=says,
        reported=reported,
        quantity=quantity,
        expect=above(0.0),
        headline=headline,
    )


OURS = "not in a paper: our addition"
# every margin is zero, set before the first run: an interval above it says which of two rows is ahead
CLAIMS = [
    _claim(
        1,
        "circo",
        "On CIRCO, SEARLE has a higher mAP@5 than Pic2Word.",
        "11.68 against 8.72 mAP@5",
        _gain("circo", "searle", "pic2word"),
        headline=True,
    ),
    _claim(
        2,
        "cirr",
        "On CIRR, SEARLE has a higher R@1 than Pic2Word.",
        "24.24 against 23.90 R@1",
        _gain("cirr", "searle", "pic2word"),
    ),
    _claim(
        3,
        "fashioniq",
        "On FashionIQ, SEARLE has a higher (R@10 + R@50) / 2 than Pic2Word.",
        "25.56 and 46.23 against 24.70 and 43.70 R@10 and R@50",
        _gain("fashioniq", "searle", "pic2word"),
    ),
    _claim(
        4,
        "fashioniq",
        "On FashionIQ, LinCIR has a higher (R@10 + R@50) / 2 than SEARLE.",
        "26.10 and 46.25 by its released weights against 25.56 and 46.23 R@10 and R@50",
        _gain("fashioniq", "lincir", "searle"),
    ),
    _claim(
        5,
        "circo",
        "On CIRCO, SEARLE has a higher mAP@5 than the optimised words that it distils.",
        "11.68 against 10.18 mAP@5",
        _gain("circo", "searle", "oti"),
    ),
    _claim(
        6,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than the sum of CLIP's two vectors.",
        "38.32 and 61.74 against 14.78 and 29.60 R@10 and R@50 (another CLIP)",
        _gain("fashioniq", "fashioniq/combiner", "sum"),
        headline=True,
    ),
    _claim(
        7,
        "cirr",
        "On CIRR, the Combiner has a higher R@1 than the sum of CLIP's two vectors.",
        "38.53 against 11.71 R@1 (another CLIP)",
        _gain("cirr", "cirr/combiner", "sum"),
        headline=True,
    ),
    _claim(
        8,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than the sum over its own tuned CLIP.",
        "a better combination than the sum (no number in the papers here)",
        _gain("fashioniq", "fashioniq/combiner", "fashioniq/clip4cir_sum"),
    ),
    _claim(
        9,
        "fashioniq",
        "On FashionIQ, the Combiner has a higher (R@10 + R@50) / 2 than ARTEMIS.",
        "50.03 against 38.17",
        _gain("fashioniq", "fashioniq/combiner", "fashioniq/artemis"),
    ),
    _claim(
        10,
        "cirr",
        "On CIRR, the Combiner has a higher R@1 than ARTEMIS.",
        "38.53 against 16.96 R@1",
        _gain("cirr", "cirr/combiner", "cirr/artemis"),
    ),
    _claim(
        11,
        "cirr",
        "On CIRR, text only has a higher R@1 than image only.",
        "21.81 against 6.89 R@1",
        _gain("cirr", "text_only", "image_only"),
        headline=True,
    ),
    _claim(
        12,
        "cirr",
        "On CIRR, text only has a higher R@1 than the sum of image and text.",
        "21.81 against 11.71 R@1",
        _gain("cirr", "text_only", "sum"),
    ),
    _claim(
        13,
        "pinpoint",
        "On PinPoint, BASIC has a higher mAP@10 than the product of the two similarities.",
        "34.35 against 17.48 mAP, on i-CIR (BASIC's README)",
        _gain("pinpoint", "basic", "product"),
        headline=True,
    ),
    *(
        _claim(number, board, f"On {BOARDS[board].table}, {label} has a higher {MEASURES[board]} than the better of "
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
