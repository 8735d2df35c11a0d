"""The world CLIP: what it learns from, that it learns, and that other models begin from it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cirkit.encoders.clip import Clip
from cirkit.errors import Problem
from cirkit.evaluators.measures import Recall
from cirkit.evaluators.ranking import rank
from cirkit.experiments import registry
from cirkit.models.late_fusion import LateFusion
from cirkit.models.textual_inversion import Phi, Prompt, TextualInversion
from cirkit.papers.clip_family import world_clip
from cirkit.papers.maaf import pretrained_image
from cirkit.query import Benchmark, Query, Triplets
from cirkit.training.checkpoints import load, save
from cirkit.training.loop import fit
from cirkit.training.samplers import shuffled
from cirkit.training.schedules import constant
from cirkit.worlds.catalogue import WORLDS, world_of
from cirkit.worlds.image_texts import CLASSES, FAMILIES, album

SMOKE = world_clip.SIZES["smoke"]
HELD_OUT = {"count": SMOKE.held_out, "pixels": SMOKE.pixels}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """As a later training finds it: saved and loaded."""
    training, folder = world_clip.training("smoke"), tmp_path_factory.mktemp("weights")
    save(folder, fit(training, 0).model, training.model, training.data().texts, SMOKE.pixels)
    return load(folder)


def ends(training, model):
    """The tensors of the trained model that `start` names."""
    return {name: model.get_submodule(weights.part).state_dict() for name, weights in training.start.items()}


@pytest.mark.parametrize(
    "model",
    [
        LateFusion,
        lambda texts, *, clip: TextualInversion(
            (tower := clip()),
            Phi(tower.width, tower.word_width, hidden=8, dropout=0.0, activation=torch.nn.GELU),
            Prompt(),
        ),
    ],
    ids=["late fusion", "textual inversion"],
)
def test_a_model_with_a_clip_begins_from_its_weights(trained, model):
    row = replace(
        world_clip.training("smoke"),
        model=partial(model, clip=world_clip.clip("smoke")),
        start=world_clip.start("smoke"),
        steps=0,
    )
    begun = fit(row, 3, start=ends(row, trained)).model
    texts, images = ["a photo of a red cube"], torch.arange(3 * 40 * 40, dtype=torch.uint8).view(1, 3, 40, 40)
    assert isinstance(begun.clip, Clip)
    assert torch.equal(begun.clip.text(texts), trained.clip.text(texts))
    assert torch.equal(begun.clip.image(images), trained.clip.image(images))


def test_the_row_is_declared_and_its_tests_are_of_held_out_images():
    (row,) = world_clip.experiments("smoke")
    assert registry.experiment("clip_family/world_clip", "smoke").fingerprint == row.fingerprint
    assert {column.test for column in world_clip.COLUMNS[world_clip.TABLE]} == set(row.tests)
    seen = {image.numpy().tobytes() for image in row.training.data().target.images}
    tested = row.tests["text_to_image"].data().gallery
    assert len(seen) == SMOKE.count * len(FAMILIES) and not seen & {image.numpy().tobytes() for image in tested}
    declared = row.declared()
    assert {part["data"]["seed"] for part in (declared["training"], *declared["tests"].values())} == {world_clip.SEED}
    assert world_clip.experiments("paper") == []


@pytest.mark.parametrize("scale", ["cpu", "gpu"])
def test_no_run_has_a_world_of_this_seed(scale):
    worlds = {name: world_of(name).sizes[scale].seed for name in WORLDS}
    seeds = {each for row in registry.experiments(scale=scale) for each in row.seeds} | set(worlds.values())
    assert world_clip.SEED not in seeds | {pretrained_image.WORLD, 2_000_000} | set(range(100, 201))


def test_galleries_hold_one_family_and_all_images_of_one_text_are_relevant():
    for test in (world_clip.text_to_image, world_clip.image_to_text):
        benchmark = test(**HELD_OUT)
        assert len(benchmark) == len(benchmark.gallery) == SMOKE.held_out * len(FAMILIES)
        for i, (own, relevant) in enumerate(zip(benchmark.candidates, benchmark.relevant, strict=True)):
            assert i in own and i in relevant and set(relevant) <= set(own)
            assert {benchmark.group[row] for row in own} == {benchmark.group[i]}
    text = world_clip.text_to_image(**HELD_OUT).query.text
    assert all(
        [text[row] for row in rows] == [own] * len(rows) for own, rows in zip(text, benchmark.relevant, strict=True)
    )
    classes = world_clip.classification(**HELD_OUT)
    assert set(classes.group) == set(CLASSES) and all(len(own) > 1 for own in classes.candidates)
    assert all(relevant[0] in own for own, relevant in zip(classes.candidates, classes.relevant, strict=True))


def test_a_batch_is_shared_by_families_and_has_an_image_once():
    data = world_clip.captions(count=20, pixels=16)
    batches = world_clip.few_families(families=2)(data, 16, torch.Generator().manual_seed(0))
    captions, images = set(), set()
    for _ in range(80):
        rows = next(batches)
        assert len(rows) == 16 and len(set(data.reference[rows].tolist())) == 16
        assert [len({data.group[row] for row in half}) for half in rows.split(8)] == [1, 1]
        assert data.group[rows[0]] != data.group[rows[-1]]
        captions |= set(rows.tolist())
        images |= set(data.reference[rows].tolist())
    assert len(images) == 20 * len(FAMILIES) and len(captions) > 2 * len(images)
    with pytest.raises(Problem, match="fewer than 32 images"):
        next(world_clip.few_families(families=2)(data, 64, torch.Generator()))


def test_it_learns_which_text_goes_with_which_image():
    found = album("garments", "train", 32, 32, 5)
    pairs = Triplets(query=Query(text=[texts[0] for texts in found.texts]), target=found.images)
    training = replace(
        world_clip.training("smoke"), data=lambda: pairs, steps=100, batch=32, schedule=constant, sampler=shuffled
    )
    one = {"relevant": [[row] for row in range(32)], "name": "pairs"}
    there = Benchmark(query=pairs.query, gallery=found.images, **one)
    back = Benchmark(query=Query(image=found.images), gallery=pairs.query.text, **one)
    before = fit(replace(training, steps=0), 0).model
    after = fit(training, 0).model
    for benchmark in (there, back):
        assert np.mean(Recall(1).values(rank(before, benchmark))) < 20
        assert np.mean(Recall(1).values(rank(after, benchmark))) > 90
