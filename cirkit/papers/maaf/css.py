"""MAAF on CSS: Table 1, and the claims of §3.1 about the softmax and positions.

What the small scales change stands in `settings.small`, for all rows alike.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cirkit.attention.blocks import UnbiasedLayerNorm, identity
from cirkit.attention.positions import Sinusoidal
from cirkit.benchmarks import css
from cirkit.encoders.image import SmallResNet, linear_norm_relu
from cirkit.encoders.text import dropout_linear
from cirkit.evaluators.attention_maps import magnitudes
from cirkit.evaluators.measures import Recall
from cirkit.experiments.artifacts import Exhibit, TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.claims import Gain, GainOverBest, below
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.baselines import Concatenation, ImageOnly, TextOnly
from cirkit.models.maaf import MAAF, half_text, resolutions
from cirkit.models.tirg import TIRG
from cirkit.models.tirg_last_conv import TIRGLastConv
from cirkit.papers.maaf.settings import Row, Setting, baselines, claim, experiment, paper, small
from cirkit.papers.maaf.word_attention import AttentionPictures, WordAttention
from cirkit.query import Benchmark, Triplets
from cirkit.training.loop import Training
from cirkit.training.optimisers import sgd
from cirkit.training.samplers import same_reference_batches
from cirkit.training.schedules import step_decay
from cirkit.training.steps import descend_with_torch_masks
from cirkit.worlds.css import CSS, Size
from cirkit.worlds.publish import drawn

TABLE = "Table 1"
COLUMNS = {TABLE: (Column("css", Recall(1)),)}
# §4 looks at the softmax; the others ask whether what it finds is the softmax's, the depth's or the pooling's
LOOKED_AT = ("maaf_softmax", "maaf_identity", "maaf_softmax_2_blocks", "maaf_softmax_image_pooled")


def _small(steps: int, seeds: tuple[int, ...]) -> Setting:
    """One resolution, one block (paper §3.1), and a wider feed-forward than elsewhere."""
    one = {"image": partial(SmallResNet, width=64), "sides": (4,)}
    return replace(small(steps=steps, seeds=seeds, pixels=64, blocks=1), hidden=128, **one)


SETTINGS = {
    "smoke": _small(4, (0,)),
    "cpu": replace(_small(1500, (0, 1, 2, 3, 4)), step=descend_with_torch_masks),
    "gpu": _small(20_000, (0, 1, 2, 3, 4)),
    # paper §3.1: stage 4 alone, one block, 75k steps, a tenth of the rate after 50k; the released code trains
    # everything at .01 on CSS, and so do we
    "paper": replace(
        paper(steps=75_000, stages=(4,), blocks=1), optimiser=sgd(lr=0.01), schedule=step_decay(at=(2 / 3,))
    ),
}


def rows(setting: Setting) -> dict[str, Row]:
    """The rows of Table 1 by name."""
    both, fusion = setting.encoders, setting.fusion
    image = partial(setting.image.func, **setting.image.keywords, project=linear_norm_relu)
    text = partial(setting.text.func, **setting.text.keywords, head=dropout_linear)
    released = {"image": image, "text": text, "norm": UnbiasedLayerNorm, "pool": half_text, "weights": identity}
    models = {
        "image_only": ("Image only", partial(ImageOnly, image=setting.image)),
        "text_only": ("Text only", partial(TextOnly, **both)),
        "concatenation": ("Concatenation", partial(Concatenation, **both)),
        **baselines(setting),
        "tirg": ("TIRG", partial(TIRG, **both)),
        "tirg_last_conv": ("TIRG, last convolution", partial(TIRGLastConv, **both)),
        "maaf_softmax": ("MAAF, softmax", partial(MAAF, **fusion)),
        "maaf_softmax_positions": ("MAAF, softmax, positions", partial(MAAF, **fusion, positions=Sinusoidal)),
        "maaf_identity": ("MAAF, identity", partial(MAAF, **fusion, weights=identity)),
        "maaf_identity_positions": (
            "MAAF, identity, positions",
            partial(MAAF, **fusion, weights=identity, positions=Sinusoidal),
        ),
        "maaf_identity_released": ("MAAF, identity, as the released code", partial(MAAF, **fusion | released)),
        "maaf_softmax_2_blocks": ("MAAF, softmax, 2 blocks", partial(MAAF, **fusion | {"blocks": 2})),
        "maaf_softmax_image_pooled": ("MAAF, softmax, words not pooled", partial(MAAF, **fusion, pool=resolutions)),
    }
    return {name: Row(table=TABLE, label=label, model=model) for name, (label, model) in models.items()}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Table 1 at a scale; `root` is where the original data lie, one folder per benchmark, for the `paper` scale."""
    if scale == "paper":
        data, test = partial(css.train, root=f"{root}/css"), partial(css.test, root=f"{root}/css")
    else:
        data, test = _data(CSS.sizes[scale])
    setting = apply(change, SETTINGS[scale])
    return [
        experiment(
            f"css/{name}",
            row,
            scale=scale,
            setting=setting,
            data=data,
            tests={"css": Test(test)},
            sampler=same_reference_batches(2),  # the released code asks two questions in a row about each reference
            exhibits={"css": _exhibits(name, scale)},
        )
        for name, row in rows(setting).items()
    ]


def _exhibits(name: str, scale: str) -> tuple[Exhibit, ...]:
    """Top tens of every row, and what words attend to."""
    if scale not in ("cpu", "gpu"):
        return ()
    kept = (TopTen(tuple(range(0, 18_000, 750))),)
    if name not in LOOKED_AT:
        return kept
    size = CSS.sizes[scale]
    if name == "maaf_identity":  # weights of either sign, so there is nothing to dim a picture by
        return (*kept, WordAttention(size=size, heads=magnitudes, queries=600))
    return (*kept, WordAttention(size=size, queries=600), AttentionPictures(size=size))


def live() -> tuple[Training, Callable[[], Benchmark]]:
    """The training and the benchmark of the page that trains MAAF before the reader's eyes, in about a minute."""
    data, test = _data(CSS.sizes["live"])
    setting = _small(400, (0,))
    row = rows(setting)["maaf_identity"]
    test_by_name = {"css": Test(test)}
    sampler = same_reference_batches(2)
    live = experiment("live", row, scale="smoke", setting=setting, data=data, tests=test_by_name, sampler=sampler)
    return live.training, test


def _data(size: Size) -> tuple[drawn[Triplets], drawn[Benchmark]]:
    return drawn(css.train, CSS, size), drawn(css.test, CSS, size)


def _gain(a: str, b: str) -> Gain:
    return Gain(f"maaf/css/{a}", f"maaf/css/{b}", "css", Recall(1))


ADAPTED = tuple(f"maaf/css/{name}" for name in baselines(SETTINGS["cpu"]))  # from other tasks
# The paper's own spread over seeds is about one point (87.8 ± 0.9, 73.7 ± 1.0), so a difference of two points is the
# least it could call significant; that margin was set before the first run.
NOTICEABLE = 2.0  # points

CLAIMS = [
    claim(
        1,
        "Table 1",
        "On CSS, MAAF has a higher R@1 than TIRG.",
        "87.8 ± 0.9 against 73.7 ± 1.0 R@1",
        _gain("maaf_identity", "tirg"),
        headline=True,
    ),
    claim(
        2,
        "§3.1",
        "On CSS, the identity in place of the softmax raises MAAF's R@1.",
        "significantly improved R@1 (no number)",
        _gain("maaf_identity", "maaf_softmax"),
    ),
    claim(
        3,
        "§3.1",
        "On CSS, sinusoidal positional encodings make no difference to MAAF under the softmax.",
        "did not significantly improve performance (no number)",
        _gain("maaf_softmax_positions", "maaf_softmax"),
        below(NOTICEABLE),
    ),
    claim(
        4,
        "§3.1",
        "On CSS, sinusoidal positional encodings lower MAAF's R@1 under the identity.",
        "significantly impaired performance (no number)",
        _gain("maaf_identity_positions", "maaf_identity"),
        below(0.0),
    ),
    claim(
        24,
        "Table 1",
        "On CSS, TIRG has a higher R@1 than the best of the models adapted from other tasks.",
        "73.7 ± 1.0 against FiLM's 65.6 ± 0.5",
        GainOverBest("maaf/css/tirg", ADAPTED, "css", Recall(1)),
    ),
    claim(
        25,
        "Table 1",
        "On CSS, Show and Tell has a lower R@1 than parameter hashing, the next in the table.",
        "33.0 ± 3.2 against 60.5 ± 1.9",
        _gain("show_and_tell", "parameter_hashing"),
        below(0.0),
    ),
]
