"""The two weights of guidance, for the image and for the text: a grid of both on FashionIQ, all of one training.

CompoDiff §5.7, Figures 5 and 10; the paper takes 1.5 and 7.5.
"""

from cirkit.experiments.artifacts import TopTen
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.compodiff import Sampling, sampled
from cirkit.models.guidance import as_meant
from cirkit.papers.clip_family.boards import SCORE, Reading
from cirkit.papers.compodiff.settings import SETTINGS
from cirkit.papers.compodiff.trainings import Family

TABLE = "Figure 10"
IMAGE = (1.0, 1.5, 2.0, 3.0, 4.0)  # w_I; 1 and 1 are no guidance
TEXT = (1.0, 2.5, 5.0, 7.5, 10.0)  # w_T
USUAL = (1.5, 7.5)
SHOWN = ((1.5, 1.0), (1.5, 7.5), (4.0, 1.0), (4.0, 7.5))  # whose first images are kept, for Figure 5
ROWS = (50, 650, 1250)  # of the queries: one of each category


def test_of(image: float, text: float) -> str:
    """What the test of two weights is called."""
    return f"image {image:g}, text {text:g}"


COLUMNS = {TABLE: tuple(Column(test_of(*pair), SCORE) for pair in (USUAL, (1.0, 1.0)))}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """The one row at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    data = Reading().tests(scale, root, ("fashioniq",))["fashioniq"].data

    def test(image: float, text: float) -> Test:
        return Test(data, use=sampled(Sampling(guidance=as_meant(image=image, text=text))))

    grid = [(image, text) for image in IMAGE for text in TEXT]
    kept = {test_of(*pair): (TopTen(ROWS, name=f"top-{pair[0]:g}-{pair[1]:g}"),) for pair in SHOWN}
    return [
        Experiment(
            name="compodiff/guidance",
            paper="compodiff",
            table=TABLE,
            row="CompoDiff",
            scale=scale,
            basis="original" if scale == "paper" else "world",
            seeds=setting.seeds[: setting.choices],
            training=Family(setting=setting, scale=scale, root=root).stage_2(),
            tests={test_of(*pair): test(*pair) for pair in grid},
            exhibits=kept if scale in ("cpu", "gpu") else {},
        )
    ]
