"""CompoDiff's explorer and its figure of generated images, from what the row with negative texts and masks keeps.

CompoDiff Figures 5, 11 and 12; the gallery's images are rendered again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from cirkit.examples import at_seed
from cirkit.experiments import artifacts
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.trainings import load
from cirkit.explorers.grid import Axes
from cirkit.explorers.live import LiveModel
from cirkit.explorers.retrieval import Nothing
from cirkit.explorers.sampling import SamplingExplorer
from cirkit.figures.display import Display, waiting
from cirkit.figures.first_seed import content_of
from cirkit.figures.images import contact_sheet
from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS

Images = Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]]


def _content(page: Page, name: str) -> tuple[Experiment, dict[str, Any] | None]:
    """The row, and the exhibit that its first seed keeps; None where today's configuration has left none."""
    experiment = page.experiment("compodiff/conditions/compodiff")
    return experiment, content_of(experiment, name)


def gallery_images(scale: str, kind: str, seed: int) -> Images:
    """The gallery of a kind of query by row, rendered again."""
    size = replace(MIXED_CONDITIONS.sizes[scale], seed=seed)
    return lambda rows: MIXED_CONDITIONS.images(size, kind, rows)


def sampling_explorer(page: Page, kind: str) -> SamplingExplorer | Nothing:
    """The explorer of queries with negative texts, or with masks. Live where the row's weights are here."""
    experiment, content = _content(page, f"sampling-{kind}")
    if content is None:
        return Nothing("There is nothing to explore yet: no run of this row has left its grid.")
    lists = [row for each in content["top"] for cell in each for row in cell]
    asked = [row for query in content["queries"] for row in (query["reference"], *query["relevant"][:2])]
    rows, seed = sorted({*lists, *asked}), experiment.seeds[0]
    there = (experiment.weights(seed) / "model.safetensors").is_file()
    return SamplingExplorer(
        axes=Axes(**{name: tuple(values) for name, values in content["axes"].items()}),
        queries=content["queries"],
        top=content["top"],
        rank=content["rank"],
        images=dict(zip(rows, gallery_images(page.scale, kind, seed)(rows), strict=True)),
        behind=partial(_live, experiment, kind) if there else None,
    )


def _live(experiment: Experiment, test: str) -> LiveModel:
    seed = experiment.seeds[0]
    model = load(experiment.weights(seed), experiment.training)
    return LiveModel(model, at_seed(experiment.tests[test].data, seed)())


def generated_images(page: Page, kind: str, number: str) -> Display:
    """Figure 12: for each query the reference, what its sampled vector shows, and the image that it retrieves.

    Beside these, what the decoder makes of the retrieved image's own vector: what is lost there is the decoder's.
    """
    experiment, content = _content(page, f"generated-{kind}")
    if content is None:
        return waiting(page, number)
    queries, images = content["queries"], gallery_images(page.scale, kind, experiment.seeds[0])
    pairs = zip(queries, content["retrieved"], strict=True)
    rows = [row for query, found in pairs for row in (query["reference"], found)]
    shown = images(rows)
    painted = {name: torch.from_numpy(artifacts.unpack(content[name])) for name in ("generated", "decoded")}
    painted = {name: each.round().clamp(0, 255).to(torch.uint8) for name, each in painted.items()}
    lines = [shown[::2], painted["generated"], painted["decoded"], shown[1::2]]
    sheet = contact_sheet(torch.cat([_sized(each, shown.shape[-1]) for each in lines]), columns=len(queries))
    caption = (
        "Columns are queries, rows are: the reference; the sampled vector, decoded; the vector of the retrieved image, "
        "decoded; the retrieved image. " + " ".join(f"{i + 1}: {_words(query)}." for i, query in enumerate(queries))
    )
    alt = "Four rows of small images: references, generated images, decoded retrieved images, retrieved images."
    return Display(sheet, number, caption, [experiment], alt)


def _sized(images: UInt8[Tensor, "n 3 h w"], side: int) -> UInt8[Tensor, "n 3 s s"]:
    return images if images.shape[-1] == side else interpolate(images, size=(side, side))


def _words(query: Mapping[str, Any]) -> str:
    return query["text"] + ("" if query["avoid"] is None else f", not {query['avoid']}")
