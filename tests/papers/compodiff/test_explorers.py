"""What the row with conditions keeps for its explorer and for generated images, and what a page shows of it."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from toys import TinyClip, numbered

from cirkit.evaluators import ranking
from cirkit.experiments import artifacts
from cirkit.experiments.page import Page
from cirkit.explorers.grid import Axes, mask_of
from cirkit.explorers.retrieval import Nothing
from cirkit.models.compodiff import CompoDiff, sampled
from cirkit.models.decoder import Decoder
from cirkit.models.denoiser import Denoiser
from cirkit.papers import compodiff
from cirkit.papers.compodiff import explorers
from cirkit.papers.compodiff.synth_exhibits import Generated, SamplingGrid, keeps
from cirkit.query import Benchmark, Query

AXES = Axes(image=(1.0, 1.5), text=(7.5,), calls=(1, 2))
BOX = (0.0, 0.5, 1.0, 1.0)
DECODER = partial(Decoder, clip=TinyClip, pixels=8, channels=(16, 8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    denoiser = partial(Denoiser, blocks=1, heads=2, cross_heads=2, head_width=4, widening=2)
    return CompoDiff([], clip=TinyClip, denoiser=denoiser).eval()


def benchmark(**condition) -> Benchmark:
    gallery = 30 * numbered(8)
    return Benchmark(
        name="t", query=Query(image=gallery[:3], text=["red", "blue", "green"], **condition), gallery=gallery,
        relevant=[[3, 4], [4], [5]], excluded=[[0], [1], [2]],
    )  # fmt: skip


NEGATIVE = {"avoid": ["a cone", "a cube", "a ball"]}
MASK = {"mask": mask_of(BOX, 2).expand(3, -1, -1)}


@pytest.mark.parametrize("condition", [NEGATIVE, MASK], ids=["negative", "mask"])
def test_the_grid_is_what_the_model_ranks_at_each_cell(model, condition):
    data = benchmark(**condition)
    content = SamplingGrid(rows=(0, 2, 9), axes=AXES, k=3)(model, data, lambda: None)
    asked = [(each["text"], each["reference"], each["relevant"]) for each in content["queries"]]
    assert asked == [("red", 0, [3, 4]), ("green", 2, [5])]
    assert [each["avoid"] for each in content["queries"]] == (
        [None] * 2 if "mask" in condition else ["a cone", "a ball"]
    )
    assert [each["box"] for each in content["queries"]] == [BOX if "mask" in condition else None] * 2
    for at, cell in enumerate(AXES.cells()):
        mine = data if cell[3] else benchmark()
        how = sampled(AXES.sampling(cell))(model)
        ranks = ranking.rank(how, mine).best()
        assert [lines[at] for lines in content["rank"]] == [ranks[0], ranks[2]]
        composed, gallery = ranking.compose(how, mine), ranking.encode(how, mine.gallery)
        assert [lists[at] for lists in content["top"]] == ranking.top(how, composed, gallery, mine, [0, 2], 3)[0]
    axes = {"image": [1.0, 1.5], "text": [7.5], "calls": [1, 2], "first": [1.5, 7.5, 10]}
    assert json.loads(json.dumps(content))["axes"] == axes


def test_generated_images_are_the_decoded_samples(model):
    torch.manual_seed(1)
    network, data = DECODER().eval(), benchmark(**NEGATIVE)
    content = Generated(rows=(0, 1), decoder=lambda: network)(model, data, lambda: None)
    expected = network.paint(model.compose(data.query[torch.tensor([0, 1])]))
    found = torch.from_numpy(artifacts.unpack(content["generated"]))
    assert (found - expected).abs().max() <= 1.01 and content["generated"]["shape"] == [2, 3, 8, 8]
    retrieved = network.paint(model.encode(data.gallery[torch.tensor(content["retrieved"])]))
    assert (torch.from_numpy(artifacts.unpack(content["decoded"])) - retrieved).abs().max() <= 1.01


def test_the_row_with_conditions_keeps_both_for_each_kind_at_the_scales_that_are_shown():
    name, kinds = "compodiff/conditions/compodiff", {"negative", "mask"}
    wanted = {f"{what}-{kind}" for what in ("sampling", "generated") for kind in kinds}
    for scale in ("smoke", "cpu"):
        for each in compodiff.experiments(scale):
            mine = wanted & {exhibit.name for exhibits in each.exhibits.values() for exhibit in exhibits}
            assert mine == (wanted if (each.name, scale) == (name, "cpu") else set())
    assert set(keeps("cpu", (2.0, 2.5, 10))) == kinds


def test_a_page_without_a_run_says_so_and_with_one_shows_it(home, model, monkeypatch):
    page = Page.of(paper="compodiff", scale="smoke")
    assert isinstance(explorers.sampling_explorer(page, "mask"), Nothing)
    assert explorers.generated_images(page, "mask", "Figure 12").caption == "Not run."
    data = benchmark(**MASK)
    contents = {
        "sampling-mask": SamplingGrid(rows=(0, 1), axes=AXES)(model, data, lambda: None),
        "generated-mask": Generated(rows=(0, 1), decoder=DECODER)(model, data, lambda: None),
    }
    row = page.experiment("compodiff/conditions/compodiff")
    monkeypatch.setattr(explorers, "_content", lambda page, name: (row, json.loads(json.dumps(contents[name]))))
    monkeypatch.setattr(explorers, "gallery_images", lambda *place: lambda rows: data.gallery[torch.tensor(rows)])
    shown = explorers.sampling_explorer(page, "mask")
    assert shown.top == contents["sampling-mask"]["top"] and not shown.live
    display = explorers.generated_images(page, "mask", "Figure 12")
    assert "1: red. 2: blue." in display.caption


def test_images_of_the_gallery_are_those_that_are_published(home):
    from cirkit.benchmarks import mixed_conditions
    from cirkit.worlds.mixed_conditions import MIXED_CONDITIONS

    size = replace(MIXED_CONDITIONS.sizes["smoke"], seed=3)
    held = mixed_conditions.test(MIXED_CONDITIONS.folder(size), mixed_conditions.Protocol(kind="mask"))
    rows = [0, 7, 3]
    assert torch.equal(explorers.gallery_images("smoke", "mask", 3)(rows), held.gallery[torch.tensor(rows)])
