"""MAAF on Fashion IQ: Tables 2 to 5 and S1 to S4.

MAAF §3.2 and supplement S1: what is pooled, how the two modalities meet, how words are read, and how large it all is.
"""

from dataclasses import replace
from functools import partial

from cirkit.attention import AnnotatedNorm
from cirkit.augment import flips_and_shifts
from cirkit.benchmarks import fashioniq
from cirkit.claims import Claim, Gain, above
from cirkit.encoders.image import linear_norm_relu
from cirkit.encoders.text import dropout_linear
from cirkit.measures import Mean, Recall
from cirkit.models import maaf
from cirkit.models.baselines import ImageOnly, TextOnly
from cirkit.models.maaf import MAAF
from cirkit.models.tirg import TIRG
from cirkit.papers.maaf.settings import Row, Setting, experiment, paper, small
from cirkit.records import Experiment
from cirkit.train import single_category

SCORE = Mean((Recall(10), Recall(50)))  # averaged over the three categories by `group`
SIZE = replace(fashioniq.SIZES["cpu"], image=48)
SETTINGS = {
    "smoke": small(steps=4, seeds=(0,), batch=8),
    "cpu": small(steps=800, seeds=(0, 1, 2)),
    "gpu": small(steps=10_000, seeds=(0, 1, 2, 3, 4)),
    "paper": paper(),
}
SIZES = {"smoke": fashioniq.SIZES["smoke"], "cpu": SIZE, "gpu": fashioniq.SIZES["gpu"]}

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
    found["image_only"] = Row(table="Table 3", label="Image only", model=partial(ImageOnly, image=setting.image))
    found["text_only"] = Row(table="Table 3", label="Text only", model=partial(TextOnly, **setting.encoders))
    found["released"] = Row(table="Table 3", label="MAAF, as the released code", model=released(setting))
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


def _gain(a: str, b: str) -> Gain:
    return Gain(f"maaf/fashioniq/{a}", f"maaf/fashioniq/{b}", "fashioniq", SCORE)


CLAIMS = [
    Claim(
        id="maaf-5",
        paper="maaf",
        where="Table 3",
        says="On Fashion IQ, MAAF beats TIRG.",
        reported="36.6 ± 0.4 against 31.20, (R@10 + R@50) / 2",
        quantity=_gain("maaf", "tirg"),
        expect=above(0.0),
    ),
]
