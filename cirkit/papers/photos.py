"""Our own experiment on real photos: the same class of garment in another colour, learnt from scratch.

No paper makes this table; it carries the query of FashionIQ (MAAF §3.2) to photos that anyone may use.
"""

from dataclasses import dataclass
from functools import partial

from cirkit.benchmarks import clothing
from cirkit.encoders.image import SmallResNet
from cirkit.encoders.text import LSTM
from cirkit.evaluators.measures import Recall
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.claims import Claim, Gain, OverChance, claims_of
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.losses.contrastive import batch_softmax
from cirkit.models.baselines import ImageOnly, TextOnly
from cirkit.models.maaf import MAAF
from cirkit.models.tirg import TIRG
from cirkit.training.augment import flips_and_shifts
from cirkit.training.loop import Training
from cirkit.training.objectives import ranking
from cirkit.training.optimisers import adamw
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import cosine_with_warmup
from cirkit.training.steps import descend, descend_with_torch_masks

SIZE = 48  # pixels
COLUMNS = {"Table 1": (Column("clothing", Recall(10)), Column("clothing", Recall(1)))}


@dataclass(frozen=True, kw_only=True)
class PhotoSetting:
    """What all rows share: steps, learning rate and sizes of the encoders and of the fusion."""

    steps: int
    seeds: tuple[int, ...]
    batch: int = 32
    lr: float = 1e-3
    width: int = 64
    blocks: int = 1
    heads: int = 4
    hidden: int = 128


SETTINGS = {  # there are too few photos for the larger scales to mean anything
    "smoke": PhotoSetting(steps=4, seeds=(0,)),
    "cpu": PhotoSetting(steps=1000, seeds=(0, 1, 2, 3, 4)),
}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """Four rows, trained alike; none at the scales that are not declared. The photos lie in `root`/clothing."""
    if scale not in SETTINGS:
        return []
    photos = {"root": f"{root}/clothing", "image": SIZE}
    setting = apply(change, SETTINGS[scale])
    both = {"image": partial(SmallResNet, width=setting.width), "text": partial(LSTM, width=setting.width)}
    rows = {
        "image_only": ("Image only", partial(ImageOnly, image=both["image"])),
        "text_only": ("Text only", partial(TextOnly, **both)),
        "tirg": ("TIRG", partial(TIRG, **both)),
        "maaf": (
            "MAAF, softmax",
            partial(MAAF, **both, blocks=setting.blocks, heads=setting.heads, hidden=setting.hidden),
        ),
    }
    return [
        Experiment(
            name=f"photos/{name}",
            paper="photos",
            table="Table 1",
            row=label,
            scale=scale,
            basis="photos",
            seeds=setting.seeds,
            training=Training(
                model=model,
                data=partial(clothing.train, **photos),
                objective=ranking(batch_softmax),
                optimiser=adamw(lr=setting.lr),
                steps=setting.steps,
                batch=setting.batch,
                step=descend_with_torch_masks if scale == "cpu" else descend,
                schedule=cosine_with_warmup(),
                sampler=shuffled,
                augment=flips_and_shifts(),
            ),
            tests={"clothing": Test(partial(clothing.test, **photos))},
        )
        for name, (label, model) in rows.items()
    ]


def _gain(a: str, b: str) -> Gain:
    return Gain(f"photos/{a}", f"photos/{b}", "clothing", Recall(10))


def _claim(number: int, says: str, quantity: Gain | OverChance) -> Claim:
    return claims_of("photos", "photos")(number, "Table 1", says, "our own experiment", quantity)


CLAIMS = [
    _claim(1, "On garment photos, TIRG has a higher R@10 than image only.", _gain("tirg", "image_only")),
    _claim(2, "On garment photos, TIRG has a higher R@10 than text only.", _gain("tirg", "text_only")),
    _claim(3, "On garment photos, MAAF has a higher R@10 than image only.", _gain("maaf", "image_only")),
    _claim(4, "On garment photos, MAAF has a higher R@10 than text only.", _gain("maaf", "text_only")),
    _claim(5, "On garment photos, MAAF has a higher R@10 than TIRG.", _gain("maaf", "tirg")),
    _claim(
        6,
        "On garment photos, image only has a higher R@10 than chance.",
        OverChance("photos/image_only", "clothing", Recall(10)),
    ),
]
