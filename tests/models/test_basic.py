"""BASIC and the late fusions: the released code's numbers, and what each part is for."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize
from toys import TinyClip, colour_benchmark

from cirkit.declare import describe
from cirkit.errors import Problem
from cirkit.evaluators.expansion import rank_expanded
from cirkit.evaluators.ranking import compose, encode, rank, rank_features
from cirkit.models.base import Retriever
from cirkit.models.basic import Basic, Statistics, expand, score, subject_projection
from cirkit.models.late_fusion import LateFusion, image_alone, product, text_alone, total
from cirkit.query import Benchmark, Query

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "basic.json").read_text())["cases"]
SUBJECTS = ["a cube", "a sphere", "a large cylinder", "a red shirt", "a long dress", "two tops", "a bird", "shoes"]
STYLES = ["a sketch", "an oil painting", "a night", "in snow", "watercolour"]


def features() -> dict[str, torch.Tensor]:
    """Unit vectors by rule, twelve numbers each; `mean` is not one."""

    def rule(count: int, pace: float) -> torch.Tensor:
        i = torch.arange(count * 12, dtype=torch.float64)
        return ((torch.sin((i + 1) * pace) * 1e4) % 1 - 0.5).view(count, 12).float()

    counts = {"image": (5, 0.7), "text": (5, 1.3), "gallery": (40, 0.9), "subjects": (30, 0.41), "styles": (20, 0.53)}
    counts |= {"images": (9, 0.61), "texts": (9, 0.77)}
    out = {name: normalize(rule(*each), dim=-1) for name, each in counts.items()}
    return out | {"mean": rule(1, 0.11)[0] * 0.05}


class Given(nn.Module):
    """A CLIP whose vectors are given: image i is the i-th of `vectors`, and so is the text that says i."""

    def __init__(self, images: torch.Tensor, texts: torch.Tensor):
        super().__init__()
        self.images, self.texts = images, texts

    def image(self, images: torch.Tensor) -> torch.Tensor:
        return self.images[images[:, 0, 0, 0].long()]

    def text(self, texts: list[str]) -> torch.Tensor:
        return self.texts[[int(text) for text in texts]]


def numbered(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 1, 1)


def close(values: torch.Tensor, name: str) -> None:
    torch.testing.assert_close(values[:, :16], torch.tensor(GOLDEN[name]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fuse"), [("sum", total), ("product", product), ("image", image_alone), ("text", text_alone)]
)
def test_late_fusions_score_as_the_released_code(name, fuse):
    given = features()
    clip = Given(torch.cat([given["image"], given["gallery"]]), given["text"])
    model = LateFusion([], clip=lambda: clip, fuse=fuse)
    query = Query(image=numbered(0, 5), text=[str(i) for i in range(5)])
    assert isinstance(model, Retriever)
    close(model.score(model.compose(query), model.encode(numbered(5, 40))), name)


@pytest.mark.parametrize(
    ("name", "components", "neighbours"), [("basic_plain", 5, 0), ("basic", 5, 25), ("basic_all", 250, 25)]
)
def test_basic_scores_as_the_released_code(name, components, neighbours):
    given = features()
    known = {part: given[part] for part in ("mean", "images", "texts", "subjects", "styles")}
    statistics = Statistics(**known, components=components)
    gallery = given["gallery"] - statistics.image_mean
    image, text = given["image"] - statistics.image_mean, given["text"] - statistics.text_mean
    if neighbours:
        near = (image @ statistics.projection @ gallery.mT).topk(neighbours)
        image = expand(image, gallery[near.indices], near.values)
    close(score(statistics, (image, text), gallery, balance=0.1), name)


def test_the_projection_keeps_what_subjects_vary_in_and_not_what_styles_do():
    subjects = torch.zeros(40, 4).index_fill_(1, torch.tensor([0]), 1.0) * torch.linspace(-1, 1, 40)[:, None]
    styles = torch.zeros(40, 4).index_fill_(1, torch.tensor([1]), 1.0) * torch.linspace(-1, 1, 40)[:, None]
    projection = subject_projection(subjects, styles, styles_weight=0.2, components=1)
    torch.testing.assert_close(projection, torch.diag(torch.tensor([1.0, 0, 0, 0])), atol=1e-3, rtol=0)
    torch.testing.assert_close(projection @ projection, projection)
    whole = subject_projection(subjects, styles, styles_weight=0.2, components=250)
    assert torch.linalg.matrix_rank(whole) < 4  # a direction of styles has a negative eigenvalue


def sample() -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, (12, 3, 4, 4), dtype=torch.uint8, generator=generator)


BASIC = partial(
    Basic, clip=TinyClip, subjects=SUBJECTS, styles=STYLES, images=sample, captions=SUBJECTS, components=5, context=3
)


def test_basic_on_any_clip_is_a_retriever_of_what_was_declared():
    model, benchmark = BASIC([]), colour_benchmark()
    assert isinstance(model, Retriever) and not [each for each in model.parameters() if each.requires_grad]
    assert describe(BASIC)["clip"] == {"name": "toys.TinyClip"}
    image, text = model.compose(benchmark.query[torch.arange(3)])
    assert image.shape == text.shape == (3, 8)
    words = benchmark.query.text[0]
    around = [f"{subject} {words}" for subject in SUBJECTS[:3]] + [f"{words} {subject}" for subject in SUBJECTS[:3]]
    mean = normalize(normalize(model.clip.text(around), dim=-1).mean(0), dim=-1)
    torch.testing.assert_close(text[0], mean - model.statistics.text_mean)
    bare = BASIC([], context=0).compose(Query(image=sample()[:1], text=[words]))[1][0]
    alone = normalize(model.clip.text([words]), dim=-1)[0]
    torch.testing.assert_close(bare, alone - model.statistics.text_mean)


def test_a_query_without_image_or_text_is_a_problem():
    for model in (BASIC([]), LateFusion([], clip=TinyClip)):
        for query in (Query(image=sample()), Query(text=["red"])):
            with pytest.raises(Problem, match="Give the query both"):
                model.compose(query)


def test_expansion_takes_the_neighbours_of_a_query_s_own_gallery_and_not_what_is_excluded():
    benchmark, model = colour_benchmark(), BASIC([])
    own = [[0, 1, 2, 16 + i] if i > 2 else [i, 5, 16 + i] for i in range(16)]
    benchmark = Benchmark(
        name="own", query=benchmark.query, gallery=benchmark.gallery, relevant=benchmark.relevant, candidates=own,
        excluded=[[0] if i else [5] for i in range(16)],
    )  # fmt: skip
    gallery, composed = encode(model, benchmark.gallery), compose(model, benchmark)
    images = []
    for i in range(16):
        rows = [row for row in own[i] if row not in benchmark.excluded[i]]
        values = model.similarity((composed[0][i : i + 1], composed[1][i : i + 1]), gallery[rows])
        order = values[0].argsort(descending=True)[:2]
        images.append(expand(composed[0][i : i + 1], gallery[rows][order][None], values[:, order]))
    expected = rank_features(model, (torch.cat(images), composed[1]), gallery, benchmark)
    found = rank_expanded(model, benchmark, neighbours=2)
    assert found.mid.tolist() == expected.mid.tolist()


def test_expansion_by_a_gallery_smaller_than_it_asks_for_is_by_all_of_it():
    benchmark, model = colour_benchmark(), BASIC([])
    whole, more = (rank_expanded(model, benchmark, neighbours=count) for count in (32, 400))
    assert whole.mid.tolist() == more.mid.tolist()
    assert rank_expanded(model, benchmark).mid.tolist() != rank(model, benchmark).mid.tolist()
