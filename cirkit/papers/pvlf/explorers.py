"""PVLF's explorers: prompt length and depth, with a training to watch; and the images of CIRR's world by gallery row.

PVLF Tables 4 and 5; live in JupyterLab where the world CLIP's weights are.
"""

import time
from dataclasses import replace

from cirkit.encoders.word_vectors import frozen
from cirkit.evaluators.ranking import rank
from cirkit.experiments import records
from cirkit.experiments.bootstrap import estimate, overall
from cirkit.experiments.experiment import weights_folder
from cirkit.experiments.page import Page
from cirkit.experiments.pilots import FIRST as UNREPORTED
from cirkit.experiments.trainings import Trainer, never
from cirkit.explorers.retrieval import Nothing
from cirkit.explorers.sizes import SizeExplorer, Train, Watch
from cirkit.papers.clip_family.boards import BOARDS
from cirkit.papers.pvlf.fusion_encoders import FIRST, towers
from cirkit.papers.pvlf.fusion_rows import CIRR
from cirkit.papers.pvlf.fusion_settings import LENGTHS, SETTINGS, USUAL
from cirkit.papers.pvlf.fusion_trainings import Fusions

LIVE_STEPS = 200


def size_explorer(page: Page) -> SizeExplorer | Nothing:
    """R@1 on CIRR of each length and depth that has records; Nothing before the first."""
    column, cells = CIRR[0], {}
    for name in (*(f"length_{p}" for p in LENGTHS if p != USUAL), "no_prompts", "depth_1", "depth_3", "combined"):
        experiment = page.experiment(f"pvlf/{name}")
        if runs := records.done(experiment):
            length, depth = (experiment.training.model.keywords[key] for key in ("length", "layers"))
            found = estimate(runs, column.test, column.measure)
            numbers = {key: round(getattr(found, key), 2) for key in ("mean", "low", "high")}
            cells[length, depth] = {"length": length, "depth": depth, "seeds": found.seeds} | numbers
    if not cells:
        return Nothing("There is nothing to explore yet: no row of a length or depth has been run.")
    length, depth = list(cells)[-1]  # the paper's own choice, where it was run
    return SizeExplorer(
        cells=[cells[size] for size in sorted(cells)],
        measure=f"CIRR {column}",
        length=length,
        depth=depth,
        train=live_training(page.scale),
    )


def live_training(scale: str) -> Train | None:
    """Trains a fusion of a size on a seed that is never reported, from tokens computed once; None without a CLIP."""
    start = towers(FIRST, scale).start
    if not start or not (weights_folder(start["clip"].of, 0) / "model.safetensors").is_file():
        return None

    def train(length: int, depth: int, watch: Watch) -> str:
        setting = SETTINGS[scale]
        steps = min(LIVE_STEPS, setting.steps)
        over = Fusions(setting=setting, scale=scale, root="", encoder=FIRST, tuning=frozen)
        training = replace(over.pvlf(length=length, layers=depth), steps=steps)
        begun = time.perf_counter()
        trainer = Trainer(accept=never, keep=False, local=True, watch=lambda step, loss: watch(step, steps, loss))
        model = trainer(training, UNREPORTED).model
        seconds = time.perf_counter() - begun
        benchmark = BOARDS["cirr"].validation("cirr", scale, {})()
        value = overall(rank(model, benchmark), CIRR[0].measure)
        return (
            f"{steps} steps in {seconds:.0f} s: {CIRR[0]} {value:.1f} on validation queries that no row is tested on."
        )

    return train
