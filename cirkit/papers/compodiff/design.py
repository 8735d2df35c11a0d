"""How a denoiser reads its conditions: by cross-attention, or as tokens of its input; retrieval in both directions.

CompoDiff §5.7 and Table 5. CLIP alone is the row of the world CLIP; the public prior of the paper has no counterpart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn

from cirkit.benchmarks import captions
from cirkit.evaluators.measures import Recall
from cirkit.experiments.change import UNCHANGED, Change, apply
from cirkit.experiments.experiment import Column, Experiment, Test
from cirkit.models.compodiff import CompoDiff, Sampling, sampled
from cirkit.papers.clip_family import world_clip
from cirkit.papers.compodiff.diffusion_settings import SETTINGS
from cirkit.papers.compodiff.milliseconds import Milliseconds
from cirkit.papers.compodiff.trainings import Family
from cirkit.query import Benchmark, Query

TABLE = "Table 5"
COLUMNS = {TABLE: tuple(Column(test, Recall(k)) for test in ("text_to_image", "image_to_text") for k in (1, 5, 10))}


@dataclass(frozen=True)
class text_gallery:
    """A model that samples, as a retriever of texts."""

    sampling: Sampling

    def __call__(self, model: CompoDiff) -> "TextGallery":
        return TextGallery(sampled(self.sampling)(model))


class TextGallery(nn.Module):
    """A retriever of texts by images: the texts become images' vectors, the queries are encoded as a gallery is."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "b d"]:
        return self.model.compose(Query(text=texts))

    def compose(self, query: Query) -> Float[Tensor, "b d"]:
        return self.model.encode(query.image)

    def score(self, composed: Float[Tensor, "q d"], gallery: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
        return self.model.score(composed, gallery)


def coco(*, read: Callable[..., Benchmark], root: str) -> Benchmark:
    """COCO's 5000 images for testing, as Karpathy splits them."""
    return read(Path(root), captions.karpathy(Path(root) / "dataset_coco.json", "test"))


def _data(scale: str, root: str) -> dict[str, Callable[[], Benchmark]]:
    if scale == "paper":
        readers = {"text_to_image": captions.text_to_image, "image_to_text": captions.image_to_text}
        return {name: partial(coco, read=read, root=f"{root}/coco") for name, read in readers.items()}
    size = world_clip.SIZES[scale]
    held_out = {"count": size.held_out, "pixels": size.pixels, "seed": world_clip.SEED}
    return {read.__name__: partial(read, **held_out) for read in (world_clip.text_to_image, world_clip.image_to_text)}


def experiments(scale: str, root: str = "data/raw", change: Change = UNCHANGED) -> list[Experiment]:
    """All rows at a scale; `root` holds the original data, one folder per benchmark, for the `paper` scale."""
    setting = apply(change, SETTINGS[scale])
    family = Family(setting=setting, scale=scale, root=root)
    data = _data(scale, root)
    tests = {
        "text_to_image": Test(data["text_to_image"], use=sampled(family.sampling)),
        "image_to_text": Test(data["image_to_text"], use=text_gallery(family.sampling)),
    }
    rows = {
        "prior_like": ("Prior-like, stage 1", family.prior_like()),
        "stage_1": ("CompoDiff, stage 1", family.stage_1()),
        "stage_2": ("CompoDiff, stages 1 and 2", family.stage_2()),
    }
    return [
        family.experiment(
            f"design/{name}",
            label,
            training,
            table=TABLE,
            seeds=setting.choices,
            tests=tests,
            exhibits={"text_to_image": (Milliseconds(batches=(1, 16, 32)),)},
        )
        for name, (label, training) in rows.items()
    ]
