"""Garments in states: thirty-four nouns, and adjectives that each change how one looks.

Stands in for the photographs of MIT-States (Isola et al. 2015), whose folders are named "adjective noun".
"""

from dataclasses import dataclass, replace

import numpy as np

from cirkit.worlds.garments import ATTRIBUTES, OPTIONS, Garment, options, settle, worn

NOUNS: dict[str, tuple[str, dict[str, str | int]]] = {  # what a noun fixes, whatever its state
    "anorak": ("jacket", {"sleeves": "long", "neckline": "high", "trim": "zip"}),
    "bandeau": ("toptee", {"sleeves": "strapless", "neckline": "across"}),
    "blazer": ("jacket", {"sleeves": "long", "neckline": "v", "trim": "buttons"}),
    "blouse": ("toptee", {"sleeves": "long", "neckline": "collar"}),
    "camisole": ("toptee", {"sleeves": "straps", "neckline": "v"}),
    "frock": ("dress", {"sleeves": "short", "neckline": "collar"}),
    "gilet": ("jacket", {"sleeves": "sleeveless", "neckline": "high", "trim": "zip"}),
    "gown": ("dress", {"sleeves": "strapless", "neckline": "across"}),
    "halterneck": ("dress", {"sleeves": "sleeveless", "neckline": "halter"}),
    "jersey": ("shirt", {"sleeves": "long", "neckline": "round", "trim": "none"}),
    "jumper": ("shirt", {"sleeves": "long", "neckline": "high"}),
    "kaftan": ("dress", {"sleeves": "long", "neckline": "v"}),
    "overcoat": ("jacket", {"sleeves": "long", "neckline": "collar", "trim": "buttons", "length": 2}),
    "pinafore": ("dress", {"sleeves": "straps", "neckline": "square"}),
    "polo": ("shirt", {"sleeves": "short", "neckline": "collar", "trim": "buttons"}),
    "shift": ("dress", {"sleeves": "sleeveless", "neckline": "round"}),
    "singlet": ("toptee", {"sleeves": "sleeveless", "neckline": "scoop"}),
    "skirt": ("skirt", {}),
    "sweatshirt": ("shirt", {"sleeves": "long", "neckline": "round", "trim": "zip"}),
    "tee": ("shirt", {"sleeves": "short", "neckline": "round"}),
    "trousers": ("pants", {}),
    "tunic": ("toptee", {"sleeves": "half", "neckline": "square", "length": 2}),
    "undershirt": ("shirt", {"sleeves": "sleeveless", "neckline": "v", "trim": "none"}),
    "waistcoat": ("jacket", {"sleeves": "sleeveless", "neckline": "v", "trim": "buttons"}),
}
TESTED: dict[str, tuple[str, dict[str, str | int]]] = {  # the same, under nouns that TIRG tests on
    "armor": ("jacket", {"sleeves": "sleeveless", "neckline": "high", "trim": "buttons"}),
    "clothes": ("shirt", {"sleeves": "half", "neckline": "collar", "trim": "buttons"}),
    "shell": ("jacket", {"sleeves": "half", "neckline": "high", "trim": "zip"}),
    "tea": ("dress", {"sleeves": "half", "neckline": "round"}),
    "wax": ("jacket", {"sleeves": "long", "neckline": "v", "trim": "zip"}),
    "wool": ("shirt", {"sleeves": "long", "neckline": "v", "trim": "none"}),
    "foam": ("toptee", {"sleeves": "long", "neckline": "high"}),
    "glass": ("dress", {"sleeves": "cap", "neckline": "v"}),
    "plastic": ("toptee", {"sleeves": "short", "neckline": "square"}),
    "rubber": ("dress", {"sleeves": "short", "neckline": "high"}),
}
STATES: dict[str, tuple[str, str]] = {  # the attribute that an adjective speaks of, and its value
    **{name: ("colour", name) for name in ("black", "blue", "green", "orange", "pink", "purple", "red", "yellow")},
    **{name: ("pattern", name) for name in ("dotted", "floral", "plaid", "striped", "zigzag")},
    "belted": ("trim", "belt"),
    "flared": ("silhouette", "flared"),
    "long": ("length", "most"),
    "ruffled": ("trim", "ruffles"),
    "shiny": ("finish", "shiny"),
    "short": ("length", "least"),
}
QUIET = ("white", "grey", "cream", "beige", "brown")  # colours that no adjective speaks of


@dataclass(frozen=True)
class Thing:
    """One image: a garment in the state that its folder names."""

    adjective: str
    noun: str
    garment: Garment

    @property
    def folder(self) -> str:
        """The folder that MIT-States has it in."""
        return f"{self.adjective} {self.noun}"


def adjectives(noun: str) -> list[str]:
    """The states that a noun can be in."""
    kind, fixed = (NOUNS | TESTED)[noun]
    return [
        name for name, (attribute, _) in STATES.items() if attribute not in fixed and _value(kind, name) is not None
    ]


def _value(kind: str, adjective: str) -> str | int | None:
    """What an adjective sets in garments of this kind; None where it can say nothing that shows."""
    attribute, value = STATES[adjective]
    values = options(kind, attribute)
    if attribute == "length":
        return {"least": values[0], "most": values[-1]}[value] if len(values) > 2 else None
    return value if value in values else None


def quiet(kind: str, attribute: str) -> tuple:
    """The values of an attribute that no adjective speaks of."""
    values = options(kind, attribute)
    if attribute in ("colour", "accent"):
        return QUIET
    if attribute == "length":
        return values[1:-1] or values
    plain = {"pattern": ("solid",), "finish": ("matt",), "silhouette": ("straight",)}.get(attribute, values)
    return tuple(value for value in plain if value not in ("belt", "ruffles"))


def sample(rng: np.random.Generator, adjective: str, noun: str, mixed: float) -> Thing:
    """A garment in this state, the rest of it free; with a chance of `mixed` an attribute is in a state, too.

    Raises KeyError where the noun cannot be in this state.
    """
    if adjective not in adjectives(noun):
        raise KeyError(f"No {noun} is {adjective}.")
    kind, fixed = (NOUNS | TESTED)[noun]
    attribute = STATES[adjective][0]
    while True:
        drawn = {}
        for name in ATTRIBUTES:
            values = options(kind, name) if rng.random() < mixed and name != "logo" else quiet(kind, name)
            drawn[name] = values[rng.integers(len(values))]
        if "logo" in OPTIONS[kind] and rng.random() < 0.6:
            drawn["logo"] = "none"
        if "trim" not in fixed and "none" in options(kind, "trim") and rng.random() < 0.5:
            drawn["trim"] = "none"
        drawn |= fixed | {attribute: _value(kind, adjective)}
        garment = settle(Garment(kind=kind, **drawn, seed=int(rng.integers(1 << 62))))
        if worn(garment):
            return Thing(adjective, noun, garment)
        if drawn["logo"] != "none":  # a logo goes with plain cloth only
            garment = settle(replace(garment, logo="none"))
            if worn(garment):
                return Thing(adjective, noun, garment)
