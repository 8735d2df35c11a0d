"""ITSELF's explorer: layers, discard ratio and retention, on a few people of RSTPReid's counterpart.

ITSELF Figures 5 and 7; live in JupyterLab where the row's weights are.
"""

from collections.abc import Sequence
from functools import partial

import torch

from cirkit.experiments import records
from cirkit.experiments.artifacts import unpack
from cirkit.experiments.experiment import Experiment
from cirkit.experiments.page import Page
from cirkit.experiments.trainings import load
from cirkit.explorers.retrieval import Nothing, data_url
from cirkit.explorers.selection import Score, SelectionExplorer
from cirkit.papers.itself.person_figures import images_of
from cirkit.papers.itself.selection_grid import scores_of

NAME, SHOWN, DISCARD = "itself/rstp/ours", "M + L", 0.25


def selection_explorer(page: Page) -> SelectionExplorer | Nothing:
    """The explorer of the row's first seed, MARS as the paper has it shown first."""
    experiment = page.experiment(NAME)
    seed = experiment.seeds[0]
    record = next((run for run in records.done(experiment) if run.seed == seed), None)
    content = None if record is None else records.exhibited(record, "selection")
    if content is None:
        return Nothing("There is nothing to explore yet: no run of this row has left its scores.")
    scores, person, small = (unpack(content[name]).round(3) for name in ("scores", "person", "small"))
    images = images_of(page.scale, "rstp", seed, content["images"])
    layers = content["layers"]
    there = (experiment.weights(seed) / "model.safetensors").is_file()
    return SelectionExplorer(
        items=[
            {
                "text": text,
                "image": data_url(image),
                "person": person[row].tolist(),
                "small": small[row].tolist(),
                "scores": scores[row].tolist(),
            }
            for row, (text, image) in enumerate(zip(content["texts"], images, strict=True))
        ],
        grid=content["grid"],
        layers=layers,
        discards=content["discards"],
        layer=layers.index(SHOWN) if SHOWN in layers else len(layers) - 1,
        discard=content["discards"].index(DISCARD),
        behind=partial(_live, experiment, page.scale, content["images"]) if there else None,
    )


def _live(experiment: Experiment, scale: str, rows: Sequence[int]) -> Score:
    """What composes any layers of the row's first seed."""
    seed = experiment.seeds[0]
    model = load(experiment.weights(seed), experiment.training)
    images = images_of(scale, "rstp", seed, rows)

    def score(item: int, blocks: Sequence[int], discard: float) -> Sequence[float]:
        return scores_of(model, images[torch.tensor([item])], blocks, discard)[0].tolist()

    return score
