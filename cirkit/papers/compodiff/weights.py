"""The two weights of guidance, for the image and for the text: a grid of both on FashionIQ, all of one training.

CompoDiff §5.7, Figures 5 and 10; the paper takes 1.5 and 7.5.
"""

from cirkit.benchmarks.mixed_conditions import targets, text_alone
from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.compodiff import Sampling, sampled
from cirkit.models.guidance import as_meant
from cirkit.papers.clip_family.boards import SCORE, Reading
from cirkit.papers.compodiff.conditions import scenes
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.trainings import Family

TABLE = "Figure 10"
IMAGE = (1.0, 1.5, 2.0, 3.0, 4.0)  # w_I; 1 and 1 are no guidance
TEXT = (1.0, 1.5, 2.5, 4.0, 7.5)  # w_T
USUAL = (1.5, 7.5)  # the paper's
SHOWN = ((1.0, 1.0), (1.5, 7.5), (4.0, 2.5), (1.0, 4.0))  # whose first images are kept, for Figure 5
ROWS = (0, 160)  # of the queries about scenes that are shown so


def test_of(image: float, text: float) -> str:
    """What the test of two weights is called."""
    return f"image {image:g}, text {text:g}"


def shown(image: float, text: float) -> str:
    """What the test of two weights on scenes is called, and the end of its exhibit's name."""
    return f"scenes-{image:g}-{text:g}"


COLUMNS = {TABLE: tuple(Column(test_of(*pair), SCORE) for pair in (USUAL, (1.0, 1.0)))}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The one row at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    family = Family(setting=setting, scale=scale, root=root)
    data = Reading().tests(scale, root, ("fashioniq",))["fashioniq"].data

    def use(image: float, text: float) -> sampled:
        return sampled(Sampling(guidance=as_meant(image=image, text=text)))

    tests = {test_of(image, text): Test(data, use=use(image, text)) for image in IMAGE for text in TEXT}
    pairs = SHOWN if scale != "paper" else ()
    tests |= {shown(*pair): Test(scenes(scale, "negative", text_alone, targets), use=use(*pair)) for pair in pairs}
    return [
        family.experiment(
            "guidance",
            "CompoDiff",
            family.stage_2(),
            table=TABLE,
            seeds=setting.choices,
            tests=tests,
            exhibits={shown(*pair): (TopTen(ROWS, name=shown(*pair)),) for pair in pairs},
        )
    ]
