"""Claims about ITSELF: the ablation, selection and its controls, what choosing on the test set is worth, attention.

ITSELF Tables 1 to 3 and Figures 2, 5 and 7; its supplement, Tables 1 to 3 (S1 to S3). Margins are set before any run:
most are differences that the paper reports.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from cirkit.evaluators.measures import AveragePrecision, Measure, Recall
from cirkit.experiments.claims import Claim, Gain, Gains, above, below, claims_of, within
from cirkit.experiments.slope import Contrast
from cirkit.papers.itself.chosen_checkpoints import (
    BEST_ON_TEST,
    BY_VALIDATION,
    LAST,
    Across,
    SpreadOfSeeds,
    between,
)
from cirkit.papers.itself.person_attention_claims import OURS, attention_claims
from cirkit.papers.itself.person_rows import (
    ABLATION,
    BESIDE,
    CHOICES,
    CONTROLS,
    DISCARD,
    LAYERS,
    NAMES,
    SCHEDULE,
    TRANSFER,
)

R1, MAP = Recall(1), AveragePrecision()
DIGEST = "not in the paper: observed on its released code"
ALIKE = 1.0  # points of R@1 within which two rows are alike
LEAST = 0.35  # points of R@1: the largest that the paper reports for ATS on top of MARS, on RSTPReid
RULE = 0.70  # points of R@1 by which the paper's MARS is ahead of rule B
ROWS = ("baseline", "sl", "mars", "sl_ats", "ours")  # of the ablation

_claim = partial(claims_of("itself", "itself"), "")  # without its number, which is its place in the list


def _gain(a: str, b: str, measure: Measure = R1, test: str = "test", data: str = "rstp") -> Gain:
    return Gain(f"itself/{data}/{a}", f"itself/{data}/{b}", test, measure)


def _ablation() -> Iterator[Claim]:
    """Table 3 on three data sets."""
    reported = {
        "cuhk": ("76.95 against 74.66", "76.49 against 74.66", "76.90 against 76.49", "76.95 against 76.90",
                 "76.66 against 76.49", "69.38 against 67.63"),
        "icfg": ("69.23 against 66.06", "67.93 against 66.06", "69.07 against 67.93", "69.23 against 69.07",
                 "68.76 against 67.93", "43.80 against 41.02"),
        "rstp": ("67.30 against 61.30", "65.00 against 61.30", "66.95 against 65.00", "67.30 against 66.95",
                 "65.95 against 65.00", "53.05 against 49.12"),
    }  # fmt: skip
    says = (
        ("ours", "baseline", "ITSELF has a higher R@1 than its global-only baseline."),
        ("sl", "baseline", "a local branch, its tokens ranked by one layer, has a higher R@1 than the baseline."),
        ("mars", "sl", "MARS has a higher R@1 than a single layer, both without a scheduler."),
        ("ours", "mars", "the scheduler gives MARS a higher R@1."),
        ("sl_ats", "sl", "the scheduler gives a single layer a higher R@1."),
    )
    for data, numbers in reported.items():
        for (a, b, text), number in zip(says, numbers, strict=False):
            headline = b in ("baseline", "sl") and a != "sl_ats" and (data == "rstp" or a == "ours")
            yield _claim(
                ABLATION[data],
                f"On {NAMES[data]}, {text}",
                f"{number} R@1",
                _gain(a, b, data=data),
                headline=headline,
            )
        yield _claim(
            ABLATION[data],
            f"On {NAMES[data]}, ITSELF has a higher mAP than its global-only baseline.",
            f"{numbers[-1]} mAP",
            _gain("ours", "baseline", MAP, data=data),
        )
    yield _claim(
        ABLATION["rstp"],
        "The global branch of ITSELF, taken alone, has a higher R@1 than the same branch trained without a local one.",
        "“reinforces global text-image alignment” (no number)",
        Across(((1.0, "itself/rstp/ours", "whole"), (-1.0, "itself/rstp/baseline", "test"))),
    )


def _supplement() -> Iterator[Claim]:
    """Tables S1 to S3 and Figure 7, all of RSTPReid."""
    for a, b, text, number, measure in (
        ("sl_epoch", "sl", "A scheduler by epochs gives a single layer a higher R@1.", "65.25 against 65.00 R@1", R1),
        ("sl_ats", "sl_epoch", "A scheduler by steps has a higher R@1 than one by epochs.",
         "65.95 against 65.25 R@1", R1),
        ("sl_epoch", "sl", "A scheduler by epochs gives a single layer a higher mAP.", "51.39 against 52.26 mAP", MAP),
    ):  # fmt: skip
        yield _claim("Table S1", text, number, _gain(a, b, measure))
    yield _claim(
        "Table S2",
        "With patches of twice the side, too, ITSELF has a higher R@1 than its baseline.",
        "64.50 against 59.65 R@1",
        _gain("coarse/ours", "coarse/baseline"),
        headline=True,
    )
    sides = ((1.0, "ours"), (-1.0, "baseline"), (-1.0, "coarse/ours"), (1.0, "coarse/baseline"))
    yield _claim(
        "Table S2",
        "ITSELF gains more R@1 with the smaller patches than with the larger.",
        "6.00 against 4.85 points",
        Contrast(tuple((factor, f"itself/rstp/{name}") for factor, name in sides), "test", R1),
    )
    for rule, what, number in (
        ("rule_a", "the least mean attention (A)", "60.25"),
        ("rule_b", "the greatest mean attention (B)", "66.25"),
        ("rule_c", "the least deviation of attention (C)", "60.95"),
        ("rule_d", "the greatest deviation of attention (D)", "65.65"),
    ):
        yield _claim(
            "Table S3",
            f"MARS has a higher R@1 than tokens of {what} over layers.",
            f"66.95 against {number} R@1",
            _gain("mars", rule),
            headline=rule in ("rule_a", "rule_b"),
        )
    yield _claim(
        "Table S3",
        "Attended tokens (B, D) have a higher R@1 than the least attended (A, C), averaged over both statistics.",
        "66.25 and 65.65 against 60.25 and 60.95 R@1",
        Gains((("itself/rstp/rule_b", "itself/rstp/rule_a"), ("itself/rstp/rule_d", "itself/rstp/rule_c")), "test", R1),
        headline=True,
    )
    yield _claim(
        "Table S3",
        f"One run of MARS less one of rule B strays by more than the {RULE:g} points between them in the paper.",
        "one run each",
        SpreadOfSeeds("itself/rstp/mars", "itself/rstp/rule_b", "test"),
        above(RULE),
        headline=True,
    )
    for name, what, number in (
        ("layers_em", "early and middle", "66.15"),
        ("layers_el", "early and late", "65.70"),
        ("layers_eml", "early, middle and late", "65.95"),
    ):
        yield _claim(
            LAYERS,
            f"Middle and late layers have a higher R@1 than {what} ones.",
            f"66.95 against {number} R@1",
            _gain("mars", name),
        )
    yield _claim(LAYERS, "MARS has a higher R@1 than the last layer alone.", OURS, _gain("mars", "last_layer"))
    yield _claim(
        DISCARD,
        "A discard ratio of .25 has a higher R@1 than one of .45.",
        "66.95 against 66.30 R@1",
        _gain("mars", "discard_45"),
    )
    yield _claim(
        DISCARD,
        f"Without the discard step R@1 stays within {ALIKE:g} point of a ratio of .25.",
        f"{DIGEST}: rankings overlap by 99 %",
        _gain("discard_0", "mars"),
        within(ALIKE),
        headline=True,
    )
    yield _claim(
        DISCARD,
        f"In one trained model, leaving out the discard step moves R@1 by less than {LEAST:g} points.",
        DIGEST,
        between(("itself/rstp/ours",), "no_discard", "test"),
        within(LEAST),
    )


def _controls() -> Iterator[Claim]:
    """What the paper lacks."""
    for a, b, text, headline in (
        ("ours", "all_tokens", "ITSELF has a higher R@1 than the same model with all tokens.", True),
        ("ours", "random_tokens", "ITSELF has a higher R@1 than the same model with random tokens.", True),
        ("true_mask", "ours", "Tokens of the person's true mask have a higher R@1 than attended ones.", False),
        ("all_tokens", "baseline", "A local branch over all tokens has a higher R@1 than the baseline.", False),
    ):
        yield _claim(CONTROLS, text, OURS, _gain(a, b), headline=headline)
    yield _claim(
        SCHEDULE, "The scheduler has a higher R@1 than its own last ratio held constant.", OURS,
        _gain("ours", "half_constant"), headline=True,
    )  # fmt: skip
    yield _claim(
        SCHEDULE, "A schedule from .65 has a higher R@1 than one from all tokens.", OURS, _gain("ours", "from_all")
    )
    yield _claim(SCHEDULE, "A schedule to .5 has a higher R@1 than one to .3.", OURS, _gain("ours", "to_fewer"))
    for name, label, number in (("rde", "RDE", "65.35"), ("irra", "IRRA", "60.20"), ("tbps", "TBPS-CLIP", "61.95")):
        yield _claim(
            BESIDE,
            f"On RSTPReid, ITSELF has a higher R@1 than {label}.",
            f"67.30 against {number} R@1",
            _gain("ours", name),
            headline=name == "rde",
        )
    for target, number in (("cuhk", "40.32 against 36.94"), ("icfg", "43.32 against 42.17")):
        yield _claim(
            TRANSFER[target],
            f"Trained on RSTPReid and tested on {NAMES[target]}, ITSELF has a higher R@1 than RDE.",
            f"{number} R@1",
            _gain("ours", "rde", test=f"to_{target}"),
        )
    for target, label in NAMES.items():
        pairs = tuple((f"itself/{name}/ours", f"itself/{name}/baseline") for name in NAMES if name != target)
        yield _claim(
            TRANSFER[target],
            f"Trained on the other two data sets and tested on {label}, ITSELF has a higher R@1 than its baseline.",
            "not in the paper, which sets it against RDE",
            Gains(pairs, f"to_{target}", R1),
        )


def _choosing() -> Iterator[Claim]:
    """What is chosen on the test set, and what that is worth."""
    for data, label in NAMES.items():
        rows = tuple(f"itself/{data}/{row}" for row in ROWS)
        yield _claim(
            ABLATION[data],
            f"On {label}, the best of ten epochs on the test set has an R@1 more than {ALIKE:g} point above the epoch "
            "that validation chooses, averaged over the ablation.",
            "reported is the best of 60 epochs on the test set",
            between(rows, BEST_ON_TEST, BY_VALIDATION),
            above(ALIKE),
            headline=True,
        )
        yield _claim(
            CHOICES,
            f"On {label}, the best of thirteen fusion weights on the test set adds more than {LEAST:g} points of R@1 "
            "to the weight that validation chooses.",
            "reported is the best weight on the test set",
            between((f"itself/{data}/ours",), "best_weight", "test"),
            above(LEAST),
        )
    rows = tuple(f"itself/rstp/{row}" for row in ROWS)
    yield _claim(
        ABLATION["rstp"],
        f"On RSTPReid, the epoch that validation chooses has an R@1 within {ALIKE:g} point of the last.",
        OURS,
        between(rows, BY_VALIDATION, LAST),
        within(ALIKE),
    )
    for column in (BEST_ON_TEST, BY_VALIDATION):
        yield _claim(
            ABLATION["rstp"],
            f"On RSTPReid, ITSELF has a higher R@1 than its baseline with each one's epoch chosen {_how(column)}.",
            "67.30 against 61.30 R@1 (best on test)",
            Across(((1.0, "itself/rstp/ours", column), (-1.0, "itself/rstp/baseline", column))),
        )


def _how(column: str) -> str:
    return {BEST_ON_TEST: "on the test set", BY_VALIDATION: "by validation"}[column]


def _choices() -> Iterator[Claim]:
    """One trained ITSELF under other choices at test time."""
    row = ("itself/rstp/ours",)
    for a, b, text, reported, expect in (
        ("local", "whole", "The local branch alone has a higher R@1 than the global one.", OURS, above(0.0)),
        ("test", "whole", "Both branches have a higher R@1 than the global one.", "eq. 8 (no number)", above(0.0)),
        ("released", "test", f"Ranking by the last layer and selecting .4, as released, moves R@1 by less than "
         f"{ALIKE:g} point.", f"{DIGEST}: what is tested is not what was trained", within(ALIKE)),
        ("test", "all_words", f"Half of 75 pieces is nearly all of a caption: R@1 within {LEAST:g} points of all its "
         "words.", f"{DIGEST}: captions have 28 to 40 pieces", within(LEAST)),
        ("own_words", "all_words", "Half of a caption's own words have a lower R@1 than all of them.", OURS,
         below(0.0)),
        ("own_words", "last_words", "The attended half of the words has a higher R@1 than the other half.", OURS,
         above(0.0)),
    ):  # fmt: skip
        yield _claim(CHOICES, text, reported, between(row, a, b), expect)


def _on_rstp(says: str) -> str:
    """A sentence that names no data set is about RSTPReid, as the supplement's tables are."""
    if any(label in says for label in NAMES.values()):
        return says
    name = says.startswith(("MARS", "ITSELF", "Grad-CAM"))
    return f"On RSTPReid, {says if name else says[0].lower() + says[1:]}"


def _numbered() -> Iterator[Claim]:
    groups: tuple[Any, ...] = (_ablation(), _supplement(), _controls(), _choosing(), _choices(), attention_claims())
    for number, claim in enumerate((claim for group in groups for claim in group), 1):
        yield replace(claim, id=f"itself-{number}", says=_on_rstp(claim.says))


CLAIMS = list(_numbered())
