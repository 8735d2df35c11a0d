"""Claims about CompoDiff: what it concludes with a number, what its sampler hides, and negative texts and masks.

Reported numbers are of the paper's ViT-L unless a claim says otherwise. Every margin was set before the first run.
"""

from dataclasses import dataclass, replace

from cirkit.evaluators.measures import AveragePrecision, Measure, Recall
from cirkit.evaluators.pinpoint import NegativeRecall
from cirkit.experiments.bootstrap import Interval, gain
from cirkit.experiments.claims import Gain, GainOverBest, below, claims_of, within
from cirkit.experiments.records import Record
from cirkit.papers.clip_family.boards import SCORE
from cirkit.papers.compodiff import conditions, design, steps, weights
from cirkit.papers.compodiff.all_boards import SCALE_OF_DATA, TASKS, TEXT_ENCODER

MAIN = "compodiff/compodiff"
MEASURES: dict[str, Measure] = {
    "fashioniq": SCORE,
    "cirr": Recall(1),
    "circo": AveragePrecision(5),
    "genecis": Recall(1),
}
ALONE = ("clip_family/image_only", "clip_family/text_only")
OURS = "not in the paper: our addition"
LESS, FIRST, BROKEN = below(0.0), Recall(1), NegativeRecall(10)
NEAR, CLOSE = 2.0, 1.0  # points within which two rows count as equal


@dataclass(frozen=True)
class GainOfTest:
    """How much better experiment `a` does on its test than `b` on its own, in points; both tests have one data."""

    a: tuple[str, str]  # experiment, test
    b: tuple[str, str]
    measure: Measure

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.a[0], self.b[0])))

    def __call__(self, records: dict[str, list[Record]]) -> Interval:
        sides = [[_as_one(run, test) for run in records[name]] for name, test in (self.a, self.b)]
        return gain(*sides, "test", self.measure)


def _as_one(run: Record, test: str) -> Record:
    """The record with one of its tests alone, called `test`."""
    declared = run.declared | {"tests": {"test": run.declared["tests"][test]}}
    return replace(run, evidence={"test": run.evidence[test]}, declared=declared)


_claim = claims_of("compodiff", "compodiff")


def _lead(board: str, b: str, a: str = MAIN) -> Gain:
    return Gain(a, b, board, MEASURES[board])


def _steps(a: tuple[str, int], b: tuple[str, int]) -> GainOfTest:
    """Of two rows of Table 4, each with so many calls."""
    (one, few), (other, many) = a, b
    return GainOfTest(
        (f"compodiff/steps/{one}", steps.test_of(few)), (f"compodiff/steps/{other}", steps.test_of(many)), SCORE
    )


def _design(a: str, b: str, test: str = "text_to_image", k: int = 1) -> Gain:
    return Gain(f"compodiff/design/{a}", f"compodiff/design/{b}", test, Recall(k))


def _asked(b: str, kind: str, measure: Measure = FIRST, end: str = "") -> Gain:
    return Gain("compodiff/conditions/compodiff", f"compodiff/conditions/{b}", f"{kind}{end}", measure)


def _data(board: str, b: str) -> Gain:
    return _lead(board, f"compodiff/data/{b}/compodiff")


ZERO_SHOT = [
    _claim(1, "Table 3", "On FashionIQ, zero-shot, CompoDiff has a higher (R@10 + R@50) / 2 than a Combiner that "
           "learned from the same synthetic triplets.", "42.04 (RN50) against 41.84", _lead("fashioniq",
           "compodiff/combiner")),
    _claim(2, "Table 3", "On CIRR, zero-shot, CompoDiff has a higher R@1 than a Combiner that learned from the same "
           "synthetic triplets.", "18.02 (RN50) against 12.82", _lead("cirr", "compodiff/combiner"), headline=True),
    _claim(3, "Table 3", "On CIRCO, zero-shot, CompoDiff has a higher mAP@5 than a Combiner that learned from the "
           "same synthetic triplets.", "12.01 (RN50) against 9.77", _lead("circo", "compodiff/combiner"),
           headline=True),
    _claim(4, "Table 3", "On CIRCO, CompoDiff has a higher mAP@5 than SEARLE.", "12.55 against 11.68",
           _lead("circo", "clip_family/searle"), headline=True),
    _claim(5, "Table 3", "On FashionIQ, CompoDiff has a higher (R@10 + R@50) / 2 than SEARLE.",
           "42.33 against 35.90", _lead("fashioniq", "clip_family/searle"), headline=True),
    _claim(6, "Table 3", "On CIRR, SEARLE has a higher R@1 than CompoDiff.", "24.24 against 18.24",
           Gain("clip_family/searle", MAIN, "cirr", Recall(1))),
    _claim(7, "Table 3", "On GeneCIS, CompoDiff has a higher R@1 than SEARLE.", "14.88 against 12.31",
           _lead("genecis", "clip_family/searle")),
    _claim(8, "Table 3", "On CIRCO, zero-shot, CompoDiff has a higher mAP@5 than ARTEMIS that learned from the same "
           "synthetic triplets.", "12.01 (RN50) against 9.35", _lead("circo", "compodiff/artemis")),
    _claim(9, "Table B.1", "On FashionIQ, CompoDiff has a higher (R@10 + R@50) / 2 than the better of image only and "
           "text only.", OURS, GainOverBest(MAIN, ALONE, "fashioniq", SCORE)),
    _claim(10, "Table B.3", "On CIRCO, CompoDiff has a higher mAP@5 than the better of image only and text only.",
           OURS, GainOverBest(MAIN, ALONE, "circo", AveragePrecision(5))),
]  # fmt: skip
STEPS = [
    _claim(11, steps.TABLE, "As released, ten calls of the denoiser give a higher (R@10 + R@50) / 2 than one.",
           "42.33 against 21.52", _steps(("released", 10), ("released", 1))),
    _claim(12, steps.TABLE, "As released, five calls and a hundred differ by less than 2 points.",
           "42.17 and 42.65", _steps(("released", 5), ("released", 100)), within(NEAR), headline=True),
    _claim(13, steps.TABLE, "With one call, a grid that begins at the last time has a higher (R@10 + R@50) / 2 than "
           "the released one.", OURS, _steps(("corrected", 1), ("released", 1)), headline=True),
    _claim(14, steps.TABLE, "With a grid that begins at the last time, one call and ten differ by less than 2 points.",
           OURS, _steps(("corrected", 1), ("corrected", 10)), within(NEAR)),
    _claim(15, steps.TABLE, "With ten calls, DPM-Solver++ and DDIM differ by less than 1 point.", OURS,
           _steps(("solver", 10), ("corrected", 10)), within(CLOSE)),
    _claim(16, steps.TABLE, "DDIM without noise gives the same with fifty calls and with a hundred, within 1 point.",
           OURS, _steps(("corrected", 50), ("corrected", 100)), within(CLOSE)),
    _claim(17, steps.TABLE, "A student in one call is within 2 points of its teacher's ten.", OURS,
           _steps(("student", 1), ("corrected", 10)), within(NEAR), headline=True),
    _claim(18, steps.TABLE, "A student in one call has a higher (R@10 + R@50) / 2 than ECLIPSE, which learns in one "
           "call without a teacher.", OURS, _steps(("student", 1), ("eclipse", 1))),
    _claim(19, weights.TABLE, "Weights of 1.5 and 7.5 give a higher (R@10 + R@50) / 2 than no guidance.",
           "the best trade-off of a sweep (no number)", GainOfTest(
               ("compodiff/guidance", weights.test_of(*weights.USUAL)),
               ("compodiff/guidance", weights.test_of(1.0, 1.0)), SCORE)),
]  # fmt: skip
CHOICES = [
    _claim(20, design.TABLE, "From text to image, cross-attention to the conditions and conditions as input tokens "
           "differ by less than 2 points of R@1.", "22.47 and 22.62", _design("stage_1", "prior_like"),
           within(NEAR)),
    _claim(21, design.TABLE, "From image to text, stage 1 alone has a higher R@1 than both stages.",
           "35.13 against 33.20", _design("stage_1", "stage_2", "image_to_text")),
    _claim(22, design.TABLE, "From text to image, stage 1 alone has a higher R@1 than both stages.",
           "22.47 against 20.00", _design("stage_1", "stage_2")),
    _claim(23, SCALE_OF_DATA, "On FashionIQ, CompoDiff with all triplets has a higher (R@10 + R@50) / 2 than with a "
           "twentieth of them.", "42.33 against 31.91", _data("fashioniq", "5"), headline=True),
    _claim(24, SCALE_OF_DATA, "On CIRR, CompoDiff with all triplets has a higher R@1 than with a twentieth of them.",
           "37.83 against 28.32 (mean of R@1 and Rs@1)", _data("cirr", "5")),
    _claim(25, SCALE_OF_DATA, "On FashionIQ, CompoDiff with half of the triplets and with all differ by less than "
           "2 points.", "42.41 and 42.33", _data("fashioniq", "50"), within(NEAR)),
    _claim(26, SCALE_OF_DATA, "On FashionIQ, as few triplets from keywords give a higher (R@10 + R@50) / 2 than from "
           "instructions alone.", "31.91 against 27.24", Gain("compodiff/data/5/compodiff",
           "compodiff/data/instructions/compodiff", "fashioniq", SCORE)),
    _claim(27, TEXT_ENCODER, "On FashionIQ, CLIP's text encoder gives a higher (R@10 + R@50) / 2 than a language model "
           "alone.", "42.33 against 38.20", _lead("fashioniq", "compodiff/text/language")),
    _claim(28, TEXT_ENCODER, "On CIRR, CLIP's text encoder gives a higher R@1 than a language model alone.",
           "37.83 against 29.19 (mean of R@1 and Rs@1)", _lead("cirr", "compodiff/text/language")),
    _claim(29, TEXT_ENCODER, "On FashionIQ, CLIP's text encoder with a language model gives a higher "
           "(R@10 + R@50) / 2 than alone.", "44.11 against 42.33", _lead("fashioniq", MAIN,
           "compodiff/text/both"), headline=True),
    _claim(30, TASKS, "On FashionIQ, the mix of three tasks gives a higher (R@10 + R@50) / 2 than triplets alone.",
           "42.33 against 41.15", _lead("fashioniq", "compodiff/tasks/edits"), headline=True),
    _claim(31, TASKS, "On CIRR, the mix of three tasks gives a higher R@1 than triplets alone.",
           "37.83 against 35.25 (mean of R@1 and Rs@1)", _lead("cirr", "compodiff/tasks/edits")),
]  # fmt: skip
CONDITIONS = [
    *(
        _claim(first, conditions.TABLES[kind], f"{heard} gives CompoDiff a higher R@1 than not being told.", OURS,
               _asked("compodiff_without", kind), headline=True)
        for first, kind, heard in ((32, "negative", "A negative text"), (37, "mask", "A mask"))
    ),
    *(
        _claim(first, conditions.TABLES[kind], f"{heard} gives CompoDiff a higher R@1 than the same in words.", OURS,
               _asked("compodiff_words", kind))
        for first, kind, heard in ((33, "negative", "A negative text"), (38, "mask", "A mask"))
    ),
    *(
        _claim(first, conditions.TABLES[kind], f"CompoDiff with {heard} has a higher R@1 than a Combiner that is told "
               "the same in words.", OURS, _asked("combiner", kind), headline=True)
        for first, kind, heard in ((34, "negative", "a negative text"), (39, "mask", "a mask"))
    ),
    _claim(35, conditions.TABLES["negative"], "CompoDiff with a negative text has a higher R@1 than the sum of image "
           "and text less the negative text.", OURS, _asked("subtraction", "negative"), headline=True),
    _claim(36, conditions.TABLES["negative"], "A negative text leaves fewer images with what is unwanted among "
           "CompoDiff's first ten.", OURS, _asked("compodiff_without", "negative", BROKEN, "_broken"), LESS),
    _claim(41, conditions.TABLES["negative"], "Less the vector of the negative text, the sum of image and text has a "
           "higher R@1 than the sum as it is.", OURS, Gain("compodiff/conditions/subtraction",
           "compodiff/conditions/sum_without", "negative", FIRST)),
    _claim(40, conditions.TABLES["mask"], "A mask leaves fewer images that changed elsewhere among CompoDiff's first "
           "ten.", OURS, _asked("compodiff_without", "mask", BROKEN, "_broken"), LESS),
]  # fmt: skip
CLAIMS = [*ZERO_SHOT, *STEPS, *CHOICES, *CONDITIONS]
