"""Editing, then image search: what is painted is searched; InstructPix2Pix is asked as its paper says."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from toys import TinyClip, numbered

from cirkit.errors import Problem
from cirkit.evaluators.ranking import rank
from cirkit.models import edited_image
from cirkit.models.edited_image import SIDE, EditedImage, instruct_pix2pix
from cirkit.query import Benchmark, Query

COLOURS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


def plain(names) -> torch.Tensor:
    pixels = torch.tensor([COLOURS[name] for name in names], dtype=torch.uint8)
    return pixels[:, :, None, None].expand(-1, 3, 4, 4).contiguous()


def repaint(images, texts):
    """Each image in the colour that its text names."""
    return plain(texts)


def test_the_painted_image_is_searched_and_finds_itself_first():
    model = EditedImage((), clip=TinyClip, painter=repaint)
    names = list(COLOURS)
    benchmark = Benchmark(
        name="colours",
        query=Query(image=plain(["red"] * 3), text=names),
        gallery=plain(names),
        relevant=[[0], [1], [2]],
    )
    assert rank(model, benchmark).mid.tolist() == [1, 1, 1]
    composed = model.compose(Query(image=plain(["red"]), text=["blue"]))
    assert torch.allclose(composed, model.encode(plain(["blue"])))
    assert not any(each.requires_grad for each in model.parameters())


@pytest.mark.parametrize("query", [Query(text=["red"]), Query(image=numbered(1))])
def test_a_query_without_image_or_text_is_a_problem(query):
    with pytest.raises(Problem, match="Give the query both"):
        EditedImage((), clip=TinyClip, painter=repaint).compose(query)


class Pipeline:
    """In diffusers' place: the image in reverse colours, and what it was asked for."""

    def __init__(self):
        self.asked = []

    @classmethod
    def from_pretrained(cls, source, **settings):
        if source != "a/model":
            raise OSError(f"{source} is not here\nand more")
        assert settings["use_safetensors"]
        return cls()

    def set_progress_bar_config(self, disable):
        self.silent = disable

    def to(self, device):
        return self

    def __call__(self, text, image, **settings):
        self.asked.append((text, tuple(image.shape), settings["generator"].initial_seed(), settings))
        return SimpleNamespace(images=1 - image)


@pytest.fixture
def diffusers(monkeypatch):
    module = ModuleType("diffusers")
    module.StableDiffusionInstructPix2PixPipeline = Pipeline
    monkeypatch.setitem(sys.modules, "diffusers", module)
    edited_image._pipeline.cache_clear()
    yield
    edited_image._pipeline.cache_clear()


def test_instruct_pix2pix_paints_each_image_alone_with_the_paper_s_guidance(diffusers):
    paint = instruct_pix2pix(source="a/model")
    out = paint(plain(["red", "green"]), ["make it cyan", "make it pink"])
    assert out.shape == (2, 3, SIDE, SIDE) and out.dtype == torch.uint8
    assert out[0, :, 0, 0].tolist() == [5, 255, 255] and out[1, :, 0, 0].tolist() == [255, 5, 255]
    asked = edited_image._pipeline("a/model", "cuda" if torch.cuda.is_available() else "cpu").asked
    assert [each[:3] for each in asked] == [
        ("make it cyan", (1, 3, SIDE, SIDE), 0),
        ("make it pink", (1, 3, SIDE, SIDE), 0),
    ]
    settings = asked[0][3]
    assert (settings["guidance_scale"], settings["image_guidance_scale"]) == (7.5, 1.5)
    assert settings["num_inference_steps"] == 100


def test_a_model_that_is_not_there_is_one_sentence(diffusers):
    with pytest.raises(Problem, match=r"'b/other' cannot be loaded \(b/other is not here\)\. Name a folder"):
        instruct_pix2pix(source="b/other")(plain(["red"]), ["x"])


def test_without_diffusers_there_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    edited_image._pipeline.cache_clear()
    with pytest.raises(Problem, match="pip install diffusers"):
        instruct_pix2pix()(plain(["red"]), ["x"])
