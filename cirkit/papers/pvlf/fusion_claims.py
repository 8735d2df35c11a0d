"""Claims about PVLF: prompts beside TransAgg on the same triplets, data against prompts, slopes over length and depth.

PVLF Tables 1 to 5. Margins are set before the first run; a slope says more of a table than its best cell does.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cirkit.evaluators.measures import Measure, Recall
from cirkit.experiments.claims import Claim, Gain, GainOverBest, Gains, below, claims_of, within
from cirkit.experiments.slope import slope
from cirkit.papers.clip_family.boards import SCORE
from cirkit.papers.pvlf.fusion_settings import LENGTHS, USUAL

MEASURES: dict[str, Measure] = {"cirr": Recall(1), "fashioniq": SCORE}
NAMES = {"cirr": "CIRR", "fashioniq": "FashionIQ"}
TABLES = {"cirr": "Table 2", "fashioniq": "Table 1"}
SETS = {"template": "the template's triplets", "llm": "the language model's", "combined": "the combined set"}
ALONE = ("pvlf/image_only", "pvlf/text_only")
OURS = "not in the paper: our addition"
ALIKE = 1.0  # points of a measure within which two rows are alike
FLAT = 0.05  # points a prompt within which length changes nothing: 1.5 points from the shortest to the longest
BY_LENGTH = tuple((float(p), "pvlf/combined" if p == USUAL else f"pvlf/length_{p}") for p in LENGTHS)
DEPTHS = ((1.0, "pvlf/depth_1"), (2.0, "pvlf/combined"), (3.0, "pvlf/depth_3"))
PROMPTED_LAYERS = ((1.0, "pvlf/layers_3_depth_1"), (2.0, "pvlf/layers_3_depth_2"), (3.0, "pvlf/depth_3"))
BARE_LAYERS = ((1.0, "pvlf/transagg_layers_1"), (2.0, "pvlf/transagg_combined"), (3.0, "pvlf/transagg_layers_3"))
TUNED = tuple((f"pvlf/{towers}/pvlf", f"pvlf/{towers}/transagg") for towers in ("clip/text", "clip/both", "second/text",
                                                                              "second/both"))  # fmt: skip


def _gain(a: str, b: str, board: str = "cirr") -> Gain:
    return Gain(f"pvlf/{a}", f"pvlf/{b}", board, MEASURES[board])


_claim = partial(claims_of("pvlf", "pvlf"), "")  # without its number, which is its place in the list


def _prompts_and_data() -> Iterator[Claim]:
    """Tables 1 and 2: prompts at the same triplets, and more triplets at the same model."""
    reported = {
        ("cirr", "template"): "39.78 against 38.10 R@1",
        ("cirr", "llm"): "37.19 against 36.71 R@1",
        ("cirr", "combined"): "40.33 against 37.87 R@1",
        ("fashioniq", "template"): "33.03 and 54.53 against 32.07 and 53.26 R@10 and R@50",
        ("fashioniq", "llm"): "33.17 and 53.91 against 32.77 and 53.44 R@10 and R@50",
        ("fashioniq", "combined"): "35.68 and 56.85 against 34.36 and 55.13 R@10 and R@50",
    }
    for (board, source), numbers in reported.items():
        yield _claim(
            TABLES[board],
            f"On {NAMES[board]}, PVLF has a higher {MEASURES[board]} than TransAgg, both trained on {SETS[source]}.",
            numbers,
            _gain(source, f"transagg_{source}", board),
            headline=source == "combined",
        )
    for board, numbers in (
        ("cirr", "37.87 against 38.10 R@1"),
        ("fashioniq", "34.36 and 55.13 against 32.07 and 53.26"),
    ):
        yield _claim(
            TABLES[board],
            f"On {NAMES[board]}, TransAgg has a higher {MEASURES[board]} with twice the triplets (the combined set) "
            "than with the template's.",
            numbers,
            _gain("transagg_combined", "transagg_template", board),
        )
    for board, numbers in (
        ("cirr", "39.78 against 37.87 R@1"),
        ("fashioniq", "33.03 and 54.53 against 34.36 and 55.13"),
    ):
        yield _claim(
            TABLES[board],
            f"On {NAMES[board]}, prompts give more than data: PVLF with the template's triplets has a higher "
            f"{MEASURES[board]} than TransAgg with twice as many.",
            numbers,
            _gain("template", "transagg_combined", board),
            headline=True,
        )
    for board in ("cirr", "fashioniq"):
        yield _claim(
            TABLES[board],
            f"On {NAMES[board]}, PVLF has a higher {MEASURES[board]} than the better of image only and text only.",
            OURS,
            GainOverBest("pvlf/combined", ALONE, board, MEASURES[board]),
        )
        yield _claim(
            TABLES[board],
            f"On {NAMES[board]}, PVLF has a higher {MEASURES[board]} than the product of the two similarities.",
            OURS,
            _gain("combined", "product", board),
        )
    yield _claim(
        "Table 2",
        "On CIRR, PVLF has a higher R@1 than SEARLE.",
        "40.33 against 24.87 R@1 (BLIP against SEARLE-XL-OTI on CLIP-L/14)",
        _gain("combined", "searle"),
        headline=True,
    )


def _towers() -> Iterator[Claim]:
    """Table 3, on the same triplets."""
    yield _claim(
        "Table 3",
        "Averaged over both encoders and over what learns in them, PVLF has a higher R@1 on CIRR than TransAgg.",
        "+2.33, +0.80, +2.44, +3.15 R@1, those of BLIP on twice the triplets (see the errata)",
        Gains(TUNED, "cirr", Recall(1)),
        headline=True,
    )
    for board, numbers in (("cirr", "30.23 to 33.84 R@1"), ("fashioniq", "42.61 to 43.23")):
        yield _claim(
            "Table 3",
            f"On {NAMES[board]}, PVLF over CLIP has a higher {MEASURES[board]} with both towers tuned than with the "
            "text tower alone.",
            numbers,
            _gain("clip/both/pvlf", "clip/text/pvlf", board),
        )
    yield _claim(
        "Table 3",
        "On CIRR, PVLF over the second encoder has a higher R@1 with a tuned text tower than with frozen towers.",
        "40.54 against 35.16 R@1 (BLIP)",
        _gain("second/text/pvlf", "second/frozen/pvlf"),
    )


def _length_and_depth() -> Iterator[Claim]:
    """Tables 4 and 5."""
    yield _claim(
        "Table 4",
        f"From 5 to 35 prompts the slope of R@1 on CIRR is zero to within {FLAT:g} points a prompt.",
        "39.49 39.66 39.63 38.22 40.32 39.20 39.15: a slope of -0.009",
        slope(BY_LENGTH, "cirr", Recall(1)),
        within(FLAT),
        unit="points a prompt",
        headline=True,
    )
    yield _claim(
        "Table 4",
        "Prompts beyond 25 lower R@1 on CIRR.",
        "40.32 39.20 39.15: a slope of -0.117",
        slope(BY_LENGTH[4:], "cirr", Recall(1)),
        below(0.0),
        unit="points a prompt",
    )
    for board, numbers in (("cirr", "38.53, 40.33, 39.27 R@1"), ("fashioniq", "46.03, 46.26, 45.29")):
        yield _claim(
            "Table 5",
            f"On {NAMES[board]}, {MEASURES[board]} rises with the depth J, layers and prompts together.",
            f"{numbers} for J = 1, 2, 3",
            slope(DEPTHS, board, MEASURES[board]),
            unit="points a layer",
            headline=board == "cirr",
        )
    yield _claim(
        "Table 5",
        "On CIRR, R@1 rises with the layers that have prompts of their own, in a fusion of three layers.",
        "not separated from the number of layers in the paper",
        slope(PROMPTED_LAYERS, "cirr", Recall(1)),
        unit="points a layer",
    )
    yield _claim(
        "Table 5",
        "On CIRR, R@1 of TransAgg rises with its layers, without any prompt.",
        "not in the paper, which varies layers only with prompts",
        slope(BARE_LAYERS, "cirr", Recall(1)),
        unit="points a layer",
    )
    for j, numbers in ((1, "38.53 against 37.18 R@1 (of two layers)"), (3, "39.27 against 37.18 R@1 (of two layers)")):
        yield _claim(
            "Table 5",
            f"On CIRR, PVLF with J = {j} has a higher R@1 than TransAgg with as many layers.",
            numbers,
            _gain(f"depth_{j}", f"transagg_layers_{j}"),
        )


def _controls() -> Iterator[Claim]:
    """What the gain may be due to."""
    yield _claim(
        "Controls",
        "Learned prompts give a higher R@1 on CIRR than random frozen ones.",
        OURS,
        _gain("combined", "random_prompts"),
        headline=True,
    )
    yield _claim(
        "Controls",
        f"Random frozen prompts are more positions and no more: R@1 on CIRR within {ALIKE:g} point of none, same loss.",
        OURS,
        _gain("random_prompts", "no_prompts"),
        within(ALIKE),
    )
    yield _claim(
        "Controls",
        "Without the focal loss, too, prompts give a higher R@1 on CIRR.",
        OURS,
        _gain("cross_entropy", "transagg_combined"),
    )
    yield _claim(
        "Controls",
        "The focal loss gives PVLF a higher R@1 on CIRR than cross entropy.",
        "adopted for difficult samples (no number in the paper)",
        _gain("combined", "cross_entropy"),
    )
    yield _claim(
        "Controls",
        "PVLF-Deep has a higher R@1 on CIRR than PVLF-Shallow.",
        "the default (no number in the paper)",
        _gain("combined", "shallow"),
    )
    yield _claim(
        "Controls",
        f"Equations 10 and 11 to the letter give R@1 on CIRR within {ALIKE:g} point of pre-norm layers.",
        OURS,
        _gain("as_printed", "combined"),
        within(ALIKE),
    )
    for name, label in (
        ("coop", "CoOp's in the text tower"),
        ("vpt", "VPT's in the image tower"),
        ("maple", "MaPLe's in both"),
    ):
        yield _claim(
            "Figure 2",
            f"On CIRR, prompts between the towers give a higher R@1 than {label}.",
            "argued in §3.2.3 (no number in the paper)",
            _gain("combined", name),
        )


def _numbered() -> Iterator[Claim]:
    groups = (_prompts_and_data(), _towers(), _length_and_depth(), _controls())
    for number, claim in enumerate((claim for group in groups for claim in group), 1):
        yield replace(claim, id=f"pvlf-{number}")


CLAIMS = list(_numbered())
