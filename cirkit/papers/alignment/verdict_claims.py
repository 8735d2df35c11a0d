"""What remains of the paper's conclusion, as claims about ranks over all hosts and about the noise floor.

Cao et al. (2022), §6.1, §6.2 and §7; every margin was set before the first run of any host.
"""

from cirkit.experiments.claims import Claim, above, claims_of, within
from cirkit.papers.alignment.alignment_claims import ALGEBRA, OURS
from cirkit.papers.alignment.scores import SCRAMBLED
from cirkit.papers.alignment.verdict import (
    ATTNGAN,
    BEST,
    M4C,
    MAC,
    SCAN,
    SCORES,
    TASKS,
    FloorLead,
    LayoutGain,
    RankGain,
    RankLead,
    best_of_others,
    mean_of_others,
)

CONCLUSION = "Conclusion"
SAME_RANK = 2.0  # of seven: equal rows change places by chance, and so far apart we call no difference
CONSIDERABLE = 1.0  # noise floors: "considerably better" is more than two equal rows differ by
MIDDLE = (1 + len(SCORES)) / 2
RANKS, FLOORS = "ranks", "noise floors"
WHOLE = "scaled dot product “can be the best attention alignment calculation … in overall VL tasks” (§7)"
EVERYWHERE = "“considerably and consistently better results for all three VL tasks across all six VL datasets” (§6.1)"

_claim = claims_of("alignment", "align-verdict")

CLAIMS: list[Claim] = [
    _claim(
        "best",
        CONCLUSION,
        "Over the data sets of all four hosts scaled dot product has a better mean rank than any other score.",
        WHOLE,
        RankLead(BEST),
        above(0.0),
        RANKS,
        headline=True,
    ),
    _claim(
        "middle",
        CONCLUSION,
        "Over the data sets of all four hosts scaled dot product has a better mean rank than the middle of all ranks, "
        f"{MIDDLE:g}.",
        WHOLE,
        RankGain((BEST,), SCORES),
        above(0.0),
        RANKS,
    ),
    _claim(
        "dot",
        CONCLUSION,
        "Where the scale is not taken off again, on MAC, M4C and AttnGAN, scaled dot product has a better mean rank "
        "than dot product.",
        WHOLE,
        RankGain((BEST,), ("dot",), (MAC, M4C, ATTNGAN)),
        above(0.0),
        RANKS,
    ),
    *(
        _claim(
            task.folder,
            CONCLUSION,
            f"On {task.dataset}, with {task.host}, scaled dot product is better than any other score (mean of the "
            "measures that the paper reports, each in its noise floors).",
            EVERYWHERE,
            FloorLead(BEST, best_of_others, (task,)),
            above(0.0),
            FLOORS,
        )
        for task in TASKS
    ),
    _claim(
        "floor",
        CONCLUSION,
        "Scaled dot product is further above the mean of the other scores than the noise floor, which is how far two "
        "equal rows lie apart (mean over data sets).",
        f"{EVERYWHERE}; the comparison is {OURS}",
        FloorLead(BEST, mean_of_others),
        above(CONSIDERABLE),
        FLOORS,
        headline=True,
    ),
    _claim(
        "layout",
        CONCLUSION,
        "On SCAN's data sets scaled dot product leads general†, both biased and activated general by more ranks where "
        "these have the layout of the released code than where they are as their formulas say.",
        OURS,
        LayoutGain((BEST,), SCRAMBLED),
        above(0.0),
        RANKS,
        headline=True,
    ),
    _claim(
        "position",
        CONCLUSION,
        "General and biased general have the same mean rank whichever side is transformed, * or †.",
        "“no obvious and consistent performance improvement pattern in different positions” (§6.2)",
        RankGain(("general_star", "biased_star"), ("general_dagger", "biased_dagger")),
        within(SAME_RANK),
        RANKS,
    ),
    _claim(
        "biased-is-general",
        CONCLUSION,
        "Calibration: on M4C and AttnGAN biased general† and general†, which are one function there, have the same "
        "mean rank when trained apart.",
        ALGEBRA,
        RankGain(("biased_dagger",), ("general_dagger",), (M4C, ATTNGAN)),
        within(SAME_RANK),
        RANKS,
    ),
    _claim(
        "scaled-is-dot",
        CONCLUSION,
        "Calibration: on SCAN's data sets scaled dot product and dot product, which are one function there, have the "
        "same mean rank when trained apart.",
        ALGEBRA,
        RankGain((BEST,), ("dot",), SCAN),
        within(SAME_RANK),
        RANKS,
    ),
]
