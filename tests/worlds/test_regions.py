"""Regions of drawn scenes: tight boxes of what is seen, largest first, and further boxes from the scene alone."""

import numpy as np
import torch

from cirkit.worlds import groups
from cirkit.worlds.clevr_scenes import scatter
from cirkit.worlds.regions import GROUND, locate
from cirkit.worlds.render import render


def scenes(count: int = 6):
    rng = np.random.default_rng(3)
    core = groups.cores()["train"][0]
    few = [groups.dress(rng, groups.sample(rng, core, (0, 3)), 0.3, 0.15) for _ in range(count)]
    return [*few, scatter(rng, 8, 10, 0.3, 0.15)]


SCENES, PIXELS = scenes(), 48
FOUND, DRAWN = locate(SCENES, PIXELS, 4), render(SCENES, PIXELS)


def test_a_box_of_a_thing_holds_all_that_is_seen_of_it_and_no_row_or_column_more():
    checked = 0
    for i, (boxes, things) in enumerate(zip(FOUND.boxes * PIXELS, FOUND.thing, strict=True)):
        for (left, top, right, bottom), thing in zip(boxes.round().int().tolist(), things.tolist(), strict=True):
            if thing != GROUND:
                rows, columns = np.nonzero(DRAWN.owner[i].numpy() == thing)
                assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                checked += 1
    assert checked >= sum(len(scene.things) for scene in SCENES) - 2


def test_each_thing_has_one_region_the_largest_first_and_padding_comes_last():
    for i, scene in enumerate(SCENES):
        own = FOUND.thing[i][FOUND.thing[i] != GROUND].tolist()
        assert len(set(own)) == len(own) <= len(scene.things)
        sides = FOUND.boxes[i, : len(own), 2:] - FOUND.boxes[i, : len(own), :2]
        areas = sides.prod(1)
        assert (areas[1:] <= areas[:-1] + 1e-6).all()
        assert FOUND.mask[i].tolist() == [True] * (len(own) + 4) + [False] * (FOUND.mask.shape[1] - len(own) - 4)
        assert (FOUND.boxes[i][~FOUND.mask[i]] == 0).all()


def test_further_boxes_begin_with_the_whole_image_and_lie_inside_it():
    further = FOUND.boxes[FOUND.mask & (FOUND.thing == GROUND)].view(len(SCENES), 4, 4)
    assert torch.equal(further[:, 0], torch.tensor([[0.0, 0, 1, 1]]).expand(len(SCENES), 4))
    assert (further >= 0).all() and (further <= 1).all() and (further[..., 2:] - further[..., :2] > 0.14).all()
    assert len({tuple(box) for box in further[:, 1:].flatten(0, 1).tolist()}) == 3 * len(SCENES)


def test_a_scene_s_regions_follow_from_the_scene_alone():
    alone = locate(SCENES[2:3], PIXELS, 4)
    count = alone.mask.shape[1]
    assert torch.equal(alone.boxes[0], FOUND.boxes[2, :count]) and torch.equal(alone.thing[0], FOUND.thing[2, :count])


def test_a_region_is_empty_where_no_pixel_of_it_is_a_thing_s():
    kinds = set()
    for i, boxes in enumerate(FOUND.boxes):
        for j in FOUND.mask[i].nonzero()[:, 0].tolist():
            left, top = (boxes[j, :2] * PIXELS).floor().int().tolist()
            right, bottom = (boxes[j, 2:] * PIXELS).ceil().int().tolist()
            empty = bool((DRAWN.owner[i, top:bottom, left:right] < 0).all())
            assert empty == bool(FOUND.empty[i, j])
            kinds.add(empty)
    assert kinds == {True, False} and not FOUND.empty[~FOUND.mask].any()


def test_chunks_of_scenes_are_joined_whatever_their_longest(monkeypatch):
    monkeypatch.setattr("cirkit.worlds.regions.CHUNK", 3)
    again = locate(SCENES, PIXELS, 4)
    for name in ("boxes", "mask", "thing", "empty"):
        assert torch.equal(getattr(again, name), getattr(FOUND, name))
