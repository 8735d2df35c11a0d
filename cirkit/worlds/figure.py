"""Draw a pedestrian: from the front, from the back or from the side, with what is worn and carried.

Stands in for the people of CUHK-PEDES (ITSELF §4). Lengths are in heights of the person: the soles are at 1, the
middle at 0; hats, logos and bags are as small as a patch or two of a 12 x 4 grid.
"""

from collections.abc import Sequence

from cirkit.worlds.people import COLOURS, HAIR, SKIN, Person, View
from cirkit.worlds.strokes import Canvas, Colour, Point


def figure(canvas: Canvas, person: Person, look: View) -> None:
    """Paint the person where `canvas` was placed; who walks to the left is drawn on a mirrored canvas."""
    if look.facing in ("left", "right"):
        _from_the_side(canvas, person, look)
    else:
        _upright(canvas, person, look)


def _legs(canvas: Canvas, person: Person, hips: Sequence[Point], knees: Sequence[Point], feet: Sequence[Point]) -> None:
    """Both legs, the far one first: skin, cloth as long as the garment, shoes or boots, which end past the ankle."""
    skin, cloth, shoe = SKIN[person.skin], COLOURS[person.lower_colour], COLOURS[person.shoes_colour]
    toe = 0.05 if abs(feet[0][0] - feet[1][0]) > 1e-9 and hips[0] == hips[1] else 0.012
    for dark, hip, knee, foot in zip((0.86, 1.0), hips, knees, feet, strict=True):
        tones = [tuple(int(dark * channel) for channel in colour) for colour in (skin, cloth, shoe)]
        canvas.limb("skin", tones[0], [knee, foot], 0.05)
        if person.lower == "trousers":
            canvas.limb("lower", tones[1], [hip, knee, (foot[0], foot[1] - 0.02)], 0.078)
        elif person.lower == "shorts":
            canvas.limb("lower", tones[1], [hip, knee], 0.085)
        else:
            canvas.limb("skin", tones[0], [hip, knee], 0.06)
        if person.shoes == "boots":
            up = (foot[0] + (knee[0] - foot[0]) * 0.45, foot[1] + (knee[1] - foot[1]) * 0.45)
            canvas.limb("shoes", tones[2], [up, foot], 0.074)
        heel = (foot[0] - 0.012, foot[1] + 0.028)
        canvas.limb("shoes", tones[2], [heel, (foot[0] + toe, foot[1] + 0.03)], 0.042)


def _upright(canvas: Canvas, person: Person, look: View) -> None:
    """Seen from the front or from the back."""
    front, sway = look.facing == "front", 0.012 * look.stride
    skin, hair, cloth = SKIN[person.skin], HAIR[person.hair], COLOURS[person.upper_colour]
    bag = None if person.bag is None else COLOURS[person.bag[1]]
    if bag is not None and person.bag[0] == "backpack" and front:
        canvas.box("bag", bag, (-0.13, 0.2), (0.13, 0.36))
    if person.long_hair and front:
        canvas.oval("hair", hair, (0, 0.12), (0.062, 0.1))
    lift = 0.035 * abs(look.stride)
    feet = [
        (-0.052 - sway, 0.94 - (lift if look.stride < 0 else 0)),
        (0.052 - sway, 0.94 - (lift if look.stride > 0 else 0)),
    ]
    _legs(canvas, person, [(-0.045, 0.5), (0.045, 0.5)], [(-0.052, 0.72), (0.052, 0.72)], feet)
    hem = {"coat": 0.68, "jacket": 0.53}.get(person.upper, 0.5)
    if person.lower == "skirt":
        canvas.shape(
            "lower", COLOURS[person.lower_colour], [(-0.085, 0.44), (0.085, 0.44), (0.12, 0.69), (-0.12, 0.69)]
        )
    else:
        canvas.shape(
            "lower", COLOURS[person.lower_colour], [(-0.088, 0.44), (0.088, 0.44), (0.086, 0.55), (-0.086, 0.55)]
        )
    torso = [
        (-0.05, 0.15),
        (0.05, 0.15),
        (0.125, 0.185),
        (0.1, 0.4),
        (0.102, hem),
        (-0.102, hem),
        (-0.1, 0.4),
        (-0.125, 0.185),
    ]
    canvas.shape("upper", cloth, torso, person.pattern)
    if front and person.upper in ("jacket", "coat"):
        canvas.limb("upper", tuple(int(0.7 * c) for c in cloth), [(0, 0.17), (0, hem)], 0.01)
    for turn in (-1, 1):
        hand = (turn * (0.15 - 0.01 * look.swing * turn), 0.47 + 0.02 * look.swing * turn)
        elbow = (turn * 0.158, 0.33)
        _arm(canvas, person, [(turn * 0.118, 0.2), elbow, hand])
    canvas.box("skin", skin, (-0.024, 0.11), (0.024, 0.165))
    if front and person.logo is not None:
        canvas.box("logo", COLOURS[person.logo], (-0.04, 0.235), (0.04, 0.305))
    if person.scarf is not None:
        canvas.limb("scarf", COLOURS[person.scarf], [(-0.045, 0.152), (0.045, 0.152)], 0.042)
        canvas.limb("scarf", COLOURS[person.scarf], [(0.04, 0.155), (0.052, 0.25 if front else 0.22)], 0.034)
    canvas.oval("hair", hair, (0, 0.06), (0.054, 0.066))
    if front:
        canvas.oval("skin", skin, (0, 0.075), (0.042, 0.058))
        canvas.shape("hair", hair, [(-0.046, 0.05), (-0.03, 0.005), (0.03, 0.005), (0.046, 0.05), (0.02, 0.034)])
        if person.glasses:
            canvas.limb("glasses", (18, 18, 20), [(-0.036, 0.07), (0.036, 0.07)], 0.019)
    elif person.long_hair:
        canvas.shape("hair", hair, [(-0.054, 0.06), (0.054, 0.06), (0.06, 0.22), (-0.06, 0.22)])
    if person.hat is not None:
        _hat(canvas, COLOURS[person.hat], -0.06, 0.06)
    if bag is not None and person.bag[0] == "backpack":
        if front:
            for x in (-0.072, 0.072):
                canvas.limb("bag", bag, [(x, 0.17), (x * 1.1, 0.36)], 0.026)
        else:
            canvas.shape(
                "bag", bag, [(-0.055, 0.2), (0.055, 0.2), (0.068, 0.24), (0.068, 0.38), (-0.068, 0.38), (-0.068, 0.24)]
            )
    elif bag is not None and person.bag[0] == "handbag":
        _handbag(canvas, bag, (0.148, 0.49 + 0.02 * look.swing))
    elif bag is not None:
        canvas.limb("bag", bag, [(-0.085, 0.175), (0.115, 0.47)], 0.018)
        canvas.box("bag", bag, (0.075, 0.45), (0.165, 0.55))


def _from_the_side(canvas: Canvas, person: Person, look: View) -> None:
    """Walking to the right; the canvas mirrors those who walk to the left."""
    skin, hair, cloth = SKIN[person.skin], HAIR[person.hair], COLOURS[person.upper_colour]
    bag = None if person.bag is None else COLOURS[person.bag[1]]
    step, swing = 0.05 + 0.07 * abs(look.stride), 0.05 + 0.06 * abs(look.swing)
    far = [(0.0, 0.2), (-0.01 - swing * 0.4, 0.33), (swing * -0.9, 0.46)]
    _arm(canvas, person, far)
    hips, knees = [(0.0, 0.5), (0.0, 0.5)], [(-step * 0.35, 0.72), (step * 0.6, 0.71)]
    _legs(canvas, person, hips, knees, [(-step, 0.93), (step * 0.9, 0.94)])
    hem = {"coat": 0.68, "jacket": 0.53}.get(person.upper, 0.5)
    if person.lower == "skirt":
        canvas.shape(
            "lower", COLOURS[person.lower_colour], [(-0.06, 0.44), (0.06, 0.44), (0.105, 0.69), (-0.105, 0.69)]
        )
    else:
        canvas.shape(
            "lower", COLOURS[person.lower_colour], [(-0.062, 0.44), (0.062, 0.44), (0.058, 0.55), (-0.06, 0.55)]
        )
    if bag is not None and person.bag[0] == "backpack":
        canvas.shape("bag", bag, [(-0.06, 0.19), (-0.11, 0.2), (-0.145, 0.26), (-0.14, 0.38), (-0.06, 0.38)])
    torso = [
        (-0.035, 0.15),
        (0.035, 0.15),
        (0.07, 0.22),
        (0.07, 0.4),
        (0.07, hem),
        (-0.07, hem),
        (-0.066, 0.4),
        (-0.074, 0.21),
    ]
    canvas.shape("upper", cloth, torso, person.pattern)
    near = [(0.0, 0.2), (-0.015 + swing * 0.3, 0.34), (swing * 0.9 + 0.02, 0.46)]
    if bag is not None and person.bag[0] == "backpack":
        canvas.limb("bag", bag, [(-0.03, 0.165), (0.03, 0.21), (0.0, 0.34), (-0.05, 0.37)], 0.022)
    _arm(canvas, person, near)
    canvas.box("skin", skin, (-0.024, 0.11), (0.024, 0.165))
    if person.scarf is not None:
        canvas.limb("scarf", COLOURS[person.scarf], [(-0.034, 0.15), (0.034, 0.155)], 0.042)
        canvas.limb("scarf", COLOURS[person.scarf], [(0.032, 0.155), (0.062, 0.24)], 0.032)
    canvas.oval("hair", hair, (-0.004, 0.06), (0.057, 0.066))
    if person.long_hair:
        canvas.shape("hair", hair, [(-0.06, 0.05), (0.005, 0.05), (-0.015, 0.21), (-0.075, 0.2)])
    canvas.oval("skin", skin, (0.02, 0.078), (0.037, 0.055))
    canvas.limb("skin", skin, [(0.05, 0.082), (0.061, 0.088)], 0.014)
    canvas.shape("hair", hair, [(-0.05, 0.05), (-0.02, 0.0), (0.035, 0.003), (0.05, 0.04), (0.0, 0.05)])
    if person.glasses:
        canvas.limb("glasses", (18, 18, 20), [(0.0, 0.068), (0.056, 0.07)], 0.019)
    if person.hat is not None:
        _hat(canvas, COLOURS[person.hat], -0.056, 0.09)
    if bag is not None and person.bag[0] == "handbag":
        _handbag(canvas, bag, near[-1])
    elif bag is not None and person.bag[0] == "shoulder bag":
        canvas.limb("bag", bag, [(0.0, 0.165), (-0.035, 0.45)], 0.018)
        canvas.box("bag", bag, (-0.085, 0.44), (0.01, 0.54))


def _arm(canvas: Canvas, person: Person, joints: Sequence[Point]) -> None:
    """Shoulder, elbow, hand; the sleeve of a t-shirt ends above the elbow."""
    skin = SKIN[person.skin]
    sleeve = tuple(int(0.9 * channel) for channel in COLOURS[person.upper_colour])
    canvas.limb("skin", skin, joints[1:], 0.04)
    if person.upper == "t-shirt":
        canvas.limb("skin", skin, joints[:2], 0.045)
        middle = tuple(a + 0.6 * (b - a) for a, b in zip(joints[0], joints[1], strict=True))
        canvas.limb("upper", sleeve, [joints[0], middle], 0.062)
    else:
        canvas.limb("upper", sleeve, [joints[0], joints[1], (joints[2][0], joints[2][1] - 0.03)], 0.06)
    canvas.oval("skin", skin, joints[2], (0.022, 0.026))


def _hat(canvas: Canvas, colour: Colour, back: float, brim: float) -> None:
    """A cap from `back` to the end of its brim."""
    canvas.shape(
        "hat",
        colour,
        [(-0.056, 0.042), (-0.05, -0.006), (-0.02, -0.024), (0.02, -0.024), (0.05, -0.006), (0.056, 0.042)],
    )
    canvas.limb("hat", colour, [(back, 0.04), (brim, 0.042)], 0.014)


def _handbag(canvas: Canvas, colour: Colour, hand: Point) -> None:
    """A bag that hangs from a hand."""
    x, y = hand
    canvas.limb("bag", colour, [(x - 0.03, y + 0.05), (x, y), (x + 0.03, y + 0.05)], 0.012)
    canvas.box("bag", colour, (x - 0.046, y + 0.045), (x + 0.046, y + 0.125))
