"""CompoDiff zero-shot, and the fusion models that learn from the same synthetic triplets, on all boards.

CompoDiff Table 3 and Tables B.1 to B.4; PinPoint is ours. Methods that see no triplet are the CLIP family's rows.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cirkit.experiments.artifacts import Exhibit
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment
from cirkit.models.compodiff import sampled
from cirkit.papers.clip_family import supervised
from cirkit.papers.clip_family.boards import BOARDS, Reading
from cirkit.papers.clip_family.boards import COLUMNS as FAMILY
from cirkit.papers.clip_family.retrieved import first_of_cirr
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.trainings import Family
from cirkit.training.loop import Training

TABLES = {  # of this paper, by the CLIP family's name
    "FashionIQ": "Table B.1",
    "CIRR": "Table B.2",
    "CIRCO": "Table B.3",
    "GeneCIS": "Table B.4",
    "PinPoint": "PinPoint",
}
HEADLINES: tuple[Column, ...] = (
    *FAMILY["FashionIQ"][1:],
    FAMILY["CIRR"][0],
    FAMILY["CIRR"][4],
    *FAMILY["CIRCO"][:3],
    FAMILY["GeneCIS"][0],
)
SCALE_OF_DATA, TEXT_ENCODER, TASKS = "Table 6", "Table 7", "Table 8"
ALL = "all triplets"
ENDS = ((SCALE_OF_DATA, f"CompoDiff, {ALL}"), (TEXT_ENCODER, "CLIP"), (TASKS, "Proposed"))  # what the main row ends
COLUMNS = {"Table 3": HEADLINES} | {TABLES[name]: columns for name, columns in FAMILY.items()}


def row(
    name: str,
    label: str,
    training: Training,
    family: Family,
    *,
    reading: Reading | None = None,
    boards: tuple[str, ...] = tuple(BOARDS),
    table: str = "Table 3",
    also: tuple[tuple[str, str], ...] = (),
    seeds: int | None = None,
    shown: Mapping[str, tuple[Exhibit, ...]] = MappingProxyType({}),
) -> Experiment:
    """A row that is tested on boards; one of Table 3 stands in the table of each of its boards, too.

    `seeds` is how many of the setting's it has; None: all. Without a reading of its own it samples.
    `shown` is kept beside a validation curve.
    """
    reading = Reading(use=sampled(family.sampling)) if reading is None else reading
    each = tuple((TABLES[BOARDS[board].table], label) for board in boards) if table == "Table 3" else ()
    return family.experiment(
        name,
        label,
        training,
        table=table,
        seeds=seeds,
        also=(*each, *also),
        tests=reading.tests(family.scale, family.root, boards),
        exhibits={**reading.curves(family.scale, boards[0]), **shown},
    )


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    family = Family(setting=setting, scale=scale, root=root)
    fusion = fusions(family, family.all_triplets)
    labels = {"combiner": f"Combiner, {ALL}"}
    return [
        row("compodiff", "CompoDiff", family.stage_2(), family, also=ENDS, shown=first_of_cirr(scale)),
        *(
            row(
                name,
                f"{fusion[name].label} on synthetic triplets",
                fusion[name].training,
                family,
                reading=fusion[name].reading,
                also=((SCALE_OF_DATA, labels[name]),) if name in labels else (),
            )
            for name in ("combiner", "artemis")
        ),
    ]


def fusions(family: Family, data: Callable[[], Any]) -> dict[str, supervised.Learner]:
    """CLIP4Cir's sum and Combiner, and ARTEMIS, as they learn from these triplets."""
    return supervised.rows(family.setting.fusion, family.scale, family.root, lambda protocol: data)
