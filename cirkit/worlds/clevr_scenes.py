"""Scenes of solids as CLEVR places them, and the graph of how they stand to one another.

Johnson et al. 2017 (CLEVR): three to ten solids anywhere on the ground, apart along both axes of the camera.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cirkit.benchmarks.clevr_programs import VALUES, Graph
from cirkit.worlds.render import EYE, LOOK, VIEW
from cirkit.worlds.scene import MATERIALS, SHAPES, SIZES, Scene, Thing, noise

BEYOND = 0.2  # world units by which a thing must lie farther in a direction to be said to lie there

MARGIN = 0.4  # along every direction things of our scenes lie at least this far apart

GAP = 0.15  # and at least this far between their sides

REACH = 2.9  # half the side of the square that things stand in

TRIES = 50  # places tried for a thing before the scene is begun anew


def directions(scene: Scene) -> dict[str, Float[np.ndarray, " 3"]]:
    """Unit vectors on the ground for each relation, as this scene's camera sees it."""
    eye = np.array(EYE) + noise([scene.seed], 3)[0] * scene.camera
    x, y = (np.array(LOOK) - eye)[:2]
    behind = np.array([x, y, 0.0]) / np.hypot(x, y)
    right = np.array([behind[1], -behind[0], 0.0])
    return {"left": -right, "right": right, "behind": behind, "front": -behind}


def graph(scene: Scene) -> Graph:
    """The things of a scene and how they stand to one another."""
    things = tuple(
        {"size": thing.size, "color": thing.colour, "material": thing.material, "shape": thing.shape}
        for thing in scene.things
    )
    places = np.array([(thing.x, thing.y) for thing in scene.things]).reshape(-1, 2)
    relations = {}
    for name, direction in directions(scene).items():
        along = places @ direction[:2]  # (n)
        beyond = along[None, :] - along[:, None] > BEYOND  # (i, j): j lies so of i
        relations[name] = tuple(tuple(np.nonzero(row)[0].tolist()) for row in beyond)
    return Graph(things, relations)


def seen_at(scene: Scene, size: int) -> list[tuple[float, float, float]]:
    """Column, row (pixels) and distance from the eye (world units) of the centre of each thing."""
    eye = np.array(EYE) + noise([scene.seed], 3)[0] * scene.camera
    forward = np.array(LOOK) - eye
    forward /= np.linalg.norm(forward)
    right = directions(scene)["right"]
    up, slope = np.cross(right, forward), np.tan(np.radians(VIEW / 2))
    found = []
    for thing in scene.things:
        centre = np.array([thing.x, thing.y, SIZES[thing.size] * (0.8 if thing.shape == "cube" else 1.0)]) - eye
        away = centre @ forward
        column, row = 1 + centre @ right / away / slope, 1 - centre @ up / away / slope
        found.append((float(column * size / 2), float(row * size / 2), float(np.linalg.norm(centre))))
    return found


def scatter(rng: np.random.Generator, least: int, most: int, camera: float, light: float) -> Scene:
    """From `least` to `most` things anywhere on the ground, apart in every direction, as CLEVR places them."""
    count, seed = int(rng.integers(least, most + 1)), int(rng.integers(1 << 62))
    ways = directions(Scene((), seed, camera, light))
    axes = np.stack([ways["right"][:2], ways["behind"][:2]])
    while True:
        things: list[Thing] = []
        standing: list[tuple[float, float, float]] = []  # where, along the axes; and the radius
        for _ in range(count):
            size, shape = VALUES["size"][rng.integers(2)], SHAPES[rng.integers(3)]
            colour, material = VALUES["color"][rng.integers(8)], MATERIALS[rng.integers(2)]
            turn = float(rng.uniform(0, 2 * np.pi))
            tried = rng.uniform(-REACH, REACH, (TRIES, 2))
            along = (tried @ axes.T).tolist()
            first = first_free(along, [(*place, radius + SIZES[size] + GAP) for *place, radius in standing])
            if first is None:
                break
            standing.append((*along[first], SIZES[size]))
            x, y = tried[first].tolist()
            things.append(Thing(shape, colour, size, x, y, turn, material))
        if len(things) == count:
            return Scene(tuple(things), seed, camera, light)


def first_free(tried: Sequence[Sequence[float]], taken: Sequence[tuple[float, float, float]]) -> int | None:
    """The first of the places that is apart from all things in both directions; all along CLEVR's axes.

    taken: of each thing the place, and how far off its centre a place must be. A loop, since most end early.
    """
    for number, (across, away) in enumerate(tried):
        for x, y, reach in taken:
            dx, dy = abs(across - x), abs(away - y)
            if dx < MARGIN or dy < MARGIN or dx * dx + dy * dy < reach * reach:
                break
        else:
            return number
    return None
