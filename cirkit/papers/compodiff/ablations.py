"""Three choices of CompoDiff's training: how many triplets, which text encoder, and the tasks of stage 2.

CompoDiff §5.7, Tables 6 to 8, on FashionIQ, CIRR and CIRCO. The main row is the end of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Experiment
from cirkit.papers.clip_family.boards import COLUMNS as FAMILY
from cirkit.papers.compodiff.all_boards import SCALE_OF_DATA, TASKS, TEXT_ENCODER, fusions, row
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.text_encoder import language_model
from cirkit.papers.compodiff.trainings import EDITS_ALONE, Family, triplets
from cirkit.training.loop import Training

BOARDS = ("fashioniq", "cirr", "circo")
SHOWN = (FAMILY["FashionIQ"][0], FAMILY["CIRR"][0], FAMILY["CIRR"][4], FAMILY["CIRCO"][0])
COLUMNS = dict.fromkeys((SCALE_OF_DATA, TEXT_ENCODER, TASKS), SHOWN)
INSTRUCTIONS = "instructions"  # triplets with instructions alone, as InstructPix2Pix's


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    family = Family(setting=setting, scale=scale, root=root)
    rows = []
    for name, label, data in _fewer(family):
        combiner = fusions(family, data)["combiner"]
        rows += [
            _row(f"data/{name}/compodiff", f"CompoDiff, {label}", family.stage_2(data), family, SCALE_OF_DATA),
            row(
                f"data/{name}/combiner",
                f"Combiner, {label}",
                combiner.training,
                family,
                reading=combiner.reading,
                boards=BOARDS,
                table=SCALE_OF_DATA,
                seeds=setting.choices,
            ),
        ]
    language = language_model(scale, setting.context)
    for name, label, text in (
        ("language", "Language model alone", (language,)),
        ("both", "CLIP and language model", (None, language)),
    ):
        other = replace(family, text=text)
        rows.append(_row(f"text/{name}", label, other.stage_2(), other, TEXT_ENCODER))
    return [*rows, _row("tasks/edits", "Only eq. 3", family.stage_2(shares=EDITS_ALONE), family, TASKS)]


def _row(name: str, label: str, training: Training, family: Family, table: str) -> Experiment:
    return row(name, label, training, family, boards=BOARDS, table=table, seeds=family.setting.choices)


def _fewer(family: Family) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Smaller sets of triplets: names, labels, data; the smallest also with instructions in place of keywords."""
    *fewer, most = family.setting.triplets
    for count in fewer:
        percent = round(100 * count / most)
        yield str(percent), f"{percent} % of them", triplets(family.scale, family.root, count)
    if fewer:
        label = f"{round(100 * fewer[0] / most)} %, instructions alone"
        yield INSTRUCTIONS, label, triplets(family.scale, family.root, fewer[0], keyless=1.0)
