"""MAAF on Fashion IQ: Tables 2 to 5 and S1 to S4.

MAAF §3.2 and supplement S1: what is pooled, how the two modalities meet, how words are read, and how large it all is.
"""

from dataclasses import replace
from functools import partial

from cirkit.attention.blocks import UnbiasedLayerNorm
from cirkit.benchmarks import fashioniq
from cirkit.encoders.bert import Frozen, pretrained_bert
from cirkit.encoders.image import linear_norm_relu
from cirkit.encoders.text import LSTM, Embedding, dropout_linear
from cirkit.encoders.text_transformer import TextTransformer
from cirkit.encoders.word_vectors import glove_840b
from cirkit.evaluators.measures import Mean, Recall
from cirkit.experiments.artifacts import Exhibit, TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.curves import Curve
from cirkit.experiments.experiment import Column, Experiment, Test
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
from cirkit.papers.maaf.part_attention import PartAttention
from cirkit.papers.maaf.pretrained_image import start
from cirkit.papers.maaf.pretrained_text import world_bert, world_glove
from cirkit.papers.maaf.settings import Factory, Row, Setting, experiment, paper, small, val
from cirkit.training.augment import flips_and_shifts
from cirkit.training.optimisers import lr_multiplier
from cirkit.training.samplers import single_category
from cirkit.worlds import corpus
from cirkit.worlds.fashioniq import FASHIONIQ
from cirkit.worlds.publish import drawn, drawn_each_seed

SCORE = Mean((Recall(10), Recall(50)))  # averaged over the three categories by `group`
COLUMNS = {
    table: (Column("fashioniq", SCORE),)
    for table in ("Table 2", "Table 3", "Table 4", "Table 5", "Table S1", "Table S2", "Table S3", "Table S4")
}
SIZES = {  # few queries at `cpu` scale, so that minutes go through them more often than they forget anything by
    "smoke": FASHIONIQ.sizes["smoke"],
    "cpu": replace(FASHIONIQ.sizes["cpu"], train=(700, 1300), image=48),
    "gpu": FASHIONIQ.sizes["gpu"],
}
VALIDATION = {"seed": 2_000_000, "train": (10, 24), "val": (200, 400), "test": (10, 24)}  # of the world of the curves
SETTINGS = {
    "smoke": small(steps=4, seeds=(0,), batch=8, pixels=SIZES["smoke"].image, start=start("smoke")),
    "cpu": small(steps=800, seeds=(0, 1, 2, 3, 4), pixels=SIZES["cpu"].image, start=start("cpu")),
    "gpu": small(steps=10_000, seeds=(0, 1, 2, 3, 4), pixels=SIZES["gpu"].image, start=start("gpu")),
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

LOOKED_AT = ("maaf", "blocks_1", "rp_ita")  # by Figure 6
DECISIVE = (
    "tirg",
    "embedding",
    *POOLS,
    *LOOKED_AT,
)  # of a claim that the paper concludes: five seeds, the others three

# Table 4, in its order; all rows are trained alike, where the paper gave those that diverged a gentler schedule
STREAMS = {
    "cross": ("Cross(φx, φt)", CROSS),
    "self_cross": ("Self(φx), Cross(φx, φt)", SELF_CROSS),
    "cross_both": ("Cross(φx, φt) || Cross(φt, φx)", CROSS_BOTH),
    "self_image_first": ("Self(φx) || Self(φt), Cross(φx, φt), Cross(φt, φx)", SELF_IMAGE_FIRST),
    "self_text_first": ("Self(φx) || Self(φt), Cross(φt, φx), Cross(φx, φt)", SELF_TEXT_FIRST),
    "self_both": ("Self(φx) || Self(φt), Cross(φx, φt) || Cross(φt, φx)", SELF_BOTH),
}


def rows(setting: Setting, root: str) -> dict[str, Row]:
    """Every row by name; `maaf` is the model of the paper. GloVe's vectors lie below `root` at `paper` scale."""
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
    for name, (label, text) in texts(setting, root).items():
        found[name] = Row(table="Table 5", label=label, model=partial(MAAF, **fusion | {"text": text}))
    found["glove_slow"] = Row(
        table="Table 5", label="Linear Layer with GLOVE*", model=found["glove"].model, optimiser=text_slower(setting)
    )
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
    return {name: replace(row, seeds=None if name in DECISIVE else 3) for name, row in found.items()}


def text_slower(setting: Setting) -> lr_multiplier:
    """Table 5's asterisk: the text encoder learns at a tenth of the rate, where the image encoder does so as well."""
    if isinstance(setting.optimiser, lr_multiplier):
        return replace(setting.optimiser, parts=(*setting.optimiser.parts, "text"))
    return lr_multiplier(optimiser=setting.optimiser, parts=("text",))


def texts(setting: Setting, root: str) -> dict[str, tuple[str, Factory]]:
    """Table 5's other ways to read words; the world has word vectors and a small BERT of its own."""
    width = setting.text.keywords["width"]
    if setting.basis == "world":
        size = corpus.SIZES["smoke" if setting.steps < 100 else "cpu"]
        vectors, bert = partial(world_glove, size=size), partial(world_bert, size=size)
    else:
        vectors, bert = (
            partial(glove_840b, root=f"{root}/glove"),
            partial(pretrained_bert, source="google-bert/bert-base-uncased"),
        )
    return {
        "embedding": ("Embedding Layer", partial(Embedding, width=width)),
        "glove": ("Linear Layer with GLOVE", partial(Embedding, width=width, embed=vectors)),
        "lstm_glove": ("LSTM with GLOVE", partial(LSTM, width=width, embed=vectors)),
        "transformer": ("Transformer", partial(TextTransformer, width=width, hidden=width)),
        "transformer_glove": (
            "Transformer with GLOVE",
            partial(TextTransformer, width=width, hidden=width, embed=vectors),
        ),
        "bert": ("BERT", partial(bert, width=width)),
        "bert_frozen": ("BERT (frozen)", partial(bert, width=width, tuning=Frozen)),
    }


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
    return partial(MAAF, **fusion, norm=UnbiasedLayerNorm, pool=maaf.half_text)


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    if scale == "paper":
        place = f"{root}/fashioniq"
        data, test = partial(fashioniq.train, root=place), partial(fashioniq.test, root=place)
    else:
        size = SIZES[scale]
        data, test = (drawn_each_seed(read, FASHIONIQ, size) for read in (fashioniq.train, fashioniq.test))
    return [
        experiment(
            f"fashioniq/{name}",
            row,
            scale=scale,
            setting=setting,
            data=data,
            tests={"fashioniq": Test(test)},
            sampler=single_category,
            augment=flips_and_shifts(),
            exhibits={"fashioniq": _exhibits(name, scale)},
        )
        for name, row in rows(setting, root).items()
    ]


def _exhibits(name: str, scale: str) -> tuple[Exhibit, ...]:
    """The curve of every row, top tens (figures 1 and S2), and what words attend to (figure 6)."""
    if scale not in ("cpu", "gpu"):
        return ()
    kept: list[Exhibit] = [Curve(drawn(fashioniq.test, FASHIONIQ, replace(SIZES[scale], **VALIDATION)), (SCORE,))]
    if name in ("maaf", "tirg", "image_only", "text_only"):
        kept.append(TopTen(tuple(range(0, 1500, 60))))
    if name in LOOKED_AT:
        kept.append(PartAttention(size=SIZES[scale]))
    return tuple(kept)
