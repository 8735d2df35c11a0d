"""MAAF on Fashion IQ: Tables 2 to 5 and S1 to S4.

MAAF §3.2 and supplement S1: what is pooled, how the two modalities meet, how words are read, and how large it all is.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cirkit.attention import AnnotatedNorm
from cirkit.augment import flips_and_shifts
from cirkit.benchmarks import fashioniq
from cirkit.claims import Claim, Gains, Interval, above, below, within
from cirkit.encoders.image import linear_norm_relu
from cirkit.encoders.text import dropout_linear
from cirkit.measures import Mean, Recall
from cirkit.models import maaf
from cirkit.models.baselines import ImageOnly, TextOnly
from cirkit.models.maaf import MAAF
from cirkit.models.tirg import TIRG
from cirkit.models.two_stream import (
    CROSS,
    CROSS_BOTH,
    SELF_BOTH,
    SELF_CROSS,
    SELF_IMAGE_FIRST,
    SELF_TEXT_FIRST,
    TwoStream,
)
from cirkit.papers.maaf.settings import Row, Setting, experiment, paper, small, val
from cirkit.records import Experiment
from cirkit.train import single_category

SCORE = Mean((Recall(10), Recall(50)))  # averaged over the three categories by `group`
SIZES = {
    "smoke": fashioniq.SIZES["smoke"],
    "cpu": replace(fashioniq.SIZES["cpu"], image=48),
    "gpu": fashioniq.SIZES["gpu"],
}
SETTINGS = {
    "smoke": small(steps=4, seeds=(0,), batch=8, pixels=SIZES["smoke"].image),
    "cpu": small(steps=800, seeds=(0, 1, 2), pixels=SIZES["cpu"].image),
    "gpu": small(steps=10_000, seeds=(0, 1, 2, 3, 4), pixels=SIZES["gpu"].image),
    "paper": paper(),
}

# Table 2, in its order: RP (a vector per resolution), ITA (catalogue pictures through attention), IT (words pooled too)
POOLS = {
    "plain": ("no RP, no ITA, no IT", maaf.image_tokens, False),
    "it": ("no RP, no ITA, IT", maaf.all_tokens, False),
    "ita": ("no RP, ITA, no IT", maaf.image_tokens, True),
    "ita_it": ("no RP, ITA, IT", maaf.all_tokens, True),
    "rp": ("RP, no ITA, no IT", maaf.resolutions, False),
    "rp_it": ("RP, no ITA, IT", maaf.by_type, False),
    "rp_ita": ("RP, ITA, no IT", maaf.resolutions, True),
}

# Table 4, in its order; all rows are trained alike, where the paper gave those that diverged a gentler schedule
STREAMS = {
    "cross": ("Cross(φx, φt)", CROSS),
    "self_cross": ("Self(φx), Cross(φx, φt)", SELF_CROSS),
    "cross_both": ("Cross(φx, φt) || Cross(φt, φx)", CROSS_BOTH),
    "self_image_first": ("Self(φx) || Self(φt), Cross(φx, φt), Cross(φt, φx)", SELF_IMAGE_FIRST),
    "self_text_first": ("Self(φx) || Self(φt), Cross(φt, φx), Cross(φx, φt)", SELF_TEXT_FIRST),
    "self_both": ("Self(φx) || Self(φt), Cross(φx, φt) || Cross(φt, φx)", SELF_BOTH),
}


def rows(setting: Setting) -> dict[str, Row]:
    """Every row by name; `maaf` is the model of the paper."""
    fusion, width = setting.fusion, setting.hidden
    found = {
        "maaf": Row(
            table="Table 2",
            label="MAAF: RP, ITA, IT",
            model=partial(MAAF, **fusion),
            also=(
                ("Table 3", "MAAF"),
                ("Table 4", "MAAF: Self(Φ)"),
                ("Table 5", "LSTM"),
                ("Table S1", "both resolutions"),
                ("Table S2", "width d/2"),
                ("Table S3", "2 blocks"),
                ("Table S4", "MAAF"),
            ),
        )
    }
    for name, (label, pool, through) in POOLS.items():
        model = partial(MAAF, **fusion, pool=pool, image_through_attention=through)
        found[name] = Row(table="Table 2", label=f"MAAF: {label}", model=model)
    found["tirg"] = Row(
        table="Table 3", label="TIRG", model=partial(TIRG, **setting.encoders), also=(("Table S4", "TIRG"),)
    )
    found["val"] = val(setting, "Table 3")
    found["image_only"] = Row(table="Table 3", label="Image only", model=partial(ImageOnly, image=setting.image))
    found["text_only"] = Row(table="Table 3", label="Text only", model=partial(TextOnly, **setting.encoders))
    found["released"] = Row(table="Table 3", label="MAAF, as the released code", model=released(setting))
    for name, (label, layers) in STREAMS.items():
        found[name] = Row(table="Table 4", label=label, model=partial(TwoStream, **fusion, layers=layers))
    found["coarse"] = Row(
        table="Table S1", label="coarse resolution alone", model=partial(MAAF, **fusion | {"image": coarse(setting)})
    )
    for name, label, hidden in (
        ("d/8", "eighth", width // 4),
        ("d/4", "quarter", width // 2),
        ("d", "whole", 2 * width),
    ):
        found[f"width_{label}"] = Row(
            table="Table S2", label=f"width {name}", model=partial(MAAF, **fusion | {"hidden": hidden})
        )
    for blocks in (1, 3, 4):
        found[f"blocks_{blocks}"] = Row(
            table="Table S3",
            label=f"{blocks} block{'s' * (blocks > 1)}",
            model=partial(MAAF, **fusion | {"blocks": blocks}),
        )
    return found


def coarse(setting: Setting) -> partial:
    """The setting's image encoder with its last map alone."""
    keywords = setting.image.keywords
    last = {"stages": keywords["stages"][-1:]} if "stages" in keywords else {"levels": 1}
    return partial(setting.image.func, **keywords | last)


def released(setting: Setting) -> partial:
    """MAAF as the released code computes it: projections, norm and pooling weights (see the errata)."""
    image = partial(setting.image.func, **setting.image.keywords, project=linear_norm_relu)
    text = partial(setting.text.func, **setting.text.keywords, head=dropout_linear)
    fusion = setting.fusion | {"image": image, "text": text}
    return partial(MAAF, **fusion, norm=AnnotatedNorm, pool=maaf.half_text)


def experiments(scale: str, root: str = "data/raw") -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = SETTINGS[scale]
    if scale == "paper":
        place = f"{root}/fashioniq"
        data, test = partial(fashioniq.train, root=place), partial(fashioniq.test, root=place)
    else:
        size = SIZES[scale]
        data, test = partial(fashioniq.world_train, size=size), partial(fashioniq.world_test, size=size)
    return [
        experiment(
            f"fashioniq/{name}",
            row,
            scale=scale,
            setting=setting,
            data=data,
            tests={"fashioniq": test},
            draw=single_category,
            augment=flips_and_shifts(),
        )
        for name, row in rows(setting).items()
    ]


BETTER = above(0.0)


def _gain(*pairs: tuple[str, str]) -> Gains:
    return Gains(tuple((f"maaf/fashioniq/{a}", f"maaf/fashioniq/{b}") for a, b in pairs), "fashioniq", SCORE)


def _claim(
    number: int, where: str, says: str, reported: str, quantity: Gains, expect: Callable[[Interval], str] = BETTER
) -> Claim:
    return Claim(
        id=f"maaf-{number}", paper="maaf", where=where, says=says, reported=reported, quantity=quantity, expect=expect
    )


# The paper's spread over seeds is .2 to .6 points on scores near 36, and differences it calls small are below one
# point. Ours has other scores and three seeds; two points, as on CSS, set before the first run.
NOTICEABLE = 0.02
ITA = (("ita", "plain"), ("ita_it", "it"), ("rp_ita", "rp"), ("maaf", "rp_it"))
RP = (("rp", "plain"), ("rp_it", "it"), ("rp_ita", "ita"), ("maaf", "ita_it"))
IT = (("it", "plain"), ("ita_it", "ita"), ("rp_it", "rp"), ("maaf", "rp_ita"))

CLAIMS = [
    _claim(
        5,
        "Table 3",
        "On Fashion IQ, MAAF beats TIRG.",
        "36.6 ± 0.4 against 31.20, (R@10 + R@50) / 2",
        _gain(("maaf", "tirg")),
    ),
    _claim(
        6,
        "Table 3",
        "On Fashion IQ, MAAF beats VAL (whose printed number comes from an easier protocol; ours do not).",
        "36.6 ± 0.4 against 35.4",
        _gain(("maaf", "val")),
    ),
    _claim(
        7,
        "Table 2",
        "Passing catalogue pictures through the attention (ITA) helps, whatever else is chosen.",
        "+2.1, +2.7, +2.3 and +2.5 points",
        _gain(*ITA),
    ),
    _claim(
        8,
        "Table 2",
        "Pooling by resolution (RP) gains no more than seeds differ.",
        "+0.1, +0.4, +0.3 and +0.2 points",
        _gain(*RP),
        within(NOTICEABLE),
    ),
    _claim(
        9,
        "Table 2",
        "Pooling the words, too (IT), tends to help a little.",
        "0.0, +0.6, +0.3 and +0.5 points",
        _gain(*IT),
    ),
    _claim(
        10,
        "Table 4",
        "One sequence beats the best way of keeping two, self-attention then cross-attention.",
        "36.6 ± 0.4 against 34.4 ± 0.4",
        _gain(("maaf", "self_cross")),
    ),
    _claim(
        11,
        "Table 4",
        "One sequence beats the six ways of keeping two, on average.",
        "36.6 against 32.4, 34.4, 33.2, 32.7, 30.4 and 33.5",
        _gain(*(("maaf", name) for name in STREAMS)),
    ),
    _claim(
        12,
        "Table 4",
        "Self-attention over the picture before cross-attention helps.",
        "34.4 ± 0.4 against 32.4 ± 0.2",
        _gain(("self_cross", "cross")),
    ),
    _claim(
        13,
        "Table 4",
        "In sequence, it is worse when the words ask the picture first.",
        "30.4 ± 0.2 against 32.7 ± 0.3",
        _gain(("self_text_first", "self_image_first")),
        below(0.0),
    ),
    _claim(
        14,
        "Table S1",
        "The finer resolution beside the coarse one helps.",
        "36.6 ± 0.4 against 35.1 ± 0.6",
        _gain(("maaf", "coarse")),
    ),
    _claim(
        15,
        "Table S2",
        "The result is not very sensitive to the width of the feed-forward layer: an eighth of d does as well as d.",
        "36.4 ± 0.3 (64) and 36.4 ± 0.5 (512)",
        _gain(("width_whole", "width_eighth")),
        within(NOTICEABLE),
    ),
    _claim(
        16,
        "Table S3",
        "One block does about as well as two.",
        "36.4 ± 0.5 against 36.6 ± 0.4",
        _gain(("blocks_1", "maaf")),
        within(NOTICEABLE),
    ),
    _claim(
        17,
        "Table S3",
        "Four blocks do worse than two.",
        "35.7 ± 0.6 against 36.6 ± 0.4",
        _gain(("blocks_4", "maaf")),
        below(0.0),
    ),
]
