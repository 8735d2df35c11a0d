"""PVLF's explorers: prompt length and depth, with a training to watch; and the images of CIRR's world by gallery row.

PVLF Tables 4 and 5; live in JupyterLab where the world CLIP's weights are.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from jaxtyping import UInt8
from torch import Tensor

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
from cirkit.papers.pvlf.fusion_settings import LENGTHS, SETTINGS
from cirkit.papers.pvlf.fusion_trainings import Fusions
from cirkit.worlds.cirr import CIRR as WORLD

LIVE_STEPS = 200


def cirr_images(scale: str) -> Callable[[Sequence[int]], UInt8[Tensor, "n 3 h w"]]:
    """The validation images of CIRR's world of seed 0, by gallery row."""
    size = replace(BOARDS["cirr"].sizes[scale], seed=0)
    return lambda rows: WORLD.images(size, "val", rows)


def size_explorer(page: Page) -> SizeExplorer | Nothing:
    """R@1 on CIRR of each length and depth that has records; Nothing before the first."""
    column, usual = CIRR[0], SETTINGS[page.scale]
    names = {(length, usual.layers): f"pvlf/length_{length}" for length in LENGTHS}
    names |= {(usual.prompt_length, depth): f"pvlf/depth_{depth}" for depth in (1, 3)}
    default = usual.prompt_length, usual.layers
    names |= {(0, usual.layers): "pvlf/no_prompts", default: "pvlf/combined"}
    cells = []
    for (length, depth), name in sorted(names.items()):
        if runs := records.done(page.experiment(name)):
            found = estimate(runs, column.test, column.measure)
            numbers = {key: round(value, 2) for key, value in vars(found).items() if key in ("mean", "low", "high")}
            cells.append({"length": length, "depth": depth, "seeds": found.seeds} | numbers)
    if not cells:
        return Nothing("There is nothing to explore yet: no row of a length or depth has been run.")
    sizes = [(cell["length"], cell["depth"]) for cell in cells]
    length, depth = default if default in sizes else sizes[0]
    train = live_training(page.scale)
    return SizeExplorer(cells=cells, measure=f"CIRR {column}", length=length, depth=depth, train=train)


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
