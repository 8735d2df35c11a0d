import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cirkit.worlds import render as drawing
from cirkit.worlds.render import EYE, LOOK, VIEW, rate, render
from cirkit.worlds.scene import COLOURS, PALETTES, SHAPES, SIZES, Scene, Thing, centre, sample, stand


def some(count, things=(1, 6), jitter=0.1, camera=0.3, light=0.15):
    rng = np.random.default_rng(0)
    return [Scene(sample(rng, PALETTES["train"], things, jitter), i, camera, light) for i in range(count)]


def inside(thing, x, y, z):
    """Whether points lie in the solid, from its definition."""
    r = SIZES[thing.size]
    dx, dy = x - thing.x, y - thing.y
    if thing.shape == "sphere":
        return dx**2 + dy**2 + (z - r) ** 2 < r**2
    if thing.shape == "cylinder":
        return (dx**2 + dy**2 < (0.8 * r) ** 2) & (abs(z - r) < r)
    cos, sin = math.cos(thing.rotation), math.sin(thing.rotation)
    across, along = cos * dx + sin * dy, cos * dy - sin * dx
    return (abs(across) < 0.8 * r) & (abs(along) < 0.8 * r) & (z > 0) & (z < 1.6 * r)


def marched(scene, size):
    """The slow twin: walk along every ray in small steps until something is entered."""
    eye = np.array(EYE)
    forward = np.array(LOOK) - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right = right / np.linalg.norm(right)
    up = np.cross(right, forward)
    t = np.linspace(8, 20, 2400)
    owner = np.full((size, size), -1)
    for row in range(size):
        for column in range(size):
            u, v = ((np.array([column, size - 1 - row]) + 0.5) / size * 2 - 1) * math.tan(math.radians(VIEW / 2))
            x, y, z = (eye[i] + t * (forward + u * right + v * up)[i] for i in range(3))
            entered = [np.argmax(hit) if (hit := inside(one, x, y, z)).any() else len(t) for one in scene.things]
            if entered and min(entered) < len(t):
                owner[row, column] = int(np.argmin(entered))
    return owner


def test_masks_agree_with_a_walk_along_every_ray():
    for scene in some(3, things=(9, 9), camera=0.0):
        fast, slow = render([scene], 24, samples=1).owner[0].numpy(), marched(scene, 24)
        assert set(np.unique(slow)) == set(range(-1, 9))
        assert (fast != slow).mean() < 0.004  # a step may jump over a grazed edge


def test_a_scene_drawn_alone_has_the_bytes_it_has_in_any_batch():
    scenes = some(23)
    together = render(scenes, 48)
    for row in (0, 7, 22):
        alone = render([scenes[row]], 48)
        assert torch.equal(alone.images[0], together.images[row])
        assert torch.equal(alone.owner[0], together.owner[row])
        assert torch.equal(alone.boxes[0], together.boxes[row, : alone.boxes.shape[1]])
    assert torch.equal(render(scenes[::-1], 48).images.flip(0), together.images)


def test_chunks_change_nothing(monkeypatch):
    whole = render(some(9), 32)
    monkeypatch.setitem(drawing.CHUNK, "cpu", 2 * 64**2)
    assert torch.equal(render(some(9), 32).images, whole.images)


def test_camera_and_light_stray_by_the_scenes_seed_alone():
    (scene,) = some(1)
    again = replace(scene, seed=99)
    one, two = render([scene, again], 32).images.int()
    assert torch.equal(one, render([scene], 32).images[0].int()) and not torch.equal(one, two)
    still = replace(scene, camera=0.0, light=0.0)
    one, two = render([still, replace(still, seed=99)], 32).images
    assert torch.equal(one, two)


def test_boxes_are_the_extent_of_the_masks():
    picture = render(some(6), 40)
    for owner, boxes in zip(picture.owner, picture.boxes, strict=True):
        for index, box in enumerate(boxes):
            rows, columns = torch.where(owner == index)
            if len(rows) == 0:
                assert box.tolist() == [0, 0, 0, 0]
            else:
                assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_colours_can_be_told_at_64_pixels():
    chroma = {}
    for name in COLOURS:
        things = tuple(
            Thing(shape, name, size, *centre(3 * i + j), material="rubber")
            for i, shape in enumerate(SHAPES)
            for j, size in enumerate(SIZES)
        )
        picture = render([Scene(things)])
        for index in range(6):
            mean = picture.images[0][:, picture.owner[0] == index].float().mean(1)
            chroma.setdefault(name, []).append(mean)
    centres = {name: torch.stack(means).mean(0) for name, means in chroma.items()}
    for name, means in chroma.items():
        for mean in means:
            assert min(centres, key=lambda other: float((centres[other] - mean).norm())) == name


def test_sizes_can_be_told_in_every_cell():
    for shape in SHAPES:
        for cell in range(9):
            areas = [
                int((render([Scene((Thing(shape, "red", size, *centre(cell)),))]).owner >= 0).sum()) for size in SIZES
            ]
            assert areas[1] > 2.5 * areas[0] > 0


def test_nothing_is_hidden_by_what_stands_in_front():
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for jitter in (0.0, 0.1, 0.1):
            for front in SIZES:
                things = tuple(
                    stand(rng, shape if cell < 6 else "cylinder", "blue", front if cell > 2 else "small", cell, jitter)
                    for cell in range(9)
                )
                full = render([Scene(things)]).owner[0]
                for index, thing in enumerate(things):
                    alone = int((render([Scene((thing,))]).owner[0] == 0).sum())
                    assert int((full == index).sum()) >= 0.55 * alone


def test_everything_stays_inside_the_picture():
    for jitter in (0.1, -0.1):
        things = [Thing("cube", "red", "large", *(p + np.sign(p) * jitter * 2.3 for p in centre(c))) for c in range(9)]
        for stray in range(8):
            boxes = render([Scene(tuple(things), stray, 0.3, 0.15)], 128).boxes[0]
            assert boxes.min() > 0 and boxes.max() < 128


def test_no_scenes_and_empty_scenes_are_drawn():
    assert render([], 16).images.shape == (0, 3, 16, 16)
    picture = render([Scene(())], 16)
    assert (picture.owner == -1).all() and picture.boxes.shape == (1, 0, 4)


def test_metal_shines_where_rubber_does_not():
    thing = Thing("sphere", "brown", "large", 0.0, 0.0)
    rubber, metal = render([Scene((thing,)), Scene((replace(thing, material="metal"),))], 96).images.int()
    assert metal.amax() > rubber.amax(dim=(0, 1, 2)) + 30 or metal[2].max() > rubber[2].max() + 60


@pytest.mark.parametrize("size, samples", [(17, 1), (20, 3), (33, 2)])
def test_any_resolution_shows_the_same_scene(size, samples):
    scenes = some(4)
    fine = render(scenes, 6 * size).images.float()
    coarse = render(scenes, size, samples=samples).images.float()
    pooled = torch.nn.functional.avg_pool2d(fine, 6)
    assert float((coarse - pooled).abs().mean()) < 3


def test_the_rate_is_measured():
    assert rate(8, 16) > 0
