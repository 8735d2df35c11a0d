"""What maps show of people: named parts, maps against slow twins, entropy, Grad-CAM's gradient, and the grid."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from itself_golden import TALL

from cirkit.benchmarks.pedes import RSTP, Protocol
from cirkit.encoders.block_attention import Attention
from cirkit.errors import Problem
from cirkit.evaluators.attention_maps import difference
from cirkit.experiments.artifacts import unpack
from cirkit.models.itself import ITSELF, GlobalOnly
from cirkit.models.mars import mars, product
from cirkit.papers.itself import person_data
from cirkit.papers.itself.person_attention import (
    CLASSES,
    MAPS,
    PersonAttention,
    attention_to_patches,
    entropies,
    gradcam,
    maps_of,
    named,
    recall,
    union,
)
from cirkit.papers.itself.person_settings import SIZES
from cirkit.papers.itself.selection_grid import DISCARDS, SelectionGrid, composed, layers_of, scores_of
from cirkit.worlds import pedes as worlds
from cirkit.worlds.street import PARTS

SIZE = replace(SIZES["smoke"]["rstpreid"], seed=30_000)
TEXTS = ["a man in a red coat with a blue bag", "a woman with a green hat and yellow shoes"]


@pytest.fixture(scope="module")
def clip():
    torch.manual_seed(0)
    return TALL().eval()


def images(count=2):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 48, 16), dtype=torch.uint8, generator=generator)


def test_captions_name_parts_whatever_the_word():
    assert named("A man, red cap, blue rucksack, dark glasses, t-shirt.") == {"hat", "bag", "glasses", "upper"}
    assert named("She has a yellow print on her chest and high boots.") == {"logo", "shoes"}
    assert named("A person who seems to be on the way home.") == set()


def test_what_the_world_names_is_seen():
    rows = range(16)
    owner = worlds.drawing(SIZE, "test", rows).owner
    for own, texts in zip(owner, worlds.captions(SIZE, "test", rows, owner), strict=True):
        for text in texts:
            assert all((own == PARTS.index(part)).any() for part in named(text)), text


def test_the_union_of_parts_is_a_loop_over_pixels():
    owner = worlds.drawing(SIZE, "test", [0, 5]).owner
    parts = [{"hat", "bag"}, {"shoes"}]
    mask = union(owner, parts)
    for row, names in enumerate(parts):
        wanted = {PARTS.index(name) for name in names}
        assert all(bool(mask[row, y, x]) == (int(owner[row, y, x]) in wanted) for y in range(48) for x in range(16))


def test_maps_are_those_of_the_rules_in_multiples_of_uniform(clip):
    maps = maps_of(clip, images(), TEXTS)
    attention = attention_to_patches(clip, images())
    expected = mars()(attention)[:, 1:].double()
    torch.testing.assert_close(maps["mars"], expected / expected.mean(1, keepdim=True))
    assert set(maps) == set(MAPS) and all(each.shape == (2, 12) and each.isfinite().all() for each in maps.values())
    rows = torch.stack([attention.whole[block][:, 0] for block in range(attention.depth)])
    torch.testing.assert_close(rows.sum(2), torch.ones(attention.depth, 2))


def test_gradcam_is_the_slope_along_the_norm_by_finite_steps(clip):
    """Its channel weights times its activations: a step of all patches along one channel moves the cosine so much."""
    block, step, channel = clip.towers.image_blocks[-1].ln_1, 1e-3, 3
    text = torch.nn.functional.normalize(clip.text(TEXTS), dim=1)

    def cosine(shift):
        push = block.register_forward_hook(lambda module, given, made: made + shift)
        with torch.no_grad():
            found = (torch.nn.functional.normalize(clip.image(images()), dim=1) * text).sum(1)
        push.remove()
        return found

    shift = torch.zeros(1, 13, 16)
    shift[:, 1:, channel] = step
    slope = (cosine(shift) - cosine(-shift)) / (2 * step) / 12  # (b): the mean over patches of the gradient
    kept = []
    handle = block.register_forward_hook(lambda module, given, made: kept.append(made.detach()))
    found = gradcam(clip, images(), TEXTS)
    handle.remove()
    with torch.enable_grad():
        held = kept[0].requires_grad_()
        swap = block.register_forward_hook(lambda module, given, made: held)
        vectors = torch.nn.functional.normalize(clip.image(images()), dim=1)
        swap.remove()
        (gradient,) = torch.autograd.grad((vectors * text.detach()).sum(), held)
    weight = gradient[:, 1:].mean(1)
    torch.testing.assert_close(weight[:, channel], slope, rtol=0.05, atol=1e-5)
    torch.testing.assert_close(found, (weight[:, None] * held.detach()[:, 1:]).sum(2).relu())


def test_entropy_is_that_of_a_loop_and_uniform_attention_has_the_most():
    uniform = torch.full((1, 5, 5), 0.2)
    sharp = torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1]] * 5)[None].clone()
    sharp[0, 0] = torch.tensor([0.2, 0.4, 0.2, 0.1, 0.1])
    attention = Attention(row=torch.zeros(1, dtype=torch.int64), depth=2, tokens=5, whole={0: uniform, 1: sharp})
    found = entropies(attention)
    own = np.array([0.5, 0.25, 0.125, 0.125])
    assert found[0, :, 0].tolist() == pytest.approx([np.log(4)] * 2)
    assert float(found[0, 0, 1]) == pytest.approx(-(own * np.log(own)).sum())
    assert float(found[0, 1, 1]) == pytest.approx((-(own * np.log(own)).sum() + 4 * np.log(4)) / 5)


def test_recall_is_what_the_better_half_covers():
    map, cover = torch.tensor([[3.0, 1.0, 2.0, 0.0]]), torch.tensor([[0.5, 0.5, 0.25, 0.0]])
    assert float(recall(map, cover, 0.5)) == pytest.approx(0.75 / 1.25)
    assert float(recall(map, cover, 1.0)) == 1.0


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRKIT_DATA", str(tmp_path_factory.mktemp("seen")))
        yield person_data.test(root=worlds.RSTPREID.folder(SIZE), layout=RSTP, protocol=Protocol(shape=(48, 16)))


def test_the_exhibit_has_the_numbers_of_its_maps(clip, benchmark):
    model = GlobalOnly([], clip=lambda: clip, identities=3)
    content = PersonAttention(size=SIZE, offset=30_000, queries=12)(model, benchmark, lambda: None)
    assert json.loads(json.dumps(content)) == content and set(content["values"]) <= set(CLASSES)
    query = content["values"]["small things"]["query"][1]
    image = benchmark.gallery[torch.tensor([query // SIZE.captions])]
    owner = worlds.drawing(SIZE, "test", [query // SIZE.captions]).owner
    text = benchmark.query.text[query]
    mask = union(owner, [named(text) & set(CLASSES["small things"])])
    cover = torch.nn.functional.adaptive_avg_pool2d(mask.double(), clip.grid).flatten(1)
    maps = maps_of(clip, image, [text])
    for map in MAPS:
        expected = float(difference(maps[map], cover))
        assert content["values"]["small things"][map][1] == pytest.approx(expected, abs=2e-4)
    assert len(content["entropy"]["class token"]) == len(clip.towers.image_blocks)
    example = content["examples"][0]
    assert example["text"] == benchmark.query.text[example["query"]]
    kept = unpack(example["maps"]["last"])
    again = maps_of(clip, benchmark.gallery[torch.tensor([example["image"]])], [example["text"]])["last"][0]
    assert np.abs(kept - again.numpy()).max() < 0.02 * float(again.max())


def test_an_exhibit_of_a_seed_is_of_that_seeds_people():
    assert PersonAttention(size=SIZE, offset=30_000).of_seed(4).size.seed == 30_004
    assert SelectionGrid(size=SIZE, offset=30_000).of_seed(0).size == SIZE


def test_composed_layers_are_rows_of_the_full_product(clip):
    attention = attention_to_patches(clip, images())
    maps = [attention.whole[block] for block in (0, 2, 3)]
    torch.testing.assert_close(composed(attention, (0, 2, 3), 0.0), product(maps)[:, 0])
    torch.testing.assert_close(composed(attention, (1,), 0.7), attention.whole[1][:, 0])
    assert layers_of(4) == {
        "block 1": (0,), "block 2": (1,), "block 3": (2,), "block 4": (3,),
        "E + M": (0, 1), "M + L": (1, 3), "E + L": (0, 3), "E + M + L": (0, 1, 3),
    }  # fmt: skip
    assert list(layers_of(1)) == ["block 1"]


def test_the_grid_has_every_choice_and_what_cannot_be_composed_is_a_sentence(clip, benchmark):
    model = ITSELF([], clip=lambda: clip, identities=3, width=8)
    content = SelectionGrid(size=SIZE, offset=30_000, shown=2)(model, benchmark, lambda: None)
    scores = unpack(content["scores"])
    assert scores.shape == (2, len(content["layers"]), len(DISCARDS), 12) and scores.max() == pytest.approx(1.0)
    picture = benchmark.gallery[torch.tensor(content["images"])]
    own = scores_of(model, picture, (1, 3), 0.25).numpy()
    at = content["layers"].index("M + L"), content["discards"].index(0.25)
    assert np.abs(scores[:, at[0], at[1]] - own).max() < 0.01
    with pytest.raises(Problem, match=r"The image tower has blocks 1 to 4\. Give some of these\.$"):
        scores_of(model, picture, (1, 4), 0.25)
    with pytest.raises(Problem, match=r"leaves nothing\. Give one from 0 to below 1\.$"):
        scores_of(model, picture, (1,), 1.0)
